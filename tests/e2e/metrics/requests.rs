//! The counters of requests and passes against what the simulator and the API server saw.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use healthomics_simulator::{Fault, FaultAction};
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;

use super::page::{Measured, Page};
use crate::world::{ACCOUNT, Cluster, Error, REGION, TIMEOUT, World, ensure, tests};

tests![
    requests_to_aws_are_counted_exactly_through_the_life_of_a_store,
    a_refused_request_has_its_outcome_and_code,
    passes_and_requests_to_kubernetes_are_counted,
];

const REQUESTS: &str = "sequencestore_aws_requests_total";

/// Waits until page and ledger agree; a request may be under way.
async fn until_counted(world: &World, measured: &Measured) -> Result<Page, Error> {
    let end = tokio::time::Instant::now() + TIMEOUT;
    loop {
        let page = measured.page().await?;
        let mut called: BTreeMap<String, u64> = BTreeMap::new();
        for entry in world.aws.ledger().await? {
            *called.entry(entry.operation.trim_start_matches("sts:").to_owned()).or_default() += 1;
        }
        let counted = page.by(REQUESTS, "operation");
        if counted == called {
            return Ok(page);
        }
        ensure!(tokio::time::Instant::now() < end, "AWS saw {called:?}, the page shows {counted:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn requests_to_aws_are_counted_exactly_through_the_life_of_a_store(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let measured = Measured::start(&world, &[])?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_ready("a").await?;
    let created = until_counted(&world, &measured).await?;
    let create = [("operation", "CreateSequenceStore"), ("outcome", "success"), ("region", REGION)];
    ensure!(created.sum(REQUESTS, &create) == 1, "{}", created.text);
    world.patch("a", json!({"spec": {"description": "reads", "tags": {"team": "lab"}}})).await?;
    world.until_calls("TagResource", 1).await?;
    let updated = until_counted(&world, &measured).await?;
    ensure!(updated.sum(REQUESTS, &[("operation", "UpdateSequenceStore")]) == 1, "{}", updated.text);
    world.until_ready("a").await?;
    world.delete("a").await?;
    world.until_gone("a").await?;
    let page = until_counted(&world, &measured).await?;
    let delete = [("operation", "DeleteSequenceStore"), ("account", ACCOUNT)];
    ensure!(page.sum(REQUESTS, &delete) == 1, "{}", page.text);
    let timed = page.by("sequencestore_aws_request_duration_seconds_count", "operation");
    ensure!(timed == page.by(REQUESTS, "operation"), "each request has its duration: {timed:?}");
    Ok(())
}

async fn a_refused_request_has_its_outcome_and_code(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    let throttled = FaultAction::error("ThrottlingException");
    world.aws.script_fault(&Fault::once("GetSequenceStore", throttled)).await?;
    let measured = Measured::start(&world, &[])?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let page = until_counted(&world, &measured).await?;
    let throttled =
        [("operation", "GetSequenceStore"), ("outcome", "throttled"), ("code", "ThrottlingException")];
    ensure!(page.sum(REQUESTS, &throttled) == 1, "{}", page.text);
    Ok(())
}

async fn passes_and_requests_to_kubernetes_are_counted(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    let measured = Measured::start(&world, &["--concurrency=3"])?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let passes = "controller_runtime_reconcile_total";
    let page =
        measured.until("a pass", |page| page.sum(passes, &[("controller", "sequencestore")]) > 0).await?;
    ensure!(page.sum(passes, &[("result", "error")]) == 0, "{}", page.text);
    ensure!(page.sum("controller_runtime_max_concurrent_reconciles", &[]) == 3, "{}", page.text);
    let timed = page.sum("controller_runtime_reconcile_time_seconds_count", &[]);
    ensure!(timed == page.sum(passes, &[]), "each pass has its duration: {timed}");
    let requests = "rest_client_requests_total";
    ensure!(page.sum(requests, &[("method", "PATCH"), ("code", "200")]) >= 1, "{}", page.text);
    ensure!(page.sum(requests, &[("method", "GET"), ("code", "200")]) >= 1, "{}", page.text);
    let server = world.cluster.plane.kubeconfig_for("default", "default").await?;
    let server = std::fs::read_to_string(server)?;
    let hosts = page.by(requests, "host");
    let host = hosts.keys().next().ok_or("no host")?;
    ensure!(hosts.len() == 1 && server.contains(host.as_str()), "{hosts:?}");
    Ok(())
}
