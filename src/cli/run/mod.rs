//! `run`: connects to Kubernetes and AWS, and runs the controller and the health server until a signal. I/O.

mod flags;

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::aws::Aws;
use crate::controller::context::Context;
use crate::controller::{self, Memory, health};
use crate::kubernetes::cluster::{self, Access};
use crate::kubernetes::{Cache, Kubernetes};
use crate::plan::Settings;
use crate::store::Defaults;
pub(in crate::cli) use flags::EXAMPLES;
use flags::LogFormat;
pub use flags::RunFlags;

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
/// Where the operator cannot start, or the health server fails: one line.
pub(super) async fn execute(flags: RunFlags) -> Result<(), String> {
    flags.check()?;
    log_to_stderr(&flags);
    let shutdown = stop_on_signal()?;
    let client = cluster::connect(&Access::default()).await?;
    let health = health::bind(flags.health_probe_bind_address)
        .await
        .map_err(|e| format!("cannot listen on {}: {e}", flags.health_probe_bind_address))?;
    let ready = health::Ready::default();
    let server = tokio::spawn(health::serve(health, ready.clone(), shutdown.clone()));

    wait_for_crd(&client, &shutdown).await;
    let aws = Aws::from_environment(flags.place.region.clone()).await;
    let defaults = Defaults { region: aws.default_region(), poll_interval: flags.timing.poll_interval };
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
        create_grace: flags.timing.create_grace,
    };
    let watches = flags.watch_namespaces.len().max(1);
    let context = Arc::new(Context {
        kubernetes: Kubernetes::new(client, Cache::of(watches)),
        aws,
        memory: Memory::default(),
        defaults,
        settings,
        denied_grace: flags.denied_grace,
        slots: Semaphore::new(flags.concurrency.into()),
    });
    let watched = context.clone();
    tokio::spawn(async move {
        watched.kubernetes.cache.until_complete().await;
        ready.store(true, Ordering::Relaxed);
        tracing::info!("ready");
    });
    controller::run(context, &flags.watch_namespaces, flags.concurrency, shutdown.clone()).await;
    shutdown.cancel();
    tracing::info!("stopped");
    server.await.map_err(|e| e.to_string())?.map_err(|e| format!("the health server failed: {e}"))
}

/// Unique for each process, because a restarted container keeps the name of its Pod.
fn replica_name() -> String {
    let pod = std::env::var("POD_NAME").unwrap_or_else(|_| "operator".into());
    format!("{pod}-{:08x}", fastrand::u32(..))
}

/// Waits for the CRD, which the same chart may install after the operator.
async fn wait_for_crd(client: &kube::Client, shutdown: &CancellationToken) {
    while !shutdown.is_cancelled() {
        match cluster::is_crd_installed(client).await {
            Ok(true) => return,
            Ok(false) => tracing::warn!("{}; waiting for it", cluster::CRD_NOT_INSTALLED),
            Err(error) => tracing::warn!("cannot reach the Kubernetes API server; trying again: {error}"),
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
        tracing::info!("stopping: waiting for reconciliations in progress to finish");
        token.cancel();
    });
    Ok(shutdown)
}

fn log_to_stderr(flags: &RunFlags) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&flags.log_level))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match flags.log_format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => log.init(),
    }
}
