//! Leader election: of several replicas only the one that holds the Lease runs passes. No I/O of its own.
//!
//! `lease` decides what to do with the Lease, `elect` does it. Safety never rests on the Lease: the request of a former leader
//! may still be on its way. What rests on it is that replicas do not do the work twice.
//!
//! A replica that loses the Lease becomes a standby again, with its watches running. That is as safe as a new process: its
//! requests that would change something in AWS are refused from then on, it stands for election again only when no pass of
//! before runs any more, and it forgets what its passes remembered.

mod elect;
mod lease;

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::aws::{Fence, Moment};
pub use elect::{Election, LeasePlace};
pub use lease::{LONGEST_DURATION, Timing};

/// Whether this process leads. Passes and endpoints ask here; only `elect` changes it.
#[derive(Debug)]
pub struct Leadership {
    leading: watch::Sender<bool>,
    fence: Fence,
    /// The process ends.
    stopping: CancellationToken,
    /// How many passes run.
    passes: watch::Sender<usize>,
    /// Why the Lease cannot be read or written.
    trouble: Mutex<Option<String>>,
}

/// A pass runs. Ends with it.
#[derive(Debug)]
pub struct RunningPass<'a>(&'a watch::Sender<usize>);

impl Drop for RunningPass<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running = running.saturating_sub(1));
    }
}

impl Leadership {
    /// Without an election the process leads from the start to the end.
    #[must_use]
    pub fn without_election(fence: Fence, stopping: CancellationToken) -> Self {
        Self::of(true, fence, stopping)
    }

    /// With an election the process does not lead until it is elected.
    #[must_use]
    pub fn with_election(fence: Fence, stopping: CancellationToken) -> Self {
        fence.close();
        Self::of(false, fence, stopping)
    }

    fn of(is_leading: bool, fence: Fence, stopping: CancellationToken) -> Self {
        let (leading, passes) = (watch::Sender::new(is_leading), watch::Sender::default());
        Self { leading, fence, stopping, passes, trouble: Mutex::default() }
    }

    #[must_use]
    pub fn leading(&self) -> watch::Receiver<bool> {
        self.leading.subscribe()
    }

    #[must_use]
    pub fn is_leading(&self) -> bool {
        *self.leading.borrow()
    }

    /// None where this process does not lead: no pass must begin then.
    #[must_use]
    pub fn begin_pass(&self) -> Option<RunningPass<'_>> {
        // Counted first: whoever ends the leadership waits for this pass, or this pass sees the end.
        self.passes.send_modify(|running| *running += 1);
        let pass = RunningPass(&self.passes);
        self.is_leading().then_some(pass)
    }

    /// Whether a pass may begin to change something in AWS. What it has begun, it finishes: a recorded attempt to create a
    /// store that is not sent would hold up the next one.
    #[must_use]
    pub fn may_begin_change(&self) -> bool {
        !self.stopping.is_cancelled() && self.is_leading() && self.fence.is_open(Moment::now())
    }

    /// What keeps this process from standing for election.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True where that is news.
    fn set_trouble(&self, text: Option<String>) -> bool {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *trouble, text.clone()) != text
    }

    /// Waits until this process leads no more.
    pub async fn until_lost(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.leading.subscribe().wait_for(|is_leading| !is_leading).await;
    }

    async fn until_no_pass_runs(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.passes.subscribe().wait_for(|running| *running == 0).await;
    }
}
