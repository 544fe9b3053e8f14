//! What holds for every order of events in a bucket. No I/O.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::Urgency;
use super::bucket::Bucket;
use super::line::Ticket;
use super::quotas::Rates;

const RATES: Rates = Rates { all: 4.0, in_motion: 0.8, background: 0.5 };
/// Of the tests: how exact a time is.
const SLACK: f64 = 1e-3;

/// What happens at one moment.
#[derive(Clone, Copy, Debug)]
enum Event {
    Join {
        urgency: usize,
        namespace: u8,
    },
    /// The waiter that waits for longest gives up.
    Leave,
    Refused,
    Pass {
        milliseconds: u64,
    },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..Urgency::ALL.len(), 0..4_u8).prop_map(|(urgency, namespace)| Event::Join { urgency, namespace }),
        1 => Just(Event::Leave),
        1 => Just(Event::Refused),
        6 => (1..3000_u64).prop_map(|milliseconds| Event::Pass { milliseconds }),
    ]
}

#[derive(Debug)]
struct Run {
    bucket: Bucket,
    now: Instant,
    waiting: BTreeMap<Ticket, (Urgency, Instant)>,
    served: Vec<(Instant, Ticket, Urgency, Instant)>,
    left: Vec<Ticket>,
}

impl Run {
    fn new() -> Self {
        let now = Instant::now();
        let bucket = Bucket::new(RATES, now);
        Self { bucket, now, waiting: BTreeMap::new(), served: Vec::new(), left: Vec::new() }
    }

    fn join(&mut self, urgency: Urgency, namespace: &str) -> Ticket {
        let ticket = self.bucket.join(urgency, &Arc::from(namespace), self.now);
        self.waiting.insert(ticket, (urgency, self.now));
        ticket
    }

    fn grant(&mut self) {
        while let Some((ticket, urgency)) = self.bucket.grant(self.now) {
            let (joined_with, since) = self.waiting.remove(&ticket).expect("a waiter is served, and once");
            assert_eq!(joined_with, urgency);
            self.served.push((self.now, ticket, urgency, since));
        }
    }

    /// Time passes as it does for the task: from one announced token to the next.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.grant();
        while let Some(next) = self.bucket.next_in() {
            let next = self.now + next.clamp(Duration::from_millis(1), Duration::from_secs(1));
            if next > end {
                break;
            }
            self.now = next;
            self.grant();
        }
        self.now = end;
        self.grant();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Join { urgency, namespace } => {
                self.join(Urgency::ALL[urgency], &namespace.to_string());
            }
            Event::Leave => {
                if let Some((ticket, _)) = self.waiting.pop_first() {
                    self.bucket.leave(ticket);
                    self.left.push(ticket);
                }
            }
            Event::Refused => self.bucket.slow_down(self.now),
            Event::Pass { milliseconds } => self.pass(Duration::from_millis(milliseconds)),
        }
    }
}

/// In no window more than rate × time + burst.
fn ensure_within(times: &[Instant], rate: f64, burst: f64) -> Result<(), TestCaseError> {
    for (first, from) in times.iter().enumerate() {
        for (count, to) in times[first..].iter().enumerate() {
            let allowed = rate * (*to - *from).as_secs_f64() + burst + SLACK;
            prop_assert!((count + 1) as f64 <= allowed, "{} of {allowed} allowed", count + 1);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn never_more_than_rate_times_time_and_burst(events in prop::collection::vec(event(), 1..300)) {
        let mut run = Run::new();
        events.into_iter().for_each(|event| run.happen(event));
        run.pass(Duration::from_secs(60));
        let times = |of: &dyn Fn(Urgency) -> bool| -> Vec<Instant> {
            run.served.iter().filter(|(_, _, urgency, _)| of(*urgency)).map(|(at, ..)| *at).collect()
        };
        ensure_within(&times(&|_| true), RATES.all, RATES.all)?;
        ensure_within(&times(&|urgency| urgency == Urgency::InMotion), RATES.in_motion, 1.0)?;
        ensure_within(&times(&|urgency| urgency == Urgency::Background), RATES.background, 1.0)?;
    }

    #[test]
    fn every_waiter_is_served_within_a_bound_and_who_gave_up_never(
        events in prop::collection::vec(event(), 1..200),
    ) {
        let mut run = Run::new();
        events.into_iter().for_each(|event| run.happen(event));
        let left_to_serve = run.waiting.len();
        // The rate is full again after a minute; the slowest share then serves one waiter after the other.
        run.pass(Duration::from_secs_f64(60.0 + (left_to_serve + 1) as f64 / RATES.background));
        prop_assert!(run.waiting.is_empty(), "{:?}", run.waiting);
        prop_assert!(run.served.iter().all(|(_, ticket, ..)| !run.left.contains(ticket)));
    }

    #[test]
    fn a_poll_is_served_within_a_bound_however_many_deletions_come(ahead in 0..20_usize) {
        let mut run = Run::new();
        for _ in 0..ahead {
            run.join(Urgency::CreateOrDelete, "flood");
        }
        let poll = run.join(Urgency::Ordinary, "lab");
        let start = run.now;
        // Each eighth token goes to whoever waits for longest.
        let bound = Duration::from_secs_f64((ahead + 2) as f64 * 8.0 / RATES.all);
        while run.waiting.contains_key(&poll) {
            run.join(Urgency::CreateOrDelete, "flood");
            run.pass(Duration::from_millis(100));
            prop_assert!(run.now - start <= bound, "not served after {:?}", run.now - start);
        }
    }

    #[test]
    fn a_deletion_waits_for_three_tokens_at_most_however_much_else_waits(
        flood in 1..500_usize,
        before in 0..16_usize,
    ) {
        let mut run = Run::new();
        for number in 0..flood {
            run.join(Urgency::ALL[1 + number % 5], &(number % 7).to_string());
        }
        run.pass(Duration::from_secs_f64(before as f64 / RATES.all));
        let deletion = run.join(Urgency::CreateOrDelete, "lab");
        run.pass(Duration::from_secs_f64(3.0 / RATES.all));
        prop_assert!(!run.waiting.contains_key(&deletion));
    }

    #[test]
    fn a_token_that_was_given_back_is_given_out_again_and_no_other(given_back in 1..4_usize) {
        let mut run = Run::new();
        run.pass(Duration::from_secs(10));
        for _ in 0..20 {
            run.join(Urgency::Asked, "lab");
        }
        run.grant();
        let before = run.served.len();
        (0..given_back).for_each(|_| run.bucket.give_back(Urgency::Asked, run.now));
        run.grant();
        prop_assert_eq!(run.served.len(), before + given_back);
    }
}
