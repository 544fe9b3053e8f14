//! The measures, one file each: how it is taken, and the type of its result. I/O.

pub mod bindings;
pub mod cold_start;
pub mod creations;
pub mod drift;
pub mod failover;
pub mod new_objects;
pub mod rest;
pub mod scale;
pub mod scrape;
pub mod storm;

use std::time::Duration;

use healthomics_simulator::{LedgerEntry, SimulatorClient};
use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use crate::process::Process;
use crate::scene::{Scene, object_name};
use crate::{Error, calls};

const POLL: Duration = Duration::from_millis(200);
/// How long a program is left alone when its objects are Ready: it may still look at its own last writes.
const SETTLE: Duration = Duration::from_secs(10);
/// How long a program runs before objects are applied that it is to find running.
const START_UP: Duration = Duration::from_secs(3);
/// What someone writes into a description behind the back of the program.
const CHANGED: &str = "changed behind the back";

/// The requests until the program knew the state of all stores.
pub struct Current {
    /// Seconds since the start of the program.
    pub seconds: f64,
    pub requests: Vec<LedgerEntry>,
}

/// Waits until the program knows the state of all stores, and returns `None` when it does not before the deadline.
pub async fn until_current(
    aws: &SimulatorClient,
    process: &Process,
    since: u64,
    stores: usize,
    deadline: Duration,
) -> Result<Option<Current>, Error> {
    let end = Instant::now() + deadline;
    let (mut requests, mut last): (Vec<LedgerEntry>, u64) = (Vec::new(), since);
    while Instant::now() < end {
        let new = aws.brief_ledger_since(last).await?;
        last = new.last().map_or(last, |entry| entry.seq);
        requests.extend(new);
        if let Some(position) = calls::current_at(&requests, stores) {
            requests.truncate(position + 1);
            let at = requests.last().and_then(calls::time);
            let seconds = at.map_or(0.0, |at| seconds_between(process.started, at));
            return Ok(Some(Current { seconds, requests }));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(None)
}

/// Changes the store of an observed object in AWS, and returns the seconds until its status shows that.
pub async fn change_to_status(scene: &Scene, number: usize, deadline: Duration) -> Result<f64, Error> {
    let name = object_name(number);
    let changed = Timestamp::now();
    scene.aws.change_store(&scene.states.of(&name).store_id, json!({"description": CHANGED})).await?;
    let end = Instant::now() + deadline;
    while Instant::now() < end {
        if scene.states.of(&name).description.as_deref() == Some(CHANGED) {
            return Ok(seconds_between(changed, Timestamp::now()));
        }
        tokio::time::sleep(POLL).await;
    }
    Err(format!("the status does not show a change within {} s", deadline.as_secs()).into())
}

pub fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}
