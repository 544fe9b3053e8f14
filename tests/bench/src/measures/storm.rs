//! A storm of refusals: others use up the quotas of the account, then AWS refuses everything, then all is well again.

use std::time::Duration;

use healthomics_simulator::{Fault, FaultAction};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::until_current;
use crate::progress::Progress;
use crate::quotas::{GETS_PER_SECOND, Quotas, SHARE};
use crate::scene::{Program, Scene, Start};
use crate::{Error, calls};

/// The part of the quotas that others leave in the first half.
const LEFT: f64 = 0.2;
/// Both programs poll so often that the peer too fits into the quotas when all is well.
const POLL_SECONDS: u32 = 90;
const CURRENT_DEADLINE: Duration = Duration::from_secs(180);
const SETTLE: Duration = Duration::from_secs(5);
/// How long after the storm the requests are watched.
const AFTERMATH: Duration = Duration::from_secs(90);
/// A rate counts as reached when it holds for so many seconds.
const WINDOW: f64 = 5.0;
/// The part of the share of the Get quota that counts as the full rate.
const NEARLY: f64 = 0.9;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Storm {
    pub program: Program,
    pub objects: usize,
    /// While AWS admits a fifth of its quotas.
    pub scarce: Phase,
    /// While AWS refuses every request.
    pub closed: Phase,
    /// From the end of the storm until Gets succeed at the full rate.
    pub to_full_rate_seconds: Option<f64>,
    /// Settled objects with a condition `Throttled` in any version.
    pub shown_throttled: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Phase {
    pub seconds: u64,
    pub requests: usize,
    pub refused: usize,
}

impl Phase {
    pub fn refused_percent(&self) -> f64 {
        calls::percent(self.refused, self.requests)
    }
}

/// `scene` has this many settled objects. All of them are asked for at the start of each half and at the end, so that
/// there is always more to do than AWS allows.
pub async fn run(
    scene: Scene,
    program: Program,
    objects: usize,
    phase_seconds: u64,
    progress: &Progress,
) -> Result<Storm, Error> {
    let step = progress.start(format!("storm of refusals for {} s, {}", 2 * phase_seconds, program.name()));
    // The programs need not wait for quotas until the storm begins.
    scene.set_quotas(Quotas::None).await?;
    let since = scene.last_request().await?;
    let start = Start { poll_seconds: Some(POLL_SECONDS), ..Start::new(program, Quotas::Default) };
    let process = scene.start(&start)?;
    until_current(&scene.aws, &process, since, objects, CURRENT_DEADLINE).await?;
    tokio::time::sleep(SETTLE).await;
    scene.states.forget_throttled();

    scene.set_quotas(Quotas::Times(LEFT)).await?;
    let scarce = phase(&scene, objects, phase_seconds).await?;
    scene.aws.script_fault(&Fault::always("*", FaultAction::error("ThrottlingException"))).await?;
    let closed = phase(&scene, objects, phase_seconds).await?;
    let last = scene.last_request().await?;
    scene.set_quotas(Quotas::Default).await?;
    scene.aws.clear_faults().await?;
    let over = Timestamp::now();
    scene.ask(0..objects).await?;
    tokio::time::sleep(AFTERMATH).await;

    let mut gets = scene.requests_since(last).await?;
    gets.retain(|entry| entry.operation == "GetSequenceStore");
    let wanted = NEARLY * SHARE * GETS_PER_SECOND;
    let result = Storm {
        program,
        objects,
        scarce,
        closed,
        to_full_rate_seconds: calls::full_rate_at(&gets, over, WINDOW, wanted),
        shown_throttled: scene.states.throttled(),
    };
    process.terminate().await?;
    step.done(format!(
        "{:.0} % and {:.0} % refused, {} objects Throttled",
        result.scarce.refused_percent(),
        result.closed.refused_percent(),
        result.shown_throttled
    ));
    Ok(result)
}

async fn phase(scene: &Scene, objects: usize, seconds: u64) -> Result<Phase, Error> {
    let since = scene.last_request().await?;
    scene.ask(0..objects).await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let requests = scene.requests_since(since).await?;
    Ok(Phase { seconds, requests: requests.len(), refused: calls::refused(&requests) })
}
