//! How long credentials are used, and when new ones are asked for: well ahead of their end. Pure: time is passed in. No I/O.

use std::time::{Duration, SystemTime};

use super::Moment;

/// Credentials are renewed so long before their end, or when a quarter of their time is left, if that is later.
const AHEAD: Duration = Duration::from_secs(300);
/// A request that is signed may still be under way for so long, or for an eighth of the time of the credentials, if that is less.
const UNDER_WAY: Duration = Duration::from_secs(15);
/// Credentials without an end are read again after this time: somebody may have written others.
const READ_AGAIN: Duration = Duration::from_secs(900);
/// Credentials that are over when they arrive are used for so long: rather this clock is wrong than who issued them.
const OVER_ON_ARRIVAL: Duration = Duration::from_secs(60);

/// What is left of credentials that were loaded at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    loaded: Moment,
    /// Time from loading until others are asked for.
    fresh_for: Duration,
    /// Time from loading until they are over; none if they do not expire.
    valid_for: Option<Duration>,
}

impl Lifetime {
    pub(super) fn new(expiry: Option<SystemTime>, loaded: Moment) -> Self {
        let left = expiry.map(|expiry| expiry.duration_since(loaded.date).unwrap_or_default());
        let valid_for = left.map(|left| if left.is_zero() { OVER_ON_ARRIVAL } else { left });
        let fresh_for = valid_for.map_or(READ_AGAIN, |left| left - AHEAD.min(left / 4));
        Self { loaded, fresh_for, valid_for }
    }

    /// Whether nothing need be done about them yet.
    pub(super) fn is_fresh(&self, now: Moment) -> bool {
        now.since(self.loaded) < self.fresh_for
    }

    /// Whether a request that is signed with them arrives before they are over.
    pub(super) fn is_usable(&self, now: Moment) -> bool {
        let arrives = |valid_for: Duration| valid_for - UNDER_WAY.min(valid_for / 8);
        self.valid_for.is_none_or(|valid_for| now.since(self.loaded) < arrives(valid_for))
    }

    /// Whether there is a use in signing with them where the source has no others.
    pub(super) fn is_valid(&self, now: Moment) -> bool {
        self.valid_for.is_none_or(|valid_for| now.since(self.loaded) < valid_for)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn after(start: Moment, passed: Duration) -> Moment {
        Moment { clock: start.clock + passed, date: start.date + passed }
    }

    #[test]
    fn credentials_are_renewed_ahead_of_their_end() {
        let start = Moment { clock: Instant::now(), date: SystemTime::now() };
        for (lives, fresh, usable) in
            [(3600, 3300, 3585), (43_200, 42_900, 43_185), (900, 675, 885), (80, 60, 70), (8, 6, 7)]
        {
            let lifetime = Lifetime::new(Some(start.date + seconds(lives)), start);
            let at = |passed| after(start, seconds(passed));
            assert!(lifetime.is_fresh(at(fresh - 1)) && !lifetime.is_fresh(at(fresh)), "{lives}");
            assert!(lifetime.is_usable(at(usable - 1)) && !lifetime.is_usable(at(usable)), "{lives}");
            assert!(lifetime.is_valid(at(lives - 1)) && !lifetime.is_valid(at(lives)), "{lives}");
        }
    }

    #[test]
    fn credentials_without_an_end_stay_usable_and_are_read_again() {
        let start = Moment::now();
        let lifetime = Lifetime::new(None, start);
        assert!(lifetime.is_fresh(after(start, READ_AGAIN - seconds(1))));
        assert!(!lifetime.is_fresh(after(start, READ_AGAIN)));
        assert!(lifetime.is_usable(after(start, seconds(1_000_000))));
    }

    #[test]
    fn credentials_that_seem_over_on_arrival_are_used_for_a_moment() {
        let start = Moment::now();
        let lifetime = Lifetime::new(Some(start.date - seconds(3600)), start);
        assert!(
            lifetime.is_fresh(after(start, seconds(44))) && !lifetime.is_fresh(after(start, seconds(45)))
        );
        assert!(
            lifetime.is_valid(after(start, seconds(59))) && !lifetime.is_valid(after(start, seconds(60)))
        );
    }

    #[test]
    fn a_clock_that_is_set_forward_ends_them_and_one_that_is_set_back_does_not_prolong_them() {
        let start = Moment::now();
        let lifetime = Lifetime::new(Some(start.date + seconds(3600)), start);
        let forward = Moment { clock: start.clock, date: start.date + seconds(3600) };
        assert!(!lifetime.is_valid(forward));
        let back = Moment { clock: start.clock + seconds(3600), date: start.date - seconds(3600) };
        assert!(!lifetime.is_valid(back));
    }
}
