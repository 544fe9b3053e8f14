//! The operator stops and starts again at the worst moments of a deletion.

use std::sync::Arc;
use std::time::Duration;

use healthomics_simulator::{Fault, FaultAction, Knobs};

use crate::assertions::has_finalizer;
use crate::world::{Cluster, Error, Start, TIMEOUT, World, ensure, tests};

tests![
    a_restarted_operator_finishes_a_deletion_in_progress,
    a_crash_before_the_delete_response_sends_no_second_delete,
    the_operator_finishes_a_deletion_requested_while_it_was_down,
    repeated_crashes_neither_lose_nor_repeat_a_deletion,
];

async fn a_restarted_operator_finishes_a_deletion_in_progress(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    world.aws.set_knobs(&Knobs { deleting_gets: 3, ..Knobs::default() }).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.delete("a").await?;
    world.until_calls("DeleteSequenceStore", 1).await?;
    operator.kill().await;
    ensure!(has_finalizer(&world.api.get("a").await?), "the finalizer is gone");
    let _operator = world.operator(&Start::default())?;
    world.until_gone("a").await?;
    ensure!(world.deletes().await? == 1, "{} deletes", world.deletes().await?);
    world.ensure_gone_in_aws(&store).await
}

async fn a_crash_before_the_delete_response_sends_no_second_delete(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    world.aws.set_knobs(&Knobs { deleting_gets: 2, ..Knobs::default() }).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.aws.script_fault(&Fault::once_after_commit("DeleteSequenceStore", FaultAction::Hang)).await?;
    world.delete("a").await?;
    world.until_calls("DeleteSequenceStore", 1).await?;
    operator.kill().await;
    let _operator = world.operator(&Start::default())?;
    world.until_gone("a").await?;
    ensure!(world.deletes().await? == 1, "{} deletes", world.deletes().await?);
    world.ensure_gone_in_aws(&store).await
}

async fn the_operator_finishes_a_deletion_requested_while_it_was_down(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    operator.kill().await;
    world.delete("a").await?;
    ensure!(has_finalizer(&world.api.get("a").await?), "the finalizer is gone");
    world.ensure_no_store_changed().await?;
    let _operator = world.operator(&Start::default())?;
    world.until_gone("a").await?;
    ensure!(world.deletes().await? == 1, "{} deletes", world.deletes().await?);
    world.ensure_gone_in_aws(&store).await
}

async fn repeated_crashes_neither_lose_nor_repeat_a_deletion(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    world.aws.set_knobs(&Knobs { deleting_gets: 3, ..Knobs::default() }).await?;
    let (kept, gone) = (world.seed().await?, world.seed().await?);
    world.adopt("kept", &kept).await?;
    world.adopt("gone", &gone).await?;
    world.until_ready("kept").await?;
    world.until_ready("gone").await?;
    operator.kill().await;
    world.delete("gone").await?;
    // Each process is killed one call to AWS later than the one before it.
    for calls in 1..=5 {
        let before = world.aws.ledger().await?.len();
        let operator = world.operator(&Start::default())?;
        let end = tokio::time::Instant::now() + TIMEOUT;
        while world.aws.ledger().await?.len() < before + calls {
            ensure!(tokio::time::Instant::now() < end, "no {calls} calls\n{}", world.logs());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        operator.kill().await;
    }
    let _operator = world.operator(&Start::default())?;
    world.until_gone("gone").await?;
    world.until_ready("kept").await?;
    world.ensure_gone_in_aws(&gone).await?;
    world.ensure_there_in_aws(&kept).await?;
    ensure!(world.deletes().await? == 1, "{} deletes", world.deletes().await?);
    Ok(())
}
