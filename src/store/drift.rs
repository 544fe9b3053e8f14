//! Compares what the spec manages with what AWS shows, field by field. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::crd::{Drift, SequenceStore, SequenceStoreSpec, Store};
use crate::store::observed::{ObservedPolicy, Present};
use crate::store::s3_policy;
use crate::store::tag_changes::TagChanges;

/// The field of the spec that holds the S3 access policy.
pub const POLICY: &str = "s3AccessPolicy";

/// The field of the spec that holds one tag.
#[must_use]
pub fn tag_field(key: &str) -> String {
    format!("tags[{key}]")
}

/// Differences between spec and store. Absent fields of the spec are not managed: never a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Fields that AWS can change.
    pub mutable: Vec<Drift>,
    /// Fields that AWS cannot change after creation.
    pub immutable: Vec<Drift>,
}

/// Compares a store with the spec. `tags` is none where they are not known.
#[must_use]
pub fn compare(
    spec: &SequenceStoreSpec,
    store: &Store,
    tags: Option<&BTreeMap<String, String>>,
) -> Differences {
    let mut found = Differences::default();
    let mut text = |field: &str, desired: Option<&str>, observed: Option<&str>| {
        let unset = |value: Option<&str>| value.filter(|v| !v.is_empty()).map(ToOwned::to_owned);
        if let Some(wanted) = desired {
            let (desired, observed) = (Some(wanted.to_owned()), unset(observed));
            // After clearing, null, absent and "" are the same.
            if unset(Some(wanted)) != observed {
                found.mutable.push(Drift { field: field.into(), desired, observed });
            }
        }
    };
    text("name", spec.name.as_deref(), store.name.as_deref());
    text("description", spec.description.as_deref(), store.description.as_deref());
    text("fallbackLocation", spec.fallback_location.as_deref(), store.fallback_location.as_deref());
    let wanted = spec.s3_access_config.as_ref().and_then(|s3| s3.access_log_location.as_deref());
    let shown = store.s3_access.as_ref().and_then(|s3| s3.access_log_location.as_deref());
    // AWS may answer the location with the store's id appended.
    let appended = wanted.filter(|w| !w.is_empty()).map(|w| format!("{w}{}/", store.id));
    let shown = if appended.is_some() && appended.as_deref() == shown { wanted } else { shown };
    text("s3AccessConfig.accessLogLocation", wanted, shown);

    if let Some(wanted) = &spec.propagated_set_level_tags {
        let shown = store.propagated_set_level_tags.as_deref().unwrap_or_default();
        if set(wanted) != set(shown) {
            found.mutable.push(Drift {
                field: "propagatedSetLevelTags".into(),
                desired: Some(list(wanted)),
                observed: Some(list(shown)),
            });
        }
    }
    if let (Some(wanted), Some(shown)) = (&spec.tags, tags) {
        for (key, value) in wanted.iter().filter(|(key, value)| shown.get(*key) != Some(*value)) {
            found.mutable.push(Drift {
                field: tag_field(key),
                desired: Some(value.clone()),
                observed: shown.get(key).cloned(),
            });
        }
    }
    immutable(spec, store, &mut found.immutable);
    found
}

/// Everything that AWS can change and that is not as the spec says: fields, tags to set, tags of ours
/// that the spec dropped, and the policy.
#[must_use]
pub fn correctable(object: &SequenceStore, present: &Present, tags: &BTreeMap<String, String>) -> Vec<Drift> {
    let mut found = compare(&object.spec, &present.store, Some(tags)).mutable;
    found.extend(TagChanges::of(object, tags).remove.iter().map(|key| Drift {
        field: tag_field(key),
        desired: None,
        observed: tags.get(key).cloned(),
    }));
    found.extend(policy_difference(&object.spec, &present.policy));
    found
}

/// The policy as a difference; none where it says what the spec says, or was not read.
fn policy_difference(spec: &SequenceStoreSpec, observed: &ObservedPolicy) -> Option<Drift> {
    let (Some(wanted), ObservedPolicy::Read(shown)) = (&spec.s3_access_policy, observed) else { return None };
    if s3_policy::says_the_same(wanted, shown.as_deref()) {
        return None;
    }
    Some(Drift {
        field: POLICY.into(),
        desired: Some(shortened(&s3_policy::render(wanted))),
        observed: shown.as_deref().map(shortened),
    })
}

/// A policy may have 15 KB; status shows where it begins.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(256) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn immutable(spec: &SequenceStoreSpec, store: &Store, found: &mut Vec<Drift>) {
    if let Some(family) = spec.e_tag_algorithm_family {
        // Stores of an older API say nothing; AWS's default is then the fact.
        let shown = store.e_tag_algorithm_family.as_deref().unwrap_or("MD5up");
        if shown != family.as_str() {
            found.push(Drift {
                field: "eTagAlgorithmFamily".into(),
                desired: Some(family.as_str().into()),
                observed: Some(shown.into()),
            });
        }
    }
    let wanted = spec.sse_config.as_ref().and_then(|sse| sse.key_arn.as_deref());
    // An alias resolves to a key ARN in AWS; the two cannot be compared.
    if let Some(wanted) = wanted.filter(|arn| !arn.contains(":alias/")) {
        let shown = store.sse_config.as_ref().and_then(|sse| sse.key_arn.as_deref());
        if shown != Some(wanted) {
            found.push(Drift {
                field: "sseConfig.keyArn".into(),
                desired: Some(wanted.into()),
                observed: shown.map(ToOwned::to_owned),
            });
        }
    }
}

fn set(keys: &[String]) -> BTreeSet<&str> {
    keys.iter().map(String::as_str).collect()
}

fn list(keys: &[String]) -> String {
    format!("[{}]", set(keys).into_iter().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{ETagAlgorithmFamily, EncryptionType, S3AccessConfig, SseConfig, StoreS3Access};

    fn fields(spec: &SequenceStoreSpec, store: &Store) -> Vec<String> {
        let found = compare(spec, store, Some(&BTreeMap::new()));
        found.mutable.into_iter().chain(found.immutable).map(|d| d.field).collect()
    }

    #[test]
    fn absent_fields_are_never_a_difference() {
        let store = Store {
            name: Some("n".into()),
            description: Some("d".into()),
            fallback_location: Some("s3://bucket/".into()),
            e_tag_algorithm_family: Some("SHA256up".into()),
            propagated_set_level_tags: Some(vec!["a".into()]),
            ..Default::default()
        };
        assert!(fields(&SequenceStoreSpec::default(), &store).is_empty());
    }

    #[test]
    fn cleared_and_unset_are_the_same() {
        let spec = SequenceStoreSpec {
            fallback_location: Some(String::new()),
            propagated_set_level_tags: Some(vec![]),
            s3_access_config: Some(S3AccessConfig { access_log_location: Some(String::new()) }),
            ..Default::default()
        };
        assert!(fields(&spec, &Store::default()).is_empty());
        let empty = Store { fallback_location: Some(String::new()), ..Default::default() };
        assert!(fields(&spec, &empty).is_empty());
        let set = Store { fallback_location: Some("s3://bucket/".into()), ..Default::default() };
        assert_eq!(fields(&spec, &set), ["fallbackLocation"]);
    }

    #[test]
    fn tag_keys_compare_as_sets_and_tags_by_key() {
        let spec = SequenceStoreSpec {
            propagated_set_level_tags: Some(vec!["a".into(), "b".into()]),
            tags: Some(BTreeMap::from([("team".into(), "genomics".into())])),
            ..Default::default()
        };
        let store =
            Store { propagated_set_level_tags: Some(vec!["b".into(), "a".into()]), ..Default::default() };
        assert_eq!(fields(&spec, &store), ["tags[team]"]);
        let foreign = BTreeMap::from([("team".into(), "genomics".into()), ("other".into(), "x".into())]);
        assert_eq!(compare(&spec, &store, Some(&foreign)), Differences::default());
        assert_eq!(compare(&spec, &store, None), Differences::default());
    }

    #[test]
    fn a_log_location_with_the_store_id_appended_is_equal() {
        let spec = SequenceStoreSpec {
            s3_access_config: Some(S3AccessConfig { access_log_location: Some("s3://logs/p/".into()) }),
            ..Default::default()
        };
        let shown = |location: &str| Store {
            id: "1234567890".into(),
            s3_access: Some(StoreS3Access {
                access_log_location: Some(location.into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert!(fields(&spec, &shown("s3://logs/p/1234567890/")).is_empty());
        assert_eq!(fields(&spec, &shown("s3://logs/p/9/")), ["s3AccessConfig.accessLogLocation"]);
    }

    #[test]
    fn immutable_fields_are_told_apart_and_aliases_are_not_compared() {
        let spec = SequenceStoreSpec {
            e_tag_algorithm_family: Some(ETagAlgorithmFamily::Sha512up),
            sse_config: Some(SseConfig {
                type_: EncryptionType::Kms,
                key_arn: Some("arn:aws:kms:us-east-1:123456789012:alias/genomes".into()),
            }),
            ..Default::default()
        };
        let found = compare(&spec, &Store::default(), None);
        assert!(found.mutable.is_empty());
        assert_eq!(found.immutable.len(), 1);
        assert_eq!(found.immutable[0].observed.as_deref(), Some("MD5up"));
    }
}
