//! From a change that someone makes in AWS until the object shows it, and until the operator corrects it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::seconds_between;
use crate::cluster::Cluster;
use crate::progress::Progress;
use crate::quotas::{POLL_SECONDS, Quotas};
use crate::scene::{Program, Scene, Start, Stores, object_name};
use crate::{Error, calls};

const READY_DEADLINE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(200);
const CHANGED: &str = "changed behind the back";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Drift {
    pub program: Program,
    pub objects: usize,
    pub poll_seconds: f64,
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
        poll_seconds: POLL_SECONDS,
        to_status_seconds: Vec::new(),
        to_correction_seconds: Vec::new(),
    };
    for change in 0..sizes.changes {
        // Changes at different times of the poll interval.
        let phase = POLL_SECONDS * change as f64 / (3.0 * sizes.changes as f64);
        tokio::time::sleep(Duration::from_secs_f64(phase)).await;
        let corrected = (managed > change).then_some(sizes.observed + change);
        one_change(&scene, change, corrected, &mut result).await?;
    }
    process.terminate().await?;
    step.done(format!("{:.0?} s to status", result.to_status_seconds));
    Ok(result)
}

/// Changes one observed store and, if there is one, one managed store.
async fn one_change(
    scene: &Scene,
    observed: usize,
    managed: Option<usize>,
    result: &mut Drift,
) -> Result<(), Error> {
    let since = scene.last_request().await?;
    let observed = object_name(observed);
    let managed_store = managed.map(|number| scene.states.of(&object_name(number)).store_id);
    let changed = Timestamp::now();
    for store in [Some(scene.states.of(&observed).store_id), managed_store.clone()].into_iter().flatten() {
        scene.aws.change_store(&store, json!({"description": CHANGED})).await?;
    }
    let (mut shown, mut corrected) = (None, None);
    let end = Instant::now() + Duration::from_secs_f64(2.0 * POLL_SECONDS);
    while Instant::now() < end && (shown.is_none() || (managed_store.is_some() && corrected.is_none())) {
        tokio::time::sleep(POLL).await;
        if shown.is_none() && scene.states.of(&observed).description.as_deref() == Some(CHANGED) {
            shown = Some(Timestamp::now());
        }
        if managed_store.is_some() && corrected.is_none() {
            let requests = scene.requests_since(since).await?;
            let update = requests
                .iter()
                .find(|r| r.operation == "UpdateSequenceStore" && r.committed && r.store_id == managed_store);
            corrected = update.and_then(calls::time);
        }
    }
    let shown = shown.ok_or("the status does not show a change within two poll intervals")?;
    result.to_status_seconds.push(seconds_between(changed, shown));
    if managed_store.is_some() {
        let corrected = corrected.ok_or("a change is not corrected within two poll intervals")?;
        result.to_correction_seconds.push(seconds_between(changed, corrected));
    }
    Ok(())
}
