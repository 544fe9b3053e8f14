//! What a plan depends on. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::aws::ReadSetCount;
use crate::aws::{CallError, Operation};
use crate::crd::{OwnerTags, SequenceStore};
use crate::store::desired::{Desired, InvalidSpec};
use crate::store::observed::Observed;

/// Everything a plan depends on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The object as it was last read.
    pub object: &'a SequenceStore,
    /// What it asks for.
    pub desired: Result<&'a Desired, &'a InvalidSpec>,
    /// What AWS said in this pass.
    pub observed: &'a Observed,
    /// What earlier passes of this process leave behind.
    pub recollection: &'a Recollection,
    /// The owner tags of the object.
    pub owner: &'a OwnerTags,
    /// Settings of the operator.
    pub settings: &'a Settings,
    /// The time of the pass.
    pub now: Timestamp,
    /// The owner whom the annotation `take-over` names is no live, managing object of this cluster.
    pub owner_is_gone: bool,
    /// An older object that names the same store, as `namespace/name`.
    pub rival: Option<&'a str>,
}

/// Settings of the operator that plans depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of this cluster in owner tags.
    pub cluster: String,
    /// Name of this process in intents.
    pub replica: String,
    /// How long List, tags and Get may lag behind a write.
    pub create_grace: Duration,
}

/// Updates of one field that AWS accepted without having shown the wanted value since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    /// How many.
    pub accepted: u32,
    /// How long ago the last one was.
    pub last: Duration,
}

/// What earlier passes leave behind. Losing it in a restart costs calls, never safety.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recollection {
    /// How long ago the first of an unbroken row of 404s was.
    pub absent_for: Option<Duration>,
    /// How long ago AWS accepted our delete.
    pub delete_accepted_for: Option<Duration>,
    /// AWS refused our delete.
    pub refusal: Option<Refusal>,
    /// Failed passes in a row, this one not counted.
    pub failures: u32,
    /// How long AWS has been denying us.
    pub denied_for: Option<Duration>,
    /// Epoch and attempt up to which every answer of the epoch was a definite no.
    pub not_created: Option<(u32, u32)>,
    /// How long this process has known of the recorded attempt to create the store.
    pub attempt_known_for: Duration,
    /// Changes that AWS denied, by operation.
    pub denials: BTreeMap<Operation, Denial>,
    /// Generation that the corrections are of.
    pub corrections_of: Option<i64>,
    /// Corrections by field.
    pub corrections: BTreeMap<String, Correction>,
}

/// AWS's denial of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The denial.
    pub error: CallError,
    /// It is too early to try again.
    pub waits: bool,
}

/// AWS's refusal to delete a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Read sets in the store, or why they could not be counted.
    pub read_sets: Result<ReadSetCount, CallError>,
    /// It is time to ask AWS again.
    pub due: bool,
}
