//! What an object asks for, with defaults applied. No I/O.

use std::time::Duration;

use super::create_request::store_name;
use super::identity::{is_recorded, recorded_region, store_id};
use super::{Intent, s3_policy};
use crate::crd::{INTENT_ANNOTATION, SequenceStore, is_region, is_store_id};
use crate::tenancy::Limits;

/// The shortest `pollInterval` that an object may set.
pub const SHORTEST_POLL_INTERVAL: Duration = Duration::from_secs(10);

/// The operator's defaults for objects that leave a field out.
#[derive(Clone, Debug)]
pub struct Defaults {
    pub region: Option<String>,
    pub poll_interval: Duration,
}

/// What an object asks for, with defaults applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Region where the store is, or will be created.
    pub region: String,
    /// Id of the store, if the spec names it or status or intent records it.
    pub id: Option<String>,
    /// Names by which to search for the store while its id is not known.
    pub names: Vec<String>,
    /// The recorded attempt to create the store.
    pub intent: Option<Intent>,
    /// Time between two polls of a store that is not changing.
    pub poll_interval: Duration,
}

/// A spec that the operator cannot act on. The text says which value to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSpec(pub String);

impl Desired {
    /// # Errors
    /// A mistake that the API server's rules cannot see, or that was stored before those rules were installed.
    /// What the spec names outside `limits`, those of the binding of the object.
    pub fn of(
        object: &SequenceStore,
        defaults: &Defaults,
        limits: Option<&Limits>,
    ) -> Result<Self, InvalidSpec> {
        let intent = Intent::of(object).map_err(|e| InvalidSpec(e.to_string()))?;
        let region = region(object, intent.as_ref(), defaults)?;
        let id = store_id(object);
        if let Some(id) = id.as_deref().filter(|id| !is_store_id(id)) {
            return Err(invalid_id(object, id));
        }
        // A deletion needs only the store, whatever else is wrong with the spec.
        let is_being_deleted = object.is_being_deleted();
        if let Some(limits) = limits {
            let checked = match is_being_deleted {
                true => limits.check_store(&object.spec),
                false => limits.check(&object.spec, &asked_regions(object, &region)),
            };
            checked.map_err(InvalidSpec)?;
        }
        let poll_interval = match &object.spec.poll_interval {
            Some(text) if !is_being_deleted => poll_interval(text)?,
            _ => defaults.poll_interval,
        };
        if let Some(policy) = object.spec.s3_access_policy.as_ref().filter(|_| !is_being_deleted) {
            s3_policy::check(policy).map_err(InvalidSpec)?;
        }
        let mut names: Vec<String> = intent.iter().map(|intent| intent.name.clone()).collect();
        names.push(store_name(object));
        names.dedup();
        Ok(Self { region, id, names, intent, poll_interval })
    }
}

/// A store id does not say in which region the store is, so a recorded region goes before everything else.
fn region(
    object: &SequenceStore,
    intent: Option<&Intent>,
    defaults: &Defaults,
) -> Result<String, InvalidSpec> {
    // A store may have been created where the intent says, whatever the default region is now.
    let binds = |intent: &&Intent| intent.may_have_a_store() || intent.replaces.is_some();
    let intended =
        || intent.filter(|_| !object.names_store()).filter(binds).map(|intent| intent.region.clone());
    if let Some(region) = recorded_region(object) {
        return well_formed(region, || "The region in status".into());
    }
    if let Some(region) = intended() {
        return well_formed(region, || format!("The region in the annotation {INTENT_ANNOTATION}"));
    }
    match object.spec.region.clone() {
        Some(region) if is_region(&region) => Ok(region),
        Some(region) => Err(InvalidSpec(format!(
            "spec.region is `{region}`: write the code of an AWS region, such as us-east-1."
        ))),
        None => defaults.region.clone().ok_or_else(|| {
            InvalidSpec(
                "The object has no region: set spec.region, or start the operator with --region (chart value \
                 `aws.region`)."
                    .into(),
            )
        }),
    }
}

/// A region that the operator has recorded.
fn well_formed(region: String, place: impl FnOnce() -> String) -> Result<String, InvalidSpec> {
    if is_region(&region) {
        return Ok(region);
    }
    Err(InvalidSpec(format!(
        "{} is `{region}`, which is not the code of an AWS region: somebody edited it.",
        place()
    )))
}

/// That of the spec; and that in which AWS would be called, unless it is where the store is on record.
fn asked_regions<'a>(object: &'a SequenceStore, region: &'a str) -> Vec<&'a str> {
    let called = Some(region).filter(|_| !is_recorded(object));
    object.spec.region.as_deref().into_iter().chain(called).collect()
}

fn invalid_id(object: &SequenceStore, id: &str) -> InvalidSpec {
    let origin = if object.names_store() {
        return InvalidSpec(format!(
            "spec.sequenceStoreId is `{id}`: write the id of a store, 10 to 36 digits."
        ));
    } else if is_recorded(object) {
        "status.store.id".to_owned()
    } else {
        format!("The id of the store in the annotation {INTENT_ANNOTATION}")
    };
    InvalidSpec(format!("{origin} is `{id}`, but the id of a store has 10 to 36 digits: somebody edited it."))
}

fn poll_interval(text: &str) -> Result<Duration, InvalidSpec> {
    parse_duration(text).filter(|interval| *interval >= SHORTEST_POLL_INTERVAL).ok_or_else(|| {
        InvalidSpec(format!("spec.pollInterval is `{text}`: write a duration of at least 10s, such as 5m."))
    })
}

/// Reads `30s`, `5m` or `1h`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    // Rust also reads `+5`.
    let number: u32 = number.parse().ok().filter(|_| !number.starts_with('+'))?;
    Some(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{SequenceStoreSpec, SequenceStoreStatus, Store};

    fn defaults(region: Option<&str>) -> Defaults {
        Defaults { region: region.map(Into::into), poll_interval: Duration::from_secs(300) }
    }

    #[test]
    fn a_recorded_region_goes_before_spec_and_default() {
        let mut object = SequenceStore::new(
            "a",
            SequenceStoreSpec { region: Some("eu-west-1".into()), ..Default::default() },
        );
        let region = |object: &SequenceStore| {
            Desired::of(object, &defaults(Some("us-east-1")), None).expect("valid").region
        };
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
        let error = Desired::of(&object, &defaults(None), None).expect_err("no region");
        assert!(error.to_string().contains("spec.region"), "{error}");
    }

    #[test]
    fn a_region_that_somebody_made_up_is_named_with_its_place() {
        let made_up = || Some("us-east-1.example.com".to_owned());
        let mut object =
            SequenceStore::new("a", SequenceStoreSpec { region: made_up(), ..Default::default() });
        let refused = |object: &SequenceStore| {
            Desired::of(object, &defaults(Some("us-east-1")), None).expect_err("no region").to_string()
        };
        assert!(
            refused(&object).starts_with("spec.region is `us-east-1.example.com`"),
            "{}",
            refused(&object)
        );
        object.metadata.uid = Some("u".into());
        let intent = r#"{"uid": "u", "epoch": 0, "attempt": 1, "replica": "r", "startedAt": "2026-01-01T00:00:00Z",
            "region": "example.com", "name": "a", "requestHash": "h"}"#;
        object.metadata.annotations = Some([(INTENT_ANNOTATION.to_owned(), intent.to_owned())].into());
        assert!(refused(&object).contains(INTENT_ANNOTATION), "{}", refused(&object));
        object.status = Some(SequenceStoreStatus {
            store: Some(Store { id: "1111111111".into(), ..Default::default() }),
            region: made_up(),
            ..Default::default()
        });
        assert!(refused(&object).starts_with("The region in status is"), "{}", refused(&object));
    }

    #[test]
    fn durations_are_whole_numbers_with_a_unit() {
        assert_eq!(parse_duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse_duration("5m"), Some(Duration::from_secs(300)));
        assert_eq!(parse_duration("1h"), Some(Duration::from_secs(3600)));
        for text in ["", "s", "5", "5d", "-5m", "+5m", "1.5h", "5 m", "999999999999h", "é"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
