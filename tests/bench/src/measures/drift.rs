//! From a change that someone makes in AWS until the object shows it, and until the operator corrects it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::{CHANGED, POLL, SETTLE, change_to_status, seconds_between};
use crate::cluster::Cluster;
use crate::progress::Progress;
use crate::quotas::{POLL_SECONDS, Quotas};
use crate::scene::{Program, Scene, Start, Stores, object_name};
use crate::{Error, calls};

const READY_DEADLINE: Duration = Duration::from_secs(300);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Drift {
    pub program: Program,
    pub objects: usize,
    /// From each change to the status that shows it, for objects that observe.
    pub to_status_seconds: Vec<f64>,
    /// From each change to the update that corrects it, for objects that manage.
    pub to_correction_seconds: Vec<f64>,
}

/// Which objects the changes are made to: those that observe come first.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub observed: usize,
    pub managed: usize,
    pub changes: usize,
}

pub async fn run(
    cluster: &Arc<Cluster>,
    program: Program,
    sizes: Sizes,
    progress: &Progress,
) -> Result<Drift, Error> {
    let managed = if program == Program::Operator { sizes.managed } else { 0 };
    let step = progress.start(format!("changes made behind the back, {}", program.name()));
    let scene = Scene::new(cluster, "drift", Quotas::Default).await?;
    scene.add(Stores::Observed, 0, sizes.observed).await?;
    scene.add(Stores::Created, sizes.observed, managed).await?;
    let process = scene.start(&Start::new(program, Quotas::Default))?;
    scene.states.until_ready(sizes.observed + managed, READY_DEADLINE).await?;
    let mut result = Drift {
        program,
        objects: sizes.observed + managed,
        to_status_seconds: Vec::new(),
        to_correction_seconds: Vec::new(),
    };
    tokio::time::sleep(SETTLE).await;
    let deadline = Duration::from_secs_f64(2.0 * POLL_SECONDS);
    for change in 0..sizes.changes {
        // Changes at different times of the poll interval.
        let phase = POLL_SECONDS * change as f64 / (3.0 * sizes.changes as f64);
        tokio::time::sleep(Duration::from_secs_f64(phase)).await;
        let correction = async {
            if change < managed {
                change_to_correction(&scene, sizes.observed + change, deadline).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let (shown, corrected) = tokio::try_join!(change_to_status(&scene, change, deadline), correction)?;
        result.to_status_seconds.push(shown);
        result.to_correction_seconds.extend(corrected);
    }
    process.terminate().await?;
    step.done(format!("{:.0?} s to status", result.to_status_seconds));
    Ok(result)
}

/// Changes the store of a managed object in AWS, and returns the seconds until the operator has changed it back.
async fn change_to_correction(scene: &Scene, number: usize, deadline: Duration) -> Result<f64, Error> {
    let since = scene.last_request().await?;
    let store = scene.states.of(&object_name(number)).store_id;
    let changed = Timestamp::now();
    scene.aws.change_store(&store, json!({"description": CHANGED})).await?;
    let end = Instant::now() + deadline;
    while Instant::now() < end {
        tokio::time::sleep(POLL).await;
        let requests = scene.requests_since(since).await?;
        let update = requests.iter().find(|request| {
            request.operation == "UpdateSequenceStore"
                && request.committed
                && request.store_id.as_deref() == Some(store.as_str())
        });
        if let Some(corrected) = update.and_then(calls::time) {
            return Ok(seconds_between(changed, corrected));
        }
    }
    Err(format!("a change is not corrected within {} s", deadline.as_secs()).into())
}
