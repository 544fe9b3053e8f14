//! Limits of AWS that concern a part of an object hold up that part only: the number of tags, the count of read sets.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs, SeedStore};
use sequencestore_operator::crd::{DeletionBlockReason, SequenceStoreSpec};
use serde_json::json;

use crate::assertions::block;
use crate::world::{Cluster, Error, Start, World, condition, ensure, message, spec_for, status, tests};

tests![
    a_store_without_room_for_the_owner_tags_is_mirrored_updated_and_deleted,
    a_store_without_room_for_a_tag_keeps_everything_else_in_sync,
    tags_that_replace_as_many_others_are_set_at_the_limit,
    read_sets_that_cannot_be_counted_for_a_moment_are_counted_soon,
];

fn foreign_tags(count: usize) -> BTreeMap<String, String> {
    (0..count).map(|number| (format!("foreign-{number:02}"), "x".to_owned())).collect()
}

async fn a_store_without_room_for_the_owner_tags_is_mirrored_updated_and_deleted(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    for is_quota in [false, true] {
        let (world, _operator) = World::with_operator(Arc::clone(&cluster)).await?;
        world.aws.set_knobs(&Knobs { tag_limit_is_quota: is_quota, ..Knobs::default() }).await?;
        let seed = SeedStore { tags: foreign_tags(48), ..SeedStore::default() };
        let store = world.seed_with(seed).await?;
        let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": store.s3_access.s3_access_point_arn});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
        let spec = SequenceStoreSpec {
            description: Some("wanted".into()),
            s3_access_policy: policy.as_object().cloned(),
            ..spec_for(&store)
        };
        world.create("a", spec).await?;
        let object = world.until_condition("a", "Synced", "False", "QuotaExceeded").await?;
        let text = message(&object, "Synced");
        ensure!(text.contains("50 tags") && text.contains("48"), "the limit is not named: {text}");
        world.until_ready("a").await?;
        let shown = world.aws.store(&store.id).await?.ok_or("store")?;
        ensure!(shown.description.as_deref() == Some("wanted"), "not updated: {:?}", shown.description);
        ensure!(
            shown.s3_access_policy == Some(policy.to_string()),
            "no policy: {:?}",
            shown.s3_access_policy
        );
        ensure!(shown.tags.len() == 48, "{:?}", shown.tags);
        world.aws.change_store(&store.id, json!({"name": "renamed"})).await?;
        let followed = |o: &_| status(o).store.is_some_and(|store| store.name.as_deref() == Some("renamed"));
        world.until("a", "the new name", followed).await?;
        // Once there is room, the operator uses it.
        world.aws.change_store(&store.id, json!({"tags": foreign_tags(46)})).await?;
        world.until_condition("a", "Synced", "True", "InSync").await?;
        world.aws.change_store(&store.id, json!({"tags": foreign_tags(48)})).await?;
        world.until_condition("a", "Synced", "False", "QuotaExceeded").await?;
        world.delete("a").await?;
        world.until_gone("a").await?;
        world.ensure_gone_in_aws(&store).await?;
    }
    Ok(())
}

async fn a_store_without_room_for_a_tag_keeps_everything_else_in_sync(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed_with(SeedStore { tags: foreign_tags(46), ..SeedStore::default() }).await?;
    world.adopt("a", &store).await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    world
        .patch("a", json!({"spec": {"description": "new", "tags": {"team": "y", "foreign-00": "changed"}}}))
        .await?;
    let object = world.until_condition("a", "Synced", "False", "QuotaExceeded").await?;
    ensure!(message(&object, "Synced").contains("team"), "{}", message(&object, "Synced"));
    let changed =
        |o: &_| status(o).drift.iter().map(|drift| drift.field.clone()).eq(["tags[team]".to_owned()]);
    let object = world.until("a", "only one field of drift", changed).await?;
    ensure!(condition(&object, "Ready").is_some_and(|ready| ready.status == "True"), "not Ready");
    let shown = world.aws.store(&store.id).await?.ok_or("store")?;
    ensure!(shown.description.as_deref() == Some("new"), "not updated: {:?}", shown.description);
    ensure!(shown.tags.get("foreign-00").map(String::as_str) == Some("changed"), "{:?}", shown.tags);
    let tried = world.calls("TagResource").await?.len();
    for _ in 0..3 {
        world.one_more_pass("a").await?;
    }
    ensure!(world.calls("TagResource").await?.len() == tried, "a tag without room is tried again and again");
    Ok(())
}

async fn tags_that_replace_as_many_others_are_set_at_the_limit(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed_with(SeedStore::default()).await?;
    let tags = |prefix: &str| -> BTreeMap<String, String> {
        (0..46).map(|number| (format!("{prefix}-{number:02}"), "x".to_owned())).collect()
    };
    world.create("a", SequenceStoreSpec { tags: Some(tags("old")), ..spec_for(&store) }).await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    let replaced = json!([{"op": "replace", "path": "/spec/tags", "value": tags("new")}]).to_string();
    world.kubectl(&["patch", "seqstore", "a", "--type=json", "--patch", &replaced]).await?.checked()?;
    let settled = |o: &_| {
        condition(o, "Synced")
            .is_some_and(|c| c.status == "True" && c.observed_generation == o.metadata.generation)
    };
    world.until("a", "the new tags in sync", settled).await?;
    let shown = world.aws.store(&store.id).await?.ok_or("store")?.tags;
    ensure!(shown.keys().filter(|key| key.starts_with("new-")).count() == 46, "{shown:?}");
    ensure!(!shown.keys().any(|key| key.starts_with("old-")), "{shown:?}");
    Ok(())
}

async fn read_sets_that_cannot_be_counted_for_a_moment_are_counted_soon(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    for code in ["ThrottlingException", "InternalServerException"] {
        let world = World::new(Arc::clone(&cluster)).await?;
        // With this poll interval, only the failed count can be the cause of the next one.
        let _operator =
            world.operator(&Start { flags: vec!["--poll-interval=1h".into()], ..Start::default() })?;
        let store = world.seed().await?;
        world.aws.add_read_sets(&store.id, 2, "ACTIVE").await?;
        world.adopt("full", &store).await?;
        world.until_ready("full").await?;
        let fault = Fault { times: Some(2), ..Fault::always("ListReadSets", FaultAction::error(code)) };
        world.aws.script_fault(&fault).await?;
        let versions = world.versions("full").await?;
        world.delete("full").await?;
        let object = world
            .until("full", "a count of its read sets", |o| block(o, DeletionBlockReason::ReadSets).is_some())
            .await?;
        let counted = block(&object, DeletionBlockReason::ReadSets).and_then(|block| block.read_sets);
        ensure!(counted.as_deref() == Some("2"), "{code}: {counted:?}");
        for version in world.until_caught_up("full", &versions).await? {
            let blamed =
                status(&version).deletion_blocked_by.iter().any(|block| block.message.contains("IAM"));
            ensure!(!blamed, "{code} is shown as a missing permission");
        }
        world.ensure_there_in_aws(&store).await?;
    }
    Ok(())
}
