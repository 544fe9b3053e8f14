//! Prove how the status of a store changes over time, and that reads can lag behind writes.

use std::time::Duration;

use aws_sdk_omics::Client;
use healthomics_simulator::{SeedStore, UpdatingWhen};
use serde_json::json;

use crate::client::{code, omics, simulator, with_knobs};

async fn status(omics: &Client, id: &str) -> String {
    match omics.get_sequence_store().id(id).send().await {
        Ok(got) => got.status().unwrap().as_str().to_owned(),
        failed => code(failed),
    }
}

#[tokio::test]
async fn a_store_stays_creating_for_the_configured_number_of_gets() {
    let simulator = with_knobs(|knobs| knobs.creating_gets = 2).await;
    let omics = omics(&simulator);
    let created = omics.create_sequence_store().name("a").send().await.unwrap();
    assert_eq!(created.status().unwrap().as_str(), "CREATING");
    let busy = omics.update_sequence_store().id(created.id()).name("b").send().await;
    assert_eq!(code(busy), "ConflictException");
    assert_eq!(code(omics.delete_sequence_store().id(created.id()).send().await), "ConflictException");
    for expected in ["CREATING", "CREATING", "ACTIVE", "ACTIVE"] {
        assert_eq!(status(&omics, created.id()).await, expected);
    }
}

#[tokio::test]
async fn a_store_stays_creating_for_the_configured_time() {
    let simulator = with_knobs(|knobs| knobs.creating_ms = 60).await;
    let omics = omics(&simulator);
    let created = omics.create_sequence_store().name("a").send().await.unwrap();
    assert_eq!(status(&omics, created.id()).await, "CREATING");
    tokio::time::sleep(Duration::from_millis(80)).await;
    let listed = omics.list_sequence_stores().send().await.unwrap();
    assert_eq!(listed.sequence_stores()[0].status().unwrap().as_str(), "ACTIVE");
}

#[tokio::test]
async fn a_failed_store_has_a_status_message() {
    let simulator = with_knobs(|knobs| {
        knobs.creating_gets = 1;
        knobs.create_fails = Some("the key is disabled".to_owned());
        knobs.deleting_gets = 1;
        knobs.delete_fails = Some("the bucket is locked".to_owned());
    })
    .await;
    let omics = omics(&simulator);
    let created = omics.create_sequence_store().name("a").send().await.unwrap();
    assert_eq!(status(&omics, created.id()).await, "CREATING");
    let failed = omics.get_sequence_store().id(created.id()).send().await.unwrap();
    assert_eq!(failed.status().unwrap().as_str(), "FAILED");
    assert_eq!(failed.status_message(), Some("the key is disabled"));
    omics.delete_sequence_store().id(created.id()).send().await.unwrap();
    assert_eq!(status(&omics, created.id()).await, "DELETING");
    let failed = omics.get_sequence_store().id(created.id()).send().await.unwrap();
    assert_eq!(failed.status_message(), Some("the bucket is locked"));
}

#[tokio::test]
async fn only_new_tag_keys_on_a_store_with_read_sets_cause_updating_by_default() {
    let simulator = with_knobs(|knobs| knobs.updating_gets = 1).await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let store = control.seed_store(&SeedStore::default()).await.unwrap();
    let update = |keys: &[&str]| {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        omics.update_sequence_store().id(&store.id).set_propagated_set_level_tags(Some(keys)).send()
    };
    assert_eq!(update(&["a", "b"]).await.unwrap().status().unwrap().as_str(), "ACTIVE");
    control.add_read_sets(&store.id, 1, "ACTIVE").await.unwrap();
    assert_eq!(update(&["b", "a"]).await.unwrap().status().unwrap().as_str(), "ACTIVE");
    assert_eq!(update(&["c"]).await.unwrap().status().unwrap().as_str(), "UPDATING");
    assert_eq!(code(update(&["d"]).await), "ConflictException");
    assert_eq!(status(&omics, &store.id).await, "UPDATING");
    assert_eq!(status(&omics, &store.id).await, "ACTIVE");

    let always = with_knobs(|knobs| {
        knobs.updating_gets = 1;
        knobs.updating_when = UpdatingWhen::Always;
        knobs.busy_conflict = false;
    })
    .await;
    let (omics, control) = (crate::client::omics(&always), always.client());
    let store = control.seed_store(&SeedStore::default()).await.unwrap();
    let update = || omics.update_sequence_store().id(&store.id).name("n").send();
    assert_eq!(update().await.unwrap().status().unwrap().as_str(), "UPDATING");
    update().await.unwrap();
}

#[tokio::test]
async fn a_store_stays_deleting_for_the_configured_number_of_gets() {
    let simulator = with_knobs(|knobs| knobs.deleting_gets = 2).await;
    let omics = omics(&simulator);
    let id = omics.create_sequence_store().name("a").send().await.unwrap().id().to_owned();
    omics.delete_sequence_store().id(&id).send().await.unwrap();
    assert_eq!(code(omics.delete_sequence_store().id(&id).send().await), "ConflictException");
    for expected in ["DELETING", "DELETING", "ResourceNotFoundException"] {
        assert_eq!(status(&omics, &id).await, expected);
    }
}

#[tokio::test]
async fn get_list_and_tags_lag_independently() {
    let simulator = with_knobs(|knobs| knobs.get_lag_ms = 300).await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let created = omics.create_sequence_store().name("a").tags("k", "v").send().await.unwrap();
    let (id, arn) = (created.id(), created.arn());
    assert_eq!(status(&omics, id).await, "ResourceNotFoundException");
    assert_eq!(omics.list_sequence_stores().send().await.unwrap().sequence_stores().len(), 1);
    assert_eq!(omics.list_tags_for_resource().resource_arn(arn).send().await.unwrap().tags()["k"], "v");
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(status(&omics, id).await, "ACTIVE");

    omics.update_sequence_store().id(id).name("b").send().await.unwrap();
    omics.tag_resource().resource_arn(arn).tags("k", "w").send().await.unwrap();
    assert_eq!(omics.get_sequence_store().id(id).send().await.unwrap().name(), Some("a"));

    let mut knobs = control.knobs().await.unwrap();
    (knobs.get_lag_ms, knobs.list_lag_ms, knobs.tags_lag_ms) = (0, 60_000, 60_000);
    control.set_knobs(&knobs).await.unwrap();
    assert_eq!(omics.get_sequence_store().id(id).send().await.unwrap().name(), Some("b"));
    assert!(omics.list_sequence_stores().send().await.unwrap().sequence_stores().is_empty());
    let tags = omics.list_tags_for_resource().resource_arn(arn).send().await;
    assert_eq!(code(tags), "ResourceNotFoundException");
    knobs.tags_lag_empty = true;
    control.set_knobs(&knobs).await.unwrap();
    let tags = omics.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    assert!(tags.tags().is_empty());

    (knobs.get_lag_ms, knobs.list_lag_ms) = (200, 0);
    control.set_knobs(&knobs).await.unwrap();
    tokio::time::sleep(Duration::from_millis(250)).await;
    omics.delete_sequence_store().id(id).send().await.unwrap();
    assert_eq!(status(&omics, id).await, "ACTIVE", "Get still returns the deleted store");
    assert!(omics.list_sequence_stores().send().await.unwrap().sequence_stores().is_empty());
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(status(&omics, id).await, "ResourceNotFoundException");
}

#[tokio::test]
async fn the_control_api_changes_and_removes_stores() {
    let simulator = simulator().await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let seed = SeedStore {
        description: Some("d".to_owned()),
        tags: [("a".to_owned(), "1".to_owned())].into(),
        update_time: Some("2026-01-01T00:00:00.000Z".to_owned()),
        ..SeedStore::default()
    };
    let store = control.seed_store(&seed).await.unwrap();
    let patch =
        json!({"name": "n", "description": null, "accessLogLocation": "s3://logs/x/", "tags": {"b": "2"}});
    let changed = control.change_store(&store.id, patch).await.unwrap();
    assert_eq!(changed.description, None);
    assert_eq!(changed.s3_access.access_log_location.as_deref(), Some("s3://logs/x/"));
    assert_eq!(changed.s3_access.s3_uri, store.s3_access.s3_uri);
    assert_eq!(changed.tags.into_iter().collect::<Vec<_>>(), [("b".to_owned(), "2".to_owned())]);
    assert_ne!(changed.update_time, seed.update_time);
    assert_eq!(omics.get_sequence_store().id(&store.id).send().await.unwrap().name(), Some("n"));
    control.change_store(&store.id, json!({"status": "DELETING"})).await.unwrap();
    assert_eq!(status(&omics, &store.id).await, "DELETING");
    assert!(control.change_store(&store.id, json!({"nme": "typo"})).await.is_err());
    control.remove_store(&store.id).await.unwrap();
    assert_eq!(status(&omics, &store.id).await, "ResourceNotFoundException");
    assert!(control.stores().await.unwrap().is_empty());
    assert!(control.all_stores().await.unwrap()[0].deleted);
    assert!(control.store(&store.id).await.unwrap().unwrap().deleted);
    assert_eq!(control.store("0000000000").await.unwrap(), None);
}
