//! Permissions, credentials and endpoint: the object reports what a person has to correct, and recovers once that is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Options, SeedStore, Simulator};
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;

use crate::assertions::{ensure_reconciling, ensure_stalled, has_finalizer};
use crate::world::{
    ACCOUNT, Cluster, Error, Start, World, closed_address, condition, ensure, message, status, tests,
};

tests![
    a_denied_call_stalls_after_the_grace_period_and_across_a_restart,
    the_operator_reports_expired_credentials,
    the_operator_reports_missing_credentials,
    the_operator_retries_until_the_endpoint_accepts_connections,
    a_store_in_another_region_is_reported_as_store_not_found,
    a_404_never_releases_the_object_while_the_account_is_unknown,
    the_operator_keeps_the_finalizer_until_a_failing_deletion_succeeds,
];

fn short_denied_grace() -> Start {
    Start { flags: vec!["--poll-interval=2s".into(), "--denied-grace=3s".into()], ..Start::default() }
}

async fn a_denied_call_stalls_after_the_grace_period_and_across_a_restart(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let operator = world.operator(&short_denied_grace())?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.aws.allow_actions(ACCOUNT, Some(Vec::new())).await?;
    let object = world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    ensure_reconciling(&object)?;
    ensure!(message(&object, "Ready").contains("omics:GetSequenceStore"), "{}", message(&object, "Ready"));
    world.until_stalled("a").await?;
    operator.kill().await;
    // The new process does not know how long the denial has lasted, yet the object stays Stalled.
    let _operator = world.operator(&short_denied_grace())?;
    let object = world.one_more_pass("a").await?;
    ensure_stalled(&object)?;
    world.aws.allow_actions(ACCOUNT, None).await?;
    world.reconcile_now("a").await?;
    let object = world.until_ready("a").await?;
    ensure!(condition(&object, "Stalled").is_none(), "still Stalled");
    Ok(())
}

async fn the_operator_reports_expired_credentials(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let start = short_denied_grace();
    let _operator = world.operator(&start)?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.aws.expire_key(start.access_key).await?;
    let object = world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    ensure_reconciling(&object)?;
    let text = message(&object, "Ready");
    ensure!(text.contains("ExpiredTokenException") && text.contains("credentials"), "{text}");
    ensure!(status(&object).store.is_some_and(|s| s.id == store.id), "the status lost the store");
    world.aws.set_account(start.access_key, ACCOUNT).await?;
    world.reconcile_now("a").await?;
    world.until_ready("a").await?;
    Ok(())
}

async fn the_operator_reports_missing_credentials(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let none = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name, String::new()));
    let keyless = Start { environment: BTreeMap::from(none), ..short_denied_grace() };
    let operator = world.operator(&keyless)?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let object = world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    ensure_reconciling(&object)?;
    let text = message(&object, "Ready");
    ensure!(
        text.contains("credentials") && text.contains("role"),
        "the message does not say what to check: {text}"
    );
    ensure!(world.aws.ledger().await?.is_empty(), "AWS was called without credentials");
    operator.kill().await;
    let _operator = world.operator(&Start::default())?;
    world.until_ready("a").await?;
    Ok(())
}

async fn the_operator_retries_until_the_endpoint_accepts_connections(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let closed = closed_address()?;
    let environment = BTreeMap::from([("AWS_ENDPOINT_URL_OMICS", format!("http://{closed}"))]);
    let _operator = world.operator(&Start { environment, ..Start::default() })?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let object = world.until_condition("a", "Ready", "False", "AwsUnavailable").await?;
    ensure_reconciling(&object)?;
    let late = Simulator::start(Options { listen: closed, ..Options::default() }).await?;
    late.client().seed_store(&SeedStore { id: Some(store.id.clone()), ..SeedStore::default() }).await?;
    world.until_ready("a").await?;
    Ok(())
}

async fn a_store_in_another_region_is_reported_as_store_not_found(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start { region: Some("eu-west-1"), ..Start::default() })?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let object = world.until_condition("a", "Ready", "False", "StoreNotFound").await?;
    ensure_stalled(&object)?;
    ensure!(
        message(&object, "Ready").contains("eu-west-1"),
        "the message does not name the region: {}",
        message(&object, "Ready")
    );
    world.patch("a", json!({"spec": {"region": "us-east-1"}})).await?;
    let object = world.until_ready("a").await?;
    ensure!(status(&object).region.as_deref() == Some("us-east-1"), "{:?}", status(&object).region);
    Ok(())
}

async fn a_404_never_releases_the_object_while_the_account_is_unknown(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let unavailable = FaultAction::error("InternalServerException");
    world.aws.script_fault(&Fault::always("sts:GetCallerIdentity", unavailable)).await?;
    let _operator = world.operator(&Start::default())?;
    let spec = SequenceStoreSpec { sequence_store_id: Some("9876543210".into()), ..Default::default() };
    world.create("a", spec).await?;
    let object = world.until_condition("a", "Ready", "False", "AwsUnavailable").await?;
    ensure_reconciling(&object)?;
    ensure!(message(&object, "Ready").contains("sts:GetCallerIdentity"), "{}", message(&object, "Ready"));
    world.delete("a").await?;
    let object = world.one_more_pass("a").await?;
    ensure!(has_finalizer(&object), "the finalizer is gone although the store may exist");
    world.until_calls("sts:GetCallerIdentity", 3).await?;
    ensure!(has_finalizer(&world.api.get("a").await?), "the finalizer is gone although the store may exist");
    world.aws.clear_faults().await?;
    world.reconcile_now("a").await.ok();
    world.until_gone("a").await
}

async fn the_operator_keeps_the_finalizer_until_a_failing_deletion_succeeds(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let failures = [
        ("internal", "InternalServerException", "AwsUnavailable"),
        ("throttled", "ThrottlingException", "Throttled"),
        ("denied", "AccessDeniedException", "AccessDenied"),
        ("expired", "ExpiredTokenException", "AccessDenied"),
    ];
    let mut stores = Vec::new();
    for (name, code, _) in failures {
        let store = world.seed().await?;
        let fault = Fault::always("DeleteSequenceStore", FaultAction::error(code));
        world.aws.script_fault(&Fault { store_id: Some(store.id.clone()), ..fault }).await?;
        world.adopt(name, &store).await?;
        world.until_ready(name).await?;
        world.delete(name).await?;
        stores.push(store);
    }
    for ((name, code, reason), store) in failures.into_iter().zip(&stores) {
        let object = world.until_condition(name, "Ready", "False", reason).await?;
        ensure_reconciling(&object)?;
        ensure!(has_finalizer(&object), "{code} removed the finalizer");
        let text = message(&object, "Ready");
        ensure!(text.contains("omics:DeleteSequenceStore"), "the message does not name the call: {text}");
        world.ensure_there_in_aws(store).await?;
    }
    world.aws.clear_faults().await?;
    for ((name, _, _), store) in failures.into_iter().zip(&stores) {
        world.reconcile_now(name).await.ok();
        world.until_gone(name).await?;
        world.ensure_gone_in_aws(store).await?;
    }
    Ok(())
}
