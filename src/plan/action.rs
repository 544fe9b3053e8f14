//! The AWS calls that change something; a plan asks for at most one. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::{CreateRequest, Operation, UpdateRequest};
use crate::store::Intent;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// The pass changes nothing in AWS.
    #[default]
    None,
    /// CreateSequenceStore, after the intent is recorded.
    Create {
        /// Account of the credentials.
        account: String,
        /// The attempt to record.
        intent: Box<Intent>,
        request: Box<CreateRequest>,
    },
    /// TagResource with owner tags: the object adopts the store.
    Adopt {
        region: String,
        arn: String,
        tags: BTreeMap<String, String>,
        /// uid of the former owner; empty if there was none.
        former: String,
    },
    /// UpdateSequenceStore.
    Update { region: String, id: String, request: Box<UpdateRequest> },
    /// TagResource with tags of the spec.
    Tag {
        region: String,
        arn: String,
        tags: BTreeMap<String, String>,
        /// Keys that this operator manages from now on. They are saved to status before the call.
        managed: Vec<String>,
    },
    /// PutS3AccessPolicy, or DeleteS3AccessPolicy where the policy is none.
    SetPolicy {
        region: String,
        /// ARN of the S3 access point of the store.
        access_point: String,
        policy: Option<String>,
    },
    /// UntagResource.
    Untag { region: String, arn: String, keys: BTreeSet<String> },
    /// DeleteSequenceStore.
    DeleteStore { region: String, id: String },
}

impl Action {
    /// Where the call is sent.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Create { intent, .. } => Some(&intent.region),
            Self::Adopt { region, .. }
            | Self::Update { region, .. }
            | Self::Tag { region, .. }
            | Self::SetPolicy { region, .. }
            | Self::Untag { region, .. }
            | Self::DeleteStore { region, .. } => Some(region),
        }
    }

    /// The call that carries it out: the operation, and in which region.
    pub fn call(&self) -> Option<(Operation, &str)> {
        self.operation().zip(self.region())
    }

    pub fn operation(&self) -> Option<Operation> {
        Some(match self {
            Self::None => return None,
            Self::Create { .. } => Operation::CreateSequenceStore,
            Self::Adopt { .. } | Self::Tag { .. } => Operation::TagResource,
            Self::Update { .. } => Operation::UpdateSequenceStore,
            Self::SetPolicy { policy: Some(_), .. } => Operation::PutS3AccessPolicy,
            Self::SetPolicy { policy: None, .. } => Operation::DeleteS3AccessPolicy,
            Self::Untag { .. } => Operation::UntagResource,
            Self::DeleteStore { .. } => Operation::DeleteSequenceStore,
        })
    }
}
