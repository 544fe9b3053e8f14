//! Waits until the call of a plan may be sent, and looks again at what has become old. I/O: waits, and AWS, read-only.

use std::time::{Duration, Instant};

use super::Pass;
use crate::aws::Turn;
use crate::observe::{Known, Observation};
use crate::plan::Plan;
use crate::store::{Observed, Prepared};

/// What is older does not show any more whose a store is: an object, here or in another cluster, may have taken it over.
const OBSERVED_RECENTLY: Duration = Duration::from_secs(15);

impl Pass<'_> {
    /// The turn of the plan's call, with what the call rests on. It is taken before the live read of the object and before
    /// anything is written down, so that the call leaves at once after that. No turn where no call is planned, or where
    /// another one is planned now than before the wait.
    pub(super) async fn in_turn(
        &mut self,
        prepared: &Prepared,
        known: &Known,
        observation: Observation,
        plan: Plan,
    ) -> (Observation, Plan, Option<Turn>) {
        let Some((operation, region)) = plan.action.call() else {
            return (observation, plan, None);
        };
        let turn = self.aws.turn(operation, region).await;
        if !is_old(observation.looked_from, Instant::now()) {
            return (observation, plan, Some(turn));
        }
        let observation = match observation.observed {
            Observed::Present(_) => self.look_again(prepared, observation).await,
            _ => self.observe(prepared, known).await,
        };
        let plan = self.plan(prepared, &observation);
        let is_same = plan.action.call().is_some_and(|(operation, region)| turn.is_for(operation, region));
        (observation, plan, is_same.then_some(turn))
    }

    async fn look_again(&mut self, prepared: &Prepared, before: Observation) -> Observation {
        let observation = self.context.observer(&self.aws).look_again(prepared, before).await;
        self.record.observed(prepared, &observation, Instant::now(), fastrand::f64());
        observation
    }
}

/// Whether what the plan rests on is too old: whose a store is, or that there is none.
fn is_old(looked_from: Instant, now: Instant) -> bool {
    now.duration_since(looked_from) > OBSERVED_RECENTLY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_repeated_before_a_change_that_rests_on_an_old_one() {
        let looked_from = Instant::now();
        let is_old = |seconds| is_old(looked_from, looked_from + Duration::from_secs(seconds));
        assert!(!is_old(15));
        assert!(is_old(16));
    }
}
