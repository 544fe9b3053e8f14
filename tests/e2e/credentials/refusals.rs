//! AWS refuses the credentials, or STS the role: the operator gets others without a restart, and makes exactly one store.

use std::sync::Arc;

use healthomics_simulator::{LedgerEntry, Role};
use sequencestore_operator::crd::SequenceStoreSpec;

use super::ledger::{
    ensure_one_store, ensure_signed_by_the_source, until_keys_when_asked, until_ready_when_asked,
};
use super::sources::{Answer, HOUR, ROLE, Source, WebIdentity, without_keys};
use crate::assertions::ensure_reconciling;
use crate::world::{Cluster, Error, Operator, World, ensure, message, tests};

tests![
    a_session_that_aws_ends_early_is_replaced,
    a_revoked_session_is_replaced,
    a_role_that_sts_refuses_for_a_while_makes_one_store,
    a_token_that_is_over_is_named_as_sts_names_it,
    an_agent_that_refuses_its_token_makes_one_store_later,
];

/// An operator with a web identity whose object, without a store of its own, is well.
async fn managed(cluster: Arc<Cluster>) -> Result<(World, tempfile::TempDir, WebIdentity, Operator), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let token = WebIdentity::new(directory.path(), "operator")?;
    let operator = world.operator(&without_keys(token.environment()))?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_ready("a").await?;
    ensure_one_store(&world).await?;
    Ok((world, directory, token, operator))
}

/// Another object gets a store, although the session that the operator had is of no use any more.
async fn another_store_with_another_key(world: &World, code: &str) -> Result<(), Error> {
    let refused = |call: &LedgerEntry| call.error.as_deref() == Some(code);
    let before = world.aws.last_seq().await?;
    world.create("b", SequenceStoreSpec::default()).await?;
    until_keys_when_asked(world, "b", 2).await?;
    until_ready_when_asked(world, "b").await?;
    until_ready_when_asked(world, "a").await?;
    let after = world.aws.ledger_since(before).await?;
    ensure!(after.iter().any(refused), "{code} was never met");
    ensure!(
        world.calls("sts:AssumeRoleWithWebIdentity").await?.len() == 2,
        "STS is asked more than once more"
    );
    ensure_signed_by_the_source(world).await?;
    let stores = world.aws.all_stores().await?;
    ensure!(stores.len() == 2, "{stores:?}");
    Ok(())
}

async fn a_session_that_aws_ends_early_is_replaced(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _directory, _token, _operator) = managed(cluster).await?;
    world.aws.expire_sessions_of(ROLE).await?;
    another_store_with_another_key(&world, "ExpiredTokenException").await
}

async fn a_revoked_session_is_replaced(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _directory, _token, _operator) = managed(cluster).await?;
    world.aws.revoke_sessions_of(ROLE).await?;
    another_store_with_another_key(&world, "AccessDeniedException").await
}

async fn a_role_that_sts_refuses_for_a_while_makes_one_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let token = WebIdentity::new(directory.path(), "operator")?;
    world.aws.set_role(ROLE, &Role { callers: Some(vec!["another".into()]), ..Role::default() }).await?;
    let _operator = world.operator(&without_keys(token.environment()))?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let object = world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    ensure!(message(&object, "Ready").contains(ROLE), "{}", message(&object, "Ready"));
    world.aws.set_role(ROLE, &Role { callers: Some(vec!["operator".into()]), ..Role::default() }).await?;
    until_ready_when_asked(&world, "a").await?;
    ensure_signed_by_the_source(&world).await?;
    ensure_one_store(&world).await
}

/// The kubelet has not replaced the token of the ServiceAccount in time.
async fn a_token_that_is_over_is_named_as_sts_names_it(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let token = WebIdentity::new(directory.path(), "operator")?;
    token.rotate("operator", 1_000_000_000)?;
    let _operator = world.operator(&without_keys(token.environment()))?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let object = world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    let text = message(&object, "Ready");
    ensure!(text.contains("ExpiredTokenException"), "{text}");
    token.rotate("operator", 4_000_000_000)?;
    until_ready_when_asked(&world, "a").await?;
    ensure_one_store(&world).await
}

async fn an_agent_that_refuses_its_token_makes_one_store_later(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let agent = Source::start(&world, directory.path(), HOUR).await?;
    agent.answer(Answer::Status(401));
    let _operator = world.operator(&without_keys(agent.agent_environment()))?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let object = world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    ensure_reconciling(&object)?;
    ensure!(world.aws.ledger().await?.is_empty(), "AWS was called without credentials");
    agent.answer(Answer::Credentials);
    until_ready_when_asked(&world, "a").await?;
    ensure_signed_by_the_source(&world).await?;
    ensure_one_store(&world).await
}
