//! The operator deletes a store only with its object: deletion policies, protection, pause and other finalizers.

use std::sync::Arc;

use healthomics_simulator::Knobs;
use kube::ResourceExt;
use kube::api::{DeleteParams, PostParams};
use sequencestore_operator::crd::{
    DeletionBlockReason, DeletionPolicy, FINALIZER, PAUSED_ANNOTATION, SequenceStore, SequenceStoreSpec,
};
use serde_json::json;

use crate::assertions::has_finalizer;
use crate::world::{ACCOUNT, Cluster, Error, World, condition, ensure, observing, spec_for, tests};

tests![
    the_operator_deletes_the_store_before_it_releases_the_object,
    retain_keeps_the_store_and_sets_no_finalizer,
    observe_changes_nothing_even_on_deletion,
    the_finalizer_follows_the_management_and_deletion_policies,
    deletion_protection_blocks_a_deletion_until_it_is_turned_off,
    the_operator_waits_for_other_finalizers_before_it_deletes_the_store,
    the_operator_leaves_a_paused_object_alone,
    the_operator_releases_an_object_whose_store_is_already_gone,
    the_operator_releases_an_object_whose_store_never_existed,
    three_permissions_are_enough_to_delete_a_store,
    a_recreated_object_gets_its_own_finalizer,
];

async fn the_operator_deletes_the_store_before_it_releases_the_object(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    world.aws.set_knobs(&Knobs { deleting_gets: 3, ..Knobs::default() }).await?;
    let (mine, other) = (world.seed().await?, world.seed().await?);
    world.adopt("mine", &mine).await?;
    let object = world.until_ready("mine").await?;
    ensure!(has_finalizer(&object), "no finalizer");
    world.delete("mine").await?;
    world.until_gone("mine").await?;
    ensure!(world.deletes().await? == 1, "{} deletes", world.deletes().await?);
    // The operator polls only for existing objects, so the object existed during all these calls.
    let gets = world.gets_of(&mine).await?;
    let deleting = gets.iter().filter(|get| get.response["status"] == "DELETING").count();
    ensure!(deleting == 3, "{deleting} responses with the status DELETING");
    ensure!(gets.last().is_some_and(|get| get.status == 404), "the last response is not a 404");
    world.ensure_gone_in_aws(&mine).await?;
    world.ensure_there_in_aws(&other).await
}

async fn retain_keeps_the_store_and_sets_no_finalizer(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let spec = SequenceStoreSpec { deletion_policy: Some(DeletionPolicy::Retain), ..spec_for(&store) };
    world.create("kept", spec).await?;
    let object = world.until_ready("kept").await?;
    ensure!(!has_finalizer(&object), "a finalizer under Retain blocks the deletion when no operator runs");
    world.delete("kept").await?;
    world.until_gone("kept").await?;
    world.ensure_there_in_aws(&store).await?;
    world.ensure_no_store_changed().await
}

async fn observe_changes_nothing_even_on_deletion(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let spec = SequenceStoreSpec {
        deletion_policy: Some(DeletionPolicy::Delete),
        description: Some("not what AWS says".into()),
        ..observing(&store)
    };
    world.create("watched", spec).await?;
    let object = world.until_condition("watched", "Synced", "False", "Drifted").await?;
    ensure!(
        condition(&object, "Ready").is_some_and(|c| c.status == "True"),
        "not Ready although the store is ACTIVE"
    );
    ensure!(!has_finalizer(&object), "a finalizer under Observe");
    world.until_more_gets(&store, 2).await?;
    world.delete("watched").await?;
    world.until_gone("watched").await?;
    let calls = world.mutating_calls().await?;
    ensure!(calls.is_empty(), "Observe made {calls:?}");
    world.ensure_there_in_aws(&store).await
}

async fn the_finalizer_follows_the_management_and_deletion_policies(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    ensure!(has_finalizer(&world.until_ready("a").await?), "no finalizer under Delete");
    let steps = [
        (json!({"deletionPolicy": "Retain"}), false),
        (json!({"deletionPolicy": "Delete"}), true),
        (json!({"managementPolicy": "Observe"}), false),
        (json!({"managementPolicy": null, "deletionPolicy": null}), true),
    ];
    for (spec, wanted) in steps {
        world.patch("a", json!({"spec": spec})).await?;
        let what = format!("finalizer {wanted} under {spec}");
        world.until("a", &what, |object| has_finalizer(object) == wanted).await?;
    }
    world.delete("a").await?;
    world.until_gone("a").await?;
    world.ensure_gone_in_aws(&store).await
}

async fn deletion_protection_blocks_a_deletion_until_it_is_turned_off(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let spec = SequenceStoreSpec { deletion_protection: Some(true), ..spec_for(&store) };
    world.create("guarded", spec).await?;
    world.until_ready("guarded").await?;
    world.delete("guarded").await?;
    let block = world.until_blocked("guarded", DeletionBlockReason::DeletionProtection).await?;
    ensure!(block.message.contains("deletionProtection"), "{}", block.message);
    world.one_more_pass("guarded").await?;
    world.ensure_no_store_changed().await?;
    world.patch("guarded", json!({"spec": {"deletionProtection": false}})).await?;
    world.until_gone("guarded").await?;
    ensure!(world.deletes().await? == 1, "one delete");
    world.ensure_gone_in_aws(&store).await
}

async fn the_operator_waits_for_other_finalizers_before_it_deletes_the_store(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let mut object = SequenceStore::new("shared", spec_for(&store));
    object.metadata.finalizers = Some(vec!["example.com/backup".into()]);
    world.api.create(&PostParams::default(), &object).await?;
    let object = world.until_ready("shared").await?;
    ensure!(object.finalizers().len() == 2, "not both finalizers: {:?}", object.finalizers());
    world.delete("shared").await?;
    let block = world.until_blocked("shared", DeletionBlockReason::Finalizers).await?;
    ensure!(
        block.message.contains("example.com/backup"),
        "the message does not name the finalizer: {}",
        block.message
    );
    world.one_more_pass("shared").await?;
    world.ensure_no_store_changed().await?;
    world.patch("shared", json!({"metadata": {"finalizers": [FINALIZER]}})).await?;
    world.until_gone("shared").await?;
    ensure!(world.deletes().await? == 1, "one delete");
    Ok(())
}

async fn the_operator_leaves_a_paused_object_alone(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let (store, clock) = (world.seed().await?, world.seed().await?);
    world.adopt("clock", &clock).await?;
    world.adopt("paused", &store).await?;
    world.until_ready("clock").await?;
    let before = world.until_ready("paused").await?;
    world.annotate("paused", PAUSED_ANNOTATION, Some("true")).await?;
    let object = world.until_condition("paused", "Synced", "False", "Paused").await?;
    ensure!(condition(&object, "Ready") == condition(&before, "Ready"), "the pause changed Ready");
    let calls = world.gets_of(&store).await?.len();
    world.patch("paused", json!({"spec": {"description": "while paused"}})).await?;
    world.until_more_gets(&clock, 3).await?;
    let object = world.api.get("paused").await?;
    let generation = object.status.as_ref().and_then(|status| status.observed_generation);
    ensure!(
        generation < object.metadata.generation,
        "observedGeneration is {generation:?} although nothing was applied"
    );

    world.delete("paused").await?;
    world
        .until("paused", "a deletion blocked by the pause", |object| {
            crate::assertions::block(object, DeletionBlockReason::Paused).is_some() && has_finalizer(object)
        })
        .await?;
    world.until_more_gets(&clock, 2).await?;
    ensure!(world.gets_of(&store).await?.len() == calls, "AWS was called for a paused object");
    world.ensure_there_in_aws(&store).await?;
    world.annotate("paused", PAUSED_ANNOTATION, None).await?;
    world.until_gone("paused").await?;
    world.ensure_gone_in_aws(&store).await?;
    world.ensure_there_in_aws(&clock).await
}

async fn the_operator_releases_an_object_whose_store_is_already_gone(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("late", &store).await?;
    world.until_ready("late").await?;
    world.aws.remove_store(&store.arn).await?;
    world.delete("late").await?;
    world.until_gone("late").await?;
    let not_found = world.gets_of(&store).await?.into_iter().filter(|get| get.status == 404).count();
    ensure!(not_found >= 2, "released after {not_found} 404");
    world.ensure_no_store_changed().await
}

async fn the_operator_releases_an_object_whose_store_never_existed(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let spec = SequenceStoreSpec { sequence_store_id: Some("9876543210".into()), ..Default::default() };
    world.create("never", spec).await?;
    world.until_condition("never", "Ready", "False", "StoreNotFound").await?;
    world.delete("never").await?;
    world.until_gone("never").await?;
    world.ensure_no_store_changed().await
}

async fn three_permissions_are_enough_to_delete_a_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let actions = ["GetSequenceStore", "ListTagsForResource", "DeleteSequenceStore"];
    let actions = actions.map(|action| format!("omics:{action}")).to_vec();
    world.aws.allow_actions(ACCOUNT, Some(actions)).await?;
    world.aws.set_knobs(&Knobs { deleting_gets: 1, ..Knobs::default() }).await?;
    let _operator = world.operator(&Default::default())?;
    let store = world.seed().await?;
    world.adopt("least", &store).await?;
    world.until_condition("least", "Ready", "True", "Available").await?;
    world.delete("least").await?;
    world.until_gone("least").await?;
    ensure!(world.deletes().await? == 1, "one delete");
    world.ensure_gone_in_aws(&store).await
}

async fn a_recreated_object_gets_its_own_finalizer(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let mut former = None;
    for _ in 0..4 {
        let store = world.seed().await?;
        let object = loop {
            // Creates the object as soon as the name is free, while the operator may still handle the former one.
            match world.adopt("again", &store).await {
                Ok(object) => break object,
                Err(error) if error.to_string().contains("already exists") => {}
                Err(error) => return Err(error),
            }
        };
        ensure!(object.uid() != former, "a new object");
        let object = world
            .until("again", "a finalizer on the new object", |found| {
                found.uid() == object.uid() && has_finalizer(found)
            })
            .await?;
        if let Some(uid) = former.replace(object.uid().unwrap_or_default()) {
            ensure!(Some(&uid) != object.uid().as_ref(), "the same object");
        }
        world.until_ready("again").await?;
        world.ensure_there_in_aws(&store).await?;
        world.api.delete("again", &DeleteParams::background()).await?;
    }
    world.until_gone("again").await?;
    ensure!(world.deletes().await? == 4, "{} deletes", world.deletes().await?);
    Ok(())
}
