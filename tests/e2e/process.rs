//! The program: command-line mistakes, help, readiness, shutdown on SIGTERM, and secrets in the log.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use healthomics_simulator::{Fault, FaultAction};
use sequencestore_operator::crd::SequenceStoreSpec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::cli_runner::{Output, run_to_end};
use crate::world::{Cluster, Error, Start, TIMEOUT, World, closed_address, ensure, tests};

tests![
    a_startup_mistake_exits_with_code_2_and_one_line,
    the_program_prints_help_version_and_crd,
    the_operator_is_ready_after_the_first_lists,
    sigterm_exits_with_code_0,
    sigterm_before_the_first_list_exits_with_code_0,
    the_operator_never_logs_secrets,
    the_log_level_changes_while_the_operator_runs,
];

/// The response to a request that asks for the end of the connection.
async fn exchange(address: &str, request: &str) -> Result<String, Error> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    Ok(response)
}

/// The response to a GET, or `None` while nothing listens.
pub async fn get(address: &str, path: &str) -> Option<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n");
    exchange(address, &request).await.ok()
}

/// The status and body of the answer to this level.
pub async fn put_level(address: &str, level: &str) -> Result<(String, String), Error> {
    let (length, end) = (level.len(), "Host: operator\r\nConnection: close");
    let request = format!("PUT /log-level HTTP/1.1\r\n{end}\r\nContent-Length: {length}\r\n\r\n{level}");
    let response = exchange(address, &request).await?;
    let (head, body) = response.split_once("\r\n\r\n").ok_or("no response")?;
    Ok((head.split(' ').nth(1).unwrap_or_default().to_owned(), body.to_owned()))
}

impl World {
    /// Waits until a probe answers with this code and a body that has this in it; the body.
    pub async fn until_answers(
        &self,
        address: &str,
        path: &str,
        code: &str,
        says: &str,
    ) -> Result<String, Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let response = get(address, path).await.unwrap_or_default();
            let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
            if head.starts_with(&format!("HTTP/1.1 {code}")) && body.contains(says) {
                return Ok(body.to_owned());
            }
            ensure!(
                tokio::time::Instant::now() < end,
                "{address}{path} never answers {code} with {says:?}, but {response}\n{}",
                self.logs()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn the_log_level_changes_while_the_operator_runs(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let health = closed_address()?.to_string();
    let environment = BTreeMap::from([("SEQSTORE_LOG_LEVEL", "off".to_owned())]);
    let operator = world.operator(&Start { health: health.clone(), environment, ..Start::default() })?;
    world.adopt("a", &world.seed().await?).await?;
    world.until_ready("a").await?;
    ensure!(operator.log_text().is_empty(), "the log is off: {}", operator.log_text());
    let shown = get(&health, "/log-level").await.ok_or("no health server")?;
    ensure!(shown.ends_with("\r\n\r\noff\n"), "{shown}");
    let (status, words) = put_level(&health, "loud").await?;
    ensure!(status == "400" && words.contains("debug"), "{status} {words}");
    ensure!(operator.log_text().is_empty(), "nothing has changed: {}", operator.log_text());
    ensure!(put_level(&health, "info").await? == ("200".into(), "info\n".into()), "a level is accepted");
    ensure!(!operator.log_text().is_empty(), "the log is on");
    ensure!(put_level(&health, "off").await? == ("200".into(), "off\n".into()), "a level is accepted");
    let before = operator.log_text();
    world
        .aws
        .script_fault(&Fault::always("GetSequenceStore", FaultAction::error("InternalServerException")))
        .await?;
    world.until_condition("a", "Ready", "False", "AwsUnavailable").await?;
    ensure!(operator.log_text() == before, "the log is off again: {}", operator.log_text());
    Ok(())
}

async fn the_operator_is_ready_after_the_first_lists(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let address = closed_address()?.to_string();
    let start = Start { health: address.clone(), ..Start::default() };
    let _operator = world.operator(&start)?;
    world.until_answers(&address, "/readyz", "200 OK", "").await?;
    let healthy = get(&address, "/healthz").await.ok_or("no health server")?;
    ensure!(healthy.starts_with("HTTP/1.1 200 OK"), "{healthy}");
    Ok(())
}

/// Runs the program without AWS credentials until it exits.
async fn run(cluster: &Cluster, arguments: &[&str], kubeconfig: &str) -> Result<Output, Error> {
    let mut command = Command::new(&cluster.binary);
    command.args(arguments).env_clear().env("KUBECONFIG", kubeconfig);
    run_to_end(&mut command, "").await
}

async fn a_startup_mistake_exits_with_code_2_and_one_line(cluster: Arc<Cluster>) -> Result<(), Error> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port_in_use = format!("--health-probe-bind-address={}", taken.local_addr()?);
    let broken = tempfile::NamedTempFile::new()?;
    std::fs::write(broken.path(), "users: [{user: {token: canary-token\n")?;
    let no_cluster = tempfile::NamedTempFile::new()?;
    std::fs::write(no_cluster.path(), "apiVersion: v1\nkind: Config\ncurrent-context: nowhere\n")?;
    let good = cluster.kubeconfig.display().to_string();
    let path = |file: &tempfile::NamedTempFile| file.path().display().to_string();
    let table: Vec<(Vec<&str>, String, &str)> = vec![
        (vec!["run", "--regio=us-east-1"], good.clone(), "--region"),
        (vec!["run", "--region=Frankfurt"], good.clone(), "us-east-1"),
        (vec!["run", "--poll-interval=5"], good.clone(), "--poll-interval"),
        (vec!["run", "--concurrency=0"], good.clone(), "1..=256"),
        (vec!["run", "--log-level=loud=very"], good.clone(), "debug"),
        (vec!["run", "--cluster-name=a,b"], good.clone(), "--cluster-name"),
        (vec!["run", "--watch-namespace=a"], good.clone(), "--cluster-name"),
        (vec!["run", "--health-probe-bind-address=8081"], good.clone(), ":8081"),
        (vec!["run", "--log-level=error", &port_in_use], good.clone(), "cannot listen on 127.0.0.1"),
        (vec!["run"], "/nowhere/kubeconfig".into(), "/nowhere/kubeconfig"),
        (vec!["run"], path(&broken), "KUBECONFIG"),
        (vec!["run"], path(&no_cluster), "KUBECONFIG"),
        (vec!["walk"], good, "walk"),
    ];
    for (arguments, kubeconfig, says) in table {
        let output = run(&cluster, &arguments, &kubeconfig).await?;
        ensure!(
            output.code == Some(2),
            "{arguments:?} {kubeconfig} exits with {:?}: {}",
            output.code,
            output.stderr
        );
        ensure!(output.stderr.lines().count() == 1, "{arguments:?} {kubeconfig}: {}", output.stderr);
        ensure!(output.stderr.starts_with("sequencestore-operator: "), "{arguments:?}: {}", output.stderr);
        ensure!(output.stderr.contains(says), "{arguments:?}: {says} is not in {}", output.stderr);
        ensure!(!output.stderr.contains("canary-token"), "a token is printed: {}", output.stderr);
        ensure!(output.stdout.is_empty(), "{arguments:?}: {}", output.stdout);
    }
    Ok(())
}

async fn the_program_prints_help_version_and_crd(cluster: Arc<Cluster>) -> Result<(), Error> {
    let help = run(&cluster, &["--help"], "").await?;
    ensure!(
        help.code == Some(0) && help.stdout.contains("run") && help.stdout.contains("crd"),
        "{}",
        help.stdout
    );
    let help = run(&cluster, &["run", "--help"], "").await?;
    for flag in ["--region", "--cluster-name", "--watch-namespace", "--poll-interval", "--log-level"] {
        ensure!(help.code == Some(0) && help.stdout.contains(flag), "{flag}: {}", help.stdout);
    }
    ensure!(!help.stdout.contains("denied-grace"), "the help shows a flag that is only for tests");
    let version = run(&cluster, &["--version"], "").await?;
    ensure!(
        version.code == Some(0) && version.stdout.contains(env!("CARGO_PKG_VERSION")),
        "{}",
        version.stdout
    );
    let crd = run(&cluster, &["crd"], "").await?;
    let file = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/crds/sequencestores.yaml"));
    ensure!(
        crd.code == Some(0) && crd.stdout == file,
        "`crd` and crds/sequencestores.yaml differ: `make crds`"
    );
    let nothing = run(&cluster, &[], "").await?;
    ensure!(
        nothing.code == Some(2) && nothing.stderr.contains("Usage"),
        "{:?} {}",
        nothing.code,
        nothing.stderr
    );
    Ok(())
}

async fn sigterm_exits_with_code_0(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let code = operator.terminate().await?;
    ensure!(code == Some(0), "SIGTERM: the operator exits with {code:?}\n{}", world.logs());
    Ok(())
}

async fn sigterm_before_the_first_list_exits_with_code_0(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    // This ServiceAccount has no permissions, so the first list never succeeds.
    let end = tokio::time::Instant::now() + TIMEOUT;
    let kubeconfig = loop {
        match world.cluster.plane.kubeconfig_for(&world.namespace, "default").await {
            Ok(kubeconfig) => break kubeconfig,
            Err(error) => ensure!(tokio::time::Instant::now() < end, "no ServiceAccount: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let environment = BTreeMap::from([("KUBECONFIG", kubeconfig.display().to_string())]);
    let operator = world.operator(&Start { environment, ..Start::default() })?;
    while !operator.log_text().contains("forbidden") {
        ensure!(tokio::time::Instant::now() < end, "the list is not refused\n{}", world.logs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let code = operator.terminate().await?;
    ensure!(code == Some(0), "SIGTERM: the operator exits with {code:?}\n{}", world.logs());
    Ok(())
}

async fn the_operator_never_logs_secrets(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let environment = BTreeMap::from([
        ("AWS_SESSION_TOKEN", "canary-session-token".to_owned()),
        ("RUST_BACKTRACE", "1".to_owned()),
    ]);
    let flags = vec!["--poll-interval=2s".into(), "--log-level=trace".into()];
    let operator = world.operator(&Start { environment, flags, ..Start::default() })?;
    let (store, failing) = (world.seed().await?, world.seed().await?);
    let fault = Fault::always("GetSequenceStore", FaultAction::error("ExpiredTokenException"));
    world.aws.script_fault(&Fault { store_id: Some(failing.id.clone()), ..fault }).await?;
    world.adopt("a", &store).await?;
    world.adopt("failing", &failing).await?;
    let never = SequenceStoreSpec { sequence_store_id: Some("9876543210".into()), ..Default::default() };
    world.create("never", never).await?;
    world.until_ready("a").await?;
    world.until_condition("failing", "Ready", "False", "AccessDenied").await?;
    world.until_condition("never", "Ready", "False", "StoreNotFound").await?;
    world.delete("a").await?;
    world.until_gone("a").await?;
    let log = operator.log_text();
    ensure!(
        log.contains(" TRACE "),
        "the log is not at trace: {}",
        log.chars().take(3000).collect::<String>()
    );
    let kubeconfig = std::fs::read_to_string(&world.cluster.kubeconfig)?;
    let token = kubeconfig.split_whitespace().find(|word| word.trim_matches('"').starts_with("eyJ"));
    let token = token.ok_or("no token in the kubeconfig")?.trim_matches('"');
    // The signature alone: a log with part of the token is as bad as one with all of it.
    let signature = token.rsplit('.').next().ok_or("no signature")?;
    for secret in ["canary-secret-access-key", "canary-session-token", signature] {
        let line = log.lines().find(|line| line.contains(secret));
        ensure!(line.is_none(), "{secret} is in the log: {line:?}");
    }
    Ok(())
}
