//! `status.store`: a sequence store as AWS reports it. No I/O.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// A sequence store as AWS reports it. Enumerations are plain strings, because AWS may add values.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    /// The id of the store, assigned by AWS.
    #[serde(default)]
    pub id: String,
    /// ARN of the store.
    #[serde(default)]
    pub arn: String,
    /// Name of the store; names are not unique in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Description of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Server-side encryption of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sse_config: Option<StoreSseConfig>,
    /// Time when the store was created, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub creation_time: Option<String>,
    /// S3 location where HealthOmics stores files whose direct upload failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_location: Option<String>,
    /// S3 access to the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_access: Option<StoreS3Access>,
    /// Algorithm family of the ETags of ingested read sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e_tag_algorithm_family: Option<String>,
    /// Status of the store in AWS: CREATING, ACTIVE, UPDATING, DELETING, FAILED, or a value that AWS adds
    /// later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Explanation of the status by AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// Keys of read set tags that HealthOmics copies to the S3 objects of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagated_set_level_tags: Option<Vec<String>>,
    /// Time when the store was last updated, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub update_time: Option<String>,
    /// Tags of the store, as ListTagsForResource returns them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::string_map")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// Server-side encryption as AWS reports it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StoreSseConfig {
    /// Type of encryption.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// ARN of the KMS key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_arn: Option<String>,
}

/// S3 access as AWS reports it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StoreS3Access {
    /// S3 URI of the objects of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_uri: Option<String>,
    /// ARN of the S3 access point of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_access_point_arn: Option<String>,
    /// S3 location for access logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log_location: Option<String>,
}

/// The values of a store's `status` that the operator knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreStatus {
    /// AWS is still creating the store.
    Creating,
    /// The store can be used.
    Active,
    /// AWS is applying an update.
    Updating,
    /// AWS is deleting the store.
    Deleting,
    /// Creating or changing the store failed; `statusMessage` says why.
    Failed,
}

impl StoreStatus {
    /// Every known status, in the order of the store's lifecycle.
    pub const ALL: [Self; 5] = [Self::Creating, Self::Active, Self::Updating, Self::Deleting, Self::Failed];

    /// The value that the AWS API uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
            Self::Failed => "FAILED",
        }
    }

    /// Parses a value of the AWS API; `None` for a value that AWS added later.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl Store {
    /// The status, if AWS reports a known one.
    #[must_use]
    pub fn known_status(&self) -> Option<StoreStatus> {
        self.status.as_deref().and_then(StoreStatus::parse)
    }

    /// Whether AWS reports this status.
    #[must_use]
    pub fn is(&self, status: StoreStatus) -> bool {
        self.known_status() == Some(status)
    }

    /// ARN of the S3 access point; the S3 access policy operations need it.
    #[must_use]
    pub fn access_point(&self) -> Option<&str> {
        self.s3_access.as_ref()?.s3_access_point_arn.as_deref()
    }
}

/// Whether a string has the form of a store id: 10 to 36 digits.
#[must_use]
pub fn is_store_id(text: &str) -> bool {
    (10..=36).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
