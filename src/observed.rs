//! What AWS said about one store in one pass. No I/O.

use std::collections::BTreeMap;

use crate::crd::{OWNER_UID_TAG, Store};
use crate::lookup::Found;
use crate::omics::CallError;

/// The outcome of looking at AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// AWS was not asked: the plan does not depend on it.
    NotAsked,
    /// The store as it is.
    Present(Box<Present>),
    /// No store is known, and a complete look-up by name and owner tags found no store of this object
    /// to look at.
    LookedUp {
        /// What was found instead.
        found: Found,
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
    pub tags: Tags,
    /// Newer stores that carry the same owner's tags: somebody else's doing.
    pub duplicates: Vec<String>,
    /// The S3 access policy.
    pub policy: Policy,
}

/// The S3 access policy of a store, which is read only where the spec manages it, and then rarely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Not read in this pass; nothing is concluded.
    NotRead,
    /// The document as AWS shows it; none where there is none.
    Read(Option<String>),
    /// Not known.
    Unreadable(CallError),
}

/// Tags of a store, or why they are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// All tags.
    Read(BTreeMap<String, String>),
    /// Not known; nothing may be changed or deleted.
    Unreadable(CallError),
}

impl Tags {
    /// The uid of the object that owns the store, if the tags are known and name one.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Read(tags) => tags.get(OWNER_UID_TAG).map(String::as_str),
            Self::Unreadable(_) => None,
        }
    }
}

/// How many read sets are in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSetCount {
    /// Read sets counted.
    pub total: usize,
    /// There may be more than were counted.
    pub more: bool,
    /// Read sets counted, by status.
    pub by_status: BTreeMap<String, i32>,
}

impl ReadSetCount {
    /// `3`, or `1000+` where counting stopped.
    #[must_use]
    pub fn display(&self) -> String {
        if self.more { format!("{}+", self.total) } else { self.total.to_string() }
    }
}
