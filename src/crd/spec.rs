//! `spec` of a `SequenceStore`: the desired state that users write. The doc comments are the schema's descriptions,
//! which `kubectl explain` prints. No I/O.
//!
//! A field that AWS has too also needs a variant of `Field` in `store/field.rs`.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SequenceStoreStatus, rules, schema};

/// Desired state of the sequence store, and how the operator manages it.
///
/// Every field is optional. The operator does not manage a field that is absent or null: it neither
/// compares the field with AWS nor clears it there.
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
    doc = "An AWS HealthOmics sequence store. The operator reports the store in status and, unless managementPolicy is Observe, changes it in AWS to match spec.",
    validation = rules::name_or_short_object_name(),
    validation = rules::frozen_sequence_store_id(),
    validation = rules::frozen_region(),
    validation = rules::frozen_e_tag_algorithm_family(),
    validation = rules::frozen_sse_config()
)]
#[serde(rename_all = "camelCase")]
pub struct SequenceStoreSpec {
    /// AWS region of the store, such as `us-east-1`. Defaults to the region of the operator. Once a store
    /// is recorded in status.store, the only accepted changes are to set the field to status.region and to
    /// remove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::region())]
    pub region: Option<String>,

    /// The id of an existing store, 10 to 36 digits. The operator uses this store and never creates one;
    /// under `Manage` it adopts the store: it writes owner tags to the store, and then owns it. If absent, the
    /// operator finds the store by its owner tags or, under `Manage`, creates it. Cannot be added, removed or
    /// changed once a store is recorded in status.store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::sequence_store_id())]
    pub sequence_store_id: Option<String>,

    /// `Manage` (default): the operator changes the store in AWS to match the spec. `Observe`: the operator
    /// reports the store and its drift in status and never changes anything in AWS, not even when the object
    /// is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::one_of("managementPolicy", rules::MANAGEMENT_POLICIES))]
    pub management_policy: Option<ManagementPolicy>,

    /// What the operator does with the store when the object is deleted: `Delete` deletes the store, `Retain` leaves it in
    /// AWS. If absent, as the operator's flag --default-deletion-policy says: `Delete` unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::one_of("deletionPolicy", rules::DELETION_POLICIES))]
    pub deletion_policy: Option<DeletionPolicy>,

    /// While true, the chart's admission policy makes the API server refuse to delete the object. If it is
    /// deleted anyway, the deletion waits until this field is false (or removed, unless the operator protects by
    /// default), or until deletionPolicy is `Retain`. With `Retain` or `Observe` it does not wait: the object goes and the
    /// store stays. If absent, as the operator's flag
    /// --default-deletion-protection says: `false` unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,

    /// Name of the store in HealthOmics, 1 to 127 characters. If this field is absent when the operator
    /// creates the store, the store gets the name of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    #[x_kube(
        validation = rules::name_length(),
        validation = rules::printable("name")
    )]
    pub name: Option<String>,

    /// Description of the store, 1 to 255 characters. AWS can replace a description but
    /// cannot clear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    #[x_kube(
        validation = rules::description_length(),
        validation = rules::printable("description")
    )]
    pub description: Option<String>,

    /// Encryption of the store with a KMS key. If absent when the operator creates the store, AWS uses a
    /// key that AWS owns. AWS cannot change it after creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub sse_config: Option<SseConfig>,

    /// Algorithm family of the ETags of ingested read sets: `MD5up`, `SHA256up` or `SHA512up`. If absent
    /// when the operator creates the store, AWS uses `MD5up`. AWS cannot change it after creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::one_of("eTagAlgorithmFamily", rules::E_TAG_ALGORITHM_FAMILIES))]
    pub e_tag_algorithm_family: Option<ETagAlgorithmFamily>,

    /// S3 location where HealthOmics stores files whose direct upload failed: `s3://bucket/prefix/`. An
    /// empty string clears it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::location("fallbackLocation"), validation = rules::location_prefix("fallbackLocation", rules::FALLBACK_PREFIX))]
    pub fallback_location: Option<String>,

    /// Settings for S3 access to the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub s3_access_config: Option<S3AccessConfig>,

    /// Keys of read set tags that HealthOmics copies to the S3 objects of the store: at most 5, each only
    /// once. An empty list clears them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 5), inner(length(max = 1024)))]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = rules::propagated_keys(),
        validation = rules::unique_propagated_keys()
    )]
    pub propagated_set_level_tags: Option<Vec<String>>,

    /// S3 access policy of the store, written as an object; at most 15 KB as JSON. The operator compares it
    /// with AWS by meaning, not by text. An empty object deletes the policy: all S3 access ends, and AWS
    /// does not restore its default policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::s3_access_policy")]
    pub s3_access_policy: Option<serde_json::Map<String, serde_json::Value>>,

    /// Tags of the store, at most 46. The operator sets the keys listed here and removes a key that is no
    /// longer listed if it had set that key. It leaves all other tags of the store alone. An empty object
    /// removes all tags that the operator had set; removing the whole field removes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tags")]
    pub tags: Option<BTreeMap<String, String>>,

    /// How often the operator polls a store that is not changing, such as `30s`, `5m` or `1h`; at least
    /// `10s`. Defaults to the poll interval of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::poll_interval_form(), validation = rules::poll_interval_floor())]
    pub poll_interval: Option<String>,

    /// While true, the operator counts the read sets of the store, every hour unless its flag --read-set-poll-interval
    /// says otherwise, and shows the result in status.readSets: AWS deletes only a store without read sets. Needs
    /// `omics:ListReadSets`. If absent or false, the operator does not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe_read_sets: Option<bool>,

    /// Where the operator writes how to reach the store, for pipelines. If absent, it writes that nowhere, and removes the
    /// ConfigMap that it kept for this object before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = MapMerge::Atomic)]
    pub write_connection_to: Option<ConnectionTarget>,
}

/// `Manage` (default): the operator changes the store in AWS to match the spec. `Observe`: the operator
/// reports the store and its drift in status and never changes anything in AWS, not even when the object
/// is deleted.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManagementPolicy {
    /// Change the store in AWS to match the spec.
    #[default]
    Manage,
    /// Report the store in status; never change anything in AWS.
    Observe,
}

/// What the operator does with the store when the object is deleted: `Delete` deletes the store, `Retain` leaves it in
/// AWS. If absent, as the operator's flag --default-deletion-policy says: `Delete` unless set.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// Delete the store in AWS.
    #[default]
    Delete,
    /// Leave the store in AWS.
    Retain,
}

/// Algorithm family of the ETags of ingested read sets: `MD5up`, `SHA256up` or `SHA512up`. If absent
/// when the operator creates the store, AWS uses `MD5up`. AWS cannot change it after creation.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ETagAlgorithmFamily {
    /// MD5, the default of AWS.
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
    /// The name that the AWS API uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5up => "MD5up",
            Self::Sha256up => "SHA256up",
            Self::Sha512up => "SHA512up",
        }
    }
}

/// Encryption of the store with a KMS key. If absent when the operator creates the store, AWS uses a
/// key that AWS owns. AWS cannot change it after creation.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SseConfig {
    /// Type of encryption. AWS supports only `KMS`.
    #[serde(rename = "type")]
    pub type_: EncryptionType,
    /// ARN of the KMS key or alias, 20 to 2048 characters. If absent, the operator passes no key to AWS when
    /// it creates the store, and does not compare the key of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::key_arn())]
    pub key_arn: Option<String>,
}

/// Type of server-side encryption.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptionType {
    /// A key in AWS Key Management Service (KMS).
    #[serde(rename = "KMS")]
    Kms,
}

/// Where the operator writes how to reach the store, for pipelines.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionTarget {
    /// Name of a ConfigMap in the namespace of the object, 1 to 253 characters. The operator keeps it with the id, the ARN
    /// and the S3 addresses of the store, under keys that begin with `SEQUENCE_STORE_`, and the object is Ready only while
    /// it does. It never changes a ConfigMap that does not belong to this object. It looks at the ConfigMap whenever it
    /// looks at the store, and at least every poll interval of the operator, or every `n` / 10 seconds if that is longer,
    /// where `n` is the number of objects with this field. Needs the chart's value `connectionConfigMaps.enabled`.
    #[schemars(length(max = 1024))]
    #[x_kube(validation = rules::config_map_length(), validation = rules::config_map_name())]
    pub config_map: String,
}

/// Settings for S3 access to the store.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct S3AccessConfig {
    /// S3 location for access logs, in the region and account of the store: `s3://bucket/prefix/`. An empty
    /// string clears it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::location("accessLogLocation"), validation = rules::location_prefix("accessLogLocation", rules::ACCESS_LOG_PREFIX))]
    pub access_log_location: Option<String>,
}
