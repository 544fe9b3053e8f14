//! The operator neither deletes read sets nor a store that has some; the object reports what blocks its deletion. `counts` and
//! `harmless` are about the counts that a spec asks for.

pub mod counts;
pub mod harmless;

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs, NonEmptyDelete, StoreRecord};
use sequencestore_operator::crd::DeletionBlockReason;

use crate::world::{ACCOUNT, Cluster, Error, World, ensure, tests};

tests![
    read_sets_block_a_deletion_until_they_are_removed,
    read_sets_block_a_deletion_that_aws_refuses_as_invalid,
    the_operator_counts_read_sets_once_and_up_to_a_thousand,
    a_refused_delete_without_read_sets_is_reported_as_busy,
    a_refused_delete_is_reported_as_busy_when_read_sets_cannot_be_counted,
];

/// Deletes an object whose store AWS refuses to delete.
async fn start_deletion(world: &World, store: &StoreRecord) -> Result<(), Error> {
    world.adopt("full", store).await?;
    world.until_ready("full").await?;
    world.delete("full").await
}

async fn ensure_blocked_until_removed(world: &World) -> Result<(), Error> {
    let store = world.seed().await?;
    world.aws.add_read_sets(&store.id, 4, "DELETED").await?;
    world.aws.add_read_sets(&store.id, 3, "ACTIVE").await?;
    world.aws.add_read_sets(&store.id, 2, "ARCHIVED").await?;
    start_deletion(world, &store).await?;
    let block = world.until_blocked("full", DeletionBlockReason::ReadSets).await?;
    ensure!(block.read_sets.as_deref() == Some("5"), "counted {:?}", block.read_sets);
    let expected = BTreeMap::from([("ACTIVE".to_owned(), 3), ("ARCHIVED".to_owned(), 2)]);
    ensure!(block.read_sets_by_status == expected, "counted {:?}", block.read_sets_by_status);
    // The operator keeps trying to delete the store, and does nothing else.
    world.until_calls("DeleteSequenceStore", 3).await?;
    ensure!(world.calls("BatchDeleteReadSet").await?.is_empty(), "the operator deleted read sets");
    world.ensure_there_in_aws(&store).await?;
    world.aws.remove_read_sets(&store.id).await?;
    world.until_gone("full").await?;
    world.ensure_gone_in_aws(&store).await?;
    let accepted = world.calls("DeleteSequenceStore").await?;
    ensure!(
        accepted.iter().filter(|call| call.committed).count() == 1,
        "AWS did not accept exactly one delete"
    );
    ensure!(world.calls("BatchDeleteReadSet").await?.is_empty(), "the operator deleted read sets");
    Ok(())
}

async fn read_sets_block_a_deletion_until_they_are_removed(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    ensure_blocked_until_removed(&world).await
}

async fn read_sets_block_a_deletion_that_aws_refuses_as_invalid(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    world.aws.set_knobs(&Knobs { non_empty_delete: NonEmptyDelete::Validation, ..Knobs::default() }).await?;
    ensure_blocked_until_removed(&world).await
}

async fn the_operator_counts_read_sets_once_and_up_to_a_thousand(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.aws.add_read_sets(&store.id, 1205, "ACTIVE").await?;
    start_deletion(&world, &store).await?;
    let block = world.until_blocked("full", DeletionBlockReason::ReadSets).await?;
    ensure!(block.read_sets.as_deref() == Some("1000+"), "counted {:?}", block.read_sets);
    world.until_calls("DeleteSequenceStore", 4).await?;
    let pages = world.calls("ListReadSets").await?.len();
    ensure!(pages == 10, "{pages} pages were read");
    world.ensure_there_in_aws(&store).await
}

async fn a_refused_delete_without_read_sets_is_reported_as_busy(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.aws.add_read_sets(&store.id, 7, "DELETED").await?;
    let refusal = FaultAction::error("ConflictException");
    world.aws.script_fault(&Fault::always("DeleteSequenceStore", refusal)).await?;
    start_deletion(&world, &store).await?;
    let block = world.until_blocked("full", DeletionBlockReason::Busy).await?;
    ensure!(block.read_sets.is_none(), "the status counts read sets: {:?}", block.read_sets);
    world.until_calls("DeleteSequenceStore", 2).await?;
    world.aws.clear_faults().await?;
    world.until_gone("full").await?;
    world.ensure_gone_in_aws(&store).await
}

async fn a_refused_delete_is_reported_as_busy_when_read_sets_cannot_be_counted(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let actions = ["GetSequenceStore", "ListTagsForResource", "DeleteSequenceStore"];
    let actions = actions.map(|action| format!("omics:{action}")).to_vec();
    world.aws.allow_actions(ACCOUNT, Some(actions)).await?;
    let store = world.seed().await?;
    world.aws.add_read_sets(&store.id, 2, "ACTIVE").await?;
    start_deletion(&world, &store).await?;
    let block = world.until_blocked("full", DeletionBlockReason::Busy).await?;
    ensure!(
        block.message.contains("omics:ListReadSets"),
        "the message does not name the action: {}",
        block.message
    );
    world.aws.remove_read_sets(&store.id).await?;
    world.until_gone("full").await?;
    world.ensure_gone_in_aws(&store).await
}
