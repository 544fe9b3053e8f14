//! What AWS said about one store in one pass. No I/O.

use std::collections::BTreeMap;

use super::ownership::OwnerMatch;
use crate::aws::CallError;
use crate::crd::{OWNER_UID_TAG, Store};

/// The outcome of looking at AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// AWS was not asked: the plan does not depend on it.
    NotAsked,
    /// The store as it is.
    Present(Box<Present>),
    /// No store is known, and a complete look-up by name and owner tags found no store of this object
    /// to look at.
    Searched {
        /// What was found instead.
        found: OwnerMatch,
        /// Account of the credentials that looked.
        account: String,
    },
    /// A 404, answered to credentials of this account.
    Absent {
        /// Account of the credentials that were told so.
        account: String,
    },
    /// Nothing is known.
    Failed(CallError),
}

impl Observed {
    /// The store, where it is there.
    #[must_use]
    pub fn present(&self) -> Option<&Present> {
        match self {
            Self::Present(present) => Some(present),
            _ => None,
        }
    }
}

/// A store that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// GetSequenceStore's answer, without tags.
    pub store: Store,
    /// Account in the store's ARN.
    pub account: String,
    /// The store's tags.
    pub tags: ObservedTags,
    /// Newer stores that carry the same owner's tags: somebody else's doing.
    pub duplicates: Vec<String>,
    /// The S3 access policy.
    pub policy: ObservedPolicy,
}

/// The S3 access policy of a store, which is read only where the spec manages it, and then rarely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObservedPolicy {
    /// Not read in this pass; nothing is concluded.
    NotRead,
    /// The document as AWS shows it; none where there is none.
    Read(Option<String>),
    /// Not known.
    Unreadable(CallError),
}

/// Tags of a store, or why they are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObservedTags {
    /// All tags.
    Read(BTreeMap<String, String>),
    /// Not known; nothing may be changed or deleted.
    Unreadable(CallError),
}

impl ObservedTags {
    /// The uid of the object that owns the store, if the tags are known and name one.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Read(tags) => tags.get(OWNER_UID_TAG).map(String::as_str),
            Self::Unreadable(_) => None,
        }
    }
}
