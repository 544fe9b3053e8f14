//! How often people may end a wait early. Pure: time is passed in. No I/O.

use std::time::{Duration, Instant};

use crate::controller::backoff;

/// Between the first two times. Each gap is twice as long as the one before.
const FIRST_GAP: Duration = Duration::from_secs(10);
const LONGEST_GAP: Duration = Duration::from_secs(600);

/// A change of the object may end a wait, since its user may have removed the cause. Changes in a loop must not: the first
/// one ends the wait at once, the next ones in growing gaps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shortcut {
    times: u32,
    last: Option<Instant>,
}

impl Shortcut {
    /// The earliest time at which a change may end the wait again; none if it may at once.
    pub fn next(&self) -> Option<Instant> {
        self.last.map(|last| last + backoff::growing(FIRST_GAP, LONGEST_GAP, self.times))
    }

    pub fn is_open(&self, now: Instant) -> bool {
        self.next().is_none_or(|next| next <= now)
    }

    /// A change asks to end a wait that lasts until `until`. Returns when it ends now: at once, or when the gap is over.
    pub fn ask(&mut self, until: Instant, now: Instant) -> Instant {
        if until <= now {
            return until;
        }
        let ends = self.next().map_or(now, |next| next.max(now));
        if ends >= until {
            return until;
        }
        self.take(ends);
        ends
    }

    /// A wait ends early at that time.
    pub fn take(&mut self, at: Instant) {
        self.times = self.times.saturating_add(1);
        self.last = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_change_ends_a_wait_and_the_next_ones_in_growing_gaps() {
        let (mut shortcut, start) = (Shortcut::default(), Instant::now());
        let hour = seconds(3600);
        let (mut until, mut tried) = (start + hour, Vec::new());
        // A change each second, for an hour; each time AWS denies the call again.
        for second in 0..3600 {
            let now = start + seconds(second);
            until = shortcut.ask(until, now);
            if until <= now {
                tried.push(second);
                until = now + hour;
            }
        }
        assert_eq!(tried, [0, 10, 30, 70, 150, 310, 630, 1230, 1830, 2430, 3030]);
    }

    #[test]
    fn a_wait_is_never_made_longer() {
        let (mut shortcut, start) = (Shortcut::default(), Instant::now());
        assert_eq!(shortcut.ask(start, start + seconds(1)), start, "it is over");
        assert!(shortcut.is_open(start), "nothing was ended");
        shortcut.ask(start + seconds(60), start);
        assert_eq!(shortcut.ask(start + seconds(3), start + seconds(1)), start + seconds(3));
        assert_eq!(shortcut.ask(start + seconds(60), start + seconds(1)), start + seconds(10));
    }
}
