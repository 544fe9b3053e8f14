//! What a plan depends on. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::aws::{CallError, Operation, ReadSetCount};
use crate::crd::{OwnerTags, SequenceStore};
use crate::store::{Desired, Field, InvalidSpec, Observed};

#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub object: &'a SequenceStore,
    pub desired: Result<&'a Desired, &'a InvalidSpec>,
    /// What AWS reported in this pass.
    pub observed: &'a Observed,
    /// What earlier passes of this process left behind.
    pub recollection: &'a Recollection,
    /// The owner tags that a store of this object should carry.
    pub owner: &'a OwnerTags,
    pub settings: &'a Settings,
    /// When the observe step began: what it saw may be as old as that.
    pub now: Timestamp,
    /// The owner that the annotation `take-over` names no longer exists in this cluster, or does not manage its store.
    pub owner_is_gone: bool,
    /// An older object with the same store id, in its spec or recorded, as `namespace/name`.
    pub rival: Option<&'a str>,
    /// Where older objects may exist that are not known, if whose the store is depends on them.
    pub unlisted: &'a [String],
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
}

/// What earlier passes of this process left behind. Losing it in a restart costs calls, never safety.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recollection {
    /// Age of the first of an unbroken series of 404s.
    pub absent_for: Option<Duration>,
    /// How long ago AWS accepted the delete.
    pub delete_accepted_for: Option<Duration>,
    /// AWS refused the delete.
    pub refusal: Option<Refusal>,
    /// Failed passes in a row. No rule reads it: the report step does, when this pass is counted.
    pub failures: u32,
    /// How long AWS has been denying access; for the report step too.
    pub denied_for: Option<Duration>,
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
