//! Waits until the call of a plan may be sent, and looks again where that took long. I/O: waits, and AWS, read-only.

use std::time::Duration;

use super::Pass;
use crate::aws::Turn;
use crate::observe::{Known, Observation};
use crate::plan::Plan;
use crate::store::Prepared;

/// After a longer wait the plan rests on what may no longer be so: whose the store is, and whether there is one.
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
        let Some((operation, region)) = plan.action.operation().zip(plan.action.region()) else {
            return (observation, plan, None);
        };
        let turn = self.aws.turn(operation, region).await;
        if turn.waited <= OBSERVED_RECENTLY {
            return (observation, plan, Some(turn));
        }
        let observation = self.observe(prepared, known).await;
        let plan = self.plan(prepared, &observation);
        let call = plan.action.operation().zip(plan.action.region());
        let is_same = call.is_some_and(|(operation, region)| turn.is_for(operation, region));
        (observation, plan, is_same.then_some(turn))
    }
}
