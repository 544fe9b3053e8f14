//! A store with read sets is never emptied and never deleted; its object says what it waits for.

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

/// An object in deletion whose store AWS will not delete.
async fn refused(world: &World, store: &StoreRecord) -> Result<(), Error> {
    world.adopt("full", store).await?;
    world.until_ready("full").await?;
    world.delete("full").await
}

async fn blocked_and_let_go(world: &World) -> Result<(), Error> {
    let store = world.seed().await?;
    world.aws.add_read_sets(&store.id, 4, "DELETED").await?;
    world.aws.add_read_sets(&store.id, 3, "ACTIVE").await?;
    world.aws.add_read_sets(&store.id, 2, "ARCHIVED").await?;
    refused(world, &store).await?;
    let block = world.until_blocked("full", DeletionBlockReason::ReadSets).await?;
    ensure!(block.read_sets.as_deref() == Some("5"), "counted {:?}", block.read_sets);
    let expected = BTreeMap::from([("ACTIVE".to_owned(), 3), ("ARCHIVED".to_owned(), 2)]);
    ensure!(block.read_sets_by_status == expected, "counted {:?}", block.read_sets_by_status);
    // It goes on trying, and nothing else.
    world.until_calls("DeleteSequenceStore", 3).await?;
    ensure!(world.calls("BatchDeleteReadSet").await?.is_empty(), "read sets are never deleted");
    world.ensure_there_in_aws(&store).await?;
    world.aws.remove_read_sets(&store.id).await?;
    world.until_gone("full").await?;
    world.ensure_gone_in_aws(&store).await?;
    let accepted = world.calls("DeleteSequenceStore").await?;
    ensure!(accepted.iter().filter(|call| call.committed).count() == 1, "one delete is accepted");
    ensure!(world.calls("BatchDeleteReadSet").await?.is_empty(), "read sets are never deleted");
    Ok(())
}

async fn read_sets_block_a_deletion_until_they_are_removed(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    blocked_and_let_go(&world).await
}

async fn read_sets_block_a_deletion_that_aws_refuses_as_invalid(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    world.aws.set_knobs(&Knobs { non_empty_delete: NonEmptyDelete::Validation, ..Knobs::default() }).await?;
    blocked_and_let_go(&world).await
}

async fn the_operator_counts_read_sets_once_and_up_to_a_thousand(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.aws.add_read_sets(&store.id, 1205, "ACTIVE").await?;
    refused(&world, &store).await?;
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
    refused(&world, &store).await?;
    let block = world.until_blocked("full", DeletionBlockReason::Busy).await?;
    ensure!(block.read_sets.is_none(), "no count of what is not there: {:?}", block.read_sets);
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
    refused(&world, &store).await?;
    let block = world.until_blocked("full", DeletionBlockReason::Busy).await?;
    ensure!(block.message.contains("omics:ListReadSets"), "names the action: {}", block.message);
    world.aws.remove_read_sets(&store.id).await?;
    world.until_gone("full").await?;
    world.ensure_gone_in_aws(&store).await
}
