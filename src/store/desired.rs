//! From the object to what is wanted: which store, where, under which policies. No I/O.

use std::time::Duration;

use kube::ResourceExt;

use crate::aws::StoreArn;
use crate::aws::request::store_name;
use crate::crd::is_store_id;
use crate::crd::{DeletionPolicy, ManagementPolicy, PAUSED_ANNOTATION, SequenceStore, Store};
use crate::store::intent::Intent;
use crate::store::s3_policy;

/// The shortest interval between two looks at a settled store that an object may ask for.
pub const SHORTEST_POLL_INTERVAL: Duration = Duration::from_secs(10);

/// What an object leaves to the operator.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Region of objects that name none.
    pub region: Option<String>,
    /// Poll interval of objects that name none.
    pub poll_interval: Duration,
}

/// What is wanted, with absence resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Region where the store is, or is to be.
    pub region: String,
    /// Id of the store, if one is named or on record.
    pub id: Option<String>,
    /// Names to look a store up by while no id is known.
    pub names: Vec<String>,
    /// The recorded attempt to create the store.
    pub intent: Option<Intent>,
    /// Interval between two looks at a settled store.
    pub poll_interval: Duration,
}

/// A spec that cannot be carried out; the text says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSpec(pub String);

impl Desired {
    /// Resolves an object. The region on record goes before every other: ids hold none.
    ///
    /// # Errors
    /// [`InvalidSpec`] where the API server's rules were not in force or cannot see the fault.
    pub fn of(object: &SequenceStore, defaults: &Defaults) -> Result<Self, InvalidSpec> {
        let spec = &object.spec;
        // Whatever else is wrong with the spec, a deletion needs only the store.
        let lives = object.metadata.deletion_timestamp.is_none();
        let named = object.names_store();
        let intent = Intent::of(object).map_err(|e| InvalidSpec(e.to_string()))?;
        let region = recorded_region(object)
            // What was asked for in one region is looked for there, whatever the default is now.
            .or_else(|| intent.as_ref().filter(|_| !named).map(|intent| intent.region.clone()))
            .or_else(|| spec.region.clone())
            .or_else(|| defaults.region.clone())
            .ok_or_else(|| {
                InvalidSpec(
                    "no region: set spec.region, or start the operator with --region (chart value `aws.region`)"
                        .into(),
                )
            })?;
        let id = store_id(object);
        if let Some(id) = id.as_deref().filter(|id| !is_store_id(id)) {
            return Err(InvalidSpec(format!("`{id}` is not the id of a sequence store: 10 to 36 digits")));
        }
        let poll_interval = match &spec.poll_interval {
            Some(text) if lives => parse_duration(text)
                .filter(|interval| *interval >= SHORTEST_POLL_INTERVAL)
                .ok_or_else(|| {
                    InvalidSpec(format!("pollInterval `{text}` is not a time of at least 10s, such as 5m"))
                })?,
            _ => defaults.poll_interval,
        };
        if let Some(policy) = spec.s3_access_policy.as_ref().filter(|_| lives) {
            s3_policy::check(policy).map_err(InvalidSpec)?;
        }
        let mut names: Vec<String> = intent.iter().map(|intent| intent.name.clone()).collect();
        names.push(store_name(object));
        names.dedup();
        Ok(Self { region, id, names, intent, poll_interval })
    }
}

/// The id that the spec names, else the one on record, else the one the intent was resolved with. An
/// edited status never overrules the spec.
#[must_use]
pub fn store_id(object: &SequenceStore) -> Option<String> {
    let intended = || Intent::of(object).ok().flatten()?.id;
    object.spec.sequence_store_id.clone().or_else(|| Some(record(object)?.id.clone())).or_else(intended)
}

/// Whether a store is on record, so that identity, account and region are pinned.
#[must_use]
pub fn is_recorded(object: &SequenceStore) -> bool {
    record(object).is_some()
}

/// The store on record. A missing store that a newer epoch replaces is history.
fn record(object: &SequenceStore) -> Option<&Store> {
    let store = object.status.as_ref()?.store.as_ref()?;
    let replaced = Intent::of(object).ok().flatten().and_then(|intent| intent.replaces);
    (replaced.as_ref() != Some(&store.id)).then_some(store)
}

fn recorded_region(object: &SequenceStore) -> Option<String> {
    let status = object.status.as_ref()?;
    let store = record(object)?;
    // The ARN is AWS's own word; a region edited beside it must not send a deletion elsewhere.
    StoreArn::parse(&store.arn).map(|arn| arn.region.to_owned()).or_else(|| status.region.clone())
}

/// Whether AWS may be changed for this object.
#[must_use]
pub fn manages(object: &SequenceStore) -> bool {
    object.spec.management_policy.unwrap_or_default() == ManagementPolicy::Manage
}

/// Whether deleting the object deletes the store.
#[must_use]
pub fn deletes(object: &SequenceStore) -> bool {
    manages(object) && object.spec.deletion_policy.unwrap_or_default() == DeletionPolicy::Delete
}

/// Whether `healthomics.dev/paused` is `true`.
#[must_use]
pub fn is_paused(object: &SequenceStore) -> bool {
    object.annotations().get(PAUSED_ANNOTATION).is_some_and(|value| value == "true")
}

/// Reads `30s`, `5m` or `1h`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let number: u32 = number.parse().ok()?;
    Some(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{SequenceStoreSpec, SequenceStoreStatus};

    fn defaults(region: Option<&str>) -> Defaults {
        Defaults { region: region.map(Into::into), poll_interval: Duration::from_secs(300) }
    }

    #[test]
    fn the_region_on_record_goes_before_spec_and_default() {
        let mut object = SequenceStore::new(
            "a",
            SequenceStoreSpec { region: Some("eu-west-1".into()), ..Default::default() },
        );
        let region =
            |object: &SequenceStore| Desired::of(object, &defaults(Some("us-east-1"))).expect("valid").region;
        assert_eq!(region(&object), "eu-west-1");
        object.status = Some(SequenceStoreStatus {
            store: Some(Store { id: "1111111111".into(), ..Default::default() }),
            region: Some("us-west-2".into()),
            ..Default::default()
        });
        assert_eq!(region(&object), "us-west-2");
    }

    #[test]
    fn a_missing_region_says_how_to_set_one() {
        let object = SequenceStore::new("a", SequenceStoreSpec::default());
        let error = Desired::of(&object, &defaults(None)).expect_err("no region");
        assert!(error.to_string().contains("spec.region"), "{error}");
    }

    #[test]
    fn an_edited_status_does_not_overrule_the_spec() {
        let spec = SequenceStoreSpec { sequence_store_id: Some("1111111111".into()), ..Default::default() };
        let mut object = SequenceStore::new("a", spec);
        object.status = Some(SequenceStoreStatus {
            store: Some(Store { id: "2222222222".into(), ..Default::default() }),
            ..Default::default()
        });
        assert_eq!(store_id(&object).as_deref(), Some("1111111111"));
    }

    #[test]
    fn durations_are_whole_numbers_with_a_unit() {
        assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse_duration("5m"), Some(Duration::from_secs(300)));
        assert_eq!(parse_duration("1h"), Some(Duration::from_secs(3600)));
        for text in ["", "s", "5", "5d", "-5m", "1.5h", "5 m", "999999999999h", "é"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
