//! Waits that grow, the back-off of failed passes by the class of the error, and the jitter of polls. Pure: no I/O.

use std::time::Duration;

use crate::aws::Class;

/// How long to wait after `failures` failed passes in a row. `random` is in `0.0..1.0` and spreads the passes of objects
/// that failed at the same time.
#[must_use]
pub fn wait(class: Class, failures: u32, random: f64) -> Duration {
    // In seconds.
    let (first, longest) = match class {
        Class::Transient | Class::Conflict | Class::Unreadable => (1, 300),
        Class::Throttled => (2, 300),
        // Calls that wait for the same source share one attempt, so that short waits do not add to its load.
        Class::CredentialsUnavailable => (1, 15),
        Class::Denied | Class::Credentials => (60, 600),
        Class::Quota => (300, 900),
        // `requeue` takes the poll interval for Terminal; this bounds how fast failures are counted.
        Class::Terminal | Class::NotFound => (60, 600),
    };
    spread(growing(Duration::from_secs(first), Duration::from_secs(longest), failures), random)
}

/// `first` after the first time, then twice as long each time, up to `longest`.
#[must_use]
pub fn growing(first: Duration, longest: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.saturating_sub(1).min(16)).min(longest)
}

/// Between half of `longest` and all of it, so that what failed at the same time is not tried at the same time. `random` is
/// in `0.0..1.0`.
#[must_use]
pub fn spread(longest: Duration, random: f64) -> Duration {
    longest.mul_f64(0.5 + 0.5 * random)
}

/// `interval`, a tenth more or less. `random` is in `0.0..1.0`.
#[must_use]
pub fn jittered(interval: Duration, random: f64) -> Duration {
    interval.mul_f64(0.9 + 0.2 * random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_of_their_class() {
        let secs = |class, failures| wait(class, failures, 1.0).as_secs();
        assert_eq!([1, 2, 3, 9, 40].map(|n| secs(Class::Transient, n)), [1, 2, 4, 256, 300]);
        assert_eq!([1, 3, 9].map(|n| secs(Class::CredentialsUnavailable, n)), [1, 4, 15]);
        assert_eq!([1, 2, 5].map(|n| secs(Class::Denied, n)), [60, 120, 600]);
        assert_eq!([1, 2, 3].map(|n| secs(Class::Quota, n)), [300, 600, 900]);
    }

    #[test]
    fn jitter_stays_within_its_bounds() {
        for random in [0.0, 0.5, 0.999] {
            let wait = wait(Class::Transient, 3, random);
            assert!(wait >= Duration::from_secs(2) && wait <= Duration::from_secs(4));
            let poll = jittered(Duration::from_secs(100), random);
            assert!(poll >= Duration::from_secs(90) && poll <= Duration::from_secs(110));
        }
    }
}
