//! For whom a call is made, and how urgent it is; and deadlines that do not run while it waits. I/O: waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Urgency;

/// How often a deadline looks at whether a call still waits.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// For whom calls are made.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Namespaces are served by turns. Empty where the calls concern no namespace.
    pub namespace: Arc<str>,
    pub urgency: Urgency,
    /// How long this caller waited for the budget. A deadline of the caller does not run meanwhile.
    pub waits: Arc<Waits>,
}

impl Default for Caller {
    fn default() -> Self {
        Self::new("", Urgency::Ordinary)
    }
}

impl Caller {
    #[must_use]
    pub fn new(namespace: &str, urgency: Urgency) -> Self {
        Self { namespace: namespace.into(), urgency, waits: Arc::default() }
    }
}

/// The time that one caller has waited for the budget.
#[derive(Debug, Default)]
pub struct Waits(Mutex<Waited>);

#[derive(Debug, Default)]
struct Waited {
    total: Duration,
    /// Calls that wait now, and since when there is one.
    waiting: usize,
    since: Option<Instant>,
}

impl Waits {
    /// The waits that are over, and the one that is not.
    #[must_use]
    pub fn so_far(&self, now: Instant) -> Duration {
        let waited = self.waited();
        waited.total + waited.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Whether a call waits now: then nothing else of this caller is under way.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waited().waiting > 0
    }

    /// Returns when so much time has passed besides the waits.
    pub(crate) async fn deadline(&self, after: Duration) {
        let began = Instant::now();
        let before = self.so_far(began);
        loop {
            let now = Instant::now();
            let waited = self.so_far(now).saturating_sub(before);
            let used = (now - began).saturating_sub(waited);
            match after.checked_sub(used).filter(|left| !left.is_zero()) {
                Some(left) if self.is_waiting() => tokio::time::sleep(left.max(LOOK_EVERY)).await,
                Some(left) => tokio::time::sleep(left).await,
                None => return,
            }
        }
    }

    /// A wait begins. It is over when the guard is dropped, which happens too where the wait is cancelled.
    pub(in crate::aws) fn begin(&self) -> Waiting<'_> {
        let mut waited = self.waited();
        waited.waiting += 1;
        waited.since.get_or_insert_with(Instant::now);
        Waiting(self)
    }

    fn waited(&self) -> MutexGuard<'_, Waited> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(in crate::aws) struct Waiting<'a>(&'a Waits);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waited = self.0.waited();
        waited.waiting = waited.waiting.saturating_sub(1);
        if waited.waiting == 0
            && let Some(since) = waited.since.take()
        {
            waited.total += since.elapsed();
        }
    }
}
