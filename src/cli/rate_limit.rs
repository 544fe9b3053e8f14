//! Sends requests within the AWS quotas and retries transient failures. I/O: waits; the requests are the caller's.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::aws::{CallError, Class};
use crate::controller::backoff;

/// AWS quota of GetSequenceStore, ListSequenceStores and ListTagsForResource each, in requests per second for an
/// account and region.
pub(super) const QUOTA: f64 = 5.0;
/// The same for GetS3AccessPolicy.
pub(super) const POLICY_QUOTA: f64 = 1.0;
/// Between the first attempt and the second; then twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// More than the last of the attempts below waits.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Attempts where AWS responds that it is throttling or temporarily failing.
const ATTEMPTS: u32 = 6;
/// Attempts where AWS does not respond. Fewer, because the cause is more often a wrong region or endpoint.
const ATTEMPTS_UNANSWERED: u32 = 3;

/// The rate limit of one operation.
#[derive(Debug)]
pub(super) struct RateLimit(Mutex<Interval>);

impl RateLimit {
    /// `rate` is in requests per second.
    pub(super) fn new(rate: f64) -> Self {
        let mut ticks = interval(period(rate));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(Mutex::new(ticks))
    }

    /// Waits until the next request may be sent.
    pub(super) async fn wait(&self) {
        self.0.lock().await.tick().await;
    }

    /// Sends a request, and retries it with exponential backoff and jitter while it is throttled or fails transiently.
    ///
    /// # Errors
    /// The first failure that a retry cannot repair, or the failure of the last attempt.
    pub(super) async fn call<T, F>(&self, request: impl Fn() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut attempt = 0;
        loop {
            self.wait().await;
            attempt += 1;
            match request().await {
                Err(error) if attempt < attempts(&error) => {
                    let wait = backoff::growing(FIRST_WAIT, LONGEST_WAIT, attempt);
                    tokio::time::sleep(backoff::spread(wait, fastrand::f64())).await;
                }
                result => return result,
            }
        }
    }
}

/// Time between two requests.
fn period(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate)
}

fn attempts(error: &CallError) -> u32 {
    match error.class {
        Class::Throttled => ATTEMPTS,
        Class::Transient if error.code.is_some() => ATTEMPTS,
        Class::Transient | Class::CredentialsUnavailable => ATTEMPTS_UNANSWERED,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Operation;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn error(class: Class, code: Option<&str>) -> CallError {
        CallError {
            code: code.map(ToOwned::to_owned),
            class,
            ..CallError::unreadable(Operation::GetSequenceStore, "x")
        }
    }

    #[test]
    fn requests_are_spaced_by_the_share_of_the_quota() {
        assert_eq!(period(QUOTA), Duration::from_millis(200));
        assert_eq!(period(QUOTA * 0.5), Duration::from_millis(400));
    }

    #[tokio::test]
    async fn only_throttled_and_transient_failures_are_retried() {
        for (class, code, expected) in [
            (Class::Throttled, Some("ThrottlingException"), ATTEMPTS),
            (Class::Transient, Some("InternalServerException"), ATTEMPTS),
            (Class::Transient, None, ATTEMPTS_UNANSWERED),
            (Class::Denied, Some("AccessDeniedException"), 1),
            (Class::NotFound, Some("ResourceNotFoundException"), 1),
        ] {
            assert_eq!(attempts(&error(class, code)), expected, "{class:?} {code:?}");
        }
        let count = AtomicU32::new(0);
        let limit = RateLimit::new(QUOTA);
        let result = limit.call(|| async {
            match count.fetch_add(1, Ordering::Relaxed) {
                0 => Err(error(Class::Throttled, None)),
                _ => Ok(7),
            }
        });
        assert_eq!(result.await, Ok(7));
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
