//! Runs one plan: starts its environment, does what the user does, and compares the final state with the reference run.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Error;
use crate::cluster::Cluster;
use crate::environment::TestEnvironment;
use crate::plan::{FaultPlan, InjectedFault};
use crate::request::Occurrence;
use crate::snapshot::{POLL_INTERVAL, Snapshot, TIMEOUT, wait_for};

/// How long the reference run continues after it is complete, so that it includes requests which follow.
const SETTLE_TIME: Duration = Duration::from_secs(5);
/// How long a run must stay in its final state: longer than the restarted operator's poll interval.
const STABLE_FOR: Duration = Duration::from_millis(3000);
/// How long to wait for the fault after the run has reached the final state without it.
const FAULT_TIMEOUT: Duration = Duration::from_secs(8);

/// The result of a run without a fault.
pub struct ReferenceRun {
    pub final_state: Snapshot,
    /// The requests that changed something, in order.
    pub requests: Vec<Occurrence>,
}

/// The result of a run with a fault.
#[derive(Clone, Debug)]
pub enum Outcome {
    Survived,
    /// The run ended correctly, but the operator never sent the request at which the fault was to be injected.
    FaultNotReached,
    /// Contains the differences, the violated invariants and the end of the operators' logs.
    Failed(String),
}

pub async fn run_reference(cluster: &Cluster, plan: &FaultPlan) -> Result<ReferenceRun, Error> {
    let environment = TestEnvironment::start(cluster, plan).await?;
    let run = async {
        start_flow(&environment, plan).await?;
        wait_for(&environment, "the flow is complete", |state| plan.flow.is_complete(state)).await?;
        sleep(SETTLE_TIME).await;
        let final_state = Snapshot::take(&environment).await?;
        let violations = violations(&environment).await?;
        if !plan.flow.is_complete(&final_state) || !violations.is_empty() {
            return Err(format!("the final state is not stable: {violations:?} {final_state:#?}").into());
        }
        Ok(ReferenceRun { final_state, requests: environment.injector.seen() })
    };
    let result = run.await.map_err(|error: Error| {
        format!("the reference run of {} failed: {error}\n{}", plan.flow, environment.logs()).into()
    });
    environment.stop().await;
    result
}

pub async fn run_plan(cluster: &Cluster, plan: &FaultPlan, reference: &Snapshot) -> Outcome {
    let environment = match TestEnvironment::start(cluster, plan).await {
        Ok(environment) => environment,
        Err(error) => return Outcome::Failed(format!("    ! could not start the plan: {error}\n")),
    };
    let outcome = match run_and_compare(&environment, plan, reference).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed(format!("    {error}\n")),
    };
    let outcome = match outcome {
        Outcome::Failed(text) => Outcome::Failed(format!("{text}{}", environment.logs())),
        other => other,
    };
    environment.stop().await;
    outcome
}

async fn start_flow(environment: &TestEnvironment, plan: &FaultPlan) -> Result<(), Error> {
    plan.flow.prepare(environment).await?;
    environment.injector.start_counting();
    plan.flow.act(environment).await
}

async fn run_and_compare(
    environment: &TestEnvironment,
    plan: &FaultPlan,
    reference: &Snapshot,
) -> Result<Outcome, Error> {
    start_flow(environment, plan).await?;
    let deadline = Instant::now() + TIMEOUT;
    let mut accepted_since: Option<Instant> = None;
    loop {
        let state = Snapshot::take(environment).await?;
        let violations = violations(environment).await?;
        if !violations.is_empty() {
            let text: String = violations.iter().map(|line| format!("    ! {line}\n")).collect();
            return Ok(Outcome::Failed(format!("{text}{}", state.differences(reference))));
        }
        if plan.flow.accepts(&state, reference, plan.replicas) {
            let accepted_since = *accepted_since.get_or_insert_with(Instant::now);
            match environment.injector.last_injection() {
                Some(injected) if accepted_since.max(injected).elapsed() >= STABLE_FOR => {
                    return Ok(Outcome::Survived);
                }
                None if accepted_since.elapsed() >= FAULT_TIMEOUT => return Ok(Outcome::FaultNotReached),
                _ => {}
            }
        } else {
            accepted_since = None;
        }
        if Instant::now() >= deadline {
            let message =
                "    ! the run did not reach the final state of the reference run (- wanted, + found)\n";
            return Ok(Outcome::Failed(format!("{message}{}", state.differences(reference))));
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// The invariants that the run has violated so far.
async fn violations(environment: &TestEnvironment) -> Result<Vec<String>, Error> {
    let mut violations = environment.injector.violations();
    violations.extend(environment.changed_foreign_stores().await?);
    violations.extend(environment.calls_with_another_identity().await?);
    // The list includes deleted stores, so this also detects two stores that existed at different times.
    let stores = environment.stores().await?;
    if stores.len() > 1 {
        let ids: Vec<String> = stores.iter().map(|store| format!("{} {}", store.id, store.status)).collect();
        violations.push(format!(
            "the operator created {} stores for one object: {}",
            stores.len(),
            ids.join(", ")
        ));
    }
    Ok(violations)
}

/// Whether a run of this plan may miss the request at which the fault is to be injected: two replicas share the work
/// differently in each run.
pub fn may_miss_fault(plan: &FaultPlan) -> bool {
    plan.replicas > 1 && matches!(plan.fault, InjectedFault::Kill(_))
}
