//! A ConfigMap of the wanted name that belongs to somebody else is left alone, however it came to be there.

use std::sync::Arc;

use healthomics_simulator::SeedStore;
use kube::ResourceExt;
use sequencestore_operator::crd::{OWNER_UID_TAG, SequenceStoreSpec};
use serde_json::json;

use super::{
    ConfigMaps, NAME, about_config_maps, asking, ensure_only_the_config_map_is_missing, ensure_owned, grant,
    recorded, started, target, with_proxy,
};
use crate::kubernetes_proxy::Fault;
use crate::world::{Cluster, Error, Start, World, ensure, message, spec_for, status, tests};

tests![
    a_config_map_of_somebody_else_is_left_alone_until_it_is_gone,
    of_two_objects_with_one_name_the_first_keeps_its_config_map,
    one_that_is_made_at_the_same_moment_is_not_overwritten,
    one_that_was_given_away_is_not_taken_back,
    a_pass_that_is_behind_makes_no_config_map_of_the_former_name,
    a_move_to_a_name_that_is_taken_keeps_the_former_config_map,
    the_store_of_another_owner_is_not_published,
];

async fn a_config_map_of_somebody_else_is_left_alone_until_it_is_gone(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = started(cluster).await?;
    let maps = ConfigMaps::of(&world);
    let theirs = maps.create(NAME).await?;
    world.create("a", asking(NAME)).await?;
    let object = world.until_condition("a", "Ready", "False", "ConnectionConflict").await?;
    ensure_only_the_config_map_is_missing(&object)?;
    ensure!(recorded(&object).is_none(), "{:?}", status(&object).connection);
    let text = message(&object, "Ready");
    ensure!(text.contains(NAME) && text.contains("does not belong to this object"), "{text}");
    ensure!(world.until_event("a", "ConnectionConflict").await?.contains("somebody else"), "another note");
    world.one_more_pass("a").await?;
    ensure!(maps.get(NAME).await? == Some(theirs), "it was changed");
    // It is not removed with the field, nor with the object.
    world.patch("a", target(None)).await?;
    world.until_ready("a").await?;
    ensure!(maps.get(NAME).await?.is_some(), "the ConfigMap of somebody else was deleted");
    world.patch("a", target(Some(NAME))).await?;
    world.until_condition("a", "Ready", "False", "ConnectionConflict").await?;
    maps.delete(NAME).await?;
    let object = world.until_ready("a").await?;
    ensure_owned(&maps.until_right(&world, "a", NAME).await?, &object)
}

async fn of_two_objects_with_one_name_the_first_keeps_its_config_map(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = started(cluster).await?;
    let maps = ConfigMaps::of(&world);
    world.create("first", asking(NAME)).await?;
    let first = world.until_ready("first").await?;
    world.create("second", asking(NAME)).await?;
    let second = world.until_condition("second", "Ready", "False", "ConnectionConflict").await?;
    let text = message(&second, "Ready");
    ensure!(text.contains("belongs to SequenceStore first"), "{text}");
    for name in ["first", "second"] {
        world.one_more_pass(name).await?;
    }
    ensure_owned(&maps.until_right(&world, "first", NAME).await?, &first)?;
    // Once the first one goes, Kubernetes removes its ConfigMap, and the second one makes its own.
    world.delete("first").await?;
    let second = world.until_ready("second").await?;
    ensure_owned(&maps.until_right(&world, "second", NAME).await?, &second)
}

async fn one_that_is_made_at_the_same_moment_is_not_overwritten(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, proxy, _operator) = with_proxy(cluster).await?;
    let maps = ConfigMaps::of(&world);
    // The operator has seen that there is none, and is about to make it.
    proxy.fail(Fault::HoldBack, about_config_maps("POST "));
    world.create("a", asking(NAME)).await?;
    proxy.until_requests(1, about_config_maps("POST ")).await?;
    let theirs = maps.create(NAME).await?;
    proxy.heal();
    let object = world.until_condition("a", "Ready", "False", "ConnectionConflict").await?;
    ensure!(recorded(&object).is_none(), "{:?}", status(&object).connection);
    ensure!(maps.get(NAME).await? == Some(theirs), "it was changed");
    // The same with one that changes hands while the operator is about to put it right, or to remove it.
    maps.delete(NAME).await?;
    world.until_ready("a").await?;
    proxy.fail(Fault::HoldBack, about_config_maps("PUT "));
    let before = proxy.requests(about_config_maps("PUT "));
    maps.patch(NAME, json!({"data": {"SEQUENCE_STORE_ID": "7"}})).await?;
    proxy.until_requests(before + 1, about_config_maps("PUT ")).await?;
    let theirs = maps.patch(NAME, json!({"metadata": {"ownerReferences": null}})).await?;
    proxy.heal();
    world.until_condition("a", "Ready", "False", "ConnectionConflict").await?;
    ensure!(maps.get(NAME).await? == Some(theirs), "it was overwritten");
    maps.delete(NAME).await?;
    world.until_ready("a").await?;
    proxy.fail(Fault::HoldBack, about_config_maps("DELETE "));
    world.patch("a", target(None)).await?;
    proxy.until_requests(1, about_config_maps("DELETE ")).await?;
    let theirs = maps.patch(NAME, json!({"metadata": {"ownerReferences": null}})).await?;
    proxy.heal();
    world.until("a", "nothing is on record", |object| recorded(object).is_none()).await?;
    ensure!(maps.get(NAME).await? == Some(theirs), "it was deleted");
    Ok(())
}

async fn one_that_was_given_away_is_not_taken_back(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = started(cluster).await?;
    let maps = ConfigMaps::of(&world);
    world.create("a", asking(NAME)).await?;
    world.until_ready("a").await?;
    let given = json!({"metadata": {"ownerReferences": null}, "data": {"SEQUENCE_STORE_ID": "7"}});
    let theirs = maps.patch(NAME, given).await?;
    let object = world.until_condition("a", "Ready", "False", "ConnectionConflict").await?;
    ensure!(recorded(&object).is_none(), "{:?}", status(&object).connection);
    world.patch("a", target(None)).await?;
    world.until_ready("a").await?;
    ensure!(maps.get(NAME).await? == Some(theirs), "it was changed or deleted");
    Ok(())
}

async fn a_pass_that_is_behind_makes_no_config_map_of_the_former_name(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, proxy, _operator) = with_proxy(cluster).await?;
    let maps = ConfigMaps::of(&world);
    world.create("a", asking(NAME)).await?;
    world.until_ready("a").await?;
    // A pass looks for the ConfigMap, and before it sees that there is none, the spec has another name.
    let (looked, made) =
        (proxy.requests(about_config_maps("GET ")), proxy.requests(about_config_maps("POST ")));
    proxy.fail(Fault::HoldBack, about_config_maps("GET "));
    proxy.until_requests(looked + 1, about_config_maps("GET ")).await?;
    maps.delete(NAME).await?;
    world.patch("a", target(Some("other"))).await?;
    proxy.heal();
    maps.until_right(&world, "a", "other").await?;
    world.until_ready("a").await?;
    ensure!(proxy.requests(about_config_maps("POST ")) == made + 1, "it made the former one again");
    ensure!(maps.get(NAME).await?.is_none(), "the former one is there");
    Ok(())
}

async fn a_move_to_a_name_that_is_taken_keeps_the_former_config_map(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = started(cluster).await?;
    let maps = ConfigMaps::of(&world);
    world.create("a", asking(NAME)).await?;
    world.until_ready("a").await?;
    let theirs = maps.create("taken").await?;
    world.patch("a", target(Some("taken"))).await?;
    let object = world.until_condition("a", "Ready", "False", "ConnectionConflict").await?;
    ensure!(recorded(&object).as_deref() == Some(NAME), "{:?}", status(&object).connection);
    maps.until_right(&world, "a", NAME).await?;
    ensure!(maps.get("taken").await? == Some(theirs), "it was changed");
    maps.delete("taken").await?;
    world.until_ready("a").await?;
    maps.until_right(&world, "a", "taken").await?;
    maps.until_gone(NAME).await
}

async fn the_store_of_another_owner_is_not_published(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    grant(&world).await?;
    let _operator = world.operator(&Start::with_create_grace(1))?;
    let maps = ConfigMaps::of(&world);
    let tags = [(OWNER_UID_TAG.to_owned(), "another-object".to_owned())].into();
    let stolen = world.seed_with(SeedStore { tags, ..SeedStore::default() }).await?;
    let write_connection_to = asking(NAME).write_connection_to;
    world.create("a", SequenceStoreSpec { write_connection_to, ..spec_for(&stolen) }).await?;
    world.until_condition("a", "Ready", "False", "OwnershipConflict").await?;
    ensure!(maps.get(NAME).await?.is_none(), "published");
    // A store that was this object's and is somebody else's now is published no longer.
    world.create("b", asking("own")).await?;
    let own = status(&world.until_ready("b").await?).store.ok_or("no store")?.id;
    maps.until_right(&world, "b", "own").await?;
    world.aws.change_store(&own, json!({"tags": {OWNER_UID_TAG: "another-object"}})).await?;
    world.until_condition("b", "Ready", "False", "OwnershipConflict").await?;
    maps.until_gone("own").await?;
    let object = world.until("b", "nothing is on record", |object| recorded(object).is_none()).await?;
    let uid = object.uid().ok_or("no uid")?;
    world.aws.change_store(&own, json!({"tags": {OWNER_UID_TAG: uid}})).await?;
    world.until_ready("b").await?;
    maps.until_right(&world, "b", "own").await?;
    Ok(())
}
