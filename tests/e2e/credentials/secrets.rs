//! No secret gets out: not into the log at its most talkative level, not into Events, objects, metrics or traces, whatever goes
//! wrong with the source of the credentials.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use healthomics_simulator::{Fault, FaultAction};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sequencestore_operator::crd::SequenceStoreSpec;

use super::ledger::until_ready_when_asked;
use super::sources::{Answer, HOUR, ROLE, Source, WebIdentity, replace, with_profile, without_keys};
use super::ways::session;
use crate::metrics::page::Measured;
use crate::networks::recording_proxy::RecordingProxy;
use crate::traces::collector::Collector;
use crate::world::{Cluster, Error, Start, World, ensure, tests};

tests![
    secrets_of_the_environment_and_of_a_proxy,
    secrets_of_a_web_identity,
    secrets_of_the_pod_identity_agent,
    secrets_of_instance_metadata,
    secrets_of_profiles,
];

/// Where a test looks for secrets.
struct Watched {
    world: World,
    collector: Collector,
    directory: tempfile::TempDir,
    secrets: Vec<String>,
}

impl Watched {
    async fn new(cluster: Arc<Cluster>) -> Result<Self, Error> {
        let kubeconfig = std::fs::read_to_string(&cluster.kubeconfig)?;
        let words = kubeconfig.split_whitespace().map(|word| word.trim_matches('"'));
        let token =
            words.into_iter().find(|word| word.starts_with("eyJ")).ok_or("no token of the API server")?;
        let signature = token.rsplit('.').next().unwrap_or_default().to_owned();
        let (world, collector) = (World::new(cluster).await?, Collector::start().await?);
        Ok(Self { world, collector, directory: tempfile::tempdir()?, secrets: vec![signature] })
    }

    /// At the most talkative level, with metrics and traces.
    fn operator(&self, start: Start) -> Result<Measured, Error> {
        let mut start = start;
        let talkative = [("SEQSTORE_LOG_LEVEL", "trace"), ("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")];
        start.environment.extend(talkative.map(|(name, value)| (name, value.to_owned())));
        start.environment.extend(self.collector.named(&[]).environment);
        Measured::start_with(&self.world, start)
    }

    /// A store is made, AWS refuses calls about it in several ways, and all is well again.
    async fn works_and_fails(&self) -> Result<(), Error> {
        let world = &self.world;
        world.create("a", SequenceStoreSpec::default()).await?;
        until_ready_when_asked(world, "a").await?;
        for (code, reason) in [
            ("ExpiredTokenException", "AccessDenied"),
            ("AccessDeniedException", "AccessDenied"),
            ("InternalServerException", "AwsUnavailable"),
        ] {
            world.aws.script_fault(&Fault::always("GetSequenceStore", FaultAction::error(code))).await?;
            world.reconcile_now("a").await?;
            world.until_condition("a", "Ready", "False", reason).await?;
            world.aws.clear_faults().await?;
            until_ready_when_asked(world, "a").await?;
        }
        Ok(())
    }

    /// What STS handed out, as the ledger has it.
    async fn secrets_of_sts(&mut self) -> Result<(), Error> {
        for call in self.world.aws.ledger().await? {
            let response = call.response.as_str().unwrap_or_default();
            for member in ["SecretAccessKey", "SessionToken"] {
                let secret = response.split_once(&format!("<{member}>")).map(|(_, rest)| rest);
                let secret = secret.and_then(|rest| rest.split('<').next());
                self.secrets.extend(secret.map(ToOwned::to_owned));
            }
        }
        Ok(())
    }

    /// Everything that anybody but the operator can read of it.
    async fn outputs(&self, page: String, log: String) -> Result<Vec<(&'static str, String)>, Error> {
        let events: Api<Event> = Api::namespaced(self.world.client.clone(), &self.world.namespace);
        let events = serde_json::to_string(&events.list(&ListParams::default()).await?.items)?;
        let objects = serde_json::to_string(&self.world.api.list(&ListParams::default()).await?.items)?;
        let sent = self.collector.sent();
        let spans =
            sent.iter().map(|sent| format!("{:?} {}", sent.headers, String::from_utf8_lossy(&sent.body)));
        let spans: String = spans.collect();
        ensure!(log.contains(" TRACE "), "the log is not at trace");
        ensure!(
            spans.contains("GetSequenceStore") && page.contains("sequencestore_"),
            "an output is missing"
        );
        Ok(vec![("log", log), ("Events", events), ("objects", objects), ("metrics", page), ("traces", spans)])
    }

    async fn ensure_kept(mut self, operator: Measured, more: Vec<String>) -> Result<(), Error> {
        self.secrets_of_sts().await?;
        self.secrets.extend(more);
        ensure!(self.secrets.iter().all(|secret| secret.len() >= 16), "a secret is too short to look for");
        let (page, log) = (operator.page().await?.text, operator.log_text());
        for (name, text) in self.outputs(page, log).await? {
            for secret in &self.secrets {
                for form in forms(secret) {
                    let line = text.lines().find(|line| line.contains(&form));
                    let line = line.map(|line| line.chars().take(2000).collect::<String>());
                    ensure!(line.is_none(), "{secret}, as {form}, is in the {name}: {line:?}");
                }
            }
        }
        Ok(())
    }
}

/// The secret itself, encoded as in URLs and headers, and as the bytes that a debug output of Rust lists.
fn forms(secret: &str) -> [String; 5] {
    let bytes: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    [
        secret.to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        STANDARD.encode(secret).trim_end_matches('=').to_owned(),
        URL_SAFE_NO_PAD.encode(secret),
        bytes.join(", "),
    ]
}

/// A secret like no other text.
fn canary(name: &str) -> String {
    format!("canary-{name}-{:016x}", fastrand::u64(..))
}

async fn secrets_of_the_environment_and_of_a_proxy(cluster: Arc<Cluster>) -> Result<(), Error> {
    const OMICS: &str = "omics.example:8080";
    let watched = Watched::new(cluster).await?;
    let address = watched.world.simulator.url().rsplit('/').next().unwrap_or_default().parse()?;
    let proxy = RecordingProxy::start(BTreeMap::from([(OMICS.to_owned(), address)])).await?;
    let (secret, token, password) = (canary("secret"), canary("token"), canary("password"));
    let with_password = proxy.url().replace("http://", &format!("http://operator:{password}@"));
    let start = without_keys([
        ("AWS_ACCESS_KEY_ID", "AKIAOPERATOR00000000".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret.clone()),
        ("AWS_SESSION_TOKEN", token.clone()),
        ("AWS_ENDPOINT_URL_OMICS", format!("http://{OMICS}")),
        ("HTTP_PROXY", with_password.clone()),
        ("HTTPS_PROXY", with_password),
        ("NO_PROXY", "127.0.0.1".to_owned()),
    ]);
    let operator = watched.operator(start)?;
    watched.works_and_fails().await?;
    proxy.until_asked_for(OMICS).await?;
    // As the header says it.
    let basic = STANDARD.encode(format!("operator:{password}"));
    watched.ensure_kept(operator, vec![secret, token, password, basic]).await
}

async fn secrets_of_a_web_identity(cluster: Arc<Cluster>) -> Result<(), Error> {
    let watched = Watched::new(cluster).await?;
    let token = WebIdentity::new(watched.directory.path(), "operator")?;
    // STS answers with half of the credentials, then with a page, then refuses, and the token is over at first.
    let mut tokens = vec![token.rotate("operator", 1_000_000_000)?];
    let operator = watched.operator(without_keys(token.environment()))?;
    watched.world.create("first", SequenceStoreSpec::default()).await?;
    watched.world.until_condition("first", "Ready", "False", "AccessDenied").await?;
    tokens.push(token.rotate("operator", 4_000_000_000)?);
    for action in [
        FaultAction::TruncatedJson,
        FaultAction::CutBody,
        FaultAction::Html { status: 502 },
        FaultAction::error("AccessDenied"),
        FaultAction::error("InvalidIdentityToken"),
    ] {
        watched.world.aws.script_fault(&Fault::always("sts:AssumeRoleWithWebIdentity", action)).await?;
        let world = &watched.world;
        let asked = || async { Ok(world.calls("sts:AssumeRoleWithWebIdentity").await?.len()) };
        until_asked_again(&watched.world, asked).await?;
        watched.world.aws.clear_faults().await?;
    }
    watched.works_and_fails().await?;
    let signatures = tokens.iter().map(|token| token.rsplit('.').next().unwrap_or_default().to_owned());
    let signatures = signatures.collect();
    watched.ensure_kept(operator, signatures).await
}

/// Creates an object now and then until the source was asked since: the next pass of one that failed may be far away.
async fn until_asked_again<F>(world: &World, requests: impl Fn() -> F) -> Result<(), Error>
where
    F: Future<Output = Result<usize, Error>>,
{
    let (before, end) = (requests().await?, tokio::time::Instant::now() + crate::world::TIMEOUT);
    while requests().await? < before + 2 {
        ensure!(tokio::time::Instant::now() < end, "the source is not asked again\n{}", world.logs());
        world.create(&format!("asks-{:08x}", fastrand::u32(..)), SequenceStoreSpec::default()).await?;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    Ok(())
}

const FAILURES: [Answer; 3] = [Answer::Status(500), Answer::CutOff, Answer::Status(401)];

/// The source fails in each of these ways, then works, and AWS refuses what it gave.
async fn of_a_source(watched: &Watched, source: &Source, failures: &[Answer]) -> Result<(), Error> {
    for answer in failures.iter().copied() {
        source.answer(answer);
        until_asked_again(&watched.world, || std::future::ready(Ok(source.requests()))).await?;
    }
    source.answer(Answer::Credentials);
    watched.works_and_fails().await?;
    watched.world.aws.expire_sessions_of(ROLE).await?;
    watched.world.create("b", SequenceStoreSpec::default()).await?;
    until_ready_when_asked(&watched.world, "b").await
}

async fn secrets_of_the_pod_identity_agent(cluster: Arc<Cluster>) -> Result<(), Error> {
    let watched = Watched::new(cluster).await?;
    let agent = Source::start(&watched.world, watched.directory.path(), HOUR).await?;
    let operator = watched.operator(without_keys(agent.agent_environment()))?;
    of_a_source(&watched, &agent, &FAILURES).await?;
    watched.ensure_kept(operator, agent.secrets()).await
}

async fn secrets_of_instance_metadata(cluster: Arc<Cluster>) -> Result<(), Error> {
    let watched = Watched::new(cluster).await?;
    let metadata = Source::start(&watched.world, watched.directory.path(), HOUR).await?;
    let operator = watched.operator(without_keys(metadata.metadata_environment()))?;
    let failures = [&FAILURES[..], &[Answer::TokenWithoutEnd]].concat();
    of_a_source(&watched, &metadata, &failures).await?;
    watched.ensure_kept(operator, metadata.secrets()).await
}

/// The lines of a profile that runs a program which prints this.
fn prints(directory: &Path, text: &str) -> Result<String, Error> {
    let file = directory.join("process.json");
    replace(&file, text)?;
    Ok(format!("credential_process = cat {}\n", file.display()))
}

async fn secrets_of_profiles(cluster: Arc<Cluster>) -> Result<(), Error> {
    let watched = Watched::new(cluster).await?;
    let (external, static_secret) = (canary("external-id"), canary("static-secret"));
    let issued = session(&watched.world, HOUR).await?;
    let answer = serde_json::json!({
        "Version": 1, "AccessKeyId": issued.access_key_id, "SecretAccessKey": issued.secret_access_key,
        "SessionToken": issued.session_token,
    })
    .to_string();
    let path = watched.directory.path();
    // A process whose output cannot be read, and that of a profile with keys which nobody uses.
    let process = prints(path, &answer[..answer.len() - 3])?;
    let profile = format!(
        "[profile operator]\nrole_arn = {ROLE}\nexternal_id = {external}\nsource_profile = process\n\n[profile process]\n{process}\n\
         [profile other]\naws_access_key_id = AKIAOTHER00000000000\naws_secret_access_key = {static_secret}\n"
    );
    let operator = watched.operator(with_profile(path, &profile)?)?;
    watched.world.create("first", SequenceStoreSpec::default()).await?;
    watched.world.until_condition("first", "Ready", "False", "AccessDenied").await?;
    prints(path, &answer)?;
    // A role that the caller may not assume.
    let stranger = healthomics_simulator::Role { denied: true, ..Default::default() };
    watched.world.aws.set_role(ROLE, &stranger).await?;
    watched.world.until_calls("sts:AssumeRole", 1).await?;
    watched.world.aws.forget_role(ROLE).await?;
    watched.works_and_fails().await?;
    let secrets = vec![external, static_secret, issued.secret_access_key, issued.session_token];
    watched.ensure_kept(operator, secrets).await
}
