//! The closed set of condition reasons. No I/O.

/// Why a condition is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The store is ACTIVE.
    Available,
    /// The store is as the spec says.
    InSync,
    /// Work goes on.
    Progressing,
    /// AWS is creating the store.
    Creating,
    /// AWS is updating the store.
    Updating,
    /// Somebody is deleting the store in AWS.
    StoreDeleting,
    /// AWS reports a status this version does not know.
    UnknownStatus,
    /// The store differs from the spec.
    Drifted,
    /// The store failed in AWS.
    Failed,
    /// The spec cannot be carried out.
    InvalidSpec,
    /// A field differs that AWS cannot change.
    ImmutableFieldDiffers,
    /// The store belongs to another object.
    OwnershipConflict,
    /// The credentials are those of another account.
    WrongAccount,
    /// A store on record is gone.
    StoreMissing,
    /// No store was found.
    StoreNotFound,
    /// AWS accepts changes and never shows them.
    NotConverging,
    /// AWS or the way to it is down.
    AwsUnavailable,
    /// AWS asks for fewer requests.
    Throttled,
    /// IAM or the credentials do not allow it.
    AccessDenied,
    /// A quota of the account is used up.
    QuotaExceeded,
    /// The object is being deleted.
    Deleting,
    /// The deletion waits.
    DeletionBlocked,
    /// The object is paused.
    Paused,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 23] = [
        Self::Available,
        Self::InSync,
        Self::Progressing,
        Self::Creating,
        Self::Updating,
        Self::StoreDeleting,
        Self::UnknownStatus,
        Self::Drifted,
        Self::Failed,
        Self::InvalidSpec,
        Self::ImmutableFieldDiffers,
        Self::OwnershipConflict,
        Self::WrongAccount,
        Self::StoreMissing,
        Self::StoreNotFound,
        Self::NotConverging,
        Self::AwsUnavailable,
        Self::Throttled,
        Self::AccessDenied,
        Self::QuotaExceeded,
        Self::Deleting,
        Self::DeletionBlocked,
        Self::Paused,
    ];

    /// The reason as conditions and Events carry it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "Available",
            Self::InSync => "InSync",
            Self::Progressing => "Progressing",
            Self::Creating => "Creating",
            Self::Updating => "Updating",
            Self::StoreDeleting => "StoreDeleting",
            Self::UnknownStatus => "UnknownStatus",
            Self::Drifted => "Drifted",
            Self::Failed => "Failed",
            Self::InvalidSpec => "InvalidSpec",
            Self::ImmutableFieldDiffers => "ImmutableFieldDiffers",
            Self::OwnershipConflict => "OwnershipConflict",
            Self::WrongAccount => "WrongAccount",
            Self::StoreMissing => "StoreMissing",
            Self::StoreNotFound => "StoreNotFound",
            Self::NotConverging => "NotConverging",
            Self::AwsUnavailable => "AwsUnavailable",
            Self::Throttled => "Throttled",
            Self::AccessDenied => "AccessDenied",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::Deleting => "Deleting",
            Self::DeletionBlocked => "DeletionBlocked",
            Self::Paused => "Paused",
        }
    }
}
