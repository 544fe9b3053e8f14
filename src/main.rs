//! Parses the command line, connects, and joins controller and health server until told to stop.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sequencestore_operator::cli::{self, CalledAs, Command, LogFormat, Run};
use sequencestore_operator::commands::{self, cluster};
use sequencestore_operator::context::Context;
use sequencestore_operator::desired::Defaults;
use sequencestore_operator::omics::Omics;
use sequencestore_operator::plan::Settings;
use sequencestore_operator::{controller, server};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// A bad flag, an unreadable kubeconfig: nothing that a restart heals.
const EXIT_ERROR: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let called = CalledAs::of(std::env::args_os().next().as_ref());
    let command = match called.parse(std::env::args_os()) {
        Ok(command) => command,
        Err(error) => match cli::mistake(&error) {
            Some(line) => return failed(called, &line),
            None => error.exit(),
        },
    };
    // Nothing else installs one, so that there is none to be in the way.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ended = match command {
        Command::Run(flags) => run(*flags).await.map(|()| ExitCode::SUCCESS),
        Command::Plan(flags) => commands::plan::plan(*flags, called.name()).await,
        Command::Export(flags) => commands::export::export(*flags, called.name()).await,
        Command::Permissions(flags) => commands::permissions::permissions(&flags),
        Command::Crd => commands::crd::crd(),
        Command::Completions(flags) => commands::completions::completions(flags, called),
    };
    ended.unwrap_or_else(|line| failed(called, &line))
}

fn failed(called: CalledAs, line: &str) -> ExitCode {
    eprintln!("{}: {line}", called.name());
    ExitCode::from(EXIT_ERROR)
}

async fn run(flags: Run) -> Result<(), String> {
    flags.check()?;
    log_to_stderr(&flags);
    let shutdown = stop_on_signal()?;
    let client = cluster::connect(&cli::Access::default()).await?;
    let health = server::bind(flags.health_probe_bind_address)
        .await
        .map_err(|e| format!("cannot listen on {}: {e}", flags.health_probe_bind_address))?;
    let ready = server::Ready::default();
    let server = tokio::spawn(server::serve(health, ready.clone(), shutdown.clone()));

    wait_for_definition(&client, &shutdown).await;
    let omics = Omics::from_environment(flags.place.region.clone()).await;
    let defaults = Defaults { region: omics.default_region(), poll_interval: flags.pace.poll_interval };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        region = defaults.region.as_deref().unwrap_or("none: objects must set spec.region"),
        poll_interval = ?defaults.poll_interval,
        namespaces = ?flags.watch_namespaces,
        "starting"
    );
    let settings = Settings {
        cluster: match &flags.place.cluster_name {
            Some(name) => name.clone(),
            None => cluster::uid(&client).await?,
        },
        replica: replica_name(),
        create_grace: flags.pace.create_grace,
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

/// Tells processes apart, also two that follow each other in one Pod.
fn replica_name() -> String {
    let pod = std::env::var("POD_NAME").unwrap_or_else(|_| "operator".into());
    format!("{pod}-{:08x}", fastrand::u32(..))
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
