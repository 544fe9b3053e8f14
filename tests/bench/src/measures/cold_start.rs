//! From the start of a process to its first request about a store, and to the first object that it makes Ready.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seconds_between;
use crate::cluster::Cluster;
use crate::progress::Progress;
use crate::quotas::Quotas;
use crate::scene::{Program, Scene, Start, Stores, object_name};
use crate::{Error, calls};

const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ColdStart {
    pub program: Program,
    /// One value for each start.
    pub first_request_ms: Vec<f64>,
    pub first_ready_ms: Vec<f64>,
}

/// Starts the program `repetitions` times, each time with one more object that waits for it.
pub async fn run(
    cluster: &Arc<Cluster>,
    program: Program,
    repetitions: usize,
    progress: &Progress,
) -> Result<ColdStart, Error> {
    let step = progress.start(format!("cold start, {}, {repetitions} times", program.name()));
    let scene = Scene::new(cluster, "cold", Quotas::None).await?;
    let mut result = ColdStart { program, first_request_ms: Vec::new(), first_ready_ms: Vec::new() };
    for repetition in 0..repetitions {
        scene.add(Stores::Observed, repetition, 1).await?;
        let since = scene.last_request().await?;
        let process = scene.start(&Start::new(program, Quotas::None))?;
        scene.states.until_ready(repetition + 1, DEADLINE).await?;
        let requests = scene.requests_since(since).await?;
        // Who it is to AWS, the operator asks before it has seen any object.
        let first = requests.iter().find(|request| request.is_about_stores()).and_then(calls::time);
        let first = first.ok_or("Ready without a request to AWS")?;
        let ready = scene.states.of(&object_name(repetition)).ready_since.ok_or("not Ready")?;
        result.first_request_ms.push(1000.0 * seconds_between(process.started, first));
        result.first_ready_ms.push(1000.0 * seconds_between(process.started, ready));
        process.terminate().await?;
    }
    step.done(format!("first request after {:.0?} ms", result.first_request_ms));
    Ok(result)
}
