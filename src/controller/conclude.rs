//! Where an object stands after the apply step, and what its next pass waits for. Pure: no I/O.

use crate::apply::Effect;
use crate::plan::{Next, Plan, Refusal, State, blocked_by_aws};
use crate::store::Observed;

/// Where the object stands now.
#[derive(Clone, Debug)]
pub struct Conclusion {
    pub state: State,
    pub next: Next,
    /// The status holds the id of a store that the operator has just created, which nobody else knows.
    pub must_be_saved: bool,
}

impl Conclusion {
    fn of(state: State, next: Next) -> Self {
        Self { state, next, must_be_saved: false }
    }
}

/// The store as the response to the AWS call shows it.
#[must_use]
pub fn observed_after(effect: &Effect) -> Option<Observed> {
    match effect {
        Effect::Created(present) | Effect::Accepted { present: Some(present), .. } => {
            Some(Observed::Present(present.clone()))
        }
        _ => None,
    }
}

/// If the call changed what is known, plans again. The new state counts if that plan sends no call; otherwise the state of
/// the first plan stands. So an update ends in the pass that made it, and a denial is reported as what it means for the
/// object.
#[must_use]
pub fn conclude(plan: &Plan, effect: &Effect, plan_again: impl FnOnce() -> Plan) -> Conclusion {
    let planned = || Conclusion::of(plan.state.clone(), plan.next);
    let so = |state| Conclusion::of(state, plan.next);
    match effect {
        Effect::Nothing | Effect::Accepted { present: None, .. } => planned(),
        Effect::Accepted { present: Some(_), .. } | Effect::Denied(_) => {
            let again = plan_again();
            if again.action.operation().is_none() {
                Conclusion::of(again.state, again.next)
            } else {
                planned()
            }
        }
        Effect::Created(_) => Conclusion { must_be_saved: true, ..so(State::Creating) },
        Effect::CreationUnknown { attempt } => so(State::OutcomeUnknown { attempt: *attempt }),
        Effect::NotCreated { error, .. } | Effect::Failed(error) => so(State::CallFailed(error.clone())),
        Effect::DeleteAccepted | Effect::DeleteNotFound => so(State::Deleting),
        Effect::DeleteRefused { read_sets, .. } => {
            so(blocked_by_aws(&Refusal { read_sets: read_sets.clone(), due: false }))
        }
    }
}
