//! The little of an object that metrics show, read from its text without decoding the rest. No I/O.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::WatchedObject;
use crate::crd::ReadSets;

/// What can be seen of an object without decoding all of it.
#[derive(Debug, Default)]
pub struct Glance {
    pub conditions: Vec<GlancedCondition>,
    pub is_drifted: bool,
    /// When the deletion was requested, in seconds since 1970.
    pub deleted_at: Option<i64>,
    /// Reasons for which its deletion waits.
    pub deletion_blocked_by: Vec<String>,
    /// Read sets in its store, if they were counted.
    pub read_sets: Option<GlancedReadSets>,
}

/// The last count of read sets.
#[derive(Debug, PartialEq, Eq)]
pub struct GlancedReadSets {
    pub by_status: BTreeMap<String, i32>,
    /// In seconds since 1970.
    pub counted_at: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GlancedCondition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    pub reason: String,
    last_transition_time: Time,
}

impl GlancedCondition {
    /// In seconds since 1970.
    #[must_use]
    pub fn since(&self) -> i64 {
        self.last_transition_time.0.as_second()
    }
}

#[derive(Deserialize)]
struct Whole {
    metadata: Metadata,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    deletion_timestamp: Option<Time>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    conditions: Vec<GlancedCondition>,
    #[serde(default)]
    drift: Vec<IgnoredAny>,
    #[serde(default)]
    deletion_blocked_by: Vec<Block>,
    read_sets: Option<ReadSets>,
}

#[derive(Deserialize)]
struct Block {
    reason: String,
}

impl GlancedReadSets {
    /// None where none were counted yet.
    fn of(ReadSets { by_status, observed_time, .. }: ReadSets) -> Option<Self> {
        let counted_at = observed_time?.parse::<jiff::Timestamp>().ok()?.as_second();
        Some(Self { by_status, counted_at })
    }
}

impl Glance {
    /// `text` is one that has been decoded before.
    pub(super) fn at_text(text: &str) -> Self {
        let Ok(Whole { metadata, status }) = serde_json::from_str(text) else { return Self::default() };
        let deleted_at = metadata.deletion_timestamp.map(|time| time.0.as_second());
        let Some(Status { conditions, drift, deletion_blocked_by, read_sets }) = status else {
            return Self { deleted_at, ..Self::default() };
        };
        let deletion_blocked_by = deletion_blocked_by.into_iter().map(|block| block.reason).collect();
        let read_sets = read_sets.and_then(GlancedReadSets::of);
        Self { conditions, is_drifted: !drift.is_empty(), deleted_at, deletion_blocked_by, read_sets }
    }

    /// An object that cannot be decoded shows only that it is being deleted.
    pub(super) fn at_invalid(object: &WatchedObject) -> Self {
        let deleted_at = object.meta().deletion_timestamp.as_ref().map(|time| time.0.as_second());
        Self { deleted_at, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::any_scene;

    proptest! {
        #[test]
        fn a_glance_shows_what_the_whole_object_shows(scene in any_scene()) {
            let object = scene.object;
            let glance = Glance::at_text(&serde_json::to_string(&object).expect("JSON"));
            let status = object.status.clone().unwrap_or_default();
            let conditions: Vec<_> = status.conditions.iter()
                .map(|c| (c.type_.clone(), c.status.clone(), c.reason.clone(), c.last_transition_time.0.as_second()))
                .collect();
            let glanced: Vec<_> = glance.conditions.iter()
                .map(|c| (c.kind.clone(), c.status.clone(), c.reason.clone(), c.since()))
                .collect();
            prop_assert_eq!(glanced, conditions);
            prop_assert_eq!(glance.is_drifted, !status.drift.is_empty());
            let deleted_at = object.metadata.deletion_timestamp.map(|time| time.0.as_second());
            prop_assert_eq!(glance.deleted_at, deleted_at);
            let blocked: Vec<_> = status.deletion_blocked_by.iter().map(|block| format!("{:?}", block.reason)).collect();
            prop_assert_eq!(glance.deletion_blocked_by, blocked);
            let counted = status.read_sets.filter(|read_sets| read_sets.observed_time.is_some());
            prop_assert_eq!(glance.read_sets.map(|glanced| glanced.by_status), counted.map(|counted| counted.by_status));
        }
    }
}
