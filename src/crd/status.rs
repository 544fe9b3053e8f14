//! `status` of a `SequenceStore`: the state that the operator reports. The doc comments are the schema's
//! descriptions, which `kubectl explain` prints. No I/O.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Deletion, LONGEST_MESSAGE, Store, one_line};

/// Observed state of the sequence store, written by the operator.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SequenceStoreStatus {
    /// Generation of the object that this status describes; -1 until the operator first reconciles the
    /// object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The operator always sets `Ready` and `Synced`. It sets `Reconciling` or `Stalled`, never both, only
    /// while they are true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// The store as AWS reports it: every member of the GetSequenceStore response, and the tags of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub store: Option<Store>,

    /// AWS region of the store. Fixed once a store is recorded in status.store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,

    /// AWS account of the store. Fixed once a store is recorded in status.store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,

    /// The AccountBinding under which the operator acts for this object. A store that got on record under a binding is
    /// from then on reached under a binding only. Absent if the operator acts with its own identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,

    /// Id of the store that this object has managed: the operator saw it under managementPolicy Manage, and its tags
    /// named no other owner. Only this store, or one with the uid of this object in its tags, is deleted with the
    /// object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_store_id: Option<String>,

    /// What happens when the object is deleted: by its spec, and by the defaults of the operator where the spec is silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub deletion: Option<Deletion>,

    /// What the operator keeps because of `spec.writeConnectionTo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub connection: Option<Connection>,

    /// The read sets of the store, counted now and then because of `spec.observeReadSets`. A count that fails changes no
    /// condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub read_sets: Option<ReadSets>,

    /// Ids of other stores that carry the owner tags of this object, at most 50. The operator neither uses, changes nor
    /// deletes them: check what they contain, then delete them or remove their owner tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub stray_stores: Vec<String>,

    /// Fields of the spec whose values differ from the store in AWS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub drift: Vec<Drift>,

    /// Reasons why the deletion of the object is blocked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub deletion_blocked_by: Vec<DeletionBlock>,

    /// Keys of the tags that the operator has set on the store because of `spec.tags`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub managed_tag_keys: Vec<String>,

    /// Last value of the annotation `healthomics.dev/reconcile-requested-at` that the operator handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// What the operator keeps because of `spec.writeConnectionTo`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Name of the ConfigMap. The operator writes it here before it makes the ConfigMap, and removes it from here once the
    /// ConfigMap is gone or belongs to somebody else.
    pub config_map: String,
}

/// The read sets of the store, as the operator counted them last.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ReadSets {
    /// Number of read sets in the store, without those that are DELETED. A `+` as in `1000+` means that the operator stopped
    /// counting there, at 1000 or after 11 pages: the store holds at least so many. Absent until they were counted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// Number of counted read sets for each read set status. Where `total` ends with `+`, these are the first ones that
    /// AWS lists, not all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_status: BTreeMap<String, i32>,
    /// Time when they were counted, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub observed_time: Option<String>,
    /// Why they could not be counted since then, and what to do about it. Absent if the last count succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// One field of the spec whose value differs from the store in AWS.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// Name of the field in the spec.
    pub field: String,
    /// Value in the spec. Absent if the operator removes the field, such as a tag that is no longer in
    /// `spec.tags`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<String>,
    /// Value in AWS. Absent if AWS shows no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
}

/// One reason why the deletion of the object is blocked.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DeletionBlock {
    /// What blocks the deletion.
    pub reason: DeletionBlockReason,
    /// What blocks the deletion in this case, and what to do about it.
    pub message: String,
    /// With reason `ReadSets`: number of read sets in the store. `1000+` means that the operator stopped
    /// counting at 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_sets: Option<String>,
    /// With reason `ReadSets`: number of counted read sets for each read set status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub read_sets_by_status: BTreeMap<String, i32>,
}

impl DeletionBlock {
    /// A block that counts no read sets.
    #[must_use]
    pub fn new(reason: DeletionBlockReason, message: impl Into<String>) -> Self {
        let message = one_line(message, LONGEST_MESSAGE);
        Self { reason, message, read_sets: None, read_sets_by_status: BTreeMap::new() }
    }
}

/// What blocks a deletion.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeletionBlockReason {
    /// `spec.deletionProtection` is true, or is absent and the operator protects by default.
    DeletionProtection,
    /// The object is paused.
    Paused,
    /// The object still has finalizers of other controllers.
    Finalizers,
    /// The store holds read sets.
    ReadSets,
    /// The store is CREATING or UPDATING, or AWS refuses to delete it.
    Busy,
    /// The store has no owner tag, and the operator cannot list all objects that may name it.
    ObjectsNotListed,
    /// No single AccountBinding whose role can be assumed is about the namespace.
    AccountBinding,
}
