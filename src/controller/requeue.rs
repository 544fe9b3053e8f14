//! When the next pass of an object is due. Pure: randomness is passed in. No I/O.

use std::time::Duration;

use super::backoff;
use super::report::Conclusion;
use crate::aws::Class;
use crate::plan::{ABSENCE_CONFIRMED_AFTER, Action, Next, Plan, State};

/// Between two polls of a store that AWS is changing or deleting.
const QUICK: Duration = Duration::from_secs(2);

/// The time until the next pass. `backoff` is that of a failed pass; `random` is in `0.0..1.0`.
#[must_use]
pub fn requeue_after(
    plan: &Plan,
    conclusion: &Conclusion,
    backoff: Option<Duration>,
    poll_interval: Duration,
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
        Next::Quick => backoff::jittered(QUICK, random),
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
