//! The little of an object that metrics show, read from its text without decoding the rest. No I/O.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::WatchedObject;

/// What can be seen of an object without decoding all of it.
#[derive(Debug, Default)]
pub struct Glance {
    pub conditions: Vec<GlancedCondition>,
    pub is_drifted: bool,
    /// When the deletion was requested, in seconds since 1970.
    pub deleted_at: Option<i64>,
    /// Reasons for which its deletion waits.
    pub deletion_blocked_by: Vec<String>,
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
}

#[derive(Deserialize)]
struct Block {
    reason: String,
}

impl Glance {
    /// `text` is one that has been decoded before.
    pub(super) fn at_text(text: &str) -> Self {
        let Ok(Whole { metadata, status }) = serde_json::from_str(text) else { return Self::default() };
        let deleted_at = metadata.deletion_timestamp.map(|time| time.0.as_second());
        let Some(Status { conditions, drift, deletion_blocked_by }) = status else {
            return Self { deleted_at, ..Self::default() };
        };
        let deletion_blocked_by = deletion_blocked_by.into_iter().map(|block| block.reason).collect();
        Self { conditions, is_drifted: !drift.is_empty(), deleted_at, deletion_blocked_by }
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
        }
    }
}
