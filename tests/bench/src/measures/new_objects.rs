//! Many new objects that observe existing stores, at the default quotas.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{START_UP, seconds_between};
use crate::cluster::Cluster;
use crate::progress::Progress;
use crate::quotas::{self, Quotas};
use crate::scene::{Program, Scene, Start, Stores, writes};
use crate::{Error, calls};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewObjects {
    pub program: Program,
    pub objects: usize,
    /// From the first object that is applied until the last is Ready.
    pub seconds: f64,
    /// The time in which one Get for each fits into the share of the quota.
    pub floor_seconds: f64,
    pub aws_requests: usize,
    pub refused: usize,
    pub kubernetes_writes: usize,
}

/// Returns the scene too, whose objects are settled then.
pub async fn run(
    cluster: &Arc<Cluster>,
    program: Program,
    objects: usize,
    progress: &Progress,
) -> Result<(NewObjects, Scene), Error> {
    let step = progress.start(format!("{objects} new objects at the default quotas, {}", program.name()));
    let scene = Scene::new(cluster, "new", Quotas::Default).await?;
    let mark = scene.audit_mark().await?;
    let process = scene.start(&Start::new(program, Quotas::Default))?;
    tokio::time::sleep(START_UP).await;
    let applied = Timestamp::now();
    scene.add(Stores::Observed, 0, objects).await?;
    let floor_seconds = quotas::floor_seconds(objects, quotas::SHARE, quotas::GETS_PER_SECOND);
    let deadline = Duration::from_secs_f64(6.0 * floor_seconds + 60.0);
    scene.states.until_ready(objects, deadline).await?;
    let last = scene.states.last_ready().ok_or("no object is Ready")?;
    let requests = scene.requests_since(0).await?;
    process.terminate().await?;
    let result = NewObjects {
        program,
        objects,
        seconds: seconds_between(applied, last),
        floor_seconds,
        aws_requests: requests.len(),
        refused: calls::refused(&requests),
        kubernetes_writes: writes(&scene.kubernetes_requests(mark).await?),
    };
    let refused = calls::percent(result.refused, result.aws_requests);
    step.done(format!("{:.0} s, {refused:.1} % refused", result.seconds));
    Ok((result, scene))
}
