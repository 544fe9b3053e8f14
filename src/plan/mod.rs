//! Decides what to do next: a total, pure function over tables of rules, first match wins. No I/O.

mod action;
mod creation;
mod deletion;
mod input;
mod life;
mod ownership;
mod state;
#[cfg(test)]
mod tests;
mod update;

use std::time::Duration;

use kube::ResourceExt;

use crate::aws::CreateRequest;
use crate::crd::{FINALIZER, RECREATE_ANNOTATION, SequenceStore};
use crate::store::desired::{self, Desired, InvalidSpec};
use crate::store::intent::Intent;
use crate::store::observed::Observed;
pub use action::Action;
pub(crate) use deletion::refused;
pub use input::{Correction, Denial, Input, Recollection, Refusal, Settings};
pub use state::{State, StoreOwner};

/// A second 404, at least this long after the first, is believed.
pub const ABSENCE_CONFIRMED_AFTER: Duration = Duration::from_secs(5);
/// After an accepted delete, reads may lag this long before the delete is sent again.
pub const DELETE_GRACE: Duration = Duration::from_secs(60);

/// What to do in this pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What becomes of our finalizer.
    pub finalizer: FinalizerStep,
    /// The intent to write to the object along with the finalizer.
    pub intent: Option<Box<Intent>>,
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

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// In seconds: a store or a deletion is in motion.
    Quick,
    /// When a second 404 would be believed.
    Confirm,
    /// When an attempt to create the store is over, and now and then before.
    Within {
        /// Until then.
        rest: Duration,
        /// How long it has been going on.
        known_for: Duration,
    },
    /// At the poll interval.
    Poll,
    /// By the backoff of the failed call's class.
    Backoff,
}

/// What to look at before planning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A store that is known.
    Store {
        /// Region of the store.
        region: String,
        /// Id of the store.
        id: String,
    },
    /// All stores of these names.
    Search {
        /// Region to look in.
        region: String,
        /// Exact names.
        names: Vec<String>,
        /// A missing store that is not to be found again.
        replaced: Option<String>,
    },
}

/// What the plan for this object depends on; none where it does not depend on AWS.
#[must_use]
pub fn target(object: &SequenceStore, desired: Result<&Desired, &InvalidSpec>) -> Option<Target> {
    let desired = desired.ok()?;
    if object.is_paused() || (object.is_being_deleted() && deletion::decided_without_aws(object)) {
        return None;
    }
    let region = desired.region.clone();
    Some(match desired.id.clone() {
        Some(id) => Target::Store { region, id },
        None => Target::Search {
            region,
            names: desired.names.clone(),
            replaced: desired.intent.as_ref().and_then(|intent| intent.replaces.clone()),
        },
    })
}

/// Plans one pass.
#[must_use]
pub fn plan(input: &Input<'_>) -> Plan {
    let rules = if input.object.is_being_deleted() { deletion::RULES } else { life::RULES };
    let verdict = rules.iter().find_map(|rule| rule(input));
    // The last rule of each table matches everything; the fallback keeps the function total.
    let mut plan = verdict.unwrap_or_else(|| Plan::wait(State::Reconciling, Next::Poll));
    if !input.object.is_being_deleted() && !input.object.is_paused() {
        plan.intent = plan.intent.or_else(|| resolved_intent(input).map(Box::new));
        plan.finalizer = finalizer_of_the_living(input, &plan);
    }
    plan
}

type Rule = fn(&Input<'_>) -> Option<Plan>;

/// Held while deleting the object must delete a store that is known; an operator that was
/// uninstalled then strands nothing under `Retain` and `Observe`. Held under every policy while an
/// attempt to create the store is unresolved.
fn finalizer_of_the_living(input: &Input<'_>, plan: &Plan) -> FinalizerStep {
    let known = desired::store_id(input.object).is_some() || matches!(input.observed, Observed::Present(_));
    let recorded = input.desired.is_ok_and(|desired| desired.intent.is_some());
    let unresolved =
        !known && (recorded || plan.intent.is_some() || matches!(plan.action, Action::Create { .. }));
    let wanted = (input.object.deletes_store() && known) || unresolved;
    // It goes only where it is known that nothing was asked for or that a store is found.
    let blind = input.desired.is_err() || matches!(input.observed, Observed::Failed(_) | Observed::NotAsked);
    if !known && blind {
        return FinalizerStep::Keep;
    }
    match (wanted, input.object.has_our_finalizer()) {
        (true, false) => FinalizerStep::Add,
        (false, true) => FinalizerStep::Remove,
        _ => FinalizerStep::Keep,
    }
}

/// The id is noted in the intent as well, so that a status that was wiped does not make the store unknown.
fn resolved_intent(input: &Input<'_>) -> Option<Intent> {
    let Observed::Present(present) = input.observed else { return None };
    let named = input.object.names_store();
    let intent = input.desired.ok()?.intent.as_ref().filter(|intent| intent.id.is_none() && !named)?;
    let ours = present.tags.owner() == Some(intent.uid.as_str());
    ours.then(|| Intent { id: Some(present.store.id.clone()), ..intent.clone() })
}

/// The user allows one new store for the loss of this one.
fn recreation(input: &Input<'_>, missing: &str) -> Option<Plan> {
    let allowed = input.object.annotations().get(RECREATE_ANNOTATION).is_some_and(|id| id == missing);
    if !allowed || input.object.names_store() || !input.object.manages() {
        return None;
    }
    let desired = input.desired.ok()?;
    let request = CreateRequest::of(input.object, input.owner);
    let intent = Intent {
        uid: input.owner.uid.clone(),
        epoch: desired.intent.as_ref().map_or(1, |intent| intent.epoch + 1),
        attempt: 0,
        replica: input.settings.replica.clone(),
        started_at: input.now,
        account: None,
        region: desired.region.clone(),
        name: request.name.clone(),
        request_hash: creation::request_hash(input, &request),
        tag_keys: Vec::new(),
        id: None,
        replaces: Some(missing.to_owned()),
    };
    Some(Plan { intent: Some(Box::new(intent)), ..Plan::wait(State::Creating, Next::Quick) })
}

impl Plan {
    fn wait(state: State, next: Next) -> Self {
        Self { finalizer: FinalizerStep::Keep, intent: None, action: Action::None, state, next }
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
    input.object.is_paused().then(|| Plan::wait(State::Paused, Next::Poll))
}

fn invalid(input: &Input<'_>) -> Option<Plan> {
    let error = input.desired.err()?;
    Some(Plan::wait(State::InvalidSpec { message: error.to_string() }, Next::Poll))
}

fn call_failed(input: &Input<'_>) -> Option<Plan> {
    let Observed::Failed(error) = input.observed else { return None };
    Some(Plan::wait(State::CallFailed(error.clone()), Next::Backoff))
}

fn absence_is_confirmed(input: &Input<'_>) -> bool {
    if input.recollection.delete_accepted_for.is_some() {
        return true;
    }
    // A store that was just made, and never seen since, may not show yet.
    let intent = input.desired.ok().and_then(|desired| desired.intent.as_ref());
    let named = input.object.names_store();
    let fresh = intent.is_some_and(|intent| {
        !named && intent.id.is_none() && creation::rest_of_window(input, intent).is_some()
    });
    !fresh && input.recollection.absent_for.is_some_and(|absent| absent >= ABSENCE_CONFIRMED_AFTER)
}
