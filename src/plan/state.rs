//! Where an object stands; `status` turns it into conditions. No I/O.

use crate::aws::CallError;
use crate::crd::{DeletionBlock, Drift};

/// Where an object stands. Closed: every state has its conditions in the `status` module.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Work goes on and there is nothing more to say.
    Reconciling,
    /// ACTIVE and as the spec says.
    Available,
    /// ACTIVE, but its S3 access policy could not be read.
    PolicyUnreadable(CallError),
    /// ACTIVE and different from the spec, which is only observed.
    Drifted(Vec<Drift>),
    /// ACTIVE and different from the spec, and being corrected.
    Correcting(Vec<Drift>),
    /// AWS accepts updates of these fields and never shows them.
    NotConverging(Vec<Drift>),
    /// The owner tags are being written.
    Adopting,
    /// ACTIVE and as the spec says, but the owner tags may not be written.
    OwnerTagsDenied(CallError),
    /// ACTIVE, but AWS denies a change of its tags or its policy.
    ChangeDenied {
        /// The denial.
        error: CallError,
        /// What differs.
        drift: Vec<Drift>,
    },
    /// ACTIVE, but its tags could not be read.
    TagsUnreadable(CallError),
    /// The store is being created.
    Creating,
    /// A create was sent, or may have been, and its outcome is not known yet.
    OutcomeUnknown {
        /// Attempts so far, this one counted.
        attempt: u32,
    },
    /// AWS is updating the store.
    Updating,
    /// Somebody is deleting the store in AWS.
    StoreDeleting,
    /// AWS reports a status this version does not know, or none.
    UnknownStatus {
        /// The status, if there is one.
        status: Option<String>,
    },
    /// The store failed in AWS.
    Failed {
        /// AWS's explanation.
        message: Option<String>,
    },
    /// The spec cannot be carried out.
    InvalidSpec {
        /// What to write instead.
        message: String,
    },
    /// A field differs that AWS cannot change.
    ImmutableFieldDiffers(Vec<Drift>),
    /// The store belongs to another object.
    OwnershipConflict {
        /// Who owns it.
        owner: String,
        /// The annotation that would take it over.
        way_on: Option<String>,
    },
    /// The credentials are not those of the account on record.
    WrongAccount {
        /// Account on record.
        recorded: String,
        /// Account of the credentials.
        credentials: String,
    },
    /// A first 404; a second one decides.
    ConfirmingAbsence,
    /// A store that was on record is gone.
    StoreMissing {
        /// Its id.
        id: String,
        /// Its region.
        region: String,
        /// The spec names it.
        named: bool,
    },
    /// A store that the spec names was never seen.
    StoreNotFound {
        /// Its id.
        id: String,
        /// Region that was looked in.
        region: String,
        /// Account that was looked in.
        account: String,
    },
    /// `Observe` without an id.
    StoreNotNamed,
    /// An AWS call failed.
    CallFailed(CallError),
    /// The store is being deleted for us.
    Deleting,
    /// The deletion waits.
    DeletionBlocked(Vec<DeletionBlock>),
    /// The store is gone, as it should be.
    Deleted,
    /// The object goes and the store, if any, stays.
    Released,
    /// `healthomics.dev/paused` is `true`.
    Paused,
}

impl State {
    /// The failed call that this state is about.
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
