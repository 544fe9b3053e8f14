//! Each way in which the operator gets credentials: every call is signed with exactly these, and with new ones ahead of the end
//! of the old ones, so that AWS refuses none.

use std::sync::Arc;

use healthomics_simulator::{Knobs, SessionRequest, TemporaryCredentials};
use sequencestore_operator::crd::SequenceStoreSpec;

use super::ledger::{
    ensure_never_refused, ensure_one_store, ensure_signed_by_the_source, until_keys, until_keys_when_asked,
    until_ready_when_asked,
};
use super::sources::{
    HOUR, ROLE, SESSION, Source, WebIdentity, credential_process, replace, with_profile, without_keys,
};
use crate::world::{Cluster, Error, Start, World, ensure, tests};

tests![
    keys_and_a_session_token_of_the_environment_sign_every_call,
    a_web_identity_is_renewed_ahead_of_its_end_with_the_token_of_that_moment,
    the_pod_identity_agent_is_asked_again_ahead_of_the_end_with_the_token_of_that_moment,
    instance_metadata_are_asked_again_ahead_of_the_end,
    a_credential_process_runs_again_ahead_of_the_end,
    keys_of_a_profile_are_replaced_without_a_restart,
    the_agent_may_fail_for_a_while_before_the_end,
];

/// How long credentials last that a test wants to see renewed. A quarter of it is the time to renew them in.
const SHORT: u64 = 8_000;
/// More than three renewals.
const KEYS: usize = 4;

pub async fn session(world: &World, lifetime_ms: u64) -> Result<TemporaryCredentials, Error> {
    let request = SessionRequest { session_name: SESSION.into(), lifetime_ms, ..SessionRequest::default() };
    Ok(world.aws.open_session(ROLE, &request).await?)
}

/// A store is created, and then looked at until it was looked at with so many keys.
async fn works(world: &World, start: &Start, keys: usize) -> Result<crate::world::Operator, Error> {
    let operator = world.operator(start)?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_ready("a").await?;
    until_keys(world, keys).await?;
    ensure_never_refused(world).await?;
    ensure_signed_by_the_source(world).await?;
    ensure_one_store(world).await?;
    Ok(operator)
}

async fn keys_and_a_session_token_of_the_environment_sign_every_call(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let keys = session(&world, HOUR).await?;
    let start = without_keys([
        ("AWS_ACCESS_KEY_ID", keys.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key),
        ("AWS_SESSION_TOKEN", keys.session_token),
    ]);
    works(&world, &start, 1).await.map(drop)
}

async fn a_web_identity_is_renewed_ahead_of_its_end_with_the_token_of_that_moment(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let token = WebIdentity::new(directory.path(), "first")?;
    world.aws.set_knobs(&Knobs { session_lifetime_ms: Some(SHORT), ..Knobs::default() }).await?;
    let _operator = works(&world, &without_keys(token.environment()), KEYS).await?;
    token.rotate("second", 4_000_000_000)?;
    let keys = until_keys(&world, KEYS).await?.len();
    until_keys(&world, keys + 2).await?;
    ensure_never_refused(&world).await?;
    let assumed = world.calls("sts:AssumeRoleWithWebIdentity").await?;
    let subjects: Vec<_> = assumed.iter().map(|call| call.parameters["Claims"]["sub"].as_str()).collect();
    let rotated = subjects.iter().position(|subject| *subject == Some("second"));
    ensure!(rotated.is_some_and(|at| at >= KEYS - 1), "{subjects:?}");
    ensure!(subjects[rotated.unwrap_or_default()..].iter().all(|s| *s == Some("second")), "{subjects:?}");
    // Each key was in use for most of its time, and none was asked for in vain.
    ensure!(assumed.len() <= until_keys(&world, 1).await?.len() + 1, "{} for fewer keys", assumed.len());
    Ok(())
}

async fn the_pod_identity_agent_is_asked_again_ahead_of_the_end_with_the_token_of_that_moment(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let agent = Source::start(&world, directory.path(), SHORT).await?;
    let _operator = works(&world, &without_keys(agent.agent_environment()), KEYS).await?;
    agent.rotate_token()?;
    let keys = until_keys(&world, KEYS).await?.len();
    until_keys(&world, keys + 2).await?;
    ensure_never_refused(&world).await?;
    ensure!(agent.requests() == agent.issued().len(), "the agent refused a token");
    Ok(())
}

async fn instance_metadata_are_asked_again_ahead_of_the_end(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let metadata = Source::start(&world, directory.path(), SHORT).await?;
    works(&world, &without_keys(metadata.metadata_environment()), KEYS).await.map(drop)
}

async fn a_credential_process_runs_again_ahead_of_the_end(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let process = credential_process(directory.path(), &session(&world, SHORT).await?)?;
    let start = with_profile(directory.path(), &format!("[profile operator]\n{process}"))?;
    let _operator = world.operator(&start)?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_ready("a").await?;
    for keys in 2..=KEYS {
        // The next run of the process prints the next session.
        credential_process(directory.path(), &session(&world, SHORT).await?)?;
        until_keys(&world, keys).await?;
    }
    ensure_never_refused(&world).await?;
    ensure_signed_by_the_source(&world).await?;
    ensure_one_store(&world).await
}

/// As of a Secret that is mounted as a file.
async fn keys_of_a_profile_are_replaced_without_a_restart(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let file = directory.path().join("credentials");
    let write = |key: &str| {
        replace(&file, &format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n"))
    };
    let (old, new, newest) = ("AKIAOLD0000000000000", "AKIANEW0000000000000", "AKIANEWEST0000000000");
    write(old)?;
    let _operator =
        world.operator(&without_keys([("AWS_SHARED_CREDENTIALS_FILE", file.display().to_string())]))?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    // Somebody writes the new key, and then takes the old one away.
    write(new)?;
    world.aws.expire_key(old).await?;
    until_keys_when_asked(&world, "a", 2).await?;
    until_ready_when_asked(&world, "a").await?;
    // The other way around.
    world.aws.expire_key(new).await?;
    world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    write(newest)?;
    until_ready_when_asked(&world, "a").await?;
    let keys = until_keys(&world, 3).await?;
    ensure!(keys == [old, new, newest], "{keys:?}");
    Ok(())
}

async fn the_agent_may_fail_for_a_while_before_the_end(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let agent = Source::start(&world, directory.path(), 32_000).await?;
    let _operator = works(&world, &without_keys(agent.agent_environment()), 1).await?;
    let (mark, first) = (world.mark(), agent.requests());
    agent.answer(super::sources::Answer::Status(500));
    let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
    while agent.requests() == first {
        ensure!(tokio::time::Instant::now() < end, "the agent is not asked again");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // The credentials still hold for a quarter of their time.
    agent.answer(super::sources::Answer::Credentials);
    until_keys(&world, 2).await?;
    ensure_never_refused(&world).await?;
    let writes = world.operator_writes(&mark);
    ensure!(writes.is_empty(), "the failure is seen: {writes:?}");
    Ok(())
}
