//! What AWS reported about the store of one object in one pass. No I/O.

use std::collections::BTreeMap;

use super::OwnerMatch;
use crate::aws::CallError;
use crate::crd::{OWNER_UID_TAG, Store};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The plan does not depend on AWS, so AWS was not called.
    NotAsked,
    /// The store exists.
    Present(Box<Present>),
    /// No id is known, and a complete search by name and owner tags found no store that this object may use yet.
    Searched {
        found: OwnerMatch,
        /// Account of the credentials that searched.
        account: String,
    },
    /// GetSequenceStore answered 404.
    Absent {
        /// Account of the credentials that got the 404.
        account: String,
    },
    /// A call failed, so nothing is known.
    Failed(CallError),
}

impl Observed {
    pub fn present(&self) -> Option<&Present> {
        match self {
            Self::Present(present) => Some(present),
            Self::NotAsked | Self::Searched { .. } | Self::Absent { .. } | Self::Failed(_) => None,
        }
    }

    /// The account that the report is about.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Present(present) => Some(&present.account),
            Self::Absent { account } | Self::Searched { account, .. } => Some(account),
            Self::NotAsked | Self::Failed(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The response of GetSequenceStore; its `tags` are unset.
    pub store: Store,
    /// Account in the ARN of the store.
    pub account: String,
    pub tags: ObservedTags,
    /// Ids of other stores that carry the owner tags of this object; none where nobody looked. The operator reports them
    /// and leaves them alone.
    pub strays: Option<Vec<String>>,
    pub policy: ObservedPolicy,
}

impl Present {
    /// The tags, if they were read.
    pub fn known_tags(&self) -> Option<&BTreeMap<String, String>> {
        match &self.tags {
            ObservedTags::Read(tags) => Some(tags),
            ObservedTags::Unreadable(_) => None,
        }
    }
}

/// The S3 access policy of a store. The operator reads it only where the spec manages it, and then rarely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObservedPolicy {
    /// Not read in this pass, so nothing is concluded from it.
    NotRead,
    /// The document; none where the store has no policy.
    Read(Option<String>),
    Unreadable(CallError),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObservedTags {
    Read(BTreeMap<String, String>),
    /// The owner is not known, so the operator must neither change nor delete the store.
    Unreadable(CallError),
}

impl ObservedTags {
    /// The uid of the object that owns the store, if the tags were read and name one.
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Read(tags) => tags.get(OWNER_UID_TAG).map(String::as_str),
            Self::Unreadable(_) => None,
        }
    }
}
