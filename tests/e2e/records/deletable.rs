//! Only a store that the object has on record, or that carries its uid, is deleted with the object.

use std::sync::Arc;

use serde_json::json;

use crate::assertions::has_finalizer;
use crate::world::{ACCOUNT, Cluster, Error, World, condition, ensure, observing, status, tests};

tests![
    a_store_that_was_only_named_is_never_deleted,
    a_store_whose_tags_were_never_read_is_never_deleted,
    a_store_that_was_only_observed_is_never_deleted,
    a_named_store_that_was_adopted_is_deleted_after_its_status_was_lost,
];

async fn allow(world: &World, actions: &[&str]) -> Result<(), Error> {
    let actions = actions.iter().map(|action| format!("omics:{action}")).collect();
    Ok(world.aws.allow_actions(ACCOUNT, Some(actions)).await?)
}

/// The permissions are back: the object goes, the store stays, and an Event names it.
async fn until_released(world: &World, id: &str) -> Result<(), Error> {
    world.aws.allow_actions(ACCOUNT, None).await?;
    world.reconcile_now("a").await?;
    world.until_gone("a").await?;
    ensure!(world.deletes().await? == 0, "the operator deleted a store that it never had");
    let note = world.until_event("a", "StoreKept").await?;
    ensure!(note.contains(id), "{note}");
    Ok(())
}

/// A typo names a colleague's store while the operator has no permissions yet.
async fn a_store_that_was_only_named_is_never_deleted(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    allow(&world, &[]).await?;
    let _operator = world.operator(&Default::default())?;
    let colleagues = world.seed().await?;
    world.adopt("a", &colleagues).await?;
    world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    world.delete("a").await?;
    let object = world.one_more_pass("a").await?;
    ensure!(has_finalizer(&object), "released while nobody knows whose the store is");
    until_released(&world, &colleagues.id).await?;
    world.ensure_no_store_changed().await?;
    world.ensure_there_in_aws(&colleagues).await
}

/// GetSequenceStore is allowed and the status shows the store, but nobody knows whose it is.
async fn a_store_whose_tags_were_never_read_is_never_deleted(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    allow(&world, &["GetSequenceStore", "DeleteSequenceStore"]).await?;
    let _operator = world.operator(&Default::default())?;
    let colleagues = world.seed().await?;
    world.adopt("a", &colleagues).await?;
    let object = world.until_condition("a", "Synced", "False", "AccessDenied").await?;
    ensure!(status(&object).store.is_some(), "not mirrored");
    world.delete("a").await?;
    world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    until_released(&world, &colleagues.id).await?;
    world.ensure_there_in_aws(&colleagues).await
}

/// The status shows a store that the object only observed; then the object is to manage it, and is deleted before the
/// operator has seen the store again.
async fn a_store_that_was_only_observed_is_never_deleted(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let colleagues = world.seed().await?;
    let spec = observing(&colleagues);
    world.create("a", spec).await?;
    let object = world.until_ready("a").await?;
    ensure!(status(&object).store.is_some(), "not mirrored");
    allow(&world, &[]).await?;
    world.patch("a", json!({"spec": {"managementPolicy": "Manage"}})).await?;
    world.until("a", "a finalizer", has_finalizer).await?;
    world.delete("a").await?;
    until_released(&world, &colleagues.id).await?;
    world.ensure_there_in_aws(&colleagues).await
}

async fn a_named_store_that_was_adopted_is_deleted_after_its_status_was_lost(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let object = world.until_condition("a", "Synced", "True", "InSync").await?;
    ensure!(condition(&object, "Ready").is_some_and(|ready| ready.status == "True"), "not Ready");
    operator.kill().await;
    let wipe = kube::api::Patch::Merge(json!({"status": null}));
    world.api.patch_status("a", &kube::api::PatchParams::default(), &wipe).await?;
    world.delete("a").await?;
    let _operator = world.operator(&Default::default())?;
    world.until_gone("a").await?;
    world.ensure_gone_in_aws(&store).await
}
