//! `spec` of a `SequenceStore`: what users write. No I/O.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SequenceStoreStatus, rules, schema};

/// A HealthOmics sequence store, and how this operator should treat it.
///
/// Every field is optional. A field that is absent or null is not managed: it is never compared with
/// AWS and never cleared there.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "healthomics.dev",
    version = "v1alpha1",
    kind = "SequenceStore",
    plural = "sequencestores",
    singular = "sequencestore",
    shortname = "seqstore",
    category = "healthomics",
    namespaced,
    status = "SequenceStoreStatus",
    derive = "PartialEq",
    selectable = ".spec.sequenceStoreId",
    selectable = ".spec.managementPolicy",
    selectable = ".status.store.id",
    selectable = ".status.store.status",
    selectable = ".status.region",
    doc = "An AWS HealthOmics sequence store. The operator mirrors the store into status and, unless managementPolicy is Observe, keeps it as the spec says.",
    validation = rules::name_or_short_object_name(),
    validation = rules::frozen_sequence_store_id(),
    validation = rules::frozen_region(),
    validation = rules::frozen_e_tag_algorithm_family(),
    validation = rules::frozen_sse_config(),
    printcolumn(name = "Store ID", type_ = "string", json_path = ".status.store.id"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.store.status"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Synced", type_ = "string", json_path = ".status.conditions[?(@.type=='Synced')].status", priority = 1),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.region", priority = 1),
    printcolumn(name = "ARN", type_ = "string", json_path = ".status.store.arn", priority = 1),
    printcolumn(name = "S3 URI", type_ = "string", json_path = ".status.store.s3Access.s3Uri", priority = 1),
    printcolumn(name = "Drift", type_ = "string", json_path = ".status.drift[*].field", priority = 1, description = "The first field of status.drift: what the store does not show as the spec says.")
)]
#[serde(rename_all = "camelCase")]
pub struct SequenceStoreSpec {
    /// AWS region of the store, such as `us-east-1`. Absent: the operator's own region. Cannot be
    /// changed once a store is on record in status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::region())]
    pub region: Option<String>,

    /// Id of an existing store (10 to 36 digits). The operator adopts that store and never creates
    /// one. Can be neither added, removed nor changed once a store is on record in status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::sequence_store_id())]
    pub sequence_store_id: Option<String>,

    /// `Manage` (what absence means): keep the store as the spec says. `Observe`: mirror the store and
    /// report differences, never change anything in AWS, not even when the object is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::one_of("managementPolicy", &["Manage", "Observe"]))]
    pub management_policy: Option<ManagementPolicy>,

    /// What happens to the store when the object is deleted. `Delete` (what absence means) deletes it,
    /// `Retain` leaves it in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::one_of("deletionPolicy", &["Delete", "Retain"]))]
    pub deletion_policy: Option<DeletionPolicy>,

    /// While true, neither the object nor its store is deleted: the API server refuses, or, where the
    /// chart's admission policy is off, the deletion waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,

    /// Name of the store in HealthOmics, 1 to 127 characters. A store that is created without it is
    /// named like the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    #[x_kube(
        validation = rules::length(1, 127, "name must have 1 to 127 characters; leave it out to name the store like the object"),
        validation = rules::printable("name")
    )]
    pub name: Option<String>,

    /// Description of the store, 1 to 255 characters. AWS can replace a description but never clear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    #[x_kube(
        validation = rules::length(1, 255, "description must have 1 to 255 characters; AWS can replace a description but never clear it"),
        validation = rules::printable("description")
    )]
    pub description: Option<String>,

    /// Encryption of the store with a KMS key. Absent at creation: a key that AWS owns. AWS cannot
    /// change it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub sse_config: Option<SseConfig>,

    /// Algorithm family of the ETags of ingested read sets: `MD5up`, `SHA256up` or `SHA512up`. Absent at
    /// creation: AWS takes `MD5up`. AWS cannot change it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::one_of("eTagAlgorithmFamily", &["MD5up", "SHA256up", "SHA512up"]))]
    pub e_tag_algorithm_family: Option<ETagAlgorithmFamily>,

    /// Where parts of failed direct uploads go: `s3://bucket/prefix/`, or an empty string to clear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::location("fallbackLocation"), validation = rules::location_prefix("fallbackLocation", 1024))]
    pub fallback_location: Option<String>,

    /// Settings of S3 access to the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub s3_access_config: Option<S3AccessConfig>,

    /// Keys of read-set tags that are copied to the S3 objects of the store: a set of at most 5. An
    /// empty list clears them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 5), inner(length(max = 1024)))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = rules::propagated_keys(),
        validation = rules::unique()
    )]
    pub propagated_set_level_tags: Option<Vec<String>>,

    /// S3 access policy of the store as an object, compared with AWS by meaning. At most 15 KB as JSON.
    /// An empty object deletes the policy: all S3 access ends, and AWS's default policy does not come
    /// back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::s3_access_policy")]
    pub s3_access_policy: Option<serde_json::Map<String, serde_json::Value>>,

    /// Tags of the store, managed key by key: at most 46. A key removed here is removed from the store
    /// if this operator had set it; all other tags of the store are left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tags")]
    pub tags: Option<BTreeMap<String, String>>,

    /// How often the store is looked at while nothing changes, such as `30s`, `5m` or `1h`; at least
    /// 10 seconds. Absent: the operator's own interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::poll_interval_form(), validation = rules::poll_interval_floor())]
    pub poll_interval: Option<String>,
}

/// `Manage` (what absence means): keep the store as the spec says. `Observe`: mirror the store and
/// report differences, never change anything in AWS, not even when the object is deleted.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManagementPolicy {
    /// Keep the store as the spec says.
    #[default]
    Manage,
    /// Mirror only; never change anything in AWS.
    Observe,
}

/// What happens to the store when the object is deleted. `Delete` (what absence means) deletes it,
/// `Retain` leaves it in AWS.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// The store is deleted in AWS.
    #[default]
    Delete,
    /// The store stays in AWS.
    Retain,
}

/// Algorithm family of the ETags of ingested read sets: `MD5up`, `SHA256up` or `SHA512up`. Absent at
/// creation: AWS takes `MD5up`. AWS cannot change it later.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ETagAlgorithmFamily {
    /// MD5, AWS's default.
    #[serde(rename = "MD5up")]
    Md5up,
    /// SHA-256.
    #[serde(rename = "SHA256up")]
    Sha256up,
    /// SHA-512.
    #[serde(rename = "SHA512up")]
    Sha512up,
}

impl ETagAlgorithmFamily {
    /// AWS's name of the family.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5up => "MD5up",
            Self::Sha256up => "SHA256up",
            Self::Sha512up => "SHA512up",
        }
    }
}

/// Encryption of the store with a KMS key. Absent at creation: a key that AWS owns. AWS cannot
/// change it later.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SseConfig {
    /// Kind of encryption; AWS knows only `KMS`.
    #[serde(rename = "type")]
    pub type_: EncryptionType,
    /// ARN of the KMS key, 20 to 2048 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::key_arn())]
    pub key_arn: Option<String>,
}

/// Kind of server-side encryption.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptionType {
    /// A key in AWS Key Management Service.
    #[serde(rename = "KMS")]
    Kms,
}

/// Settings of S3 access.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct S3AccessConfig {
    /// Where access logs go: `s3://bucket/prefix/` in the store's own region and account, or an empty
    /// string to clear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::location("accessLogLocation"), validation = rules::location_prefix("accessLogLocation", 800))]
    pub access_log_location: Option<String>,
}
