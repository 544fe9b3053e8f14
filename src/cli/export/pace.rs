//! Requests within AWS's quotas, and again after a failure that passes. I/O: time.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::aws::{CallError, Class};

/// AWS's quota of each of the calls made here, in requests per second for an account and region.
const QUOTA: f64 = 5.0;
/// How often a request that AWS answers with "later" is made at most.
const ATTEMPTS: u32 = 6;
/// How often one that is not answered at all: a way that is not there is not waited for long.
const ATTEMPTS_UNANSWERED: u32 = 3;

/// Lets requests of one operation go at their pace.
#[derive(Debug)]
pub struct Pace(Mutex<Interval>);

impl Pace {
    /// A share of the quota.
    #[must_use]
    pub fn of(share: f64) -> Self {
        let mut ticks = interval(distance(share));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(Mutex::new(ticks))
    }

    /// Makes a request, and again while AWS is slow or asks for patience.
    ///
    /// # Errors
    /// The last failure, or the first one that does not pass by itself.
    pub async fn call<T, F>(&self, request: impl Fn() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut attempt = 0;
        loop {
            self.0.lock().await.tick().await;
            attempt += 1;
            match request().await {
                Err(error) if attempt < attempts(&error) => {
                    let seconds = f64::from(1 << attempt) * (0.5 + fastrand::f64() / 2.0) / 2.0;
                    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                }
                answer => return answer,
            }
        }
    }
}

/// Between two requests.
fn distance(share: f64) -> Duration {
    Duration::from_secs_f64(1.0 / (QUOTA * share))
}

fn attempts(error: &CallError) -> u32 {
    match error.class {
        Class::Throttled => ATTEMPTS,
        Class::Transient if error.code.is_some() => ATTEMPTS,
        Class::Transient => ATTEMPTS_UNANSWERED,
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
    fn a_second_holds_no_more_requests_than_the_quota() {
        assert_eq!(distance(1.0), Duration::from_millis(200));
        assert_eq!(distance(0.5), Duration::from_millis(400));
    }

    #[tokio::test]
    async fn only_what_passes_is_tried_again() {
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
        let pace = Pace::of(1.0);
        let asked = pace.call(|| async {
            match count.fetch_add(1, Ordering::Relaxed) {
                0 => Err(error(Class::Throttled, None)),
                _ => Ok(7),
            }
        });
        assert_eq!(asked.await, Ok(7));
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
