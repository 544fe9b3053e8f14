//! Parses the command line, connects, and joins controller and health server until told to stop.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Parser;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use sequencestore_operator::cli::{Cli, Command, LogFormat, Run};
use sequencestore_operator::context::Context;
use sequencestore_operator::desired::Defaults;
use sequencestore_operator::omics::Omics;
use sequencestore_operator::plan::Settings;
use sequencestore_operator::{cli, controller, crd, kubernetes, server};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// A bad flag, an unreadable kubeconfig: nothing that a restart heals.
const EXIT_USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Cli::try_parse() {
        Ok(Cli { command: Command::Crd }) => print_crd(),
        Ok(Cli { command: Command::Run(flags) }) => run(flags).await,
        Err(error) => Err(cli::mistake(&error).unwrap_or_else(|| error.exit())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("sequencestore-operator: {line}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn print_crd() -> Result<(), String> {
    use std::io::Write;
    let yaml = crd::crd_yaml().map_err(|e| e.to_string())?;
    // A reader that has seen enough, such as `head`, is no error.
    let _ = std::io::stdout().write_all(yaml.as_bytes());
    Ok(())
}

async fn run(flags: Run) -> Result<(), String> {
    flags.check()?;
    log_to_stderr(&flags);
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| "a TLS provider is installed already".to_owned())?;
    let shutdown = stop_on_signal()?;
    let client = connect().await?;
    let health = server::bind(flags.health_probe_bind_address)
        .await
        .map_err(|e| format!("cannot listen on {}: {e}", flags.health_probe_bind_address))?;
    let ready = server::Ready::default();
    let server = tokio::spawn(server::serve(health, ready.clone(), shutdown.clone()));

    wait_for_definition(&client, &shutdown).await;
    let omics = Omics::from_environment(flags.region.clone()).await;
    let defaults = Defaults { region: omics.default_region(), poll_interval: flags.poll_interval };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        region = defaults.region.as_deref().unwrap_or("none: objects must set spec.region"),
        poll_interval = ?defaults.poll_interval,
        namespaces = ?flags.watch_namespaces,
        "starting"
    );
    let settings = Settings {
        cluster: cluster_name(&client, &flags).await?,
        replica: replica_name(),
        create_grace: flags.create_grace,
    };
    let watches = flags.watch_namespaces.len().max(1);
    let context =
        Context::new(client, omics, defaults, settings, flags.denied_grace, flags.concurrency, watches);
    let watched = context.clone();
    tokio::spawn(async move {
        watched.until_listed().await;
        ready.store(true, Ordering::Relaxed);
        tracing::info!("ready");
    });
    controller::run(context, &flags.watch_namespaces, flags.concurrency, shutdown.clone()).await;
    shutdown.cancel();
    tracing::info!("stopped");
    server.await.map_err(|e| e.to_string())?.map_err(|e| format!("the health server failed: {e}"))
}

/// The given name, else the uid of namespace kube-system, which no two clusters share.
async fn cluster_name(client: &kube::Client, flags: &Run) -> Result<String, String> {
    if let Some(name) = &flags.cluster_name {
        return Ok(name.clone());
    }
    let namespaces: kube::Api<Namespace> = kube::Api::all(client.clone());
    let uid =
        kubernetes::answered("read it", namespaces.get("kube-system")).await.map(|namespace| namespace.uid());
    match uid {
        Ok(Some(uid)) => Ok(uid),
        Ok(None) => Err("namespace kube-system has no uid: set --cluster-name".into()),
        Err(error) => Err(format!(
            "namespace kube-system gives the cluster its name and cannot be read ({error}): set --cluster-name"
        )),
    }
}

/// Tells processes apart, also two that follow each other in one Pod.
fn replica_name() -> String {
    let pod = std::env::var("POD_NAME").unwrap_or_else(|_| "operator".into());
    format!("{pod}-{:08x}", fastrand::u32(..))
}

async fn connect() -> Result<kube::Client, String> {
    let config = kube::Config::infer().await.map_err(|e| {
        // The lines after the first quote the file, in which there may be a token.
        let e = e.to_string();
        let e = e.lines().next().unwrap_or_default();
        format!("no way to Kubernetes: {e}. Set KUBECONFIG to a readable file, or run inside a cluster")
    })?;
    tracing::info!(cluster = %config.cluster_url, "connecting to Kubernetes");
    kube::Client::try_from(config).map_err(|e| format!("the Kubernetes configuration does not work: {e}"))
}

/// The definition may be installed after the operator, by the same chart.
async fn wait_for_definition(client: &kube::Client, shutdown: &CancellationToken) {
    while !shutdown.is_cancelled() {
        match controller::kind_is_known(client).await {
            Ok(true) => return,
            Ok(false) => tracing::warn!(
                "the CustomResourceDefinition sequencestores.healthomics.dev is not installed; waiting for it"
            ),
            Err(error) => tracing::warn!("the Kubernetes API server does not answer; trying again: {error}"),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

fn stop_on_signal() -> Result<CancellationToken, String> {
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: passes that are under way come to their end");
        token.cancel();
    });
    Ok(shutdown)
}

fn log_to_stderr(flags: &Run) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&flags.log_level))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match flags.log_format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => log.init(),
    }
}
