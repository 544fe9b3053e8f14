//! The command `permissions`: each printed IAM policy is sufficient for its purpose and allows no unused action.

use std::collections::BTreeSet;
use std::sync::Arc;

use sequencestore_operator::crd::{DeletionBlockReason, SequenceStoreSpec};
use serde_json::{Value, json};

use crate::called_operations::{action, allowed};
use crate::cli_runner::CliUser;
use crate::world::{ACCOUNT, Cluster, Error, World, condition, ensure, status, tests};

tests![
    the_observe_policy_is_enough_to_observe,
    the_observe_and_delete_policy_is_enough_to_observe_and_delete,
    the_full_policy_is_enough_and_every_action_is_used,
    permissions_prints_the_policy_and_reports_mistakes_in_one_line,
];

/// Starts an operator whose credentials allow only the actions of this policy.
async fn world_with_policy(
    cluster: Arc<Cluster>,
    level: &str,
) -> Result<(World, crate::world::Operator), Error> {
    let world = World::new(cluster).await?;
    let actions = allowed(&["--for", level])?;
    world.aws.allow_actions(ACCOUNT, Some(actions.into_iter().collect())).await?;
    let operator = world.operator(&Default::default())?;
    Ok((world, operator))
}

async fn create(world: &World, name: &str, spec: Value) -> Result<(), Error> {
    world.create(name, serde_json::from_value::<SequenceStoreSpec>(spec)?).await?;
    Ok(())
}

/// The denied actions, and all called actions.
async fn denied_and_called(world: &World) -> Result<(BTreeSet<String>, BTreeSet<String>), Error> {
    let ledger = world.aws.ledger().await?;
    let denied = ledger.iter().filter(|entry| entry.status == 403).map(|entry| action(&entry.operation));
    Ok((denied.collect(), ledger.iter().map(|entry| action(&entry.operation)).collect()))
}

async fn the_observe_policy_is_enough_to_observe(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = world_with_policy(cluster, "observe").await?;
    let store = world.seed().await?;
    let watched = json!({"sequenceStoreId": store.id, "managementPolicy": "Observe", "s3AccessPolicy": {}});
    create(&world, "watched", watched).await?;
    create(&world, "unnamed", json!({"managementPolicy": "Observe"})).await?;
    let object = world.until_condition("watched", "Synced", "False", "Drifted").await?;
    ensure!(
        status(&object).drift.iter().any(|drift| drift.field == "s3AccessPolicy"),
        "the policy is compared"
    );
    world.until_condition("unnamed", "Ready", "False", "StoreNotFound").await?;
    world.delete("watched").await?;
    world.until_gone("watched").await?;
    let (denied, called) = denied_and_called(&world).await?;
    ensure!(denied.is_empty(), "denied: {denied:?}");
    let expected: BTreeSet<String> = allowed(&["--for", "observe"])?;
    ensure!(expected.is_subset(&called), "{expected:?} are not all in {called:?}");
    world.ensure_there_in_aws(&store).await
}

async fn the_observe_and_delete_policy_is_enough_to_observe_and_delete(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = world_with_policy(cluster, "observe-and-delete").await?;
    let (store, full) = (world.seed().await?, world.seed().await?);
    world.aws.add_read_sets(&full.id, 2, "ACTIVE").await?;
    for (name, store) in [("a", &store), ("full", &full)] {
        world.adopt(name, store).await?;
        world.until_ready(name).await?;
        world.delete(name).await?;
    }
    world.until_gone("a").await?;
    world.ensure_gone_in_aws(&store).await?;
    let block = world.until_blocked("full", DeletionBlockReason::ReadSets).await?;
    ensure!(block.read_sets.as_deref() == Some("2"), "{block:?}");
    // This policy does not allow the owner tags, which the operator tries to write.
    let (denied, _) = denied_and_called(&world).await?;
    ensure!(denied == ["omics:TagResource".to_owned()].into(), "denied: {denied:?}");
    Ok(())
}

async fn the_full_policy_is_enough_and_every_action_is_used(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = world_with_policy(cluster, "full").await?;
    let statement = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "s3:GetObject", "Resource": "*",
    }]});
    let first = json!({"tags": {"team": "x", "old": "y"}, "s3AccessPolicy": statement});
    world.kubectl_apply(&world.manifest("a", first)).await?.checked()?;
    let object = world.until_ready("a").await?;
    let id = status(&object).store.ok_or("no store")?.id;
    let second = json!({"description": "new", "tags": {"team": "z"}, "s3AccessPolicy": {}});
    world.kubectl_apply(&world.manifest("a", second)).await?.checked()?;
    let edited = |object: &sequencestore_operator::crd::SequenceStore| {
        let tags = status(object).store.and_then(|store| store.tags).unwrap_or_default();
        condition(object, "Ready").is_some_and(|ready| {
            ready.status == "True" && ready.observed_generation == object.metadata.generation
        }) && tags.get("team").map(String::as_str) == Some("z")
            && !tags.contains_key("old")
    };
    world.until("a", "as it was edited", edited).await?;
    world.aws.add_read_sets(&id, 1, "ACTIVE").await?;
    world.delete("a").await?;
    world.until_blocked("a", DeletionBlockReason::ReadSets).await?;
    let (denied, called) = denied_and_called(&world).await?;
    ensure!(denied.is_empty(), "denied: {denied:?}");
    let unused: Vec<_> = allowed(&["--for", "full"])?.difference(&called).cloned().collect();
    ensure!(unused.is_empty(), "allowed, and never called: {unused:?}");
    Ok(())
}

async fn permissions_prints_the_policy_and_reports_mistakes_in_one_line(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::without_cluster();
    let printed = world.run(&user, &["permissions", "--require-owner-tags"]).await?;
    ensure!(printed.code == Some(0) && printed.stderr.is_empty(), "{printed:?}");
    ensure!(printed.json()?["Version"] == "2012-10-17", "{printed:?}");
    for (arguments, says) in [
        (&["permissions", "--for", "everything"][..], "observe-and-delete"),
        (&["permissions", "--kms-key", "alias/genomes"], "not of an alias"),
        (
            &["permissions", "--for", "observe", "--kms-key", "arn:aws:kms:us-east-1:123456789012:key/a1"],
            "--for full",
        ),
        (&["permissions", "--account", "123"], "12 digits"),
        (&["permissions", "--region", "Frankfurt"], "us-east-1"),
    ] {
        world.run(&user, arguments).await?.ensure_mistake(says)?;
    }
    Ok(())
}
