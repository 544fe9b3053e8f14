//! End-to-end tests: the operator as its own process, under the chart's ServiceAccount, on a real
//! kube-apiserver, against the simulator.
//!
//! All tests share one control plane and run side by side. Each has its own namespace, simulator and
//! operator process, so none sees another's objects, stores or requests.

mod account;
#[path = "../admission/mod.rs"]
mod admission;
mod adoption;
mod bad_input;
mod checks;
mod clearing;
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
mod protection;
mod quiet;
mod ratcheting;
mod read_sets;
mod restarts;
mod update;
mod world;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Failed, Trial};
use world::Cluster;

/// Tests wait far more than they work.
const SIDE_BY_SIDE: usize = 16;

const TESTS: &[&[Test]] = &[
    account::TESTS,
    adoption::TESTS,
    bad_input::TESTS,
    clearing::TESTS,
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
    protection::TESTS,
    quiet::TESTS,
    ratcheting::TESTS,
    read_sets::TESTS,
    restarts::TESTS,
    update::TESTS,
];

type Test = (&'static str, fn(Arc<Cluster>) -> world::Outcome);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(SIDE_BY_SIDE));
    let runtime = tokio::runtime::Runtime::new().expect("a tokio runtime");
    let cluster: Arc<OnceLock<Arc<Cluster>>> = Arc::default();

    let tests = TESTS.concat();
    let trials: Vec<Trial> = tests
        .into_iter()
        .map(|(name, test): Test| {
            let (cluster, handle) = (Arc::clone(&cluster), runtime.handle().clone());
            Trial::test(name, move || {
                let _entered = handle.enter();
                let cluster = cluster.get_or_init(|| handle.block_on(Cluster::start()));
                handle.block_on(test(Arc::clone(cluster))).map_err(|e| Failed::from(format!("{e:#}")))
            })
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(cluster) = Arc::into_inner(cluster).and_then(OnceLock::into_inner).and_then(Arc::into_inner) {
        runtime.block_on(cluster.stop());
    }
    conclusion.exit_code()
}
