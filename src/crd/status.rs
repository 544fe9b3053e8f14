//! What the operator reports: `status` of a `SequenceStore`. No I/O.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Store;

/// Observed state of the store.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SequenceStoreStatus {
    /// The generation of the object that this status was made for; -1 before the operator has seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready` and `Synced` always; `Reconciling` or `Stalled`, never both, only while true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// The store as GetSequenceStore answers it, member for member, and its tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub store: Option<Store>,

    /// Region where the store lives; pinned once a store is on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,

    /// AWS account where the store lives; pinned once a store is on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,

    /// Fields of the spec that the store does not show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub drift: Vec<Drift>,

    /// Why a deletion waits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub deletion_blocked_by: Vec<DeletionBlock>,

    /// Keys of the tags that this operator has set on the store for `spec.tags`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub managed_tag_keys: Vec<String>,

    /// The last value of the annotation `healthomics.dev/reconcile-requested-at` that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// One field of the spec that the store does not show.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The field, as it is named in the spec.
    pub field: String,
    /// What the spec asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<String>,
    /// What AWS shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
}

/// One thing that a deletion waits for.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DeletionBlock {
    /// What blocks the deletion.
    pub reason: DeletionBlockReason,
    /// What to do about it.
    pub message: String,
    /// Under `ReadSets`: how many read sets are in the store, at most `1000+`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_sets: Option<String>,
    /// Under `ReadSets`: how many of the counted read sets are in which status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub read_sets_by_status: BTreeMap<String, i32>,
}

impl DeletionBlock {
    /// A block without read sets.
    #[must_use]
    pub fn new(reason: DeletionBlockReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), read_sets: None, read_sets_by_status: BTreeMap::new() }
    }
}

/// What blocks a deletion.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeletionBlockReason {
    /// `spec.deletionProtection` is true.
    DeletionProtection,
    /// The object is paused.
    Paused,
    /// Finalizers of others are still on the object.
    Finalizers,
    /// The store holds read sets.
    ReadSets,
    /// AWS says that the store is in use.
    Busy,
}
