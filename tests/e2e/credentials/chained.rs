//! A role of a profile on top of each source: the source signs AssumeRole, and the role everything else.

use std::path::Path;
use std::sync::Arc;

use healthomics_simulator::{Knobs, Role};
use sequencestore_operator::crd::SequenceStoreSpec;

use super::ledger::{ensure_never_refused, ensure_one_store, ensure_signed_by, until_keys};
use super::sources::{HOUR, ROLE, SESSION, Source, WebIdentity, credential_process, with_profile};
use super::ways::session;
use crate::world::{Cluster, Error, Start, World, ensure, tests};

tests![
    a_role_on_keys_of_another_profile,
    a_role_on_a_credential_process,
    a_role_on_a_web_identity,
    a_role_on_the_pod_identity_agent,
    a_role_on_instance_metadata,
    a_role_on_a_role,
    keys_of_the_environment_come_before_a_profile,
];

/// What the operator is in the end.
const FINAL: &str = "arn:aws:iam::123456789012:role/teams/stores";
const EXTERNAL_ID: &str = "an-external-id";
/// Long enough for three renewals within the time of a test.
const SHORT: u64 = 8_000;

/// The profile of the operator, which assumes the role with credentials of `source`.
fn profile(source: &str) -> String {
    format!(
        "[profile operator]\nrole_arn = {FINAL}\nrole_session_name = operator\nexternal_id = {EXTERNAL_ID}\n{source}\n"
    )
}

/// Nobody but these callers may assume the role, and only with the external id.
async fn trusting(world: &World, caller: &str) -> Result<(), Error> {
    let role = Role {
        callers: Some(vec![caller.to_owned()]),
        external_id: Some(EXTERNAL_ID.to_owned()),
        ..Role::default()
    };
    world.aws.set_knobs(&Knobs { session_lifetime_ms: Some(SHORT), ..Knobs::default() }).await?;
    Ok(world.aws.set_role(FINAL, &role).await?)
}

/// A store is created by the role, whose sessions are renewed, each by the source.
async fn works(world: &World, start: &Start, source: &str) -> Result<(), Error> {
    let _operator = world.operator(start)?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_ready("a").await?;
    until_keys(world, 3).await?;
    ensure_never_refused(world).await?;
    ensure_signed_by(world, FINAL, "operator").await?;
    ensure_one_store(world).await?;
    let assumed = world.calls("sts:AssumeRole").await?;
    let last: Vec<_> = assumed.iter().filter(|call| call.parameters["RoleArn"] == FINAL).collect();
    ensure!(last.len() >= 3, "{assumed:?}");
    for call in last {
        let by = call.role_arn.as_deref().or(call.access_key_id.as_deref());
        ensure!(by == Some(source), "AssumeRole is signed by {by:?}");
    }
    Ok(())
}

/// A role on a source that the profile names.
async fn on(
    world: &World,
    directory: &Path,
    source: &str,
    environment: Vec<(&'static str, String)>,
) -> Result<(), Error> {
    trusting(world, ROLE).await?;
    let mut start = with_profile(directory, &profile(source))?;
    start.environment.extend(environment);
    works(world, &start, ROLE).await
}

async fn a_role_on_keys_of_another_profile(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    trusting(&world, "arn:aws:iam::123456789012:root").await?;
    let keys = "\n[profile keys]\naws_access_key_id = AKIASOURCE0000000000\naws_secret_access_key = secret";
    let start = with_profile(directory.path(), &profile(&format!("source_profile = keys\n{keys}")))?;
    works(&world, &start, "AKIASOURCE0000000000").await
}

async fn a_role_on_a_credential_process(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let process = credential_process(directory.path(), &session(&world, HOUR).await?)?;
    on(&world, directory.path(), &format!("source_profile = process\n[profile process]\n{process}"), vec![])
        .await
}

async fn a_role_on_a_web_identity(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let token = WebIdentity::new(directory.path(), "operator")?;
    let web = format!(
        "source_profile = web\n[profile web]\nrole_arn = {ROLE}\nrole_session_name = {SESSION}\nweb_identity_token_file = {}\n",
        token.file.display()
    );
    on(&world, directory.path(), &web, vec![]).await
}

async fn a_role_on_the_pod_identity_agent(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let agent = Source::start(&world, directory.path(), HOUR).await?;
    on(&world, directory.path(), "credential_source = EcsContainer", agent.agent_environment()).await
}

async fn a_role_on_instance_metadata(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let metadata = Source::start(&world, directory.path(), HOUR).await?;
    let environment = metadata.metadata_environment();
    on(&world, directory.path(), "credential_source = Ec2InstanceMetadata", environment).await
}

async fn a_role_on_a_role(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let between = format!(
        "source_profile = between\n[profile between]\nrole_arn = {ROLE}\nrole_session_name = {SESSION}\nsource_profile = keys\n\
         [profile keys]\naws_access_key_id = AKIASOURCE0000000000\naws_secret_access_key = secret\n"
    );
    on(&world, directory.path(), &between, vec![]).await
}

/// So that `credential_source = Environment` is of no use: the keys are used as they are.
async fn keys_of_the_environment_come_before_a_profile(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let keys = session(&world, HOUR).await?;
    let mut start = with_profile(directory.path(), &profile("credential_source = Environment"))?;
    start.environment.extend([
        ("AWS_ACCESS_KEY_ID", keys.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key),
        ("AWS_SESSION_TOKEN", keys.session_token),
    ]);
    let _operator = world.operator(&start)?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_ready("a").await?;
    ensure_signed_by(&world, ROLE, SESSION).await?;
    ensure!(world.calls("sts:AssumeRole").await?.is_empty(), "a role was assumed");
    Ok(())
}
