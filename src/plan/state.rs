//! The state of an object after planning; `status` turns it into conditions. No I/O.

use super::TakeOver;
use crate::aws::CallError;
use crate::crd::{DeletionBlock, Drift};
use crate::tenancy::AccessRefusal;

/// The state of an object. The `status` module has conditions for every variant.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// No other state applies.
    Reconciling,
    /// The store is ACTIVE and matches the spec.
    Available,
    /// The store is ACTIVE, but its S3 access policy could not be read.
    PolicyUnreadable(CallError),
    /// The store is ACTIVE and differs from the spec, and the object only observes it.
    Drifted(Vec<Drift>),
    /// The store is ACTIVE and differs from the spec, and the operator is updating it.
    Correcting(Vec<Drift>),
    /// AWS accepted several updates of these fields but still shows other values.
    NotConverging(Vec<Drift>),
    /// The operator is writing the owner tags.
    Adopting,
    /// The store is ACTIVE and matches the spec, but AWS denies writing the owner tags.
    OwnerTagsDenied(CallError),
    /// The store is ACTIVE, but AWS denies a change of its tags or its S3 access policy.
    ChangeDenied {
        error: CallError,
        /// What differs from the spec.
        drift: Vec<Drift>,
    },
    /// The store is ACTIVE and has as many tags as AWS allows, so that some that it needs are not written.
    TagLimit {
        /// How many tags the store has.
        present: usize,
        /// Keys of the tags without room.
        missing: Vec<String>,
        /// What differs from the spec.
        drift: Vec<Drift>,
    },
    /// The store is ACTIVE. Its S3 access policy names principals in a way that cannot be compared with the spec, as AWS
    /// does for those that were deleted.
    PrincipalsRenamed(Vec<Drift>),
    /// The store is ACTIVE, but its tags could not be read.
    TagsUnreadable(CallError),
    /// The store is ACTIVE and has no owner tag, and it is not known whether an older object names it.
    ObjectsNotListed {
        /// Where the objects are not known.
        places: Vec<String>,
    },
    /// The operator or AWS is creating the store.
    Creating,
    /// The operator sent a CreateSequenceStore, or may have sent it, and does not know its outcome.
    OutcomeUnknown {
        /// Attempts so far, including this one.
        attempt: u32,
    },
    /// The store is UPDATING in AWS.
    Updating,
    /// The store is DELETING in AWS, but not because of this object.
    StoreDeleting,
    /// AWS reports a status that this version does not know, or none.
    UnknownStatus { status: Option<String> },
    /// The store is FAILED in AWS.
    Failed {
        /// The `statusMessage` of the store.
        message: Option<String>,
    },
    /// The operator cannot apply the spec.
    InvalidSpec {
        /// What is wrong, and how to fix it.
        message: String,
    },
    /// Fields differ that AWS cannot change in an existing store.
    ImmutableFieldDiffers(Vec<Drift>),
    /// The store does not belong to this object, so the operator neither changes nor deletes it.
    OwnershipConflict { owner: StoreOwner },
    /// AWS does not show this object's owner tag on a store that was its own; a second look is needed before the store
    /// counts as somebody else's.
    ConfirmingOwner,
    /// The credentials belong to another AWS account than the recorded store.
    WrongAccount {
        /// Account of the store, as recorded in status or in the intent.
        recorded: String,
        credentials: String,
        pinned_by: PinnedBy,
    },
    /// The API server's answer lacks what the operator wrote down before a call to AWS, or the API server refuses to
    /// write it.
    RecordNotKept {
        what: NotKept,
        /// Nothing else is wrong: the store is ACTIVE and matches the spec.
        is_ready: bool,
    },
    /// AWS answered 404 once; a second 404 is needed before the store counts as missing.
    ConfirmingAbsence,
    /// A store that this object had is gone.
    StoreMissing {
        id: String,
        region: String,
        /// The spec names the store or only observes it, so the operator may not create another one.
        named: bool,
    },
    /// AWS has no store with the id in the spec, and this object never had one.
    StoreNotFound { id: String, region: String, account: String },
    /// The object only observes and names no store, and no store carries its owner tags.
    StoreNotNamed,
    /// No identity may act for the object: because of the AccountBindings of its namespace, or for want of one.
    AccessRefused(AccessRefusal),
    /// An AWS call failed.
    CallFailed(CallError),
    /// The operator is deleting the store.
    Deleting,
    /// Something blocks the deletion.
    DeletionBlocked(Vec<DeletionBlock>),
    /// The store is gone because the operator deleted it.
    Deleted,
    /// The object is being deleted and the store, if there is one, stays.
    Released,
    /// The object is being deleted. The spec names the store, but this object never managed it, so the store stays.
    NeverManaged { id: String },
    /// The annotation `healthomics.dev/paused` is `true`.
    Paused,
}

/// Why an object is bound to one AWS account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinnedBy {
    /// The recorded store is there.
    Store,
    /// A CreateSequenceStore of unknown outcome was sent there.
    Attempt,
}

/// What the operator wrote to the object and the API server did not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    Finalizer,
    /// The annotation `create-intent`.
    Intent,
    /// `status.managedTagKeys`.
    TagKeys,
    /// The API server refused to write finalizer and annotation.
    Refused,
}

/// Who owns a store that this object may not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOwner {
    /// The object that the owner tags of the store name.
    Tagged(TaggedOwner),
    /// An older object, as `namespace/name`, that names the same store; the store has no owner tag yet.
    OlderObject(String),
    /// Unknown: the store lost its owner tag, and the spec does not name it.
    Untagged,
}

/// The object that the owner tags of a store name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaggedOwner {
    pub uid: String,
    /// `namespace/name`, if the tags hold them.
    pub object: Option<String>,
    /// Name of its cluster, if it is another one.
    pub cluster: Option<String>,
    /// What came of the annotation `take-over`.
    pub take_over: TakeOver,
}

impl State {
    /// The failed AWS call that led to this state.
    #[must_use]
    pub fn error(&self) -> Option<&CallError> {
        match self {
            Self::CallFailed(error)
            | Self::TagsUnreadable(error)
            | Self::PolicyUnreadable(error)
            | Self::ChangeDenied { error, .. } => Some(error),
            _ => None,
        }
    }
}
