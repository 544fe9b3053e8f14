//! Owner tags: the operator finds the store of an object by its tags, and never takes a store from an existing owner.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::SeedStore;
use kube::ResourceExt;
use sequencestore_operator::crd::{DeletionPolicy, INTENT_ANNOTATION, ManagementPolicy, SequenceStoreSpec};
use serde_json::json;

use crate::world::{Cluster, Error, Start, World, ensure, message, spec_for, status, tests};

tests![
    the_operator_adds_owner_tags_to_an_adopted_store,
    the_operator_does_not_tag_an_observed_store,
    the_operator_refuses_a_take_over_while_the_owner_exists,
    a_take_over_is_valid_only_for_the_owner_uid_it_names,
    the_operator_updates_owner_tags_when_the_cluster_name_changes,
    a_changed_default_region_creates_no_second_store,
    a_copied_manifest_gets_its_own_store,
    a_recreated_object_finds_its_store_after_its_finalizer_was_removed,
    a_recreated_object_adopts_the_named_store_it_retained,
    the_operator_reports_duplicate_stores_and_leaves_them_alone,
];

pub fn owner_tags(uid: &str, cluster: &str, namespace: &str, name: &str) -> BTreeMap<String, String> {
    let pairs = [("uid", uid), ("cluster", cluster), ("namespace", namespace), ("name", name)];
    pairs.into_iter().map(|(key, value)| (format!("healthomics.dev/{key}"), value.to_owned())).collect()
}

async fn create_calls(world: &World) -> Result<usize, Error> {
    Ok(world.calls("CreateSequenceStore").await?.len())
}

async fn the_operator_adds_owner_tags_to_an_adopted_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let tags = BTreeMap::from([("team".to_owned(), "genomics".to_owned())]);
    let seeded = world.seed_with(SeedStore { tags, ..SeedStore::default() }).await?;
    let object = world.adopt("adopted", &seeded).await?;
    world.until_ready("adopted").await?;
    let uid = object.uid().unwrap_or_default();
    let mut expected = owner_tags(&uid, "e2e", &world.namespace, "adopted");
    expected.insert("team".into(), "genomics".into());
    let shown = world.aws.store(&seeded.id).await?.ok_or("store")?.tags;
    ensure!(shown == expected, "{shown:?}");
    ensure!(create_calls(&world).await? == 0, "a store was created");
    Ok(())
}

async fn the_operator_does_not_tag_an_observed_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seeded = world.seed().await?;
    let observe = Some(ManagementPolicy::Observe);
    world.create("watched", SequenceStoreSpec { management_policy: observe, ..spec_for(&seeded) }).await?;
    world.until_ready("watched").await?;
    // Without an id the operator searches for a store with the owner tags of the object, and finds none.
    world.create("nothing", SequenceStoreSpec { management_policy: observe, ..Default::default() }).await?;
    world.until_condition("nothing", "Stalled", "True", "StoreNotFound").await?;
    ensure!(world.mutating_calls().await?.is_empty(), "Observe made mutating calls");
    Ok(())
}

async fn the_operator_refuses_a_take_over_while_the_owner_exists(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seeded = world.seed().await?;
    let owner = world.adopt("owner", &seeded).await?;
    world.until_ready("owner").await?;
    world.adopt("thief", &seeded).await?;
    let object = world.until_condition("thief", "Stalled", "True", "OwnershipConflict").await?;
    let line = format!("healthomics.dev/take-over: \"{}\"", owner.uid().unwrap_or_default());
    ensure!(message(&object, "Ready").contains(&line), "{}", message(&object, "Ready"));
    let annotation = json!({"metadata": {"annotations": {"healthomics.dev/take-over": owner.uid()}}});
    world.patch("thief", annotation).await?;
    let asked = world.reconcile_now("thief").await?;
    let object = world
        .until("thief", "asked", |o| status(o).last_handled_reconcile_at.as_ref() == Some(&asked))
        .await?;
    ensure!(
        crate::world::condition(&object, "Stalled").is_some(),
        "the take-over happened while the owner exists"
    );
    // An owner that only observes can be replaced.
    world.patch("owner", json!({"spec": {"managementPolicy": "Observe"}})).await?;
    world.until("owner", "no finalizer", |o| o.finalizers().is_empty()).await?;
    world.reconcile_now("thief").await?;
    let thief = world.until_ready("thief").await?;
    let tags = world.aws.store(&seeded.id).await?.ok_or("store")?.tags;
    ensure!(tags.get("healthomics.dev/uid") == thief.metadata.uid.as_ref(), "{tags:?}");
    // The former owner does not get the store back, even when it manages again.
    world.patch("owner", json!({"spec": {"managementPolicy": "Manage"}})).await?;
    world.until_condition("owner", "Stalled", "True", "OwnershipConflict").await?;
    world.delete("owner").await?;
    world.until_gone("owner").await?;
    ensure!(world.calls("DeleteSequenceStore").await?.is_empty(), "the store of the new owner was deleted");
    Ok(())
}

async fn a_take_over_is_valid_only_for_the_owner_uid_it_names(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let tags = owner_tags("11111111-2222-3333-4444-555555555555", "lost", "ns", "name");
    let seeded = world.seed_with(SeedStore { tags, ..SeedStore::default() }).await?;
    world.adopt("heir", &seeded).await?;
    world.until_condition("heir", "Stalled", "True", "OwnershipConflict").await?;
    let wrong = json!({"metadata": {"annotations": {"healthomics.dev/take-over": "another-uid"}}});
    world.patch("heir", wrong).await?;
    let asked = world.reconcile_now("heir").await?;
    let object = world
        .until("heir", "asked", |o| status(o).last_handled_reconcile_at.as_ref() == Some(&asked))
        .await?;
    ensure!(
        crate::world::condition(&object, "Stalled").is_some(),
        "the annotation took effect with another uid"
    );
    let right = json!({"metadata": {"annotations": {
        "healthomics.dev/take-over": "11111111-2222-3333-4444-555555555555",
    }}});
    world.patch("heir", right).await?;
    let object = world.until_ready("heir").await?;
    let tags = world.aws.store(&seeded.id).await?.ok_or("store")?.tags;
    ensure!(tags.get("healthomics.dev/uid") == object.metadata.uid.as_ref(), "{tags:?}");
    Ok(())
}

async fn the_operator_updates_owner_tags_when_the_cluster_name_changes(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let operator = world.operator(&Start::with_create_grace(2))?;
    world.create("renamed", SequenceStoreSpec::default()).await?;
    world.until_ready("renamed").await?;
    operator.kill().await;
    let _operator = world.operator(&Start { cluster_name: "another", ..Start::with_create_grace(2) })?;
    world.until_calls("TagResource", 1).await?;
    world.until_ready("renamed").await?;
    let stores = world.aws.all_stores().await?;
    ensure!(stores.len() == 1, "{} stores", stores.len());
    let name = stores[0].tags.get("healthomics.dev/cluster").map(String::as_str);
    ensure!(name == Some("another"), "{name:?}");
    Ok(())
}

async fn a_changed_default_region_creates_no_second_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let operator = world.operator(&Start::with_create_grace(2))?;
    world.create("stays", SequenceStoreSpec::default()).await?;
    world.until_ready("stays").await?;
    operator.kill().await;
    // Without a status, only the create intent records the region.
    let wipe = kube::api::Patch::Merge(json!({"status": null}));
    world.api.patch_status("stays", &kube::api::PatchParams::default(), &wipe).await?;
    let _operator = world.operator(&Start { region: Some("us-west-2"), ..Start::with_create_grace(2) })?;
    let object = world.until_ready("stays").await?;
    ensure!(status(&object).region.as_deref() == Some("us-east-1"), "{:?}", status(&object).region);
    ensure!(world.aws.all_stores().await?.len() == 1, "one store");
    Ok(())
}

async fn a_copied_manifest_gets_its_own_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::with_create_grace(2))?;
    world.create("original", SequenceStoreSpec::default()).await?;
    let original =
        world.until("original", "an intent", |o| o.annotations().contains_key(INTENT_ANNOTATION)).await?;
    let original = world.until_ready(&original.name_any()).await?;
    let mut copy = original.clone();
    copy.metadata = kube::api::ObjectMeta {
        name: Some("copy".into()),
        annotations: original.metadata.annotations.clone(),
        ..kube::api::ObjectMeta::default()
    };
    world.api.create(&kube::api::PostParams::default(), &copy).await?;
    let copy = world.until_ready("copy").await?;
    let id = |object| status(object).store.map(|store| store.id);
    ensure!(id(&copy) != id(&original), "both objects have the same store");
    world.delete("copy").await?;
    world.until_gone("copy").await?;
    let left = world.aws.stores().await?;
    ensure!(
        left.len() == 1 && Some(&left[0].id) == id(&original).as_ref(),
        "the deletion of the copy deleted the original's store"
    );
    Ok(())
}

async fn a_recreated_object_finds_its_store_after_its_finalizer_was_removed(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let operator = world.operator(&Start::with_create_grace(2))?;
    world.create("torn", SequenceStoreSpec::default()).await?;
    let before = world.until_ready("torn").await?;
    operator.kill().await;
    world.patch("torn", json!({"metadata": {"finalizers": null}})).await?;
    world.delete("torn").await?;
    world.until_gone("torn").await?;
    world.create("torn", SequenceStoreSpec::default()).await?;
    let _operator = world.operator(&Start::with_create_grace(2))?;
    let after = world.until_ready("torn").await?;
    ensure!(before.uid() != after.uid(), "another object");
    ensure!(status(&before).store.map(|s| s.id) == status(&after).store.map(|s| s.id), "the same store");
    ensure!(create_calls(&world).await? == 1, "more or less than one create");
    Ok(())
}

async fn the_operator_reports_duplicate_stores_and_leaves_them_alone(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let object = world.create("twice", SequenceStoreSpec::default()).await?;
    let uid = object.uid().unwrap_or_default();
    let seed = |time: &str| SeedStore {
        name: Some("twice".into()),
        tags: owner_tags(&uid, "e2e", &world.namespace, "twice"),
        creation_time: Some(time.to_owned()),
        ..SeedStore::default()
    };
    let newer = world.seed_with(seed("2024-01-01T00:00:00.000Z")).await?;
    let older = world.seed_with(seed("2023-01-01T00:00:00.000Z")).await?;
    let _operator = world.operator(&Start::with_create_grace(2))?;
    let object = world.until_ready("twice").await?;
    ensure!(
        status(&object).store.is_some_and(|store| store.id == older.id),
        "the operator did not keep the oldest store"
    );
    let events = world.until_event("twice", "DuplicateStores").await?;
    ensure!(events.contains(&newer.id), "{events}");
    world.delete("twice").await?;
    world.until_gone("twice").await?;
    ensure!(
        world.aws.store(&newer.id).await?.is_some_and(|store| !store.deleted),
        "the duplicate was deleted"
    );
    ensure!(create_calls(&world).await? == 0, "a store was created");
    Ok(())
}

async fn a_recreated_object_adopts_the_named_store_it_retained(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seeded = world.seed().await?;
    let spec = SequenceStoreSpec { deletion_policy: Some(DeletionPolicy::Retain), ..spec_for(&seeded) };
    world.create("named", spec.clone()).await?;
    let first = world.until_ready("named").await?;
    world.delete("named").await?;
    world.until_gone("named").await?;
    world.create("named", spec).await?;
    let second = world.until_ready("named").await?;
    let note = world.until_event("named", "Adopted").await?;
    ensure!(first.uid() != second.uid(), "another object: {note}");
    let tags = world.aws.store(&seeded.id).await?.ok_or("store")?.tags;
    ensure!(tags.get("healthomics.dev/uid") == second.metadata.uid.as_ref(), "{tags:?}");
    Ok(())
}
