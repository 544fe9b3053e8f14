//! The shapes a test sees: a store as the simulator holds it, a store to seed, and read sets.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Server-side encryption of a store, as in the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SseConfig {
    /// `KMS` is the only value the API knows.
    #[serde(rename = "type")]
    pub kind: String,
    /// ARN of the customer managed key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_arn: Option<String>,
}

/// The S3 side of a store, as `GetSequenceStore` reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct S3Access {
    /// `s3://{access point alias}/{account}/sequenceStore/{id}/`
    pub s3_uri: String,
    /// The access point, in an account that belongs to the service.
    pub s3_access_point_arn: String,
    /// Where S3 access logs go; as written, before any read-back switch.
    pub access_log_location: Option<String>,
}

/// A sequence store as the simulator holds it: the truth, whatever lag or fault a reader sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StoreRecord {
    /// Owner account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Ten digits unless seeded otherwise.
    pub id: String,
    /// `arn:aws:omics:{region}:{account}:sequenceStore/{id}`
    pub arn: String,
    /// Not unique.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Absent for a store under an AWS-owned key.
    pub sse_config: Option<SseConfig>,
    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`
    pub creation_time: String,
    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`
    pub update_time: Option<String>,
    /// Where the parts of failed direct uploads go.
    pub fallback_location: Option<String>,
    /// S3 URI, access point and access-log location.
    pub s3_access: S3Access,
    /// `MD5up`, `SHA256up` or `SHA512up`.
    pub e_tag_algorithm_family: Option<String>,
    /// `CREATING`, `ACTIVE`, `UPDATING`, `DELETING`, `FAILED`, or whatever a test put here.
    pub status: String,
    /// Reason for `FAILED`.
    pub status_message: Option<String>,
    /// Keys of read-set tags that are copied to the S3 objects; empty when unset.
    pub propagated_set_level_tags: Vec<String>,
    /// Tags of the store.
    pub tags: BTreeMap<String, String>,
    /// Read sets whose status is not `DELETED`.
    pub read_set_count: u32,
    /// Gone: kept for the record only.
    pub deleted: bool,
    /// The access policy document as written; `None` after `DeleteS3AccessPolicy`.
    pub s3_access_policy: Option<String>,
    /// When the policy last changed.
    pub s3_access_policy_update_time: Option<String>,
    /// Members that once held a value and were cleared since.
    pub cleared: BTreeSet<String>,
}

/// A store to put into the simulator behind the API's back. Nothing here is validated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct SeedStore {
    pub account: String,
    pub region: String,
    /// Generated when absent.
    pub id: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub sse_config: Option<SseConfig>,
    pub fallback_location: Option<String>,
    pub access_log_location: Option<String>,
    pub e_tag_algorithm_family: Option<String>,
    pub status: String,
    pub status_message: Option<String>,
    pub propagated_set_level_tags: Vec<String>,
    /// Now, when absent.
    pub creation_time: Option<String>,
    /// The creation time, when absent.
    pub update_time: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// The default policy, when absent.
    pub s3_access_policy: Option<String>,
}

impl Default for SeedStore {
    fn default() -> Self {
        SeedStore {
            account: crate::knobs::DEFAULT_ACCOUNT.to_owned(),
            region: "us-east-1".to_owned(),
            id: None,
            name: None,
            description: None,
            sse_config: None,
            fallback_location: None,
            access_log_location: None,
            e_tag_algorithm_family: Some("MD5up".to_owned()),
            status: "ACTIVE".to_owned(),
            status_message: None,
            propagated_set_level_tags: Vec::new(),
            creation_time: None,
            update_time: None,
            tags: BTreeMap::new(),
            s3_access_policy: None,
        }
    }
}

/// A read set: only what listing and deletion need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReadSetRecord {
    /// Ten digits.
    pub id: String,
    /// `{store ARN}/readSet/{id}`
    pub arn: String,
    /// Display name.
    pub name: Option<String>,
    /// `ACTIVE`, `ARCHIVED`, `ACTIVATING`, `DELETING`, `DELETED`, `PROCESSING_UPLOAD` or `UPLOAD_FAILED`.
    pub status: String,
    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`
    pub creation_time: String,
    /// Subject id.
    pub subject_id: String,
    /// Sample id.
    pub sample_id: String,
    /// `FASTQ`, `BAM`, `CRAM` or `UBAM`.
    pub file_type: String,
    /// `IMPORT` or `UPLOAD`.
    pub creation_type: String,
}
