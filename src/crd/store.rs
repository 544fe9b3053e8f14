//! A sequence store as AWS reports it: `status.store`. No I/O.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// A sequence store as AWS reports it. Strings are open: AWS may add values.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    /// Id of the store, made by AWS.
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
    /// When the store was created, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub creation_time: Option<String>,
    /// Where parts of failed direct uploads go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_location: Option<String>,
    /// S3 access to the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_access: Option<StoreS3Access>,
    /// Algorithm family of ETags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e_tag_algorithm_family: Option<String>,
    /// Status in AWS: CREATING, ACTIVE, UPDATING, DELETING, FAILED, or a value AWS adds later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// AWS's explanation of the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// Keys of read-set tags that are copied to S3 objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagated_set_level_tags: Option<Vec<String>>,
    /// When the store was last updated, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub update_time: Option<String>,
    /// Tags of the store, from ListTagsForResource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::string_map")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// Server-side encryption as AWS reports it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StoreSseConfig {
    /// Kind of encryption.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// ARN of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_arn: Option<String>,
}

/// S3 access as AWS reports it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StoreS3Access {
    /// S3 URI of the store's objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_uri: Option<String>,
    /// ARN of the S3 access point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_access_point_arn: Option<String>,
    /// Where access logs go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log_location: Option<String>,
}

/// The values of a store's `status` that this version acts on.
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
    /// AWS gave up on the store; `statusMessage` says why.
    Failed,
}

impl StoreStatus {
    /// Every status, in the order of a store's life.
    pub const ALL: [Self; 5] = [Self::Creating, Self::Active, Self::Updating, Self::Deleting, Self::Failed];

    /// The value as AWS writes it.
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

    /// Reads AWS's value; `None` for a value that AWS added later.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl Store {
    /// The status, if AWS reports one that this version knows.
    #[must_use]
    pub fn known_status(&self) -> Option<StoreStatus> {
        self.status.as_deref().and_then(StoreStatus::parse)
    }

    /// Whether AWS reports this status.
    #[must_use]
    pub fn is(&self, status: StoreStatus) -> bool {
        self.known_status() == Some(status)
    }

    /// ARN of the S3 access point, which the calls about the S3 access policy need.
    #[must_use]
    pub fn access_point(&self) -> Option<&str> {
        self.s3_access.as_ref()?.s3_access_point_arn.as_deref()
    }
}

/// Whether a text has the form of a store id: 10 to 36 digits.
#[must_use]
pub fn is_store_id(text: &str) -> bool {
    (10..=36).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
