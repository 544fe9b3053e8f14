//! Every way in which a call to AWS can fail: what the object reports and keeps, and that it recovers.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, StoreRecord};
use sequencestore_operator::crd::SequenceStore;
use serde_json::json;

use crate::world::{Cluster, Error, Start, World, condition, ensure, message, status, tests};

tests![
    a_settled_object_reports_every_kind_of_failure_and_recovers,
    a_new_object_reports_every_kind_of_failure_and_recovers,
    a_failure_to_read_tags_affects_synced_only,
    two_transient_failures_in_a_row_are_not_reported,
    the_sdk_does_not_retry_a_failed_call,
    the_reconcile_annotation_requests_a_pass,
];

/// What an object reports while GetSequenceStore fails in one way.
struct Row {
    name: &'static str,
    action: FaultAction,
    reason: &'static str,
    progress: &'static str,
    says: &'static str,
}

fn row(
    name: &'static str,
    action: FaultAction,
    reason: &'static str,
    progress: &'static str,
    says: &'static str,
) -> Row {
    Row { name, action, reason, progress, says }
}

fn table() -> Vec<Row> {
    let error = FaultAction::error;
    let get = "omics:GetSequenceStore";
    vec![
        row("internal", error("InternalServerException"), "AwsUnavailable", "Reconciling", get),
        row("timeout", error("RequestTimeoutException"), "AwsUnavailable", "Reconciling", get),
        row("throttling", error("ThrottlingException"), "Throttled", "Reconciling", get),
        row("denied", error("AccessDeniedException"), "AccessDenied", "Reconciling", get),
        row("expired", error("ExpiredTokenException"), "AccessDenied", "Reconciling", "credentials"),
        row(
            "unknown-key",
            error("UnrecognizedClientException"),
            "AccessDenied",
            "Reconciling",
            "credentials",
        ),
        row(
            "validation",
            error("ValidationException"),
            "InvalidSpec",
            "Stalled",
            "A scripted fault of the simulator",
        ),
        row("new-error", error("SomethingNewException"), "AwsUnavailable", "Reconciling", get),
        row("html-200", FaultAction::Html { status: 200 }, "AwsUnavailable", "Reconciling", get),
        row("html-403", FaultAction::Html { status: 403 }, "AwsUnavailable", "Reconciling", get),
        row("html-404", FaultAction::Html { status: 404 }, "AwsUnavailable", "Reconciling", get),
        row("html-503", FaultAction::Html { status: 503 }, "AwsUnavailable", "Reconciling", get),
        row("truncated", FaultAction::TruncatedJson, "AwsUnavailable", "Reconciling", get),
        row("cut", FaultAction::CutBody, "AwsUnavailable", "Reconciling", get),
        row("empty-object", FaultAction::EmptyObject, "AwsUnavailable", "Reconciling", get),
        row("empty-body", FaultAction::EmptyBody, "AwsUnavailable", "Reconciling", get),
        row("wrong-id", FaultAction::WrongId, "AwsUnavailable", "Reconciling", get),
        row("wrong-arn", FaultAction::WrongArn, "AwsUnavailable", "Reconciling", get),
        row("reset", FaultAction::Reset, "AwsUnavailable", "Reconciling", get),
        row("hang", FaultAction::Hang, "AwsUnavailable", "Reconciling", get),
        row("new-status", replaced(json!("ARCHIVING")), "UnknownStatus", "Reconciling", "ARCHIVING"),
        row("no-status", replaced(json!(null)), "UnknownStatus", "Reconciling", "no status"),
    ]
}

fn replaced(status: serde_json::Value) -> FaultAction {
    FaultAction::Replace { member: "status".into(), value: status }
}

async fn inject_fault(
    world: &World,
    operation: &str,
    store: &StoreRecord,
    action: FaultAction,
) -> Result<(), Error> {
    let fault = Fault { store_id: Some(store.id.clone()), ..Fault::always(operation, action) };
    world.aws.script_fault(&fault).await?;
    Ok(())
}

async fn until_reported(world: &World, row: &Row) -> Result<SequenceStore, Error> {
    let object = world.until_condition(row.name, "Ready", "False", row.reason).await?;
    let other = if row.progress == "Stalled" { "Reconciling" } else { "Stalled" };
    ensure!(
        condition(&object, row.progress).is_some() && condition(&object, other).is_none(),
        "{} is not {}: {:?}",
        row.name,
        row.progress,
        status(&object).conditions
    );
    let text = message(&object, "Ready");
    ensure!(text.contains(row.says), "{}: {} is not in: {text}", row.name, row.says);
    Ok(object)
}

async fn ensure_recovery(world: &World, rows: &[Row]) -> Result<(), Error> {
    world.aws.clear_faults().await?;
    for row in rows {
        world.reconcile_now(row.name).await?;
    }
    for row in rows {
        world.until_ready(row.name).await?;
        world.until_condition(row.name, "Synced", "True", "InSync").await?;
    }
    world.ensure_no_store_changed().await
}

/// The default concurrency is too low here: the calls that hang would hold up the other objects. And throttled polls are
/// usually reported after minutes only.
fn reporting_soon() -> Start {
    let flags = ["--poll-interval=2s", "--concurrency=32", "--throttled-grace=1s"];
    Start { flags: flags.map(String::from).to_vec(), ..Start::default() }
}

async fn a_settled_object_reports_every_kind_of_failure_and_recovers(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&reporting_soon())?;
    let rows = table();
    let mut stores = Vec::new();
    for row in &rows {
        let store = world.seed().await?;
        world.adopt(row.name, &store).await?;
        stores.push(store);
    }
    for row in &rows {
        world.until_ready(row.name).await?;
    }
    for (row, store) in rows.iter().zip(&stores) {
        inject_fault(&world, "GetSequenceStore", store, row.action.clone()).await?;
    }
    for (row, store) in rows.iter().zip(&stores) {
        let object = until_reported(&world, row).await?;
        let mirror =
            status(&object).store.ok_or_else(|| format!("{}: the status lost the store", row.name))?;
        ensure!(mirror.id == store.id && mirror.arn == store.arn, "{}: mirrors {mirror:?}", row.name);
        if row.reason != "UnknownStatus" {
            ensure!(mirror.status.as_deref() == Some("ACTIVE"), "{}: mirrors {mirror:?}", row.name);
        }
    }
    ensure_recovery(&world, &rows).await
}

async fn a_new_object_reports_every_kind_of_failure_and_recovers(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&reporting_soon())?;
    let rows = table();
    for row in &rows {
        let store = world.seed().await?;
        inject_fault(&world, "GetSequenceStore", &store, row.action.clone()).await?;
        world.adopt(row.name, &store).await?;
    }
    for row in &rows {
        let object = until_reported(&world, row).await?;
        ensure!(
            status(&object).store.is_none() || row.reason == "UnknownStatus",
            "{}: the status shows a store that AWS never returned",
            row.name
        );
    }
    ensure_recovery(&world, &rows).await
}

async fn a_failure_to_read_tags_affects_synced_only(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&reporting_soon())?;
    let error = FaultAction::error;
    let tags = "omics:ListTagsForResource";
    let rows = [
        row("internal", error("InternalServerException"), "AwsUnavailable", "", tags),
        row("throttling", error("ThrottlingException"), "Throttled", "", tags),
        row("denied", error("AccessDeniedException"), "AccessDenied", "", tags),
        row("missing", error("ResourceNotFoundException"), "AwsUnavailable", "", tags),
        row("html", FaultAction::Html { status: 200 }, "AwsUnavailable", "", tags),
    ];
    for row in &rows {
        let store = world.seed().await?;
        world.aws.change_store(&store.id, json!({"tags": {"team": "genomics"}})).await?;
        world.adopt(row.name, &store).await?;
        world.until_ready(row.name).await?;
        inject_fault(&world, "ListTagsForResource", &store, row.action.clone()).await?;
    }
    for row in &rows {
        let object = world.until_condition(row.name, "Synced", "False", row.reason).await?;
        ensure!(condition(&object, "Ready").is_some_and(|c| c.status == "True"), "{}: not ready", row.name);
        ensure!(message(&object, "Synced").contains(row.says), "{}", message(&object, "Synced"));
        let shown = status(&object).store.and_then(|store| store.tags);
        let kept = shown.is_some_and(|tags| tags.get("team").is_some_and(|team| team == "genomics"));
        ensure!(kept == (row.name != "denied"), "{}: tags kept: {kept}", row.name);
    }
    ensure_recovery(&world, &rows).await
}

async fn two_transient_failures_in_a_row_are_not_reported(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let before = world.until_ready("a").await?;
    world.until_more_gets(&store, 1).await?;
    for code in ["InternalServerException", "ThrottlingException"] {
        let mark = world.mark();
        let fault = Fault { times: Some(2), ..Fault::always("GetSequenceStore", FaultAction::error(code)) };
        let number = world.aws.script_fault(&fault).await?;
        let struck = |gets: &[healthomics_simulator::LedgerEntry]| {
            gets.iter().filter(|get| get.fault_number == Some(number)).count()
        };
        while struck(&world.gets_of(&store).await?) < 2 {
            world.until_more_gets(&store, 1).await?;
        }
        world.until_more_gets(&store, 2).await?;
        let writes = world.operator_writes(&mark);
        ensure!(writes.is_empty(), "two times {code} made {writes:?}");
    }
    let after = world.api.get("a").await?;
    ensure!(after.status == before.status, "changed: {:?}", after.status);
    Ok(())
}

async fn the_sdk_does_not_retry_a_failed_call(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let fault = FaultAction::error("InternalServerException");
    world.aws.script_fault(&Fault::always("GetSequenceStore", fault)).await?;
    world.adopt("a", &store).await?;
    world.until_more_gets(&store, 3).await?;
    let gets = world.gets_of(&store).await?;
    let attempts: Vec<_> = gets.iter().map(|get| get.attempt.clone().unwrap_or_default()).collect();
    ensure!(attempts.iter().all(|attempt| attempt == "attempt=1; max=1"), "attempts {attempts:?}");
    let mut calls: Vec<_> = gets.iter().map(|get| get.invocation_id.clone()).collect();
    calls.sort();
    calls.dedup();
    ensure!(calls.len() == gets.len(), "{} requests for {} calls", gets.len(), calls.len());
    Ok(())
}

async fn the_reconcile_annotation_requests_a_pass(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator =
        world.operator(&Start { flags: vec!["--poll-interval=1h".into()], ..Start::default() })?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.aws.change_store(&store.id, json!({"description": "new"})).await?;
    let object = world.one_more_pass("a").await?;
    let shown = status(&object).store.and_then(|store| store.description);
    ensure!(shown.as_deref() == Some("new"), "the status shows {shown:?}");
    // A label causes no call to AWS; only the new value of the annotation does.
    let asked = world.gets_of(&store).await?.len();
    world.patch("a", json!({"metadata": {"labels": {"not": "ours"}}})).await?;
    world.one_more_pass("a").await?;
    ensure!(world.gets_of(&store).await?.len() == asked + 1, "a label caused a call to AWS");
    Ok(())
}
