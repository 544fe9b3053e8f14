//! When the next pass of an object is due. Pure: randomness is passed in. No I/O.

use std::time::Duration;

use super::backoff;
use super::report::Conclusion;
use crate::aws::Class;
use crate::plan::{ABSENCE_CONFIRMED_AFTER, Action, Next, Plan, State};

/// Between two polls of a store that AWS has just begun to change or delete.
const QUICK: Duration = Duration::from_secs(2);
/// The same, of one that AWS has been changing for long.
const LONGEST_QUICK: Duration = Duration::from_secs(60);

/// What the times of the next pass are counted from.
#[derive(Clone, Copy, Debug)]
pub struct PollTiming {
    pub poll_interval: Duration,
    /// How long AWS has been changing or deleting the store.
    pub moving_for: Duration,
}

/// The time until the next pass. `backoff` is that of a failed pass; `random` is in `0.0..1.0`.
#[must_use]
pub fn requeue_after(
    plan: &Plan,
    conclusion: &Conclusion,
    backoff: Option<Duration>,
    PollTiming { poll_interval, moving_for }: PollTiming,
    random: f64,
) -> Duration {
    let poll = backoff::jittered(poll_interval, random);
    if let Some(wait) = backoff {
        // Waiting does not repair a spec that AWS rejects, so it is tried again at the poll interval.
        let terminal =
            matches!(&conclusion.state, State::CallFailed(error) if error.class == Class::Terminal);
        return if terminal { poll } else { wait };
    }
    match conclusion.next {
        // AWS has just refused the delete.
        _ if matches!(conclusion.state, State::DeletionBlocked(_)) && plan.action != Action::None => poll,
        Next::Quick => backoff::jittered(in_motion(moving_for, poll_interval), random),
        // A little later, so that the second 404 surely counts.
        Next::Confirm => ABSENCE_CONFIRMED_AFTER + Duration::from_millis(200),
        Next::Within { rest, known_for } => {
            // Each wait is longer than the one before, so that an open attempt costs some ten searches.
            rest.min(backoff::jittered(QUICK.max(known_for / 2), random)) + Duration::from_millis(50)
        }
        // `Backoff` comes with a failed call, whose back-off is returned above.
        Next::Poll | Next::Backoff => poll,
    }
}

/// Each wait is longer than the one before, so that thousands of stores in motion, or a few that stay so for hours, leave
/// room for others.
fn in_motion(moving_for: Duration, poll_interval: Duration) -> Duration {
    QUICK.max(moving_for / 2).min(poll_interval.clamp(QUICK, LONGEST_QUICK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_in_motion_is_polled_less_and_less_often() {
        let wait = |poll: u64| {
            move |moving| in_motion(Duration::from_secs(moving), Duration::from_secs(poll)).as_secs()
        };
        assert_eq!([0, 2, 4, 6, 10, 60, 120, 7200].map(wait(300)), [2, 2, 2, 3, 5, 30, 60, 60]);
        assert_eq!([0, 60, 7200].map(wait(10)), [2, 10, 10], "never less often than a store at rest");
        assert_eq!([0, 7200].map(wait(1)), [2, 2]);
    }

    #[test]
    fn an_hour_in_motion_costs_few_polls() {
        let (mut moving_for, mut polls) = (Duration::ZERO, 0);
        while moving_for < Duration::from_secs(3600) {
            moving_for += in_motion(moving_for, Duration::from_secs(300));
            polls += 1;
        }
        assert!(polls < 75, "{polls} polls");
    }
}
