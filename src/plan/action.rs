//! The mutating AWS actions that a plan can ask for. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::Operation;
use crate::aws::{CreateRequest, UpdateRequest};
use crate::store::intent::Intent;

/// A mutating AWS action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// None.
    #[default]
    None,
    /// CreateSequenceStore, after the intent is recorded.
    Create {
        /// Account of the credentials.
        account: String,
        /// The attempt to record.
        intent: Box<Intent>,
        /// The request.
        request: Box<CreateRequest>,
    },
    /// TagResource with owner tags.
    Claim {
        /// Region of the store.
        region: String,
        /// ARN of the store.
        arn: String,
        /// Owner tags.
        tags: BTreeMap<String, String>,
        /// uid of the former owner, or empty.
        former: String,
    },
    /// UpdateSequenceStore.
    Update {
        /// Region of the store.
        region: String,
        /// Id of the store.
        id: String,
        /// The members that differ.
        request: Box<UpdateRequest>,
    },
    /// TagResource with tags of the spec.
    Tag {
        /// Region of the store.
        region: String,
        /// ARN of the store.
        arn: String,
        /// Tags to set.
        tags: BTreeMap<String, String>,
        /// Keys that are ours from now on; saved before the call.
        managed: Vec<String>,
    },
    /// PutS3AccessPolicy or DeleteS3AccessPolicy.
    SetPolicy {
        /// Region of the store.
        region: String,
        /// ARN of the store's access point.
        access_point: String,
        /// The document; none deletes the policy.
        policy: Option<String>,
    },
    /// UntagResource.
    Untag {
        /// Region of the store.
        region: String,
        /// ARN of the store.
        arn: String,
        /// Keys to remove.
        keys: BTreeSet<String>,
    },
    /// DeleteSequenceStore.
    DeleteStore {
        /// Region of the store.
        region: String,
        /// Id of the store.
        id: String,
    },
}

impl Action {
    /// The operation it calls.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        Some(match self {
            Self::None => return None,
            Self::Create { .. } => Operation::CreateSequenceStore,
            Self::Claim { .. } | Self::Tag { .. } => Operation::TagResource,
            Self::Update { .. } => Operation::UpdateSequenceStore,
            Self::SetPolicy { policy: Some(_), .. } => Operation::PutS3AccessPolicy,
            Self::SetPolicy { policy: None, .. } => Operation::DeleteS3AccessPolicy,
            Self::Untag { .. } => Operation::UntagResource,
            Self::DeleteStore { .. } => Operation::DeleteSequenceStore,
        })
    }
}
