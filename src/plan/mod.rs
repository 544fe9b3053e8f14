//! Decides what to do next: a total, pure function over tables of rules, first match wins. No I/O.

mod deletion;
mod life;
mod state;
#[cfg(test)]
mod tests;

use std::time::Duration;

use kube::ResourceExt;

use crate::crd::{FINALIZER, SequenceStore};
use crate::desired::{self, Desired, InvalidSpec};
use crate::observed::{Observed, Present, ReadSetCount, Tags};
use crate::omics::CallError;
pub(crate) use deletion::refused;
pub use state::State;

/// A second 404, at least this long after the first, is believed.
pub const ABSENCE_CONFIRMED_AFTER: Duration = Duration::from_secs(5);
/// After an accepted delete, reads may lag this long before the delete is sent again.
pub const DELETE_GRACE: Duration = Duration::from_secs(60);

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
    /// An older object that names the same store, as `namespace/name`.
    pub rival: Option<&'a str>,
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
}

/// AWS's refusal to delete a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Read sets in the store, or why they could not be counted.
    pub read_sets: Result<ReadSetCount, CallError>,
    /// It is time to ask AWS again.
    pub due: bool,
}

/// What to do in this pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What becomes of our finalizer.
    pub finalizer: FinalizerStep,
    /// The one mutating AWS action of this pass.
    pub action: Action,
    /// What the object is told.
    pub state: State,
    /// When to look again.
    pub next: Next,
}

/// What becomes of our finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalizerStep {
    /// Nothing.
    Keep,
    /// It is written before anything else is done.
    Add,
    /// It is removed, last of all.
    Remove,
}

/// A mutating AWS action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// None.
    None,
    /// DeleteSequenceStore.
    DeleteStore {
        /// Region of the store.
        region: String,
        /// Id of the store.
        id: String,
    },
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// In seconds: a store or a deletion is in motion.
    Quick,
    /// When a second 404 would be believed.
    Confirm,
    /// At the poll interval.
    Poll,
    /// By the backoff of the failed call's class.
    Backoff,
}

/// The store to look at before planning; none where the plan does not depend on AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Region of the store.
    pub region: String,
    /// Id of the store.
    pub id: String,
}

/// Which store the plan for this object depends on.
#[must_use]
pub fn target(object: &SequenceStore, desired: Result<&Desired, &InvalidSpec>) -> Option<Target> {
    let desired = desired.ok()?;
    let id = desired.id.clone()?;
    let waits = desired::is_paused(object) || (is_deleting(object) && deletion::decided_without_aws(object));
    (!waits).then(|| Target { region: desired.region.clone(), id })
}

/// Plans one pass.
#[must_use]
pub fn plan(input: &Input<'_>) -> Plan {
    let rules = if is_deleting(input.object) { deletion::RULES } else { life::RULES };
    let verdict = rules.iter().find_map(|rule| rule(input));
    // The last rule of each table matches everything; the fallback keeps the function total.
    let mut plan = verdict.unwrap_or_else(|| Plan::wait(State::Reconciling, Next::Poll));
    if !is_deleting(input.object) && !desired::is_paused(input.object) {
        plan.finalizer = finalizer_of_the_living(input.object);
    }
    plan
}

type Rule = fn(&Input<'_>) -> Option<Plan>;

/// Held while deleting the object must delete a store that is known; an operator that was
/// uninstalled then strands nothing under `Retain` and `Observe`.
fn finalizer_of_the_living(object: &SequenceStore) -> FinalizerStep {
    let wanted = desired::deletes(object) && desired::store_id(object).is_some();
    match (wanted, has_our_finalizer(object)) {
        (true, false) => FinalizerStep::Add,
        (false, true) => FinalizerStep::Remove,
        _ => FinalizerStep::Keep,
    }
}

impl Plan {
    fn wait(state: State, next: Next) -> Self {
        Self { finalizer: FinalizerStep::Keep, action: Action::None, state, next }
    }

    fn release(state: State) -> Self {
        Self { finalizer: FinalizerStep::Remove, ..Self::wait(state, Next::Poll) }
    }
}

/// Whether the object is being deleted.
#[must_use]
pub fn is_deleting(object: &SequenceStore) -> bool {
    object.metadata.deletion_timestamp.is_some()
}

/// Whether our finalizer is on the object.
#[must_use]
pub fn has_our_finalizer(object: &SequenceStore) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

// Rules that hold whether the object lives or is being deleted.

fn paused(input: &Input<'_>) -> Option<Plan> {
    desired::is_paused(input.object).then(|| Plan::wait(State::Paused, Next::Poll))
}

fn invalid(input: &Input<'_>) -> Option<Plan> {
    let error = input.desired.err()?;
    Some(Plan::wait(State::InvalidSpec { message: error.to_string() }, Next::Poll))
}

fn call_failed(input: &Input<'_>) -> Option<Plan> {
    let Observed::Failed(error) = input.observed else { return None };
    Some(Plan::wait(State::CallFailed(error.clone()), Next::Backoff))
}

/// Ids hold neither account nor region, so an answer got with other credentials says nothing about
/// the store on record.
fn wrong_account(input: &Input<'_>) -> Option<Plan> {
    let status = input.object.status.as_ref()?;
    let record = status.store.as_ref()?;
    let recorded = status.account_id.as_deref();
    let (account, same) = match input.observed {
        Observed::Present(present) => {
            // With an edited status, the id that the spec names still leads to the right store.
            let other_arn =
                record.id == present.store.id && !record.arn.is_empty() && record.arn != present.store.arn;
            (&present.account, !other_arn && recorded.is_none_or(|recorded| recorded == present.account))
        }
        Observed::Absent { account } => (account, recorded.is_none_or(|recorded| recorded == account)),
        Observed::NotAsked | Observed::Failed(_) => return None,
    };
    let state =
        State::WrongAccount { recorded: recorded.unwrap_or_default().into(), credentials: account.clone() };
    (!same).then(|| Plan::wait(state, Next::Poll))
}

/// Why this object may not change or delete the store it names.
fn stranger(input: &Input<'_>, present: &Present) -> Option<State> {
    let uid = input.object.uid().unwrap_or_default();
    let named = input.object.spec.sequence_store_id.is_some();
    match present.tags.owner() {
        Some(owner) if owner == uid => None,
        Some(owner) => Some(State::OwnershipConflict { owner: format!("the object with uid {owner}") }),
        None => match input.rival {
            Some(rival) => Some(State::OwnershipConflict { owner: format!("the older object {rival}") }),
            // A store that nobody named and that does not carry our tag came from an edited status.
            None if !named && matches!(present.tags, Tags::Read(_)) => {
                Some(State::OwnershipConflict { owner: "no object that its tags name".into() })
            }
            None => None,
        },
    }
}

fn absence_is_confirmed(input: &Input<'_>) -> bool {
    input.recollection.delete_accepted_for.is_some()
        || input.recollection.absent_for.is_some_and(|absent| absent >= ABSENCE_CONFIRMED_AFTER)
}
