//! What can be read of the queue, for metrics. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Kind;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Objects whose time has come, and that wait for a worker.
    pub ready: BTreeMap<Kind, usize>,
    /// Objects whose time has not come.
    pub delayed: usize,
    /// How often an object was queued that was not in the queue.
    pub added: u64,
    /// Passes that run.
    pub active: usize,
    /// For how long they have run, all together.
    pub unfinished: Duration,
    pub longest_running: Duration,
}
