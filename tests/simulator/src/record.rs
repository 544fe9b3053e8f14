//! The data types of the control API: stores, stores to seed, and read sets. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SseConfig {
    /// `KMS` is the only value in the AWS API.
    #[serde(rename = "type")]
    pub kind: String,
    /// The ARN of the customer managed key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_arn: Option<String>,
}

/// The S3 access of a store, as in `GetSequenceStore`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct S3Access {
    /// `s3://{access point alias}/{account}/sequenceStore/{id}/`
    pub s3_uri: String,
    /// The ARN of the access point, in an account of the service.
    pub s3_access_point_arn: String,
    /// The S3 URI for access logs, as the caller wrote it: before
    /// [`crate::Knobs::access_log_appends_store_id`] applies.
    pub access_log_location: Option<String>,
}

/// A sequence store as the simulator stores it. AWS API reads may differ because of lag, faults or knobs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StoreRecord {
    pub account: String,
    pub region: String,
    /// Ten digits, unless a test seeded another id.
    pub id: String,
    /// `arn:aws:omics:{region}:{account}:sequenceStore/{id}`
    pub arn: String,
    /// Names are not unique.
    pub name: Option<String>,
    pub description: Option<String>,
    /// `None` for a store that is encrypted with an AWS owned key.
    pub sse_config: Option<SseConfig>,
    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`
    pub creation_time: String,
    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`
    pub update_time: Option<String>,
    /// The S3 URI for parts of failed direct uploads.
    pub fallback_location: Option<String>,
    pub s3_access: S3Access,
    /// `MD5up`, `SHA256up` or `SHA512up`.
    pub e_tag_algorithm_family: Option<String>,
    /// `CREATING`, `ACTIVE`, `UPDATING`, `DELETING`, `FAILED`, or any value that a test has set.
    pub status: String,
    /// The reason for `FAILED`.
    pub status_message: Option<String>,
    /// The keys of read-set tags that AWS copies to the S3 objects.
    pub propagated_set_level_tags: Vec<String>,
    pub tags: BTreeMap<String, String>,
    /// The number of read sets whose status is not `DELETED`.
    pub read_set_count: u32,
    /// Whether the store has been deleted. The simulator keeps the record so that tests can read it.
    pub deleted: bool,
    /// The access policy document as the caller wrote it; `None` after `DeleteS3AccessPolicy`.
    pub s3_access_policy: Option<String>,
    pub s3_access_policy_update_time: Option<String>,
    /// The members that had a value until an Update cleared it.
    pub cleared: BTreeSet<String>,
}

/// A store that a test adds without calling the AWS API. The simulator does not validate it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeedStore {
    pub account: String,
    pub region: String,
    /// Generated if `None`.
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
    /// The current time if `None`.
    pub creation_time: Option<String>,
    /// The creation time if `None`.
    pub update_time: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// The default policy if `None`.
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

/// A read set, with only the members that listing and deletion need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReadSetRecord {
    /// Ten digits.
    pub id: String,
    /// `{store ARN}/readSet/{id}`
    pub arn: String,
    pub name: Option<String>,
    /// `ACTIVE`, `ARCHIVED`, `ACTIVATING`, `DELETING`, `DELETED`, `PROCESSING_UPLOAD` or `UPLOAD_FAILED`.
    pub status: String,
    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`
    pub creation_time: String,
    pub subject_id: String,
    pub sample_id: String,
    /// `FASTQ`, `BAM`, `CRAM` or `UBAM`.
    pub file_type: String,
    /// `IMPORT` or `UPLOAD`.
    pub creation_type: String,
}
