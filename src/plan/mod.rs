//! The plan step: decides what to do next by two tables of rules, of which the first match wins. Pure: no I/O.
//!
//! `life` has the rules for an object that stays, `deletion` those for an object that is being deleted.

mod absence;
mod action;
mod connection;
mod creation;
mod deletion;
mod input;
mod life;
mod ownership;
mod policy;
mod state;
mod tag_limit;
mod target;
#[cfg(test)]
mod tests;
mod update;

use std::time::Duration;

use crate::store::{Intent, Observed, identity};
pub use absence::{ABSENCE_CONFIRMED_AFTER, gone_tag_keys};
pub use action::Action;
pub use connection::{
    ConnectionOutcome, ConnectionStep, FoundConfigMap, ShownConnection, connection_needs_pass,
    connection_step, found_config_map, is_owned_by, new_config_map,
};
pub(crate) use deletion::blocked_by_aws;
pub use input::{Correction, Denial, Input, Recollection, Refusal, Settings, TakeOver};
pub use state::{NotKept, PinnedBy, State, StoreOwner, TaggedOwner};
pub use target::{Target, target};

/// After AWS accepted a delete, reads may lag this long before the delete is sent again.
pub const DELETE_GRACE: Duration = Duration::from_secs(60);

/// What to do in this pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub finalizer: FinalizerStep,
    /// The intent to write to the object, in one patch with the finalizer.
    pub intent: Option<Box<Intent>>,
    /// The one AWS call of this pass that changes something.
    pub action: Action,
    /// Where the object stands; `status` turns it into conditions.
    pub state: State,
    /// When the next pass is due.
    pub next: Next,
}

/// What to do with this operator's finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalizerStep {
    Keep,
    /// The first write of the pass.
    Add,
    /// The last write of the pass.
    Remove,
}

/// When the next pass is due. `controller/requeue.rs` turns it into a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// In seconds, because AWS is changing or deleting the store.
    Quick,
    /// As soon as a second look at something that was not there would count.
    Confirm,
    /// When the attempt to create the store must be visible, and a few times before.
    Within {
        rest: Duration,
        /// How long this process has known of the attempt.
        known_for: Duration,
    },
    /// After the poll interval.
    Poll,
    /// After the back-off of the failed call that the state holds.
    Backoff,
}

/// A rule returns a plan where it applies.
type Rule = fn(&Input<'_>) -> Option<Plan>;

#[must_use]
pub fn plan(input: &Input<'_>) -> Plan {
    let is_being_deleted = input.object.is_being_deleted();
    let rules = if is_being_deleted { deletion::RULES } else { life::RULES };
    let verdict = rules.iter().find_map(|rule| rule(input));
    // Each table ends with a rule for everything that is left; the fallback keeps the function total.
    let mut plan = verdict.unwrap_or_else(|| Plan::wait(State::Reconciling, Next::Poll));
    if !is_being_deleted && !input.object.is_paused() {
        plan.intent = plan.intent.or_else(|| resolved_intent(input).map(Box::new));
        plan.finalizer = finalizer_while_alive(input, &plan);
    }
    plan
}

/// The finalizer is held where deleting the object must delete a known store or one that is being adopted, and, whatever
/// the policies, while an attempt to create a store is unresolved. Otherwise it is removed, so that an object with `Retain` or `Observe` can be
/// deleted after the operator is uninstalled.
fn finalizer_while_alive(input: &Input<'_>, plan: &Plan) -> FinalizerStep {
    let known = identity::store_id(input.object).is_some() || input.observed.present().is_some();
    let recorded = input.desired.is_ok_and(|desired| desired.intent.is_some());
    let unresolved =
        !known && (recorded || plan.intent.is_some() || matches!(plan.action, Action::Create { .. }));
    // The uid is written to a store of a former object before that store is known: reads may not show it for a while.
    let adopts = matches!(plan.state, State::Adopting | State::NotConverging(_));
    let wanted = (input.object.deletes_store(input.settings.deletion) && (known || adopts)) || unresolved;
    // While AWS could not be observed, nobody knows whether a store exists, so the finalizer stays as it is.
    let blind = input.desired.is_err() || matches!(input.observed, Observed::Failed(_) | Observed::NotAsked);
    if !known && blind {
        return FinalizerStep::Keep;
    }
    match (wanted, input.object.has_our_finalizer()) {
        (true, false) if only_names_a_store(input) => FinalizerStep::Keep,
        (true, false) => FinalizerStep::Add,
        (false, true) => FinalizerStep::Remove,
        (true, true) | (false, false) => FinalizerStep::Keep,
    }
}

/// An id in a spec that cannot be acted on is that of no store of this object: nothing must hold its deletion.
fn only_names_a_store(input: &Input<'_>) -> bool {
    let cannot_act = input.desired.is_err() || input.access.refusal().is_some();
    cannot_act && input.object.names_store() && !identity::is_recorded(input.object)
}

/// The intent also records the id, so that the store stays known when somebody clears the status.
fn resolved_intent(input: &Input<'_>) -> Option<Intent> {
    let present = input.observed.present()?;
    let named = input.object.names_store();
    let intent = input.desired.ok()?.intent.as_ref().filter(|intent| intent.id.is_none() && !named)?;
    let ours = present.tags.owner() == Some(intent.uid.as_str());
    ours.then(|| Intent { id: Some(present.store.id.clone()), ..intent.clone() })
}

impl Plan {
    /// Changes nothing in AWS.
    fn wait(state: State, next: Next) -> Self {
        Self { finalizer: FinalizerStep::Keep, intent: None, action: Action::None, state, next }
    }

    /// Lets Kubernetes delete the object.
    fn release(state: State) -> Self {
        Self { finalizer: FinalizerStep::Remove, ..Self::wait(state, Next::Poll) }
    }
}

// The first rules of both tables.

fn paused(input: &Input<'_>) -> Option<Plan> {
    input.object.is_paused().then(|| Plan::wait(State::Paused, Next::Poll))
}

/// No identity may act for the object, so AWS was not asked.
fn refused(input: &Input<'_>) -> Option<Plan> {
    let refusal = input.access.refusal()?;
    Some(Plan::wait(State::AccessRefused(refusal.clone()), Next::Poll))
}

fn invalid(input: &Input<'_>) -> Option<Plan> {
    let error = input.desired.err()?;
    Some(Plan::wait(State::InvalidSpec { message: error.to_string() }, Next::Poll))
}

fn call_failed(input: &Input<'_>) -> Option<Plan> {
    let Observed::Failed(error) = input.observed else { return None };
    Some(Plan::wait(State::CallFailed(error.clone()), Next::Backoff))
}
