//! When a record of a creation that somebody removed is put back. Pure: time is passed in. No I/O.

use std::time::{Duration, Instant};

use crate::controller::backoff;

/// Between the first attempt and the second. From then on the wait doubles.
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(900);

#[derive(Debug, Default)]
pub(super) struct PutBack {
    /// How often it was tried, and when last.
    tried: Option<(u32, Instant)>,
}

impl PutBack {
    /// Whether it is time to try. Counts the attempt if so.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let times = match self.tried {
            None => 0,
            Some((times, last)) => {
                let waited = now.duration_since(last);
                if waited < backoff::growing(FIRST_WAIT, LONGEST_WAIT, times) {
                    return false;
                }
                // It stayed where it was for long: this is another removal.
                if waited > 2 * LONGEST_WAIT { 0 } else { times }
            }
        };
        self.tried = Some((times.saturating_add(1), now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_put_back_at_once_and_then_ever_more_rarely() {
        let (mut put_back, start) = (PutBack::default(), Instant::now());
        let due: Vec<u64> =
            (0..4000).filter(|second| put_back.is_due(start + Duration::from_secs(*second))).collect();
        assert_eq!(due, [0, 30, 90, 210, 450, 930, 1830, 2730, 3630]);
        assert!(put_back.is_due(start + Duration::from_secs(90_000)));
        assert!(put_back.is_due(start + Duration::from_secs(90_030)));
    }
}
