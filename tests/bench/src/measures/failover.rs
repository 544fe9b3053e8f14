//! Two replicas with leader election: from the end of the leader to the first request of the other.

use std::sync::Arc;
use std::time::Duration;

use healthomics_simulator::LedgerEntry;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::seconds_between;
use crate::cluster::{Cluster, SYSTEM_NAMESPACE};
use crate::process::Process;
use crate::progress::Progress;
use crate::quotas::Quotas;
use crate::scene::{Program, Scene, Start, observed_spec};
use crate::{Error, calls};

const KEYS: [&str; 2] = ["AKIAREPLICAONE000000", "AKIAREPLICATWO000000"];
const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
/// How long both replicas run before one is ended: the standby fills its cache.
const WARM_UP: Duration = Duration::from_secs(3);
/// Between two new objects, so that the leader always has something to do.
const BETWEEN_OBJECTS: Duration = Duration::from_millis(50);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failover {
    /// `TERM`, `KILL` or `STOP`.
    pub signal: String,
    /// From the signal to the first request of the other replica.
    pub seconds: Vec<f64>,
    /// Requests that the standby sent before.
    pub standby_requests: usize,
}

pub async fn run(
    cluster: &Arc<Cluster>,
    rounds: &[(&'static str, usize)],
    progress: &Progress,
) -> Result<Vec<Failover>, Error> {
    let mut results = Vec::new();
    for (signal, repetitions) in rounds {
        let step = progress.start(format!("failover after SIG{signal}, {repetitions} times"));
        let mut result = Failover { signal: (*signal).to_owned(), seconds: Vec::new(), standby_requests: 0 };
        for _ in 0..*repetitions {
            let (seconds, standby_requests) = one(cluster, signal).await?;
            result.seconds.push(seconds);
            result.standby_requests += standby_requests;
        }
        step.done(format!("{:.2?} s", result.seconds));
        results.push(result);
    }
    Ok(results)
}

fn start(scene: &Scene, key: &'static str) -> Result<Process, Error> {
    let flags = vec!["--leader-elect".to_owned()];
    scene.start(&Start { access_key: key, flags, ..Start::new(Program::Operator, Quotas::None) })
}

async fn one(cluster: &Arc<Cluster>, signal: &str) -> Result<(f64, usize), Error> {
    forget_lease(cluster).await?;
    let scene = Scene::new(cluster, "failover", Quotas::None).await?;
    let ids = scene.seed(2000).await?;
    let leader = start(&scene, KEYS[0])?;
    let work = work(&scene, &ids);
    let measured = async {
        until_request(&scene, KEYS[0], 0).await?;
        let standby = start(&scene, KEYS[1])?;
        tokio::time::sleep(WARM_UP).await;
        let before = scene.requests_since(0).await?;
        let standby_requests = of(&before, KEYS[1]).count();
        let signalled = Timestamp::now();
        leader.signal(signal).await?;
        let last = before.last().map_or(0, |entry| entry.seq);
        let first = until_request(&scene, KEYS[1], last).await?;
        standby.signal("KILL").await?;
        Ok::<_, Error>((seconds_between(signalled, first), standby_requests))
    };
    tokio::select! {
        result = measured => result,
        error = work => Err(error),
    }
}

/// The lease of the replicas before, which nobody holds any more, would make the first replica wait.
async fn forget_lease(cluster: &Arc<Cluster>) -> Result<(), Error> {
    let delete = ["delete", "leases", "--all", "--namespace", SYSTEM_NAMESPACE];
    cluster.plane.kubectl(&delete).await?.checked()?;
    Ok(())
}

/// Creates objects until it fails.
async fn work(scene: &Scene, ids: &[String]) -> Error {
    for (number, id) in ids.iter().enumerate() {
        if let Err(error) = scene.apply(number, 1, |_| observed_spec(id)).await {
            return error;
        }
        tokio::time::sleep(BETWEEN_OBJECTS).await;
    }
    "no replica became the leader in time".into()
}

fn of<'a>(entries: &'a [LedgerEntry], key: &'a str) -> impl Iterator<Item = &'a LedgerEntry> {
    entries.iter().filter(move |entry| entry.access_key_id.as_deref() == Some(key))
}

/// Waits for the first request of a replica after the request number `since`.
async fn until_request(scene: &Scene, key: &str, since: u64) -> Result<Timestamp, Error> {
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        let entries = scene.requests_since(since).await?;
        if let Some(at) = of(&entries, key).next().and_then(calls::time) {
            return Ok(at);
        }
        tokio::time::sleep(POLL).await;
    }
    Err(format!("the replica with key {key} sends nothing").into())
}
