//! `run`: connects to Kubernetes and AWS, and runs the controller and the servers of its endpoints until a signal. I/O.

mod aws_identity;
mod flags;
mod leader_election;
mod log;
mod traces;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::aws::Aws;
use crate::controller::context::Context;
use crate::controller::health::{self, Health};
use crate::controller::leadership::{Election, Leadership};
use crate::controller::{self, LogLevel, Memory, PassQueue, Sweeps, Tenancy, listener, metrics_endpoint};
use crate::crd::DeletionDefaults;
use crate::kubernetes::cluster::{self, Access, Failure};
use crate::kubernetes::{Cache, Kubernetes, Watches};
use crate::metrics::Metrics;
use crate::plan::Settings;
use crate::store::Defaults;
pub(in crate::cli) use flags::EXAMPLES;
pub use flags::RunFlags;
use traces::Traces;

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
/// Where the operator cannot start, or the health server fails: one line.
pub(super) async fn execute(flags: RunFlags) -> Result<(), String> {
    flags.check()?;
    let replica = replica_name();
    // What is wrong with traces must not keep the operator from its work.
    let traces = Traces::from_environment(&replica);
    let level = log::to_stderr(&flags, traces.as_ref().ok().and_then(Option::as_ref));
    let traces = traces.unwrap_or_else(|wrong| {
        tracing::warn!("no traces are sent: {wrong}");
        None
    });
    traces.iter().for_each(Traces::log_start);
    let ended = Box::pin(operate(flags, replica, level)).await;
    if let Some(traces) = traces {
        traces.flush().await;
    }
    ended
}

async fn operate(flags: RunFlags, replica: String, level: LogLevel) -> Result<(), String> {
    let place = flags.leader_election.place(replica.clone())?;
    let shutdown = stop_on_signal()?;
    let metrics = Arc::new(Metrics::default());
    let client = cluster::connect(&Access::default(), &metrics).await?;
    let listener = listen(flags.health_probe_bind_address, "--health-probe-bind-address").await?;
    let for_metrics = listen_for_metrics(&flags).await?;
    let watches = Arc::new(Watches::of(&flags.namespaces()));
    let silence = controller::longest_silence(flags.watch_timeout);
    let health = Arc::new(Health::of(Arc::clone(&watches), silence));
    let server = tokio::spawn(health::serve(listener, Arc::clone(&health), level, shutdown.clone()));

    let aws = Aws::from_environment(flags.place.region.clone(), flags.quotas()).await?;
    let aws = aws.counted_in(Arc::clone(&metrics));
    let mut metrics_server = None;
    if let Some(settings) = settings(&flags, &client, replica, &shutdown).await? {
        let defaults = Defaults { region: aws.default_region(), poll_interval: flags.timing.poll_interval };
        log_start(&flags, &defaults);
        let leadership = Arc::new(match &place {
            Some(_) => Leadership::with_election(aws.fence(), shutdown.clone()),
            None => Leadership::without_election(aws.fence(), shutdown.clone()),
        });
        let tenancy = Tenancy::new(&aws, &settings.cluster, flags.tenancy());
        let bindings = Arc::clone(&tenancy.bindings);
        health.asks(Arc::clone(&leadership), Arc::clone(&bindings));
        let context = Arc::new(Context {
            kubernetes: Kubernetes::new(client, Cache::of(watches)),
            aws,
            tenancy,
            memory: Memory::default(),
            sweeps: Sweeps::of(flags.sweep_pace(), settings.deletion, bindings, Instant::now()),
            queue: PassQueue::default(),
            leadership,
            metrics,
            defaults,
            settings,
            read_set_poll_interval: flags.read_set_poll_interval,
            denied_grace: flags.denied_grace,
            throttled_grace: flags.throttled_grace,
            watch_timeout: flags.watch_timeout,
        });
        metrics_server = for_metrics.map(|listener| {
            let page = controller::metrics_page(&context, flags.metrics_per_object);
            tokio::spawn(metrics_endpoint::serve(listener, Arc::new(page), shutdown.clone()))
        });
        // Beside the start: neither readiness nor the first pass waits for it.
        tokio::spawn(aws_identity::announce(context.clone(), shutdown.clone()));
        let election =
            place.map(|place| Election::new(context.clone(), place, flags.leader_election.timing()));
        work(context, election, &health, flags.concurrency, &shutdown).await?;
    }
    shutdown.cancel();
    tracing::info!("stopped");
    ended("health", server).await?;
    match metrics_server {
        Some(server) => ended("metrics", server).await,
        None => Ok(()),
    }
}

/// None where no metrics are to be served.
async fn listen_for_metrics(flags: &RunFlags) -> Result<Option<TcpListener>, String> {
    match flags.metrics_bind_address.0 {
        Some(address) => listen(address, "--metrics-bind-address").await.map(Some),
        None => Ok(None),
    }
}

fn log_start(flags: &RunFlags, defaults: &Defaults) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        region = defaults.region.as_deref().unwrap_or("none: objects must set spec.region"),
        poll_interval = ?defaults.poll_interval,
        namespaces = ?flags.namespaces(),
        "starting"
    );
}

async fn ended(name: &str, server: JoinHandle<std::io::Result<()>>) -> Result<(), String> {
    server.await.map_err(|e| e.to_string())?.map_err(|e| format!("the {name} server failed: {e}"))
}

/// `flag` is what chose the address.
async fn listen(address: SocketAddr, flag: &str) -> Result<TcpListener, String> {
    listener::bind(address).await.map_err(|e| format!("cannot listen on {address}: {e}: set {flag}"))
}

/// Runs the controller until `shutdown`. The Lease, if there is one, is given up when no pass runs any more.
async fn work(
    context: Arc<Context>,
    election: Option<Election>,
    health: &Health,
    concurrency: u16,
    shutdown: &CancellationToken,
) -> Result<(), String> {
    let passes = controller::run(context, health, concurrency, shutdown.clone());
    let Some(election) = election else {
        passes.await;
        return Ok(());
    };
    let drained = CancellationToken::new();
    let mut election = tokio::spawn(election.run(shutdown.clone(), drained.clone()));
    tokio::select! {
        () = passes => {}
        ended = &mut election => return Err(format!("the leader election ended: {ended:?}")),
    }
    drained.cancel();
    election.await.map_err(|error| error.to_string())
}

/// None where the operator is stopped before it can know them.
async fn settings(
    flags: &RunFlags,
    client: &kube::Client,
    replica: String,
    shutdown: &CancellationToken,
) -> Result<Option<Settings>, String> {
    let cluster = match &flags.place.cluster_name {
        Some(name) => name.clone(),
        None => match cluster_uid(client, shutdown).await? {
            Some(uid) => uid,
            None => return Ok(None),
        },
    };
    let (create_grace, deletion) =
        (flags.timing.create_grace, flags.deletion.defaults(DeletionDefaults::default()));
    Ok(Some(Settings { cluster, replica, create_grace, deletion }))
}

/// Waits for an API server that cannot be reached yet. None where the operator is stopped meanwhile.
async fn cluster_uid(client: &kube::Client, shutdown: &CancellationToken) -> Result<Option<String>, String> {
    let mut told = None;
    loop {
        match cluster::uid(client).await {
            Ok(uid) => return Ok(Some(uid)),
            Err(Failure::Other(text) | Failure::NoAnswer(text)) => {
                if told.as_ref() != Some(&text) {
                    tracing::warn!("cannot reach the Kubernetes API server; trying again: {text}");
                }
                told = Some(text);
            }
            Err(refused) => return Err(cluster::no_uid(&refused)),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
            () = shutdown.cancelled() => return Ok(None),
        }
    }
}

/// Unique for each process, because a restarted container keeps the name of its Pod.
fn replica_name() -> String {
    let pod = std::env::var("POD_NAME").unwrap_or_else(|_| "operator".into());
    format!("{pod}-{:08x}", fastrand::u32(..))
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
