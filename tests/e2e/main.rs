//! End-to-end tests: the operator runs as its own process, with the chart's ServiceAccount, against a real
//! kube-apiserver and the HealthOmics simulator.
//!
//! All tests share one control plane and run in parallel. Each test has its own namespace, simulator and operator
//! process, so no test sees another test's objects, stores or requests.

mod account;
#[path = "../admission/mod.rs"]
mod admission;
mod adoption;
mod assertions;
mod aws_access;
mod aws_errors;
mod bad_input;
mod bindings;
mod budget;
mod called_operations;
mod chart;
mod clear_fields;
mod cli_bindings;
mod cli_document;
mod cli_export;
mod cli_permissions;
mod cli_plan;
mod cli_runner;
mod connection;
mod coverage;
mod create;
mod credentials;
mod defaults;
mod deletion;
mod deletion_defaults;
mod denied_changes;
#[path = "../documents/pages.rs"]
mod docs;
mod docs_manifests;
mod docs_pages;
mod drift;
mod events;
mod first_hour_cli;
mod first_hour_kubectl;
mod helm_and_kubectl_wait;
mod immutable_fields;
mod isolation;
mod kubectl;
mod kubernetes_proxy;
mod leadership;
mod metrics;
mod missing_permissions;
mod networks;
mod ownership;
mod paused;
mod process;
mod protection;
mod ratcheting;
mod read_sets;
mod recorder;
mod records;
mod rejected_requests;
mod required_members;
mod restarts;
mod status_contract;
mod status_mirror;
mod steadiness;
mod steady_state;
mod store_status;
mod sweep;
mod tenant_policies;
mod traces;
mod turns;
mod update;
mod watch_decoding;
mod watch_health;
mod watch_namespaces;
mod watch_relist;
mod world;
mod write_conflicts;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Failed, Trial};
use recorder::Recorder;
use world::Cluster;

/// More than there are CPUs, because tests spend most of their time waiting.
const PARALLEL_TESTS: usize = 20;

const TESTS: &[&[Test]] = &[
    account::TESTS,
    adoption::TESTS,
    aws_access::TESTS,
    aws_errors::TESTS,
    bad_input::TESTS,
    bindings::attacks::TESTS,
    bindings::changes::TESTS,
    bindings::limits::TESTS,
    bindings::sessions::TESTS,
    bindings::tenants::TESTS,
    budget::namesakes::TESTS,
    budget::order::TESTS,
    budget::pace::TESTS,
    budget::refused_credentials::TESTS,
    budget::storm::TESTS,
    chart::exact::TESTS,
    clear_fields::TESTS,
    cli_bindings::TESTS,
    cli_document::TESTS,
    cli_export::TESTS,
    cli_permissions::TESTS,
    cli_plan::TESTS,
    connection::at_rest::TESTS,
    connection::conflicts::TESTS,
    connection::crashes::TESTS,
    connection::keeping::TESTS,
    connection::rights::TESTS,
    create::TESTS,
    credentials::chained::TESTS,
    credentials::clock::TESTS,
    credentials::refusals::TESTS,
    credentials::rotation::TESTS,
    credentials::secrets::TESTS,
    defaults::TESTS,
    deletion::TESTS,
    deletion_defaults::TESTS,
    denied_changes::TESTS,
    docs_manifests::TESTS,
    docs_pages::TESTS,
    drift::TESTS,
    events::TESTS,
    first_hour_cli::TESTS,
    first_hour_kubectl::TESTS,
    helm_and_kubectl_wait::TESTS,
    immutable_fields::TESTS,
    isolation::TESTS,
    kubectl::TESTS,
    leadership::edits::TESTS,
    leadership::hand_over::TESTS,
    leadership::rights::TESTS,
    metrics::endpoint::TESTS,
    metrics::objects::TESTS,
    metrics::requests::TESTS,
    missing_permissions::TESTS,
    networks::credential_sources::TESTS,
    networks::denials::TESTS,
    networks::endpoints::TESTS,
    networks::own_account::TESTS,
    networks::proxies::TESTS,
    networks::start_up::TESTS,
    paused::TESTS,
    process::TESTS,
    protection::TESTS,
    ratcheting::TESTS,
    read_sets::TESTS,
    read_sets::counts::TESTS,
    read_sets::harmless::TESTS,
    rejected_requests::TESTS,
    restarts::TESTS,
    status_mirror::TESTS,
    steadiness::event_limits::TESTS,
    steadiness::rewritten_values::TESTS,
    steadiness::several_denials::TESTS,
    steadiness::tag_limit::TESTS,
    steady_state::TESTS,
    store_status::TESTS,
    sweep::changes::TESTS,
    sweep::choice::TESTS,
    sweep::faults::TESTS,
    sweep::restarts::TESTS,
    tenant_policies::TESTS,
    traces::TESTS,
    turns::TESTS,
    update::TESTS,
    write_conflicts::TESTS,
];

/// Of these many wait a minute or more for times of the operator: they run among the others, and none begins last.
const WAITING: &[&[Test]] = &[
    bindings::absent::TESTS,
    credentials::ways::TESTS,
    ownership::TESTS,
    records::absence::TESTS,
    records::claims::TESTS,
    records::deletable::TESTS,
    records::owner_names::TESTS,
    records::refused_create::TESTS,
    records::strays::TESTS,
    records::stripped::TESTS,
    required_members::TESTS,
    steadiness::api_server_errors::TESTS,
    steadiness::requests_in_a_loop::TESTS,
    watch_decoding::TESTS,
    watch_health::TESTS,
    watch_namespaces::TESTS,
    watch_relist::TESTS,
];

/// The tests in the order in which they begin: after every four of [`TESTS`] one of [`WAITING`].
fn in_order() -> Vec<Test> {
    let (tests, waiting) = (TESTS.concat(), WAITING.concat());
    let mut waiting = waiting.into_iter();
    let mut all = chart::FIRST.to_vec();
    for four in tests.chunks(4) {
        all.extend_from_slice(four);
        all.extend(waiting.next());
    }
    all.extend(waiting);
    all.extend_from_slice(chart::LAST);
    all
}

type Test = (&'static str, fn(Arc<Cluster>) -> world::TestFuture);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(PARALLEL_TESTS));
    let runtime = tokio::runtime::Runtime::new().expect("a tokio runtime");
    let shared: Arc<OnceLock<(Arc<Cluster>, Recorder)>> = Arc::default();

    let tests = in_order();
    let names = tests.iter().map(|(name, _)| (*name).to_owned()).collect();
    let coverage = Trial::test("e2e::coverage::every_state_and_error_has_a_test", move || {
        coverage::check(&names).map_err(Failed::from)
    });
    let mut trials: Vec<Trial> = tests
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
    trials.push(coverage);
    let conclusion = libtest_mimic::run(&arguments, trials);
    let all_tests_passed =
        arguments.filter.is_none() && arguments.skip.is_empty() && !conclusion.has_failed();
    let Some((cluster, recorder)) = Arc::into_inner(shared).and_then(OnceLock::into_inner) else {
        return conclusion.exit_code();
    };

    // These two check what the other tests left behind, so they run last and no filter skips them.
    let handle = runtime.handle().clone();
    let directory = cluster.plane.directory().to_owned();
    let status_contract = Trial::test("status_contract", move || {
        let recorded = handle.block_on(recorder.finish()).map_err(|e| Failed::from(e.to_string()))?;
        status_contract::check(&recorded, &directory).map_err(|e| Failed::from(e.to_string()))
    });
    let permissions = Trial::test("permissions_equal_what_was_called", move || {
        let figures = called_operations::compare(all_tests_passed).map_err(Failed::from)?;
        println!("permissions equal what was called: {figures}");
        Ok(())
    });
    let all = Arguments { filter: None, skip: Vec::new(), exact: false, ..arguments };
    let last = libtest_mimic::run(&all, vec![status_contract, permissions]);

    if let Some(cluster) = Arc::into_inner(cluster) {
        runtime.block_on(cluster.stop());
    }
    if conclusion.has_failed() { conclusion.exit_code() } else { last.exit_code() }
}

async fn start() -> (Arc<Cluster>, Recorder) {
    let cluster = Cluster::start().await;
    let file = cluster.plane.directory().join("versions.jsonl");
    let recorder = Recorder::start(cluster.plane.client(), &file).await.expect("the recording starts");
    (cluster, recorder)
}
