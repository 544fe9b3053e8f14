//! The operator creates exactly one store per object, whatever fails on the way.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs, Side};
use kube::ResourceExt;
use sequencestore_operator::crd::{DeletionPolicy, INTENT_ANNOTATION, SequenceStore, SequenceStoreSpec};
use serde_json::json;

use crate::world::{Cluster, Error, Operator, Start, World, ensure, status, tests};

tests![
    the_operator_creates_updates_and_deletes_a_store_with_few_calls,
    an_ambiguous_create_response_makes_no_second_store,
    an_ambiguous_create_response_makes_no_second_store_without_client_tokens,
    a_crash_between_create_and_its_response_makes_no_second_store,
    a_crash_before_aws_acts_on_the_create_makes_one_store,
    the_operator_restores_a_removed_create_intent,
    the_operator_reports_a_store_left_by_an_abandoned_create,
    a_recreated_object_finds_its_retained_store,
    the_operator_rebuilds_a_wiped_status,
    the_operator_recreates_a_missing_store_only_when_allowed,
    a_denied_create_leaves_no_store_and_recovers,
    two_replicas_create_one_store_per_object,
];

async fn with_operator(cluster: Arc<Cluster>) -> Result<(World, Operator), Error> {
    let world = World::new(cluster).await?;
    let operator = world.operator(&Start::with_create_grace(2))?;
    Ok((world, operator))
}

fn described(text: &str) -> SequenceStoreSpec {
    SequenceStoreSpec { description: Some(text.into()), ..SequenceStoreSpec::default() }
}

/// Counts the stores that were ever created, including deleted ones.
async fn stores_ever_created(world: &World) -> Result<usize, Error> {
    Ok(world.aws.all_stores().await?.len())
}

async fn the_operator_creates_updates_and_deletes_a_store_with_few_calls(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let flags = vec!["--poll-interval=5m".into()];
    let _operator = world.operator(&Start { flags, ..Start::default() })?;
    let mark = world.mark();
    world.create("life", described("first")).await?;
    let object = world.until_ready("life").await?;
    let id = status(&object).store.map(|store| store.id).unwrap_or_default();
    let store = world.aws.store(&id).await?.ok_or("the store in the status is not in AWS")?;
    ensure!(store.name.as_deref() == Some("life"), "named {:?}", store.name);
    ensure!(store.tags.get("healthomics.dev/uid") == object.metadata.uid.as_ref(), "tags {:?}", store.tags);
    ensure!(
        status(&object).store.and_then(|s| s.tags) == Some(store.tags),
        "the status does not show the tags"
    );
    world.patch("life", json!({"spec": {"description": "second"}})).await?;
    world
        .until("life", "ready with the second description", |object| {
            let status = status(object);
            status.observed_generation == object.metadata.generation
                && status.store.is_some_and(|store| store.description.as_deref() == Some("second"))
        })
        .await?;
    world.until_ready("life").await?;
    world.delete("life").await?;
    world.until_gone("life").await?;
    let ledger = world.aws.ledger().await?;
    let mutating = ledger.iter().filter(|entry| entry.is_mutating()).count();
    let writes: usize = world.operator_writes(&mark).values().sum();
    let calls: Vec<&str> = ledger.iter().map(|entry| entry.operation.as_str()).collect();
    println!(
        "a full life: {mutating} mutating AWS calls, {} others, {writes} Kubernetes writes",
        ledger.len() - mutating
    );
    ensure!(mutating == 3, "mutating calls: {calls:?}");
    ensure!(ledger.len() - mutating <= 8, "calls: {calls:?}");
    ensure!(writes <= 8, "writes: {:?}", world.operator_writes(&mark));
    Ok(())
}

async fn an_ambiguous_create_response_makes_no_second_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    every_ambiguous_response(cluster, None).await
}

async fn an_ambiguous_create_response_makes_no_second_store_without_client_tokens(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    every_ambiguous_response(cluster, Some(0)).await
}

/// Triggers one fault after the other, then waits for all objects, so that their retries overlap.
async fn every_ambiguous_response(cluster: Arc<Cluster>, token_window_ms: Option<u64>) -> Result<(), Error> {
    let (world, _operator) = with_operator(cluster).await?;
    world.aws.set_knobs(&Knobs { token_window_ms, ..Knobs::default() }).await?;
    let after = |action| Fault { side: Side::AfterCommit, ..Fault::once("CreateSequenceStore", action) };
    let faults = [
        ("error", after(FaultAction::error("InternalServerException"))),
        ("reset", after(FaultAction::Reset)),
        ("hang", after(FaultAction::Hang)),
        ("empty", after(FaultAction::EmptyObject)),
        ("html", after(FaultAction::Html { status: 200 })),
        ("cut", after(FaultAction::TruncatedJson)),
        ("wrong-id", after(FaultAction::WrongId)),
        ("wrong-arn", after(FaultAction::WrongArn)),
        ("before", Fault::once("CreateSequenceStore", FaultAction::error("InternalServerException"))),
    ];
    for (n, (name, fault)) in faults.iter().enumerate() {
        world.aws.script_fault(fault).await?;
        world.create(name, SequenceStoreSpec::default()).await?;
        world.until_calls("CreateSequenceStore", n + 1).await?;
    }
    for (name, _) in &faults {
        world.until_ready(name).await?;
    }
    let (created, wanted) = (stores_ever_created(&world).await?, faults.len());
    ensure!(created == wanted, "{created} stores for {wanted} objects");
    Ok(())
}

async fn a_crash_between_create_and_its_response_makes_no_second_store(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, operator) = with_operator(cluster).await?;
    world.aws.set_knobs(&Knobs { token_window_ms: Some(0), ..Knobs::default() }).await?;
    let hold = Fault { side: Side::AfterCommit, ..Fault::once("CreateSequenceStore", FaultAction::Hold) };
    world.aws.script_fault(&hold).await?;
    world.create("killed", SequenceStoreSpec::default()).await?;
    world.until_calls("CreateSequenceStore", 1).await?;
    operator.kill().await;
    ensure!(status(&world.api.get("killed").await?).store.is_none(), "the status already has the id");
    world.aws.release_held().await?;
    let _operator = world.operator(&Start::with_create_grace(2))?;
    world.until_ready("killed").await?;
    ensure!(stores_ever_created(&world).await? == 1, "{} stores", stores_ever_created(&world).await?);
    Ok(())
}

async fn a_crash_before_aws_acts_on_the_create_makes_one_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, operator) = with_operator(cluster).await?;
    let hold = Fault::once("CreateSequenceStore", FaultAction::Hang);
    world.aws.script_fault(&hold).await?;
    world.create("unsent", SequenceStoreSpec::default()).await?;
    world.until_calls("CreateSequenceStore", 1).await?;
    operator.kill().await;
    let _operator = world.operator(&Start::with_create_grace(2))?;
    world.until_ready("unsent").await?;
    ensure!(stores_ever_created(&world).await? == 1, "{} stores", stores_ever_created(&world).await?);
    Ok(())
}

/// The outcome of a create is unknown, and a user then names another store in the spec.
async fn the_operator_reports_a_store_left_by_an_abandoned_create(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::with_create_grace(2))?;
    let other = world.seed().await?;
    let hidden = Knobs { list_lag_ms: 6_000, ..Knobs::default() };
    world.aws.set_knobs(&hidden).await?;
    let unclear = Fault { side: Side::AfterCommit, ..Fault::once("CreateSequenceStore", FaultAction::Reset) };
    world.aws.script_fault(&unclear).await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_calls("CreateSequenceStore", 1).await?;
    world.patch("a", json!({"spec": {"sequenceStoreId": other.id}})).await?;
    world.until_ready("a").await?;
    let note = world.until_event("a", "DuplicateStores").await?;
    let stray = world.aws.stores().await?.into_iter().find(|store| store.id != other.id).ok_or("a stray")?;
    ensure!(note.contains(&stray.id) && note.contains(&format!("uses {},", other.id)), "{note}");
    Ok(())
}

/// `kubectl replace` removes annotations, including the create intent.
async fn the_operator_restores_a_removed_create_intent(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let unclear = Fault::once("CreateSequenceStore", FaultAction::error("InternalServerException"));
    world.aws.script_fault(&unclear).await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_calls("CreateSequenceStore", 1).await?;
    let object = world.until_condition("a", "Ready", "False", "Creating").await?;
    let intent = object.annotations().get(INTENT_ANNOTATION).cloned().ok_or("no intent")?;
    world.patch("a", json!({"metadata": {"annotations": {INTENT_ANNOTATION: null}}})).await?;
    world.reconcile_now("a").await?;
    let back = |object: &SequenceStore| object.annotations().get(INTENT_ANNOTATION) == Some(&intent);
    world.until("a", "its intent back", back).await?;
    // The same for an outdated intent, such as one from an old manifest.
    let older = intent.replace("\"attempt\":1", "\"attempt\":0");
    ensure!(older != intent, "{intent}");
    world.patch("a", json!({"metadata": {"annotations": {INTENT_ANNOTATION: older}}})).await?;
    world.reconcile_now("a").await?;
    world.until("a", "its later intent back", back).await?;
    ensure!(
        world.calls("CreateSequenceStore").await?.len() == 1,
        "a second create before the first one was resolved"
    );
    Ok(())
}

async fn a_recreated_object_finds_its_retained_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = with_operator(cluster).await?;
    let spec = SequenceStoreSpec { deletion_policy: Some(DeletionPolicy::Retain), ..described("kept") };
    world.create("kept", spec.clone()).await?;
    let first = world.until_ready("kept").await?;
    world.until("kept", "no finalizer", |object| object.finalizers().is_empty()).await?;
    world.delete("kept").await?;
    world.until_gone("kept").await?;
    world.create("kept", spec).await?;
    let second = world.until_ready("kept").await?;
    ensure!(first.metadata.uid != second.metadata.uid, "the object is the same");
    ensure!(
        status(&first).store.map(|s| s.id) == status(&second).store.map(|s| s.id),
        "the object has another store"
    );
    ensure!(stores_ever_created(&world).await? == 1, "{} stores", stores_ever_created(&world).await?);
    let store = world.aws.stores().await?.remove(0);
    ensure!(store.tags.get("healthomics.dev/uid") == second.metadata.uid.as_ref(), "tags {:?}", store.tags);
    Ok(())
}

async fn the_operator_rebuilds_a_wiped_status(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, operator) = with_operator(cluster).await?;
    world.create("wiped", SequenceStoreSpec::default()).await?;
    let before = world.until_ready("wiped").await?;
    operator.kill().await;
    let wipe = kube::api::Patch::Merge(json!({"status": null}));
    world.api.patch_status("wiped", &kube::api::PatchParams::default(), &wipe).await?;
    world
        .patch("wiped", json!({"metadata": {"annotations": {"healthomics.dev/create-intent": null}}}))
        .await?;
    let _operator = world.operator(&Start::with_create_grace(2))?;
    let after = world.until_ready("wiped").await?;
    ensure!(
        status(&before).store.map(|s| s.id) == status(&after).store.map(|s| s.id),
        "the object has another store"
    );
    ensure!(world.calls("CreateSequenceStore").await?.len() == 1, "one create");
    Ok(())
}

async fn the_operator_recreates_a_missing_store_only_when_allowed(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = with_operator(cluster).await?;
    world.create("lost", SequenceStoreSpec::default()).await?;
    let before = world.until_ready("lost").await?;
    let id = status(&before).store.map(|store| store.id).unwrap_or_default();
    world.aws.remove_store(&id).await?;
    world.until_condition("lost", "Stalled", "True", "StoreMissing").await?;
    ensure!(
        world.calls("CreateSequenceStore").await?.len() == 1,
        "the operator recreated it without permission"
    );
    let allow = json!({"metadata": {"annotations": {"healthomics.dev/recreate": id}}});
    world.patch("lost", allow).await?;
    let after = world.until_ready("lost").await?;
    let new = status(&after).store.map(|store| store.id).unwrap_or_default();
    ensure!(new != id, "the object has the same store");
    world.aws.remove_store(&new).await?;
    world.until_condition("lost", "Stalled", "True", "StoreMissing").await?;
    ensure!(
        world.calls("CreateSequenceStore").await?.len() == 2,
        "the annotation allowed more than one create"
    );
    Ok(())
}

async fn a_denied_create_leaves_no_store_and_recovers(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = with_operator(cluster).await?;
    world
        .aws
        .allow_actions(crate::world::ACCOUNT, Some(vec!["omics:Get*".into(), "omics:List*".into()]))
        .await?;
    world.create("denied", SequenceStoreSpec::default()).await?;
    let object = world.until_condition("denied", "Ready", "False", "AccessDenied").await?;
    let message = crate::world::message(&object, "Ready");
    ensure!(message.contains("omics:CreateSequenceStore"), "{message}");
    world.aws.allow_actions(crate::world::ACCOUNT, None).await?;
    world.reconcile_now("denied").await?;
    world.until_ready("denied").await?;
    ensure!(stores_ever_created(&world).await? == 1, "{} stores", stores_ever_created(&world).await?);
    Ok(())
}

async fn two_replicas_create_one_store_per_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _one) = with_operator(cluster).await?;
    let _other = world.operator(&Start::with_create_grace(2))?;
    world.aws.set_knobs(&Knobs { token_window_ms: Some(0), list_lag_ms: 1000, ..Knobs::default() }).await?;
    for n in 0..5 {
        world.create(&format!("twin-{n}"), SequenceStoreSpec::default()).await?;
    }
    for n in 0..5 {
        world.until_ready(&format!("twin-{n}")).await?;
    }
    ensure!(stores_ever_created(&world).await? == 5, "{} stores", stores_ever_created(&world).await?);
    Ok(())
}
