//! The sources of the operator's credentials: while STS or the Pod Identity agent is down, that is no denial; a role that STS
//! refuses is one.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use healthomics_simulator::{Fault, FaultAction, Knobs, Options, Simulator};
use serde_json::json;

use super::agent::{Agent, Answer};
use crate::assertions::{ensure_reconciling, ensure_stalled};
use crate::world::{
    ACCOUNT, Cluster, Error, Start, World, closed_address, condition, ensure, message, tests,
};

tests![
    a_failing_sts_is_not_a_denial_and_is_over_within_30_seconds,
    an_sts_that_is_not_reachable_is_not_a_denial,
    a_failing_sts_while_a_profile_assumes_a_role_is_not_a_denial,
    an_agent_that_starts_late_is_not_a_denial,
    an_agent_that_fails_is_not_a_denial_and_one_that_refuses_is,
    a_role_that_sts_refuses_is_a_denial_that_names_the_role,
];

const ROLE: &str = "arn:aws:iam::123456789012:role/store-operator";
/// What the operator promises after the cause is gone.
const WELL_AGAIN: Duration = Duration::from_secs(30);

fn without_keys(environment: impl IntoIterator<Item = (&'static str, String)>) -> Start {
    let none = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name, String::new()));
    let mut all = BTreeMap::from(none);
    all.extend(environment);
    Start {
        environment: all,
        flags: vec!["--poll-interval=2s".into(), "--denied-grace=3s".into()],
        ..Start::default()
    }
}

/// IAM roles for service accounts. The file must live as long as the operator.
fn web_identity() -> Result<(Start, tempfile::NamedTempFile), Error> {
    let token = tempfile::NamedTempFile::new()?;
    std::fs::write(token.path(), "a-token")?;
    let file = token.path().display().to_string();
    Ok((without_keys([("AWS_ROLE_ARN", ROLE.into()), ("AWS_WEB_IDENTITY_TOKEN_FILE", file)]), token))
}

fn container(address: SocketAddr) -> Start {
    without_keys([
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{address}/v1/credentials")),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod-token".into()),
    ])
}

/// Waits until the object says that AWS cannot be used, with one of these reasons, and fails if it calls that a denial.
async fn until_unavailable(world: &World, reason: &str) -> Result<(), Error> {
    let object = world
        .until("a", reason, |object| {
            condition(object, "Ready").is_some_and(|ready| {
                ready.status == "False" && [reason, "AccessDenied"].contains(&ready.reason.as_str())
            })
        })
        .await?;
    let ready = condition(&object, "Ready").ok_or("no condition Ready")?;
    ensure!(ready.reason == reason, "{}: {}", ready.reason, ready.message);
    ensure!(ready.message.contains("credentials"), "does not speak of the credentials: {}", ready.message);
    ensure_reconciling(&object)
}

async fn well_again(world: &World) -> Result<(), Error> {
    match tokio::time::timeout(WELL_AGAIN, world.until_ready("a")).await {
        Ok(ready) => ready.map(|_| ()),
        Err(_) => Err(format!("not well within {WELL_AGAIN:?} of the cause going\n{}", world.logs()).into()),
    }
}

async fn a_failing_sts_is_not_a_denial_and_is_over_within_30_seconds(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let failures = [
        (FaultAction::error("Throttling"), "Throttled"),
        (FaultAction::error("ServiceUnavailable"), "AwsUnavailable"),
        (FaultAction::error("IDPCommunicationError"), "AwsUnavailable"),
        (FaultAction::Html { status: 502 }, "AwsUnavailable"),
        (FaultAction::Reset, "AwsUnavailable"),
        (FaultAction::Hang, "AwsUnavailable"),
    ];
    let runs = failures.into_iter().map(|(action, reason)| failing_sts(cluster.clone(), action, reason));
    futures::future::try_join_all(runs).await.map(|_| ())
}

async fn failing_sts(cluster: Arc<Cluster>, action: FaultAction, reason: &str) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (start, _token) = web_identity()?;
    world.aws.script_fault(&Fault::always("sts:AssumeRoleWithWebIdentity", action.clone())).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let _operator = world.operator(&start)?;
    until_unavailable(&world, reason).await.map_err(|error| format!("{action:?}: {error}"))?;
    // The longer it lasts, the slower the operator asks; it must be well again soon all the same.
    world.until_calls("sts:AssumeRoleWithWebIdentity", 6).await?;
    world.aws.clear_faults().await?;
    well_again(&world).await.map_err(|error| format!("{action:?}: {error}").into())
}

async fn an_sts_that_is_not_reachable_is_not_a_denial(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (mut start, _token) = web_identity()?;
    let closed = closed_address()?;
    start.environment.insert("AWS_ENDPOINT_URL_STS", format!("http://{closed}"));
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let _operator = world.operator(&start)?;
    until_unavailable(&world, "AwsUnavailable").await?;
    let _sts = Simulator::start(Options { listen: closed, ..Options::default() }).await?;
    well_again(&world).await
}

async fn a_failing_sts_while_a_profile_assumes_a_role_is_not_a_denial(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let config = tempfile::NamedTempFile::new()?;
    let profile = format!(
        "[profile operator]\nrole_arn = {ROLE}\nsource_profile = source\n\n[profile source]\n\
         aws_access_key_id = AKIASOURCE0000000000\naws_secret_access_key = canary\n"
    );
    std::fs::write(config.path(), profile)?;
    let start = without_keys([
        ("AWS_CONFIG_FILE", config.path().display().to_string()),
        ("AWS_PROFILE", "operator".into()),
    ]);
    world
        .aws
        .script_fault(&Fault::always("sts:AssumeRole", FaultAction::error("ServiceUnavailable")))
        .await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let _operator = world.operator(&start)?;
    until_unavailable(&world, "AwsUnavailable").await?;
    world.aws.clear_faults().await?;
    well_again(&world).await
}

async fn an_agent_that_starts_late_is_not_a_denial(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let closed = closed_address()?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let _operator = world.operator(&container(closed))?;
    until_unavailable(&world, "AwsUnavailable").await?;
    let _agent = Agent::start(closed, Answer::credentials(&json!({}))).await?;
    well_again(&world).await
}

async fn an_agent_that_fails_is_not_a_denial_and_one_that_refuses_is(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let agent = Agent::start((Ipv4Addr::LOCALHOST, 0).into(), Answer::error(500)).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let _operator = world.operator(&container(agent.address))?;
    until_unavailable(&world, "AwsUnavailable").await?;
    agent.answer_with(Answer::error(404));
    let object = world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    ensure!(message(&object, "Ready").contains("Pod Identity association"), "{}", message(&object, "Ready"));
    Ok(())
}

async fn a_role_that_sts_refuses_is_a_denial_that_names_the_role(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (start, _token) = web_identity()?;
    world.aws.set_knobs(&Knobs { sts_denied: true, ..Knobs::default() }).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let _operator = world.operator(&start)?;
    let object = world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    let text = message(&object, "Ready");
    ensure!(text.contains(ROLE) && text.contains("trust policy"), "{text}");
    ensure!(!text.contains("is not authorized to perform"), "AWS's own text: {text}");
    ensure_stalled(&world.until_stalled("a").await?)?;
    world.aws.set_knobs(&Knobs::default()).await?;
    world.reconcile_now("a").await?;
    world.until_ready("a").await?;
    let accounts: Vec<_> = world.gets_of(&store).await?.into_iter().filter_map(|get| get.account).collect();
    ensure!(accounts.iter().all(|account| account == ACCOUNT), "{accounts:?}");
    Ok(())
}
