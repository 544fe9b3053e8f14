//! A ConfigMap from its making to its end.

use std::sync::Arc;

use kube::ResourceExt;
use sequencestore_operator::crd::{DeletionPolicy, PAUSED_ANNOTATION, SequenceStore, SequenceStoreSpec};
use serde_json::{Value, json};

use super::{ConfigMaps, NAME, asking, connection, ensure_owned, grant, recorded, started, target};
use crate::world::{Cluster, Error, Start, World, condition, ensure, observing, status, tests};

tests![
    a_config_map_says_how_to_reach_the_store_from_the_moment_it_is_ready,
    a_config_map_follows_the_store_and_goes_with_the_object,
    what_somebody_does_to_a_config_map_is_put_right,
    another_name_moves_a_config_map_and_without_the_field_it_goes,
    a_paused_object_leaves_its_config_map_as_it_is,
    the_config_map_of_a_missing_store_stays_and_that_of_an_observed_store_is_kept,
];

async fn a_config_map_says_how_to_reach_the_store_from_the_moment_it_is_ready(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    grant(&world).await?;
    let maps = ConfigMaps::of(&world);
    world.create("a", asking(NAME)).await?;
    let versions = world.versions("a").await?;
    let _operator = world.operator(&Start::default())?;
    let object = world.until_ready("a").await?;
    let config_map = maps.get(NAME).await?.ok_or("Ready without a ConfigMap")?;
    let data = config_map.data.clone().unwrap_or_default();
    ensure!(data == connection(&object)? && data.len() == 6, "{data:?}");
    ensure_owned(&config_map, &object)?;
    let label = config_map.labels().get("app.kubernetes.io/managed-by").map(String::as_str);
    ensure!(label == Some("sequencestore-operator"), "{:?}", config_map.labels());
    ensure!(recorded(&object).as_deref() == Some(NAME), "{:?}", status(&object).connection);
    // It was on record before it was Ready, and never Ready without it.
    let seen = world.until_caught_up("a", &versions).await?;
    let is_ready = |object: &&SequenceStore| {
        let ready = condition(object, "Ready");
        ready.is_some_and(|ready| ready.status == "True")
    };
    ensure!(seen.iter().filter(is_ready).all(|object| recorded(object).is_some()), "{seen:?}");
    ensure!(seen.iter().any(|object| recorded(object).is_some() && !is_ready(&object)), "{seen:?}");
    // A look changes nothing more.
    let version = config_map.resource_version();
    world.one_more_pass("a").await?;
    world.one_more_pass("a").await?;
    ensure!(maps.get(NAME).await?.and_then(|now| now.resource_version()) == version, "written again");
    Ok(())
}

async fn a_config_map_follows_the_store_and_goes_with_the_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = started(cluster).await?;
    let maps = ConfigMaps::of(&world);
    let spec = SequenceStoreSpec { deletion_policy: Some(DeletionPolicy::Retain), ..asking(NAME) };
    world.create("a", spec).await?;
    let id = status(&world.until_ready("a").await?).store.ok_or("no store")?.id;
    let point = format!("arn:aws:s3:us-east-1:555555555555:accesspoint/moved-{id}");
    let moved = json!({"s3Access": {"s3AccessPointArn": point, "s3Uri": "s3://moved/"}});
    world.aws.change_store(&id, moved).await?;
    let follows = |found: Option<&k8s_openapi::api::core::v1::ConfigMap>| {
        let data = found.and_then(|found| found.data.as_ref());
        data.is_some_and(|data| data.get("SEQUENCE_STORE_S3_ACCESS_POINT_ARN") == Some(&point))
    };
    maps.until(NAME, "the new access point", follows).await?;
    // The status is written after the ConfigMap.
    let shows = |object: &SequenceStore| {
        let access = status(object).store.and_then(|store| store.s3_access);
        access.and_then(|access| access.s3_access_point_arn).as_ref() == Some(&point)
    };
    world.until("a", "the new access point", shows).await?;
    maps.until_right(&world, "a", NAME).await?;
    // kube-controller-manager collects it, although the store stays.
    world.delete("a").await?;
    world.until_gone("a").await?;
    maps.until_gone(NAME).await?;
    ensure!(world.aws.store(&id).await?.is_some(), "the store is gone");
    Ok(())
}

async fn what_somebody_does_to_a_config_map_is_put_right(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = started(cluster).await?;
    let maps = ConfigMaps::of(&world);
    world.create("a", asking(NAME)).await?;
    let object = world.until_ready("a").await?;
    let label = "app.kubernetes.io/managed-by";
    let edits: [(&str, Value); 5] = [
        (
            "another value",
            json!({"data": {"SEQUENCE_STORE_ID": "7"}, "metadata": {"annotations": {"theirs": "1"}}}),
        ),
        ("a value less", json!({"data": {"SEQUENCE_STORE_ARN": null}})),
        ("a value more", json!({"data": {"PATH": "/evil"}})),
        ("bytes", json!({"binaryData": {"a": "AAAA"}})),
        ("no label", json!({"metadata": {"labels": {label: null}}})),
    ];
    for (what, edit) in edits {
        maps.patch(NAME, edit).await?;
        maps.until_right(&world, "a", NAME).await.map_err(|error| format!("{what}: {error}"))?;
        maps.until(NAME, what, |found| found.is_some_and(|found| found.labels().contains_key(label))).await?;
    }
    let uid = maps.get(NAME).await?.ok_or("no ConfigMap")?;
    ensure!(uid.annotations().contains_key("theirs"), "the annotation of somebody else is gone: {uid:?}");
    // What cannot be changed is made anew.
    maps.patch(NAME, json!({"data": {"SEQUENCE_STORE_ID": "7"}, "immutable": true})).await?;
    let renewed = maps.until_right(&world, "a", NAME).await?;
    ensure!(renewed.uid() != uid.uid() && renewed.immutable.is_none(), "{renewed:?}");
    maps.delete(NAME).await?;
    ensure_owned(&maps.until_right(&world, "a", NAME).await?, &object)?;
    ensure!(world.mutating_calls().await?.len() == 1, "AWS was asked for more than the store");
    Ok(())
}

async fn another_name_moves_a_config_map_and_without_the_field_it_goes(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = started(cluster).await?;
    let maps = ConfigMaps::of(&world);
    world.create("a", SequenceStoreSpec::default()).await?;
    let object = world.until_ready("a").await?;
    ensure!(recorded(&object).is_none() && maps.get(NAME).await?.is_none(), "nobody asked for it");
    let changes = world.mutating_calls().await?.len();
    for (name, former) in [(NAME, None), ("other.name", Some(NAME)), (NAME, Some("other.name"))] {
        world.patch("a", target(Some(name))).await?;
        maps.until_right(&world, "a", name).await?;
        let moved = |object: &SequenceStore| recorded(object).as_deref() == Some(name);
        world.until("a", "the other name is on record", moved).await?;
        if let Some(former) = former {
            maps.until_gone(former).await?;
        }
        let object = world.until_ready("a").await?;
        ensure_owned(&maps.until_right(&world, "a", name).await?, &object)?;
    }
    world.patch("a", target(None)).await?;
    maps.until_gone(NAME).await?;
    let object = world.until("a", "nothing is on record", |object| recorded(object).is_none()).await?;
    ensure!(status(&object).observed_generation == object.metadata.generation, "{:?}", object.status);
    ensure!(world.mutating_calls().await?.len() == changes, "AWS was asked to change something");
    Ok(())
}

async fn a_paused_object_leaves_its_config_map_as_it_is(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = started(cluster).await?;
    let maps = ConfigMaps::of(&world);
    world.create("clock", asking("clock")).await?;
    world.create("a", asking(NAME)).await?;
    for name in ["clock", "a"] {
        world.until_ready(name).await?;
    }
    world.annotate("a", PAUSED_ANNOTATION, Some("true")).await?;
    world.until_condition("a", "Synced", "False", "Paused").await?;
    let edited = maps.patch(NAME, json!({"data": {"SEQUENCE_STORE_ID": "7"}})).await?;
    world.patch("a", target(Some("other"))).await?;
    // As long as it takes to put another one right, twice.
    for _ in 0..2 {
        maps.delete("clock").await?;
        maps.until_right(&world, "clock", "clock").await?;
    }
    ensure!(maps.get(NAME).await? == Some(edited), "it was changed");
    ensure!(maps.get("other").await?.is_none(), "it was made");
    world.annotate("a", PAUSED_ANNOTATION, None).await?;
    maps.until_right(&world, "a", "other").await?;
    maps.until_gone(NAME).await
}

async fn the_config_map_of_a_missing_store_stays_and_that_of_an_observed_store_is_kept(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = started(cluster).await?;
    let maps = ConfigMaps::of(&world);
    let store = world.seed().await?;
    let spec = observing(&store);
    let spec = SequenceStoreSpec { write_connection_to: asking(NAME).write_connection_to, ..spec };
    world.create("a", spec).await?;
    world.until_ready("a").await?;
    let before = maps.until_right(&world, "a", NAME).await?;
    world.aws.remove_store(&store.id).await?;
    world.until_condition("a", "Ready", "False", "StoreMissing").await?;
    world.one_more_pass("a").await?;
    ensure!(maps.get(NAME).await? == Some(before), "it was changed");
    world.patch("a", target(None)).await?;
    maps.until_gone(NAME).await?;
    world.ensure_no_store_changed().await
}
