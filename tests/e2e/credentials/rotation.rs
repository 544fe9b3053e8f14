//! Credentials are replaced while a Create is under way: there is exactly one store.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Side};
use sequencestore_operator::crd::SequenceStoreSpec;

use super::ledger::{ensure_one_store, ensure_signed_by_the_source, until_keys};
use super::sources::{HOUR, ROLE, Source, without_keys};
use crate::world::{Cluster, Error, Start, TIMEOUT, World, ensure, tests};

tests![
    a_create_whose_session_ends_before_aws_looks_at_it,
    a_create_whose_session_ends_before_its_response,
    a_create_whose_response_is_lost_with_its_session,
];

/// Holds the next Create, ends the sessions that there are, and lets the Create go on.
async fn ended_in_the_middle(
    world: &World,
    side: Side,
    start: &Start,
) -> Result<crate::world::Operator, Error> {
    let hold = Fault { side, ..Fault::once("CreateSequenceStore", FaultAction::Hold) };
    world.aws.script_fault(&hold).await?;
    let operator = world.operator(start)?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let end = tokio::time::Instant::now() + TIMEOUT;
    while world.aws.held().await?.is_empty() {
        ensure!(tokio::time::Instant::now() < end, "no Create\n{}", world.logs());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    world.aws.expire_sessions_of(ROLE).await?;
    Ok(operator)
}

async fn world_with_agent(cluster: Arc<Cluster>) -> Result<(World, tempfile::TempDir, Source, Start), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let agent = Source::start(&world, directory.path(), HOUR).await?;
    let start = without_keys(agent.agent_environment());
    Ok((world, directory, agent, start))
}

/// Creates that AWS carried out or refused, by their access keys.
async fn well_with_another_key(world: &World) -> Result<(), Error> {
    super::ledger::until_ready_when_asked(world, "a").await?;
    let keys = until_keys(world, 2).await?;
    ensure!(keys.len() == 2, "{keys:?}");
    ensure_signed_by_the_source(world).await?;
    ensure_one_store(world).await
}

async fn a_create_whose_session_ends_before_aws_looks_at_it(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _directory, _agent, start) = world_with_agent(cluster).await?;
    let _operator = ended_in_the_middle(&world, Side::BeforeCommit, &start).await?;
    world.aws.release_held().await?;
    well_with_another_key(&world).await?;
    let creates = world.calls("CreateSequenceStore").await?;
    let outcomes: Vec<_> = creates.iter().map(|call| call.error.as_deref().unwrap_or("made")).collect();
    ensure!(outcomes == ["ExpiredTokenException", "made"], "{outcomes:?}");
    ensure!(creates[0].access_key_id != creates[1].access_key_id, "{creates:?}");
    let token = |call: &healthomics_simulator::LedgerEntry| call.parameters["clientToken"].clone();
    ensure!(token(&creates[0]) == token(&creates[1]), "another client token");
    Ok(())
}

async fn a_create_whose_session_ends_before_its_response(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _directory, _agent, start) = world_with_agent(cluster).await?;
    let _operator = ended_in_the_middle(&world, Side::AfterCommit, &start).await?;
    world.aws.release_held().await?;
    well_with_another_key(&world).await?;
    let creates = world.calls("CreateSequenceStore").await?.len();
    ensure!(creates == 1, "{creates} calls");
    Ok(())
}

async fn a_create_whose_response_is_lost_with_its_session(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _directory, _agent, start) = world_with_agent(cluster).await?;
    // The operator's own limit ends the call; AWS has made the store.
    let _operator = ended_in_the_middle(&world, Side::AfterCommit, &start).await?;
    well_with_another_key(&world).await?;
    world.aws.release_held().await?;
    ensure_one_store(&world).await
}
