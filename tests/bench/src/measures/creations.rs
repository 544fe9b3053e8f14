//! From applying many objects at once until the store of the last is created and Ready.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{START_UP, seconds_between};
use crate::cluster::Cluster;
use crate::progress::Progress;
use crate::quotas::{self, Quotas};
use crate::scene::{Program, Scene, Start, Stores};
use crate::{Error, calls};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Creations {
    pub objects: usize,
    /// The quotas as a multiple of the default ones.
    pub quota_factor: f64,
    pub seconds: f64,
    /// The time in which this many Creates fit into the share of the quota.
    pub floor_seconds: f64,
    pub aws_requests: usize,
    pub refused: usize,
    /// Stores beyond one for each object, which must be none.
    pub surplus_stores: usize,
}

impl Creations {
    pub fn efficiency(&self) -> f64 {
        self.floor_seconds / self.seconds
    }
}

pub async fn run(
    cluster: &Arc<Cluster>,
    objects: usize,
    quota_factor: f64,
    progress: &Progress,
) -> Result<Creations, Error> {
    let step = progress.start(format!("creation of {objects} stores at {quota_factor} times the quotas"));
    let quotas = if quota_factor == 1.0 { Quotas::Default } else { Quotas::Times(quota_factor) };
    let scene = Scene::new(cluster, "create", quotas).await?;
    let process = scene.start(&Start::new(Program::Operator, quotas))?;
    tokio::time::sleep(START_UP).await;
    let applied = Timestamp::now();
    scene.add(Stores::Created, 0, objects).await?;
    let floor_seconds =
        quotas::floor_seconds(objects, quotas::SHARE, quotas::CREATES_PER_SECOND * quota_factor);
    let deadline = Duration::from_secs_f64(2.0 * floor_seconds + 180.0);
    scene.states.until_ready(objects, deadline).await?;
    let last = scene.states.last_ready().ok_or("no object is Ready")?;
    process.terminate().await?;
    let requests = scene.requests_since(0).await?;
    let stores = scene.aws.all_stores().await?.len();
    let result = Creations {
        objects,
        quota_factor,
        seconds: seconds_between(applied, last),
        floor_seconds,
        aws_requests: requests.len(),
        refused: calls::refused(&requests),
        surplus_stores: stores.saturating_sub(objects),
    };
    step.done(format!("{:.0} s, efficiency {:.2}", result.seconds, result.efficiency()));
    Ok(result)
}
