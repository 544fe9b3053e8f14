//! Alerts about single objects. Each names its object, and what the operator did to the store is checked at the end where
//! the runbook promises it.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs, SeedStore};
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use serde_json::json;

use crate::stage::Stage;
use crate::world::{Error, World, ensure, spec_for, status, tests};

tests![
    a_store_that_is_not_ready_fires_until_it_is,
    an_object_that_needs_somebody_fires_until_it_is_gone,
    a_store_that_is_gone_from_aws_fires_until_somebody_decides,
    a_field_that_does_not_converge_fires_until_it_does,
    a_store_of_another_object_fires_until_the_object_is_gone,
    a_deletion_that_read_sets_hold_up_fires_until_they_are_gone,
    a_protected_object_that_is_deleted_fires_and_the_runbook_keeps_its_store,
];

/// The labels by which the alert names the object `genomes` of this world.
fn labels(world: &World) -> [(&str, &str); 3] {
    [("job", &world.namespace), ("namespace", &world.namespace), ("name", "genomes")]
}

async fn a_store_that_is_not_ready_fires_until_it_is(stage: Arc<Stage>) -> Result<(), Error> {
    let (world, _scraped) = stage.scene().await?;
    world.aws.set_knobs(&Knobs { creating_ms: 3_600_000, ..Knobs::default() }).await?;
    world.create("genomes", SequenceStoreSpec::default()).await?;
    stage.until_fires("SequenceStoreNotReady", &labels(&world)).await?;
    let store = world.aws.stores().await?.pop().ok_or("no store")?;
    world.aws.change_store(&store.id, json!({"status": "ACTIVE"})).await?;
    world.until_ready("genomes").await?;
    stage.until_resolved("SequenceStoreNotReady", &labels(&world)).await
}

async fn an_object_that_needs_somebody_fires_until_it_is_gone(stage: Arc<Stage>) -> Result<(), Error> {
    let (world, _scraped) = stage.scene().await?;
    let spec = SequenceStoreSpec { sequence_store_id: Some("9876543210".into()), ..Default::default() };
    world.create("genomes", spec).await?;
    let alert = stage.until_fires("SequenceStoreStalled", &labels(&world)).await?;
    ensure!(alert["labels"]["reason"] == "StoreNotFound", "{alert}");
    let others = stage.prometheus.alerts("SequenceStoreNotReady", &labels(&world)).await?;
    ensure!(others.is_empty(), "one trouble has one alert: {others:?}");
    world.delete("genomes").await?;
    world.until_gone("genomes").await?;
    stage.until_resolved("SequenceStoreStalled", &labels(&world)).await
}

async fn a_store_that_is_gone_from_aws_fires_until_somebody_decides(stage: Arc<Stage>) -> Result<(), Error> {
    let (world, _scraped) = stage.scene().await?;
    let store = world.seed().await?;
    world.adopt("genomes", &store).await?;
    world.until_ready("genomes").await?;
    world.aws.remove_store(&store.id).await?;
    let alert = stage.until_fires("SequenceStoreMissing", &labels(&world)).await?;
    ensure!(alert["labels"]["severity"] == "critical", "{alert}");
    ensure!(
        alert["annotations"]["runbook_url"].as_str().is_some_and(|url| url.contains("SequenceStoreMissing")),
        "{alert}"
    );
    let others = stage.prometheus.alerts("SequenceStoreStalled", &labels(&world)).await?;
    ensure!(others.is_empty(), "one trouble has one alert: {others:?}");
    world.delete("genomes").await?;
    world.until_gone("genomes").await?;
    stage.until_resolved("SequenceStoreMissing", &labels(&world)).await?;
    ensure!(world.calls("CreateSequenceStore").await?.is_empty(), "an empty store would hide the loss");
    Ok(())
}

async fn a_field_that_does_not_converge_fires_until_it_does(stage: Arc<Stage>) -> Result<(), Error> {
    let (world, _scraped) = stage.scene().await?;
    let store = world.seed().await?;
    let other = FaultAction::Replace { member: "description".into(), value: json!("AWS knows better") };
    world.aws.script_fault(&Fault::always("GetSequenceStore", other)).await?;
    let spec = SequenceStoreSpec {
        description: Some("wanted".into()),
        observe_read_sets: Some(true),
        ..spec_for(&store)
    };
    world.create("genomes", spec).await?;
    stage.until_fires("SequenceStoreNotConverging", &labels(&world)).await?;
    world.aws.clear_faults().await?;
    world.until_ready("genomes").await?;
    stage.until_resolved("SequenceStoreNotConverging", &labels(&world)).await?;
    // The dashboard of one store is to show a whole life.
    stage.story.set(world.namespace.clone()).ok();
    world.aws.add_read_sets(&store.id, 3, "ACTIVE").await?;
    world.reconcile_now("genomes").await?;
    let total = |object: &SequenceStore| status(object).read_sets.and_then(|counted| counted.total);
    world.until("genomes", "a count", |object| total(object).as_deref() == Some("3")).await?;
    world.delete("genomes").await?;
    world.until_condition("genomes", "Ready", "False", "DeletionBlocked").await?;
    stage.until_fires("SequenceStoreStuckDeleting", &labels(&world)).await?;
    Ok(())
}

async fn a_store_of_another_object_fires_until_the_object_is_gone(stage: Arc<Stage>) -> Result<(), Error> {
    let (world, _scraped) = stage.scene().await?;
    let owner = [
        ("healthomics.dev/uid", "0b5c6a0e-8c1e-4d4e-9a57-3a1f2f6f0c11"),
        ("healthomics.dev/cluster", "other"),
    ];
    let tags = owner.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let store = world.seed_with(SeedStore { tags, ..SeedStore::default() }).await?;
    world.adopt("genomes", &store).await?;
    stage.until_fires("SequenceStoreOwnershipConflict", &labels(&world)).await?;
    world.delete("genomes").await?;
    world.until_gone("genomes").await?;
    stage.until_resolved("SequenceStoreOwnershipConflict", &labels(&world)).await?;
    ensure!(world.aws.stores().await?.len() == 1, "the store of another object is left alone");
    Ok(())
}

async fn a_deletion_that_read_sets_hold_up_fires_until_they_are_gone(stage: Arc<Stage>) -> Result<(), Error> {
    let (world, _scraped) = stage.scene().await?;
    let store = world.seed().await?;
    world.adopt("genomes", &store).await?;
    world.until_ready("genomes").await?;
    world.aws.add_read_sets(&store.id, 3, "ACTIVE").await?;
    world.delete("genomes").await?;
    stage.until_fires("SequenceStoreStuckDeleting", &labels(&world)).await?;
    world.aws.remove_read_sets(&store.id).await?;
    world.until_gone("genomes").await?;
    stage.until_resolved("SequenceStoreStuckDeleting", &labels(&world)).await
}

async fn a_protected_object_that_is_deleted_fires_and_the_runbook_keeps_its_store(
    stage: Arc<Stage>,
) -> Result<(), Error> {
    let (world, _scraped) = stage.scene().await?;
    let store = world.seed().await?;
    let spec = SequenceStoreSpec { deletion_protection: Some(true), ..spec_for(&store) };
    world.create("genomes", spec).await?;
    world.until_ready("genomes").await?;
    world.delete("genomes").await?;
    stage.until_fires("SequenceStoreProtectedDeletion", &labels(&world)).await?;
    let others = stage.prometheus.alerts("SequenceStoreStuckDeleting", &labels(&world)).await?;
    ensure!(others.is_empty(), "one trouble has one alert: {others:?}");
    world.patch("genomes", json!({"spec": {"deletionPolicy": "Retain"}})).await?;
    world.until_gone("genomes").await?;
    stage.until_resolved("SequenceStoreProtectedDeletion", &labels(&world)).await?;
    ensure!(world.aws.store(&store.id).await?.is_some(), "the store is kept");
    Ok(())
}
