//! Every alert of the chart fires and resolves: each test drives the cluster and AWS into a state, and a real Prometheus
//! scrapes real operators and evaluates the rules that the chart renders. Only the times in the rules are shortened.
//!
//! All tests share one control plane and one Prometheus. Each has its own namespace, simulator and operator.

mod aws_alerts;
mod dashboards;
mod object_alerts;
mod operator_alerts;
mod picture;
mod prometheus;
mod rules;
mod stage;
// It serves the end-to-end tests too, so not all of it is used here.
#[allow(dead_code)]
#[path = "../e2e/world.rs"]
mod world;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use stage::Stage;
use tokio::runtime::Runtime;

/// The world of a test hands over its requests at its end; only the end-to-end tests compare them with the IAM policy.
mod called_operations {
    pub fn record(_: &[healthomics_simulator::LedgerEntry]) {}
}

type Test = (&'static str, fn(Arc<Stage>) -> world::TestFuture);

/// With no operator and no CRD yet, so one after the other.
const FIRST: &[Test] = operator_alerts::FIRST;
const TESTS: &[&[Test]] = &[operator_alerts::TESTS, aws_alerts::TESTS, object_alerts::TESTS];
/// They look at what the others left in Prometheus.
const LAST: &[&[Test]] = &[stage::LAST, dashboards::LAST];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let runtime = Runtime::new().expect("a tokio runtime");
    let stage: Arc<OnceLock<Arc<Stage>>> = Arc::default();
    let run = |tests: &[Test], threads: usize| -> Conclusion {
        let arguments = Arguments { test_threads: Some(threads), ..arguments.clone() };
        let trials = tests.iter().map(|test| trial(*test, &stage, &runtime)).collect();
        libtest_mimic::run(&arguments, trials)
    };
    let mut conclusions = vec![run(FIRST, 1), run(&TESTS.concat(), 32)];
    if arguments.filter.is_none() && !conclusions.iter().any(Conclusion::has_failed) {
        conclusions.push(run(&LAST.concat(), 1));
    }
    if let Some(stage) = Arc::into_inner(stage).and_then(OnceLock::into_inner).and_then(Arc::into_inner) {
        runtime.block_on(stage.stop());
    }
    let failed = conclusions.iter().find(|conclusion| conclusion.has_failed());
    failed.map_or(ExitCode::SUCCESS, Conclusion::exit_code)
}

fn trial((name, test): Test, stage: &Arc<OnceLock<Arc<Stage>>>, runtime: &Runtime) -> Trial {
    let (stage, handle) = (Arc::clone(stage), runtime.handle().clone());
    Trial::test(name, move || {
        let _entered = handle.enter();
        let stage = stage.get_or_init(|| handle.block_on(Stage::start()));
        handle.block_on(test(Arc::clone(stage))).map_err(|error| Failed::from(format!("{error:#}")))
    })
}
