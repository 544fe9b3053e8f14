//! Sends requests again that failed for a moment. The pace of all requests is that of `aws::budget`. I/O: waits; the requests are
//! the caller's.

use std::time::Duration;

use crate::aws::{CallError, Class};
use crate::controller::backoff;

/// Between the first attempt and the second; then twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// More than the last of the attempts below waits.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Attempts where AWS responds that it is throttling or temporarily failing.
const ATTEMPTS: u32 = 6;
/// Attempts where AWS does not respond. Fewer, because the cause is more often a wrong region or endpoint.
const ATTEMPTS_UNANSWERED: u32 = 3;

/// Sends a request, and repeats it with exponential backoff and jitter while it is throttled or fails transiently. Each attempt at
/// a throttled read is several requests already: `Aws::call` sends it again a few times before it fails.
///
/// # Errors
/// The first failure that a repetition cannot repair, or the failure of the last attempt.
pub(super) async fn call<T, F>(request: impl Fn() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let mut attempt = 0;
    loop {
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
        let result = call(|| async {
            match count.fetch_add(1, Ordering::Relaxed) {
                0 => Err(error(Class::Throttled, None)),
                _ => Ok(7),
            }
        });
        assert_eq!(result.await, Ok(7));
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
