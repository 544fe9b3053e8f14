//! The fence: a process that may have lost its leadership changes nothing in AWS. It is asked when a request is signed and
//! about to leave, because the process may have stood still for any time since the decision. No I/O.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_omics::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_omics::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_omics::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;

use super::Operation;

/// A point in time on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Goes on while a process is stopped, but may stand still while its machine sleeps.
    pub clock: Instant,
    /// Goes on while a machine sleeps, but may be set.
    pub date: SystemTime,
}

impl Moment {
    #[must_use]
    pub fn now() -> Self {
        Self { clock: Instant::now(), date: SystemTime::now() }
    }

    /// By the clock that went further. One that was set back counts for nothing.
    fn since(self, earlier: Self) -> Duration {
        let by_date = self.date.duration_since(earlier.date).unwrap_or_default();
        by_date.max(self.clock.saturating_duration_since(earlier.clock))
    }
}

/// Whether requests that change something may leave. All clones are the same fence.
#[derive(Clone, Debug, Default)]
pub struct Fence(Arc<Mutex<Gate>>);

#[derive(Clone, Copy, Debug, Default)]
enum Gate {
    /// There is no leader election.
    #[default]
    Open,
    /// Open for this long after the moment.
    OpenAfter(Moment, Duration),
    Closed,
}

/// Why a request did not leave.
#[derive(Debug, thiserror::Error)]
#[error("the request was not sent, because this replica may no longer be the leader")]
pub(super) struct Closed;

impl Fence {
    /// Opens until `lasts` after `from`.
    pub fn open_for(&self, from: Moment, lasts: Duration) {
        *self.gate() = Gate::OpenAfter(from, lasts);
    }

    pub fn close(&self) {
        *self.gate() = Gate::Closed;
    }

    #[must_use]
    pub fn is_open(&self, now: Moment) -> bool {
        match *self.gate() {
            Gate::Open => true,
            Gate::OpenAfter(from, lasts) => now.since(from) < lasts,
            Gate::Closed => false,
        }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Part of each client.
impl Intercept for Fence {
    fn name(&self) -> &'static str {
        "Fence"
    }

    /// The last step before the connection: credentials are loaded and the request is signed.
    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let name = config.load::<Metadata>().map(Metadata::name).unwrap_or_default();
        // What is not known to only read counts as a change.
        let only_reads =
            Operation::ALL.into_iter().any(|operation| operation.name() == name && !operation.is_mutating());
        if only_reads || self.is_open(Moment::now()) { Ok(()) } else { Err(Closed.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_fence_closes_by_the_clock_that_went_further() {
        let (fence, start) = (Fence::default(), Moment::now());
        assert!(fence.is_open(start), "open where there is no leader election");
        fence.open_for(start, 10 * SECOND);
        let at =
            |clock, date| Moment { clock: start.clock + clock * SECOND, date: start.date + date * SECOND };
        for (clock, date, is_open) in
            [(0, 0, true), (9, 9, true), (10, 0, false), (0, 10, false), (11, 3, false)]
        {
            assert_eq!(fence.is_open(at(clock, date)), is_open, "{clock} s on the clock, {date} s by date");
        }
        let set_back = Moment { clock: start.clock + SECOND, date: start.date - 3600 * SECOND };
        assert!(fence.is_open(set_back), "a date that is set back");
        fence.close();
        assert!(!fence.is_open(start));
    }
}
