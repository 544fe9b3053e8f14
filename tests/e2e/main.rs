//! End-to-end tests: the operator as its own process, under the chart's ServiceAccount, on a real
//! kube-apiserver, against the simulator.
//!
//! All tests share one control plane and run side by side. Each has its own namespace, simulator and
//! operator process, so none sees another's objects, stores or requests.

mod account;
mod adoption;
mod checks;
mod contract;
mod create;
mod deletion;
mod denied;
mod errors;
mod frozen;
mod input;
mod isolation;
mod kubectl;
mod mirror;
mod ownership;
mod process;
mod quiet;
mod read_sets;
mod recorder;
mod restarts;
mod update;
mod waits;
mod world;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Failed, Trial};
use recorder::Recorder;
use world::Cluster;

/// Tests wait far more than they work.
const SIDE_BY_SIDE: usize = 16;

const TESTS: &[&[Test]] = &[
    account::TESTS,
    adoption::TESTS,
    create::TESTS,
    deletion::TESTS,
    denied::TESTS,
    errors::TESTS,
    frozen::TESTS,
    input::TESTS,
    isolation::TESTS,
    kubectl::TESTS,
    mirror::TESTS,
    ownership::TESTS,
    process::TESTS,
    quiet::TESTS,
    read_sets::TESTS,
    restarts::TESTS,
    update::TESTS,
    waits::TESTS,
];

type Test = (&'static str, fn(Arc<Cluster>) -> world::Outcome);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(SIDE_BY_SIDE));
    let runtime = tokio::runtime::Runtime::new().expect("a tokio runtime");
    let shared: Arc<OnceLock<(Arc<Cluster>, Recorder)>> = Arc::default();

    let tests = TESTS.concat();
    let trials: Vec<Trial> = tests
        .into_iter()
        .map(|(name, test): Test| {
            let (shared, handle) = (Arc::clone(&shared), runtime.handle().clone());
            Trial::test(name, move || {
                let _entered = handle.enter();
                let (cluster, _) = shared.get_or_init(|| handle.block_on(start()));
                handle.block_on(test(Arc::clone(cluster))).map_err(|e| Failed::from(format!("{e:#}")))
            })
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let Some((cluster, recorder)) = Arc::into_inner(shared).and_then(OnceLock::into_inner) else {
        return conclusion.exit_code();
    };

    // After all others, whatever was filtered out: it checks what they left behind.
    let handle = runtime.handle().clone();
    let directory = cluster.plane.directory().to_owned();
    let last = Trial::test("status_contract", move || {
        let recorded = handle.block_on(recorder.finish()).map_err(|e| Failed::from(e.to_string()))?;
        contract::check(&recorded, &directory).map_err(|e| Failed::from(e.to_string()))
    });
    let all = Arguments { filter: None, skip: Vec::new(), exact: false, ..arguments };
    let contract = libtest_mimic::run(&all, vec![last]);

    if let Some(cluster) = Arc::into_inner(cluster) {
        runtime.block_on(cluster.stop());
    }
    if conclusion.has_failed() { conclusion.exit_code() } else { contract.exit_code() }
}

async fn start() -> (Arc<Cluster>, Recorder) {
    let cluster = Cluster::start().await;
    let file = cluster.plane.directory().join("versions.jsonl");
    let recorder = Recorder::start(cluster.plane.client(), &file).await.expect("the recording starts");
    (cluster, recorder)
}
