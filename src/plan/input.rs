//! What a plan depends on. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::aws::{CallError, Operation, ReadSetCount};
use crate::crd::{DeletionDefaults, OwnerTags, SequenceStore};
use crate::store::{Desired, Field, InvalidSpec, Observed};
use crate::tenancy::Access;

#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub object: &'a SequenceStore,
    pub desired: Result<&'a Desired, &'a InvalidSpec>,
    /// With which identity the calls for the object are made.
    pub access: &'a Access,
    /// What AWS reported in this pass.
    pub observed: &'a Observed,
    /// What earlier passes of this process left behind.
    pub recollection: &'a Recollection,
    /// The owner tags that a store of this object should carry.
    pub owner: &'a OwnerTags,
    pub settings: &'a Settings,
    /// When the observe step began: what it saw may be as old as that.
    pub now: Timestamp,
    pub take_over: TakeOver,
    /// An older object with the same store id, in its spec or recorded, as `namespace/name`.
    pub rival: Option<&'a str>,
    /// Where older objects may exist that are not known, if whose the store is depends on them.
    pub unlisted: &'a [String],
}

/// Whether the annotation `take-over` lets this object have a store of another owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TakeOver {
    /// The annotation is absent or does not name the owner.
    #[default]
    NotAskedFor,
    /// The owner no longer exists in this cluster, or does not manage its store.
    Allowed,
    /// The owner exists in this cluster and manages its store.
    OwnerManages,
    /// Nobody can tell whether the owner still exists, so it counts as existing.
    OwnerUnknown,
}

/// Settings of the operator that plans depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of this cluster in owner tags.
    pub cluster: String,
    /// Name of this process in intents.
    pub replica: String,
    /// How long AWS's List, tags and Get may lag behind a write.
    pub create_grace: Duration,
    /// What happens on deletion where the spec is silent.
    pub deletion: DeletionDefaults,
}

/// What earlier passes of this process left behind. Losing it in a restart costs calls and time, never safety: what is
/// concluded from something that is not there counts from the first look of this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recollection {
    /// Age of the first of an unbroken series of 404s.
    pub absent_for: Option<Duration>,
    /// Age of the first of an unbroken series of looks at the tags of the store that did not show this object's uid.
    pub not_owner_for: Option<Duration>,
    /// In this pass the API server did not keep the record of the tags that were to be written.
    pub tag_keys_not_kept: bool,
    /// Managed keys of tags that the spec no longer has, and for how long no look at the store has shown them. For the
    /// report step.
    pub unshown_tag_keys: BTreeMap<String, Duration>,
    /// How long ago AWS accepted the delete.
    pub delete_accepted_for: Option<Duration>,
    /// AWS refused the delete.
    pub refusal: Option<Refusal>,
    /// Failed passes in a row. No rule reads it: the report step does, when this pass is counted.
    pub failures: u32,
    /// How long AWS has been denying access; for the report step too.
    pub denied_for: Option<Duration>,
    /// How long AWS has been throttling the calls, pass after pass; for the report step too.
    pub throttled_for: Option<Duration>,
    /// `(epoch, n)`: AWS certainly created nothing in attempts 1 to n of that epoch.
    pub not_created: Option<(u32, u32)>,
    /// How long this process has known of the recorded attempt to create the store.
    pub attempt_known_for: Duration,
    /// Operations that AWS denied.
    pub denials: BTreeMap<Operation, Denial>,
    /// AWS rejected the S3 access policy of this generation.
    pub policy_rejected: bool,
    /// Generation that `corrections` are about.
    pub corrections_of: Option<i64>,
    pub corrections: BTreeMap<Field, Correction>,
}

/// Updates of one field that AWS accepted, without showing the wanted value since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    pub accepted: u32,
    /// How long ago AWS accepted the last one.
    pub last: Duration,
}

/// AWS denied an operation that changes a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub error: CallError,
    /// It is too early to try again.
    pub waits: bool,
}

/// AWS refused to delete a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The read sets in the store, or why they could not be counted.
    pub read_sets: Result<ReadSetCount, CallError>,
    /// It is time to send the delete again.
    pub due: bool,
}
