//! Each store status in AWS as the object reports it, and that a generation is Ready only once it is applied.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs, SeedStore, UpdatingWhen};
use sequencestore_operator::crd::{DeletionBlockReason, SequenceStore, SequenceStoreSpec};
use serde_json::json;

use crate::assertions::{ensure_reconciling, ensure_stalled, has_finalizer};
use crate::world::{
    Cluster, Error, Start, World, condition, ensure, message, observing, spec_for, status, tests,
};

tests![
    the_operator_waits_for_a_store_in_transition,
    a_store_deleted_by_someone_else_ends_as_store_missing,
    an_unknown_status_leaves_synced_unchanged,
    a_failed_store_stalls_the_object_until_it_is_active_again,
    an_unknown_create_outcome_is_reported_until_the_store_is_found,
    a_new_generation_is_ready_only_after_it_is_applied,
    the_operator_retries_an_update_while_the_store_is_busy,
    a_deletion_waits_for_a_store_in_transition,
    a_deletion_in_progress_is_reported_as_deleting,
];

fn described(text: &str, spec: SequenceStoreSpec) -> SequenceStoreSpec {
    SequenceStoreSpec { description: Some(text.into()), ..spec }
}

fn shows(object: &SequenceStore, text: &str) -> bool {
    status(object).store.is_some_and(|store| store.description.as_deref() == Some(text))
}

async fn the_operator_waits_for_a_store_in_transition(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let rows = [
        ("creating", "CREATING", "Creating"),
        ("updating", "UPDATING", "Updating"),
        ("deleting", "DELETING", "StoreDeleting"),
    ];
    for (name, in_aws, reason) in rows {
        let store = world.seed_with(SeedStore { status: in_aws.into(), ..SeedStore::default() }).await?;
        world.create(name, described("wanted", spec_for(&store))).await?;
        let object = world.until_condition(name, "Ready", "False", reason).await?;
        ensure_reconciling(&object)?;
        ensure!(status(&object).store.is_some_and(|s| s.status.as_deref() == Some(in_aws)), "not mirrored");
        ensure_reconciling(&world.one_more_pass(name).await?)?;
        let written = world.calls_on("UpdateSequenceStore", &store).await?;
        ensure!(written.is_empty(), "the operator updated a store that is {in_aws}: {written:?}");
        world.aws.change_store(&store.id, json!({"status": "ACTIVE"})).await?;
        let object = world.until_ready(name).await?;
        ensure!(condition(&object, "Reconciling").is_none(), "{:?}", status(&object).conditions);
        ensure!(shows(&object, "wanted"), "{in_aws} is over, and the spec is not applied");
    }
    Ok(())
}

async fn a_store_deleted_by_someone_else_ends_as_store_missing(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.aws.change_store(&store.id, json!({"status": "DELETING"})).await?;
    let object = world.until_condition("a", "Ready", "False", "StoreDeleting").await?;
    ensure_reconciling(&object)?;
    world.aws.remove_store(&store.id).await?;
    let object = world.until_condition("a", "Ready", "False", "StoreMissing").await?;
    ensure_stalled(&object)?;
    world.ensure_no_store_changed().await?;
    // Someone restores the store with the same id and owner tags.
    let tags = status(&object).store.and_then(|store| store.tags).unwrap_or_default();
    world.seed_with(SeedStore { id: Some(store.id.clone()), tags, ..SeedStore::default() }).await?;
    let object = world.until_ready("a").await?;
    ensure!(condition(&object, "Stalled").is_none(), "{:?}", status(&object).conditions);
    Ok(())
}

async fn an_unknown_status_leaves_synced_unchanged(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let (mine, watched) = (world.seed().await?, world.seed().await?);
    world.adopt("mine", &mine).await?;
    let observe = observing(&watched);
    world.create("watched", described("other", observe)).await?;
    let rows = [("mine", "True", "InSync", &mine), ("watched", "False", "Drifted", &watched)];
    for (name, synced, reason, store) in rows {
        let before = world.until_condition(name, "Synced", synced, reason).await?;
        world.aws.change_store(&store.id, json!({"status": "ARCHIVING"})).await?;
        let object = world.until_condition(name, "Ready", "False", "UnknownStatus").await?;
        ensure!(condition(&object, "Reconciling").is_some(), "{:?}", status(&object).conditions);
        ensure!(condition(&object, "Stalled").is_none(), "{:?}", status(&object).conditions);
        ensure!(message(&object, "Ready").contains("ARCHIVING"), "{}", message(&object, "Ready"));
        ensure!(condition(&object, "Synced") == condition(&before, "Synced"), "{name}: Synced changed");
    }
    // The operator does not update a store in an unknown status, and a new generation is not Synced.
    world.patch("mine", json!({"spec": {"description": "wanted"}})).await?;
    let object = world.one_more_pass("mine").await?;
    ensure_reconciling(&object)?;
    ensure!(world.calls("UpdateSequenceStore").await?.is_empty(), "a store in an unknown status is updated");
    for (name, synced, reason, store) in rows {
        world.aws.change_store(&store.id, json!({"status": "ACTIVE"})).await?;
        world.until_ready(name).await?;
        world.until_condition(name, "Synced", synced, reason).await?;
    }
    ensure!(shows(&world.api.get("mine").await?, "wanted"), "the spec is not applied");
    Ok(())
}

async fn a_failed_store_stalls_the_object_until_it_is_active_again(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::with_create_grace(2))?;
    let create_fails = Some("The KMS key is disabled.".to_owned());
    world.aws.set_knobs(&Knobs { create_fails, creating_gets: 1, ..Knobs::default() }).await?;
    world.create("made", described("wanted", SequenceStoreSpec::default())).await?;
    let adopted = world.seed().await?;
    world.adopt("adopted", &adopted).await?;
    world.until_ready("adopted").await?;
    let fails = json!({"status": "FAILED", "statusMessage": "The KMS key is disabled."});
    world.aws.change_store(&adopted.id, fails).await?;
    for name in ["made", "adopted"] {
        let object = world.until_condition(name, "Ready", "False", "Failed").await?;
        ensure_stalled(&object)?;
        ensure!(
            message(&object, "Ready").contains("The KMS key is disabled."),
            "the message lacks the reason from AWS"
        );
        ensure_stalled(&world.one_more_pass(name).await?)?;
        let id = status(&object).store.map(|store| store.id).unwrap_or_default();
        world.aws.change_store(&id, json!({"status": "ACTIVE", "statusMessage": null})).await?;
        let object = world.until_ready(name).await?;
        ensure!(condition(&object, "Stalled").is_none(), "{:?}", status(&object).conditions);
    }
    ensure!(
        world.calls("CreateSequenceStore").await?.len() == 1,
        "the operator created the failed store again"
    );
    // A FAILED store can be deleted.
    world.aws.change_store(&adopted.id, json!({"status": "FAILED"})).await?;
    world.until_condition("adopted", "Ready", "False", "Failed").await?;
    world.delete("adopted").await?;
    world.until_gone("adopted").await?;
    world.ensure_gone_in_aws(&adopted).await
}

async fn an_unknown_create_outcome_is_reported_until_the_store_is_found(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::with_create_grace(2))?;
    world.aws.set_knobs(&Knobs { list_lag_ms: 1500, ..Knobs::default() }).await?;
    let lost = FaultAction::error("InternalServerException");
    world.aws.script_fault(&Fault::once_after_commit("CreateSequenceStore", lost)).await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let object = world
        .until("a", "an unknown outcome", |object| {
            message(object, "Ready").contains("does not know whether AWS created")
        })
        .await?;
    ensure_reconciling(&object)?;
    ensure!(condition(&object, "Ready").is_some_and(|c| c.reason == "Creating"), "{:?}", status(&object));
    ensure!(
        status(&object).store.is_none() && has_finalizer(&object),
        "a store is recorded or the finalizer is gone"
    );
    world.until_ready("a").await?;
    ensure!(world.aws.all_stores().await?.len() == 1, "more than one store");
    ensure!(
        world.calls("CreateSequenceStore").await?.len() == 1,
        "the operator called CreateSequenceStore again although the store exists"
    );
    Ok(())
}

async fn a_new_generation_is_ready_only_after_it_is_applied(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let knobs = Knobs { updating_when: UpdatingWhen::Always, updating_gets: 2, ..Knobs::default() };
    world.aws.set_knobs(&knobs).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let versions = world.versions("a").await?;
    let hold = Fault::once("UpdateSequenceStore", FaultAction::Hold);
    world.aws.script_fault(&hold).await?;
    let edited = world.patch("a", json!({"spec": {"description": "second"}})).await?;
    world.until_calls("UpdateSequenceStore", 1).await?;
    // During the call the status does not claim to have observed the new generation.
    let generation = edited.metadata.generation;
    let before = world.api.get("a").await?;
    ensure!(status(&before).observed_generation < generation, "{:?}", status(&before));
    world.aws.release_held().await?;
    let updating = world.until_condition("a", "Ready", "False", "Updating").await?;
    ensure_reconciling(&updating)?;
    ensure!(status(&updating).observed_generation == generation, "{:?}", status(&updating));
    world
        .until("a", "the second generation ready", |object| {
            let ready = condition(object, "Ready").is_some_and(|c| c.status == "True");
            ready && status(object).observed_generation == generation
        })
        .await?;
    for version in world.until_caught_up("a", &versions).await? {
        let ready = condition(&version, "Ready").is_some_and(|c| c.status == "True");
        if ready && status(&version).observed_generation == generation {
            ensure!(shows(&version, "second"), "ready too early: {:?}", status(&version));
            ensure!(
                status(&version).store.is_some_and(|s| s.status.as_deref() == Some("ACTIVE")),
                "ready while the store is not ACTIVE: {:?}",
                status(&version)
            );
        }
    }
    ensure!(world.calls("UpdateSequenceStore").await?.len() == 1, "one update");
    Ok(())
}

async fn the_operator_retries_an_update_while_the_store_is_busy(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    // A lagging read returns ACTIVE while AWS already works on a change by someone else.
    let busy = Fault::always("UpdateSequenceStore", FaultAction::error("ConflictException"));
    world.aws.script_fault(&busy).await?;
    world.patch("a", json!({"spec": {"description": "wanted"}})).await?;
    let object = world.until_condition("a", "Ready", "False", "Updating").await?;
    ensure_reconciling(&object)?;
    ensure!(message(&object, "Ready").contains("omics:UpdateSequenceStore"), "{}", message(&object, "Ready"));
    world.until_calls("UpdateSequenceStore", 4).await?;
    ensure_reconciling(&world.api.get("a").await?)?;
    world.aws.clear_faults().await?;
    let object = world.until_ready("a").await?;
    ensure!(shows(&object, "wanted"), "the spec is not applied");
    let accepted = world.calls("UpdateSequenceStore").await?.into_iter().filter(|c| c.committed).count();
    ensure!(accepted == 1, "{accepted} updates");
    Ok(())
}

async fn a_deletion_waits_for_a_store_in_transition(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    for (name, in_aws) in [("creating", "CREATING"), ("updating", "UPDATING")] {
        let store = world.seed().await?;
        world.adopt(name, &store).await?;
        world.until_ready(name).await?;
        world.aws.change_store(&store.id, json!({"status": in_aws})).await?;
        world.delete(name).await?;
        let block = world.until_blocked(name, DeletionBlockReason::Busy).await?;
        ensure!(
            block.message.contains(in_aws),
            "the message does not name the store's status: {}",
            block.message
        );
        ensure!(
            world.calls_on("DeleteSequenceStore", &store).await?.is_empty(),
            "DeleteSequenceStore was called too early"
        );
        world.aws.change_store(&store.id, json!({"status": "ACTIVE"})).await?;
        world.until_gone(name).await?;
        world.ensure_gone_in_aws(&store).await?;
    }
    Ok(())
}

async fn a_deletion_in_progress_is_reported_as_deleting(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    world.aws.set_knobs(&Knobs { deleting_gets: 2, ..Knobs::default() }).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.delete("a").await?;
    let object = world.until_condition("a", "Ready", "False", "Deleting").await?;
    ensure_reconciling(&object)?;
    ensure!(status(&object).deletion_blocked_by.is_empty(), "{:?}", status(&object).deletion_blocked_by);
    ensure!(has_finalizer(&object), "the finalizer is gone before the store");
    world.until_gone("a").await?;
    world.ensure_gone_in_aws(&store).await
}
