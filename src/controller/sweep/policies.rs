//! Which objects get their background look before the order of the round: those whose S3 access policy has not been read for
//! an hour, where a round takes longer than that. Pure: time is passed in. No I/O.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::choice::Pace;
use crate::kubernetes::Reference;

/// The S3 access policy is read at least this often where the spec manages it, and AWS's quota allows it.
pub const POLICY_EVERY: Duration = Duration::from_secs(3600);

/// The objects of a region whose policies are due, or will be soon.
#[derive(Debug, Default)]
pub struct Policies {
    /// What is due first comes first.
    due: VecDeque<(Instant, Reference)>,
    /// How many looks may go before the order of the round now.
    looks: f64,
}

/// Whether a round lets policies become older than they are to be.
#[must_use]
pub fn go_first(round: Duration) -> bool {
    round > POLICY_EVERY
}

/// When the policy of an object must be read; none where a look since then did not read it. What an earlier process read is
/// not known: it counts from the start on, so that a restart costs no reads.
#[must_use]
pub fn due_at(read: Option<Instant>, looked: Option<Instant>, started: Instant) -> Option<Instant> {
    let due = read.or(looked).unwrap_or(started) + POLICY_EVERY;
    looked.is_none_or(|looked| looked < due).then_some(due)
}

impl Policies {
    pub fn of(mut due: Vec<(Instant, Reference)>, before: &Self) -> Self {
        due.sort();
        Self { due: due.into(), looks: before.looks }
    }

    /// The order of the round got so many looks, of which one takes this time. As many may go before it, but no more than AWS
    /// allows reads of policies. What the order itself reads of them is not taken off: it waits for its turn like any call.
    pub fn earn(&mut self, looks: f64, each: Duration, pace: &Pace) {
        self.looks += looks * (pace.policies_each_second * each.as_secs_f64()).min(1.0);
    }

    /// The objects that go first now. `goes` says whether one still does: it may have been looked at meanwhile.
    pub fn take(&mut self, now: Instant, goes: impl Fn(&Reference) -> bool) -> Vec<Reference> {
        let mut taken = Vec::new();
        while self.looks >= 1.0 && self.due.front().is_some_and(|(due, _)| *due <= now) {
            let Some((_, object)) = self.due.pop_front() else { break };
            if goes(&object) {
                self.looks -= 1.0;
                taken.push(object);
            }
        }
        // What nobody needs is not saved up.
        self.looks = self.looks.min(1.0);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = POLICY_EVERY;

    fn pace(policies_each_second: f64) -> Pace {
        Pace {
            interval: Duration::from_secs(300),
            gets_each_second: 0.5,
            policies_each_second,
            least_objects: 50,
        }
    }

    fn object(number: usize) -> Reference {
        Reference::new("lab", &format!("store-{number}"))
    }

    fn due(at: impl IntoIterator<Item = Instant>) -> Policies {
        let due = at.into_iter().enumerate().map(|(number, at)| (at, object(number))).collect();
        Policies::of(due, &Policies::default())
    }

    #[test]
    fn a_policy_is_due_an_hour_after_it_was_read_and_after_a_start_not_at_once() {
        let now = Instant::now();
        let ago =
            |minutes: u64| now.checked_sub(Duration::from_secs(60 * minutes)).expect("the clock is older");
        assert_eq!(due_at(None, None, now), Some(now + HOUR), "a restart");
        assert_eq!(due_at(Some(now), Some(now), ago(90)), Some(now + HOUR));
        assert_eq!(due_at(Some(ago(50)), Some(now), ago(90)), Some(ago(50) + HOUR), "looked at without it");
        assert_eq!(due_at(Some(ago(70)), Some(now), ago(90)), None, "looked at when it was due");
        assert_eq!(due_at(None, Some(ago(70)), ago(90)), Some(ago(70) + HOUR), "there was none to read");
    }

    #[test]
    fn what_is_due_first_goes_first_and_what_is_not_due_does_not() {
        let now = Instant::now();
        let mut policies = due([3, 1, 2, 9].map(|second| now + Duration::from_secs(second)));
        policies.earn(10.0, Duration::from_secs(2), &pace(1.0));
        let taken = policies.take(now + Duration::from_secs(3), |_| true);
        assert_eq!(taken, [object(1), object(2), object(0)]);
    }

    #[test]
    fn at_most_every_second_look_goes_first() {
        let now = Instant::now();
        let mut policies = due(std::iter::repeat_n(now, 1_000));
        assert_eq!(policies.take(now, |_| true), [], "the round comes first");
        let (mut of_the_round, mut first) = (0, 0);
        for looks in [1, 0, 5, 1, 1, 0, 40] {
            of_the_round += looks;
            policies.earn(looks as f64, Duration::from_secs(2), &pace(1.0));
            first += policies.take(now, |_| true).len();
            assert_eq!(first, of_the_round);
        }
    }

    #[test]
    fn they_take_no_more_than_policies_may_be_read_and_save_nothing_up() {
        let now = Instant::now();
        // One look takes two seconds, in which a fifth of a policy may be read.
        let mut policies = due(std::iter::repeat_n(now, 1_000));
        policies.earn(100.0, Duration::from_secs(2), &pace(0.1));
        assert_eq!(policies.take(now, |_| true).len(), 20);
        policies.earn(10.0, Duration::from_secs(2), &pace(0.0));
        assert_eq!(policies.take(now, |_| true), []);
        let mut idle = Policies::default();
        idle.earn(1_000.0, Duration::from_secs(2), &pace(1.0));
        assert_eq!(idle.take(now, |_| true), []);
        let mut later = Policies::of(vec![(now, object(1)), (now, object(2))], &idle);
        assert_eq!(later.take(now, |_| true).len(), 1);
    }

    #[test]
    fn an_object_that_was_looked_at_meanwhile_takes_no_look() {
        let now = Instant::now();
        let mut policies = due([now, now]);
        policies.earn(1.0, Duration::from_secs(2), &pace(1.0));
        assert_eq!(policies.take(now, |reference| *reference == object(1)), [object(1)]);
    }

    #[test]
    fn a_short_round_reads_them_in_its_order() {
        assert!(!go_first(HOUR) && go_first(HOUR + Duration::from_secs(1)));
    }
}
