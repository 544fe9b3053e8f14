//! The fields of the spec that the operator compares with AWS, as one enum that the compiler checks. No I/O.
//!
//! A new field is a new variant: the compiler then lists every place that has to decide about it.

use std::fmt;

use crate::aws::{Operation, UpdateRequest};
use crate::crd::{SequenceStoreSpec, Store};

/// A field of the spec that has a counterpart in AWS. Its text is the field's path in the spec.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Name,
    Description,
    FallbackLocation,
    AccessLogLocation,
    PropagatedSetLevelTags,
    /// One key of `tags`, or one owner tag.
    Tag(String),
    S3AccessPolicy,
    ETagAlgorithmFamily,
    SseKeyArn,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Description => "description",
            Self::FallbackLocation => "fallbackLocation",
            Self::AccessLogLocation => "s3AccessConfig.accessLogLocation",
            Self::PropagatedSetLevelTags => "propagatedSetLevelTags",
            Self::Tag(key) => return write!(f, "tags[{key}]"),
            Self::S3AccessPolicy => "s3AccessPolicy",
            Self::ETagAlgorithmFamily => "eTagAlgorithmFamily",
            Self::SseKeyArn => "sseConfig.keyArn",
        })
    }
}

impl Field {
    /// The operation that sets the field in an existing store; none where AWS cannot change it.
    pub fn set_by(&self) -> Option<Operation> {
        match self {
            Self::Name
            | Self::Description
            | Self::FallbackLocation
            | Self::AccessLogLocation
            | Self::PropagatedSetLevelTags => Some(Operation::UpdateSequenceStore),
            Self::Tag(_) => Some(Operation::TagResource),
            Self::S3AccessPolicy => Some(Operation::PutS3AccessPolicy),
            Self::ETagAlgorithmFamily | Self::SseKeyArn => None,
        }
    }

    /// Whether the operation sets the field, or removes it.
    pub fn is_set_by(&self, operation: Operation) -> bool {
        let removes = match self {
            Self::Tag(_) => Some(Operation::UntagResource),
            Self::S3AccessPolicy => Some(Operation::DeleteS3AccessPolicy),
            _ => None,
        };
        self.set_by() == Some(operation) || removes == Some(operation)
    }

    /// Sets this field of an update to the value in the spec. Fields of other operations are left alone.
    fn copy_to(&self, request: &mut UpdateRequest, spec: &SequenceStoreSpec) {
        match self {
            Self::Name => request.name.clone_from(&spec.name),
            Self::Description => request.description.clone_from(&spec.description),
            Self::FallbackLocation => request.fallback_location.clone_from(&spec.fallback_location),
            Self::AccessLogLocation => {
                let s3_access = spec.s3_access_config.as_ref();
                request.access_log_location = s3_access.and_then(|s3| s3.access_log_location.clone());
            }
            Self::PropagatedSetLevelTags => {
                request.propagated_set_level_tags.clone_from(&spec.propagated_set_level_tags);
            }
            Self::Tag(_) | Self::S3AccessPolicy | Self::ETagAlgorithmFamily | Self::SseKeyArn => {}
        }
    }
}

/// The UpdateSequenceStore request that sets these fields; none where no field needs one.
pub fn update_request<'a>(
    spec: &SequenceStoreSpec,
    fields: impl Iterator<Item = &'a Field>,
) -> Option<UpdateRequest> {
    let mut request = UpdateRequest::default();
    fields.for_each(|field| field.copy_to(&mut request, spec));
    (request != UpdateRequest::default()).then_some(request)
}

/// The fields that an update sets.
pub fn fields_of(request: &UpdateRequest) -> Vec<Field> {
    let UpdateRequest {
        name,
        description,
        fallback_location,
        access_log_location,
        propagated_set_level_tags,
    } = request;
    let fields = [
        (Field::Name, name.is_some()),
        (Field::Description, description.is_some()),
        (Field::FallbackLocation, fallback_location.is_some()),
        (Field::AccessLogLocation, access_log_location.is_some()),
        (Field::PropagatedSetLevelTags, propagated_set_level_tags.is_some()),
    ];
    fields.into_iter().filter(|(_, is_set)| *is_set).map(|(field, _)| field).collect()
}

/// Changes a store as AWS does when it accepts the update. AWS shows a cleared text as absent.
pub fn apply_update(store: &mut Store, request: &UpdateRequest) {
    let UpdateRequest {
        name,
        description,
        fallback_location,
        access_log_location,
        propagated_set_level_tags,
    } = request;
    let set = |shown: &mut Option<String>, wanted: &Option<String>| {
        if let Some(wanted) = wanted {
            *shown = Some(wanted.clone()).filter(|text| !text.is_empty());
        }
    };
    set(&mut store.name, name);
    set(&mut store.description, description);
    set(&mut store.fallback_location, fallback_location);
    set(&mut store.s3_access.get_or_insert_default().access_log_location, access_log_location);
    if let Some(keys) = propagated_set_level_tags {
        store.propagated_set_level_tags = Some(keys.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::S3AccessConfig;

    /// Every field that UpdateSequenceStore sets, each with another value.
    fn spec() -> SequenceStoreSpec {
        SequenceStoreSpec {
            name: Some("a".into()),
            description: Some("b".into()),
            fallback_location: Some("s3://c/".into()),
            s3_access_config: Some(S3AccessConfig { access_log_location: Some("s3://d/".into()) }),
            propagated_set_level_tags: Some(vec!["e".into()]),
            ..Default::default()
        }
    }

    const UPDATABLE: [Field; 5] = [
        Field::Name,
        Field::Description,
        Field::FallbackLocation,
        Field::AccessLogLocation,
        Field::PropagatedSetLevelTags,
    ];

    #[test]
    fn an_update_sets_exactly_the_fields_that_it_is_made_for() {
        for field in UPDATABLE {
            let request = update_request(&spec(), std::iter::once(&field)).expect("a request");
            assert_eq!(fields_of(&request), std::slice::from_ref(&field));
            assert_eq!(field.set_by(), Some(Operation::UpdateSequenceStore));
        }
        let others =
            [Field::Tag("team".into()), Field::S3AccessPolicy, Field::ETagAlgorithmFamily, Field::SseKeyArn];
        assert_eq!(update_request(&spec(), others.iter()), None);
    }

    #[test]
    fn the_page_on_drift_names_every_field_and_which_of_them_aws_cannot_change() {
        let page = include_str!("../../docs/drift.md");
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
        let others =
            [Field::Tag("<key>".into()), Field::S3AccessPolicy, Field::ETagAlgorithmFamily, Field::SseKeyArn];
        for field in UPDATABLE.iter().chain(&others) {
            let row = rows.iter().find(|row| row.contains(&format!("`{field}`")));
            let row = row.unwrap_or_else(|| panic!("docs/drift.md has no row for {field}"));
            let is_frozen = field.set_by().is_none();
            assert_eq!(row.contains("AWS cannot change"), is_frozen, "{row}");
        }
    }

    #[test]
    fn an_accepted_update_changes_the_store_and_clears_texts() {
        let mut store = Store::default();
        apply_update(&mut store, &update_request(&spec(), UPDATABLE.iter()).expect("a request"));
        assert_eq!((store.name.as_deref(), store.description.as_deref()), (Some("a"), Some("b")));
        assert_eq!(store.propagated_set_level_tags, Some(vec!["e".into()]));
        let clear = UpdateRequest { fallback_location: Some(String::new()), ..Default::default() };
        apply_update(&mut store, &clear);
        assert_eq!((store.fallback_location, store.name.as_deref()), (None, Some("a")));
    }
}
