//! What settled objects cost: requests to AWS and Kubernetes, and CPU time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::scale::Resting;
use super::{SETTLE, change_to_status};
use crate::cluster::Cluster;
use crate::progress::Progress;
use crate::quotas::Quotas;
use crate::scene::{Program, Scene, Start, Stores};
use crate::{Error, calls};

const CHANGE_DEADLINE: Duration = Duration::from_secs(420);
const READY_DEADLINE: Duration = Duration::from_secs(300);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rest {
    pub program: Program,
    pub objects: usize,
    /// How long the requests were counted.
    pub seconds: f64,
    pub aws_requests: BTreeMap<String, usize>,
    pub refused: usize,
    /// By verb and resource, watches included.
    pub kubernetes_requests: BTreeMap<String, usize>,
    pub cpu_seconds: f64,
    pub rss_mib: f64,
    /// From changes in AWS to the status that shows them, made after the requests were counted.
    pub to_status_seconds: Vec<f64>,
}

impl Rest {
    pub fn per_hour(&self, count: usize) -> f64 {
        count as f64 * 3600.0 / self.seconds
    }

    pub fn aws_requests_per_hour(&self) -> f64 {
        self.per_hour(self.aws_requests.values().sum())
    }
}

/// Counts what a program sends over `seconds`.
pub async fn run(resting: Resting, seconds: u64, progress: &Progress) -> Result<Rest, Error> {
    let Resting { scene, mut process, program, objects } = resting;
    let step = progress.start(format!("{objects} objects at rest for {seconds} s, {}", program.name()));
    tokio::time::sleep(SETTLE).await;
    let (mark, since) = (scene.audit_mark().await?, scene.last_request().await?);
    let before = process.figures()?;
    let started = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let requests = scene.requests_since(since).await?;
    let counted = started.elapsed().as_secs_f64();
    process.check()?;
    let after = process.figures()?;
    let kubernetes_requests = scene.kubernetes_requests(mark).await?;
    let result = Rest {
        program,
        objects,
        seconds: counted,
        aws_requests: calls::by_operation(&requests),
        refused: calls::refused(&requests),
        kubernetes_requests,
        cpu_seconds: after.cpu_seconds - before.cpu_seconds,
        rss_mib: after.rss_mib,
        to_status_seconds: changes(&scene, objects).await,
    };
    process.terminate().await?;
    step.done(format!("{:.0} AWS requests per hour", result.aws_requests_per_hour()));
    Ok(result)
}

/// Changes three stores at different times of the poll interval. A change that does not show in time has no figure.
async fn changes(scene: &Scene, objects: usize) -> Vec<f64> {
    let change = |number: usize, after: u64| async move {
        tokio::time::sleep(Duration::from_secs(after)).await;
        change_to_status(scene, number, CHANGE_DEADLINE).await.ok()
    };
    let (first, second, third) =
        tokio::join!(change(0, 0), change(objects / 2, 40), change(objects.saturating_sub(1), 80));
    [first, second, third].into_iter().flatten().collect()
}

/// A program whose objects have just settled, at the default quotas.
pub async fn settled(cluster: &Arc<Cluster>, program: Program, objects: usize) -> Result<Resting, Error> {
    let scene = Scene::new(cluster, "rest", Quotas::None).await?;
    scene.add(Stores::Observed, 0, objects).await?;
    let process = scene.start(&Start::new(program, Quotas::Default))?;
    scene.states.until_ready(objects, READY_DEADLINE).await?;
    scene.set_quotas(Quotas::Default).await?;
    Ok(Resting { scene, process, program, objects })
}
