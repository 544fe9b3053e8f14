//! Only the owner of a store changes or deletes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{SeedStore, StoreRecord};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use sequencestore_operator::crd::{DeletionPolicy, OWNER_UID_TAG, SequenceStore, SequenceStoreSpec};
use serde_json::json;

use crate::assertions::{ensure_stalled, has_finalizer};
use crate::world::{
    ACCOUNT, Cluster, Error, Start, World, condition, ensure, message, observing, spec_for, status, tests,
};

tests![
    the_operator_leaves_a_store_of_another_object_alone,
    a_user_can_name_a_free_store_after_an_ownership_conflict,
    an_object_owns_a_store_tagged_with_its_uid,
    an_object_gives_up_a_store_taken_over_by_another_object,
    unreadable_tags_stop_changes_but_not_the_status_mirror,
    a_deletion_waits_until_tags_can_be_read,
    the_older_of_two_objects_gets_the_store,
    an_object_can_observe_a_store_of_another_object,
    an_edited_status_never_deletes_another_store,
];

fn owned_by(uid: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(OWNER_UID_TAG.to_owned(), uid.to_owned())])
}

async fn seed_owned_by_another(world: &World) -> Result<StoreRecord, Error> {
    let tags = owned_by("00000000-0000-0000-0000-000000000001");
    world.seed_with(SeedStore { name: Some("taken".into()), tags, ..SeedStore::default() }).await
}

async fn the_operator_leaves_a_store_of_another_object_alone(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = seed_owned_by_another(&world).await?;
    world.adopt("thief", &store).await?;
    let object = world.until_condition("thief", "Ready", "False", "OwnershipConflict").await?;
    ensure_stalled(&object)?;
    ensure!(status(&object).store.is_none(), "the status shows a store of another object");
    let text = message(&object, "Ready");
    ensure!(
        text.contains("00000000-0000-0000-0000-000000000001"),
        "the message does not name the owner: {text}"
    );
    world.one_more_pass("thief").await?;
    world.delete("thief").await?;
    world.until_gone("thief").await?;
    world.ensure_there_in_aws(&store).await?;
    let calls = world.mutating_calls().await?;
    ensure!(calls.is_empty(), "calls on a store of another object: {calls:?}");
    Ok(())
}

async fn a_user_can_name_a_free_store_after_an_ownership_conflict(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let (store, free) = (seed_owned_by_another(&world).await?, world.seed().await?);
    world.adopt("a", &store).await?;
    world.until_condition("a", "Ready", "False", "OwnershipConflict").await?;
    world.patch("a", json!({"spec": {"sequenceStoreId": free.id}})).await?;
    let object = world.until_ready("a").await?;
    ensure!(
        status(&object).store.is_some_and(|store| store.id == free.id),
        "the status does not show the free store"
    );
    world.delete("a").await?;
    world.until_gone("a").await?;
    world.ensure_gone_in_aws(&free).await?;
    world.ensure_there_in_aws(&store).await
}

async fn an_object_owns_a_store_tagged_with_its_uid(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    let object = world.adopt("owner", &store).await?;
    let tags = owned_by(&object.uid().ok_or("no uid")?);
    world.aws.change_store(&store.id, json!({"tags": tags})).await?;
    let _operator = world.operator(&Start::default())?;
    world.until_ready("owner").await?;
    world.delete("owner").await?;
    world.until_gone("owner").await?;
    world.ensure_gone_in_aws(&store).await
}

async fn an_object_gives_up_a_store_taken_over_by_another_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("former", &store).await?;
    world.until_ready("former").await?;
    world.aws.change_store(&store.id, json!({"tags": owned_by("somebody-else")})).await?;
    let object = world.until_condition("former", "Ready", "False", "OwnershipConflict").await?;
    ensure_stalled(&object)?;
    ensure!(status(&object).store.is_some_and(|s| s.id == store.id), "the status lost the store");
    world.delete("former").await?;
    world.until_gone("former").await?;
    world.ensure_there_in_aws(&store).await?;
    world.ensure_no_store_changed().await
}

async fn unreadable_tags_stop_changes_but_not_the_status_mirror(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    deny_reading_tags(&world).await?;
    let _operator = world.operator(&Start::default())?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let object = world.until_condition("a", "Synced", "False", "AccessDenied").await?;
    let text = message(&object, "Synced");
    ensure!(text.contains("omics:ListTagsForResource"), "the message does not name the action: {text}");
    ensure!(
        condition(&object, "Ready").is_some_and(|c| c.status == "True"),
        "not Ready although the store is ACTIVE"
    );
    ensure!(status(&object).store.is_some_and(|s| s.id == store.id), "mirrored");
    world.aws.allow_actions(ACCOUNT, None).await?;
    world.reconcile_now("a").await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    Ok(())
}

async fn deny_reading_tags(world: &World) -> Result<(), Error> {
    let allowed = ["omics:GetSequenceStore", "omics:DeleteSequenceStore", "omics:ListReadSets"];
    Ok(world.aws.allow_actions(ACCOUNT, Some(allowed.map(String::from).to_vec())).await?)
}

async fn a_deletion_waits_until_tags_can_be_read(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    deny_reading_tags(&world).await?;
    world.delete("a").await?;
    let object = world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    let text = message(&object, "Ready");
    ensure!(text.contains("omics:ListTagsForResource"), "the message does not name the action: {text}");
    let object = world.one_more_pass("a").await?;
    ensure!(has_finalizer(&object), "the finalizer stays");
    world.ensure_no_store_changed().await?;
    world.aws.allow_actions(ACCOUNT, None).await?;
    world.reconcile_now("a").await?;
    world.until_gone("a").await?;
    ensure!(world.deletes().await? == 1, "one delete");
    world.ensure_gone_in_aws(&store).await
}

async fn the_older_of_two_objects_gets_the_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    let mut objects = [world.adopt("one", &store).await?, world.adopt("two", &store).await?];
    // Creation timestamps have a resolution of one second; the uid decides between equal ones.
    objects.sort_by_key(|object| (object.creation_timestamp().map(|time| time.0), object.uid()));
    let (older, younger) = (objects[0].name_any(), objects[1].name_any());
    let _operator = world.operator(&Start::default())?;
    world.until_ready(&older).await?;
    let object = world.until_condition(&younger, "Ready", "False", "OwnershipConflict").await?;
    ensure_stalled(&object)?;
    ensure!(status(&object).store.is_none(), "the status of the younger object shows the store");
    world.delete(&younger).await?;
    world.until_gone(&younger).await?;
    world.ensure_no_store_changed().await?;
    world.one_more_pass(&older).await?;
    world.until_ready(&older).await?;
    world.ensure_there_in_aws(&store).await?;
    world.delete(&older).await?;
    world.until_gone(&older).await?;
    world.ensure_gone_in_aws(&store).await
}

async fn an_object_can_observe_a_store_of_another_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = seed_owned_by_another(&world).await?;
    let spec = observing(&store);
    world.create("watcher", spec).await?;
    let object = world.until_ready("watcher").await?;
    ensure!(status(&object).store.is_some_and(|s| s.id == store.id), "mirrored");
    world.delete("watcher").await?;
    world.until_gone("watcher").await?;
    let calls = world.mutating_calls().await?;
    ensure!(calls.is_empty(), "Observe made {calls:?}");
    world.ensure_there_in_aws(&store).await
}

async fn an_edited_status_never_deletes_another_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    let (mine, other) = (world.seed().await?, seed_owned_by_another(&world).await?);
    let untagged = world.seed().await?;
    for (name, foreign) in [("tagged", &other), ("untagged", &untagged)] {
        let own = if name == "tagged" { mine.clone() } else { world.seed().await? };
        let spec = SequenceStoreSpec { deletion_policy: Some(DeletionPolicy::Delete), ..spec_for(&own) };
        world.create(name, spec).await?;
        world.until_ready(name).await?;
        ensure!(foreign.id != own.id, "two stores");
    }
    operator.kill().await;
    for (name, foreign) in [("tagged", &other), ("untagged", &untagged)] {
        let edit = json!({"status": {"store": {"id": foreign.id, "arn": foreign.arn}}});
        let edited: SequenceStore =
            world.api.patch_status(name, &PatchParams::default(), &Patch::Merge(edit)).await?;
        ensure!(status(&edited).store.is_some_and(|store| store.id == foreign.id), "edited");
        world.delete(name).await?;
    }
    let _operator = world.operator(&Start::default())?;
    world.until_gone("tagged").await?;
    world.until_gone("untagged").await?;
    world.ensure_there_in_aws(&other).await?;
    world.ensure_there_in_aws(&untagged).await?;
    world.ensure_gone_in_aws(&mine).await
}
