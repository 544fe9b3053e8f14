//! When the read sets of one object are counted next. Pure: time and randomness are passed in. No I/O.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use crate::aws::Class;
use crate::controller::backoff;
use crate::crd::SequenceStore;
use crate::kubernetes::Uid;

/// An object whose store cannot be counted is looked at again so often: its binding may be mended without a change of it.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// After a count that could not be written. Each wait is twice as long as the one before.
const WRITE_AGAIN: Duration = Duration::from_secs(30);
/// Somebody who removes the count from the status gets it back, once in a while.
const PUT_BACK_AFTER: Duration = Duration::from_secs(600);

/// What counts share: the quota of an account in a region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// Of the binding; empty for the operator's own.
    pub account: Box<str>,
    pub region: Box<str>,
}

/// The time of a look, and what spreads what is due at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub instant: Instant,
    pub timestamp: Timestamp,
    /// In `0.0..1.0`.
    pub random: f64,
}

impl Moment {
    #[must_use]
    pub fn now() -> Self {
        Self { instant: Instant::now(), timestamp: Timestamp::now(), random: fastrand::f64() }
    }
}

/// What is remembered of one object.
#[derive(Debug)]
pub struct Schedule {
    uid: Uid,
    request: Option<Box<str>>,
    /// None where the store cannot be counted now.
    lane: Option<Lane>,
    /// The next count, or the next look at whether there can be one.
    due: Instant,
    /// A person waits for the next count.
    is_asked: bool,
    /// A count is under way, since this time.
    begun: Option<Instant>,
    /// The last count that was written began then.
    counted: Option<Instant>,
    /// Counts in a row that failed.
    failures: u32,
    /// The version of the object in which the last count was written.
    written: Option<Box<str>>,
}

/// How a count ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is in this version of the object.
    Written {
        version: Option<String>,
    },
    Failed(Class),
    /// The API server did not take it.
    NotWritten,
    /// Nobody wants it any more, or nobody may count.
    NotWanted,
}

impl Schedule {
    /// Of an object that is seen for the first time since this process leads. `lane` is that of its store, if it can be counted.
    #[must_use]
    pub fn of(object: &SequenceStore, lane: Option<Lane>, interval: Duration, at: Moment) -> Self {
        let (is_asked, first) = first_due(object, interval, at);
        Self {
            uid: Uid::of(object),
            request: object.reconcile_request().map(Into::into),
            due: if lane.is_some() { first } else { at.instant + LOOK_AGAIN },
            is_asked: is_asked && lane.is_some(),
            lane,
            begun: None,
            counted: None,
            failures: 0,
            written: None,
        }
    }

    /// The object has changed, or is looked at again.
    #[must_use]
    pub fn again(
        mut self,
        object: &SequenceStore,
        lane: Option<Lane>,
        interval: Duration,
        at: Moment,
    ) -> Self {
        if self.uid != Uid::of(object) || lane.is_none() || self.lane.is_none() {
            return Self::of(object, lane, interval, at);
        }
        // The cache may show a version from before the last write.
        if is_older(object.resource_version().as_deref(), self.written.as_deref()) {
            return self;
        }
        let request = object.reconcile_request();
        if request.is_some() && request != self.request.as_deref() {
            // Who was due for longer keeps the place.
            (self.is_asked, self.due) = (true, self.due.min(at.instant));
        }
        // After a failure the back-off holds.
        let counted = self.counted.filter(|_| self.failures == 0);
        let is_lost = object.status.as_ref().is_none_or(|status| status.read_sets.is_none());
        if let Some(counted) = counted.filter(|_| is_lost) {
            self.due = self.due.min(at.instant.max(counted + PUT_BACK_AFTER));
        }
        Self { request: request.map(Into::into), lane, ..self }
    }

    /// A count begins. What is asked for from now on, it does not answer.
    pub fn begin(&mut self, now: Instant) {
        (self.begun, self.is_asked) = (Some(now), false);
    }

    /// A count is over. One of another object, which had the name before, says nothing.
    pub fn ended(&mut self, ended: Ended, interval: Duration, at: Moment) {
        let Some(begun) = self.begun.take() else { return };
        let next = backoff::jittered(interval, at.random);
        let wait = match ended {
            Ended::Written { version } => {
                (self.failures, self.written, self.counted) = (0, version.map(Into::into), Some(begun));
                next
            }
            Ended::Failed(class) => {
                self.failures = self.failures.saturating_add(1);
                backoff::wait(class, self.failures, at.random).min(next)
            }
            Ended::NotWritten => {
                self.failures = self.failures.saturating_add(1);
                backoff::growing(WRITE_AGAIN, next, self.failures)
            }
            Ended::NotWanted => {
                self.lane = None;
                LOOK_AGAIN
            }
        };
        self.due = if self.is_asked && self.lane.is_some() { at.instant } else { at.instant + wait };
    }

    /// Where the read sets are to be counted now, if they are.
    #[must_use]
    pub fn counts_in(&self, now: Instant) -> Option<&Lane> {
        self.lane.as_ref().filter(|_| self.due <= now && self.begun.is_none())
    }

    /// Whether it is time to look whether the store can be counted by now.
    #[must_use]
    pub fn is_to_be_looked_at(&self, now: Instant) -> bool {
        self.lane.is_none() && self.due <= now
    }

    /// Whether a person waits for the next count.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.is_asked
    }

    #[must_use]
    pub fn due(&self) -> Instant {
        self.due
    }

    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

/// Whether a person waits for the first count, and when it is due. The status says how old the last count is, so that a restart
/// costs none. A time in the future, by whatever clock, puts off no count for longer than the interval.
fn first_due(object: &SequenceStore, interval: Duration, at: Moment) -> (bool, Instant) {
    let Some(status) = &object.status else { return (false, at.instant) };
    let request = object.reconcile_request();
    let is_asked = request.is_some() && request != status.last_handled_reconcile_at.as_deref();
    let counted = status.read_sets.as_ref().and_then(|read_sets| read_sets.observed_time.as_ref());
    let age = counted
        .and_then(|time| time.parse::<Timestamp>().ok())
        .map(|time| Duration::try_from(at.timestamp.duration_since(time)).unwrap_or_default());
    let wait = |age| backoff::jittered(interval, at.random).saturating_sub(age);
    (is_asked, at.instant + age.filter(|_| !is_asked).map_or(Duration::ZERO, wait))
}

/// A version that is no number is neither older nor newer.
fn is_older(version: Option<&str>, than: Option<&str>) -> bool {
    let number = |version: Option<&str>| version.and_then(|version| version.parse::<u128>().ok());
    number(version).zip(number(than)).is_some_and(|(version, than)| version < than)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{RECONCILE_ANNOTATION, ReadSets};
    use crate::samples::{OTHER_UID, REGION, now, settled_object};

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(instant: Instant, seconds: u64) -> Moment {
        let passed = Duration::from_secs(seconds);
        Moment { instant: instant + passed, timestamp: now() + passed, random: 0.5 }
    }

    /// Counted so many seconds before `now()`, or never.
    fn object(version: u64, counted: Option<i64>, request: Option<&str>) -> SequenceStore {
        let mut object = settled_object();
        object.metadata.resource_version = Some(version.to_string());
        let time = |seconds: i64| (now() - jiff::SignedDuration::from_secs(seconds)).to_string();
        object.status.get_or_insert_default().read_sets = counted.map(|seconds| ReadSets {
            total: Some("3".into()),
            observed_time: Some(time(seconds)),
            ..ReadSets::default()
        });
        let annotation = request.map(|request| (RECONCILE_ANNOTATION.to_owned(), request.to_owned()));
        object.metadata.annotations = Some(annotation.into_iter().collect());
        object
    }

    fn lane() -> Option<Lane> {
        Some(Lane { account: "".into(), region: REGION.into() })
    }

    /// Counts in no time.
    fn end(schedule: &mut Schedule, ended: Ended, interval: Duration, at: Moment) {
        schedule.begin(at.instant);
        schedule.ended(ended, interval, at);
    }

    fn due_in(schedule: &Schedule, start: Instant) -> i64 {
        let due = schedule.due.saturating_duration_since(start).as_secs();
        assert_eq!(schedule.counts_in(schedule.due), lane().as_ref());
        i64::try_from(due).expect("a time")
    }

    #[test]
    fn after_a_start_a_count_is_due_when_the_last_one_is_old() {
        let start = Instant::now();
        let due = |object: &SequenceStore| due_in(&Schedule::of(object, lane(), HOUR, at(start, 0)), start);
        assert_eq!(due(&object(1, None, None)), 0, "never counted");
        assert_eq!(due(&object(1, Some(600), None)), 3000);
        assert_eq!(due(&object(1, Some(3600), None)), 0);
        assert_eq!(due(&object(1, Some(999_999), None)), 0);
        assert_eq!(due(&object(1, Some(-999_999), None)), 3600, "counted in the future");
        assert_eq!(due(&object(1, Some(600), Some("7"))), 0, "asked for while no operator ran");
        let mut handled = object(1, Some(600), Some("7"));
        handled.status.get_or_insert_default().last_handled_reconcile_at = Some("7".into());
        assert_eq!(due(&handled), 3000);
        let mut edited = object(1, Some(600), None);
        let status = edited.status.get_or_insert_default();
        status.read_sets.get_or_insert_default().observed_time = Some("soon".into());
        assert_eq!(due(&edited), 0);
    }

    #[test]
    fn a_count_is_repeated_after_the_interval_unless_somebody_asks() {
        let start = Instant::now();
        let mut schedule = Schedule::of(&object(1, None, None), lane(), HOUR, at(start, 0));
        end(&mut schedule, Ended::Written { version: Some("5".into()) }, HOUR, at(start, 10));
        assert_eq!(due_in(&schedule, start), 3610);
        let schedule = schedule.again(&object(6, Some(0), None), lane(), HOUR, at(start, 20));
        assert_eq!(due_in(&schedule, start), 3610, "its own write changes nothing");
        let schedule = schedule.again(&object(7, Some(0), Some("a")), lane(), HOUR, at(start, 30));
        assert_eq!(due_in(&schedule, start), 30);
        let mut schedule = schedule;
        end(&mut schedule, Ended::Written { version: Some("8".into()) }, HOUR, at(start, 40));
        let schedule = schedule.again(&object(9, Some(0), Some("a")), lane(), HOUR, at(start, 50));
        assert_eq!(due_in(&schedule, start), 3640, "the same value asks once");
        let schedule = schedule.again(&object(10, Some(0), None), lane(), HOUR, at(start, 60));
        assert_eq!(due_in(&schedule, start), 3640, "to remove it asks for nothing");
    }

    #[test]
    fn a_count_that_was_removed_from_the_status_is_made_again_and_an_old_version_says_nothing() {
        let start = Instant::now();
        let mut schedule = Schedule::of(&object(1, None, None), lane(), HOUR, at(start, 0));
        end(&mut schedule, Ended::Written { version: Some("5".into()) }, HOUR, at(start, 10));
        let schedule = schedule.again(&object(4, None, None), lane(), HOUR, at(start, 20));
        assert_eq!(due_in(&schedule, start), 3610, "from before the write");
        let schedule = schedule.again(&object(6, None, None), lane(), HOUR, at(start, 30));
        assert_eq!(due_in(&schedule, start), 610, "whoever removes it at once gets it back once in a while");
        let schedule = schedule.again(&object(7, None, None), lane(), HOUR, at(start, 700));
        assert_eq!(due_in(&schedule, start), 610);
        let mut schedule = schedule;
        end(&mut schedule, Ended::NotWritten, HOUR, at(start, 700));
        let schedule = schedule.again(&object(8, None, None), lane(), HOUR, at(start, 1400));
        assert_eq!(due_in(&schedule, start), 730, "the back-off holds");
    }

    #[test]
    fn what_is_asked_for_during_a_count_is_counted_after_it() {
        let start = Instant::now();
        let mut schedule = Schedule::of(&object(1, None, None), lane(), HOUR, at(start, 0));
        schedule.begin(start);
        assert_eq!(schedule.counts_in(start + HOUR), None, "one count at a time");
        let mut schedule = schedule.again(&object(2, None, Some("a")), lane(), HOUR, at(start, 10));
        assert!(schedule.is_asked());
        schedule.ended(Ended::Written { version: Some("3".into()) }, HOUR, at(start, 20));
        assert_eq!((due_in(&schedule, start), schedule.is_asked()), (20, true));
        end(&mut schedule, Ended::Written { version: Some("4".into()) }, HOUR, at(start, 30));
        assert_eq!((due_in(&schedule, start), schedule.is_asked()), (3630, false));
        // Who asks does not lose the place that a long wait has earned.
        let schedule = schedule.again(&object(5, Some(0), Some("b")), lane(), HOUR, at(start, 4000));
        assert_eq!((due_in(&schedule, start), schedule.is_asked()), (3630, true));
    }

    #[test]
    fn the_end_of_a_count_of_another_object_says_nothing() {
        let start = Instant::now();
        let mut schedule = Schedule::of(&object(1, None, None), lane(), HOUR, at(start, 0));
        schedule.begin(start);
        let mut other = object(6, None, None);
        other.metadata.uid = Some(OTHER_UID.into());
        let mut schedule = schedule.again(&other, lane(), HOUR, at(start, 5));
        schedule.ended(Ended::Written { version: Some("7".into()) }, HOUR, at(start, 9));
        assert_eq!(due_in(&schedule, start), 5);
    }

    #[test]
    fn failures_are_repeated_less_and_less_often_and_never_rarer_than_counts() {
        let start = Instant::now();
        let mut schedule = Schedule::of(&object(1, None, None), lane(), HOUR, at(start, 0));
        let mut waits = Vec::new();
        for _ in 0..5 {
            end(&mut schedule, Ended::Failed(Class::Denied), HOUR, at(start, 0));
            waits.push(due_in(&schedule, start));
        }
        assert_eq!((waits, schedule.failures()), (vec![45, 90, 180, 360, 450], 5));
        end(&mut schedule, Ended::Failed(Class::Denied), Duration::from_secs(60), at(start, 0));
        assert_eq!(due_in(&schedule, start), 60);
        end(&mut schedule, Ended::NotWritten, HOUR, at(start, 0));
        assert_eq!((due_in(&schedule, start), schedule.failures()), (1920, 7));
        end(&mut schedule, Ended::Written { version: None }, HOUR, at(start, 0));
        assert_eq!((due_in(&schedule, start), schedule.failures()), (3600, 0));
    }

    #[test]
    fn a_store_that_cannot_be_counted_is_looked_at_again_and_counted_once_it_can() {
        let start = Instant::now();
        let schedule = Schedule::of(&object(1, None, None), None, HOUR, at(start, 0));
        assert_eq!(schedule.counts_in(start + HOUR), None);
        assert!(!schedule.is_to_be_looked_at(start) && schedule.is_to_be_looked_at(start + LOOK_AGAIN));
        let mut schedule = schedule.again(&object(1, None, None), lane(), HOUR, at(start, 20));
        assert_eq!(due_in(&schedule, start), 20);
        end(&mut schedule, Ended::NotWanted, HOUR, at(start, 30));
        assert_eq!(schedule.counts_in(start + HOUR), None);
        let schedule = schedule.again(&object(2, Some(0), None), None, HOUR, at(start, 40));
        assert!(schedule.is_to_be_looked_at(start + HOUR));
    }

    #[test]
    fn another_object_of_the_same_name_starts_afresh() {
        let start = Instant::now();
        let mut schedule = Schedule::of(&object(1, None, None), lane(), HOUR, at(start, 0));
        end(&mut schedule, Ended::Written { version: Some("5".into()) }, HOUR, at(start, 0));
        let mut other = object(6, None, None);
        other.metadata.uid = Some(OTHER_UID.into());
        assert_eq!(due_in(&schedule.again(&other, lane(), HOUR, at(start, 9)), start), 9);
    }
}
