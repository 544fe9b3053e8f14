//! The waits of one object: between two passes, after a denial, after a refused delete, after a conflict. Pure: time and
//! randomness are passed in. No I/O.
//!
//! | wait | how long | what a change of the object does to it |
//! |---|---|---|
//! | between two passes | a second from the start of the first one | nothing |
//! | after AWS denied a call that changes something, or the read of the policy | as the class says; other calls go on | ends it, see [`Shortcut`] |
//! | after AWS denied a call without which nothing can be done | the same | the same |
//! | after the API server refused a write | a second, then twice as long each time | ends it |
//! | after AWS refused a delete | the poll interval; less if the read sets could not be counted for a moment | the same |

use std::time::{Duration, Instant};

use super::record::{Record, Refused};
use super::shortcut::Shortcut;
use crate::aws::{CallError, Class, Operation, ReadSetCount};
use crate::controller::backoff;
use crate::crd::SequenceStore;
use crate::store::Observed;

/// One object must not take more than its share: its passes begin at least this far apart.
const BETWEEN_PASSES: Duration = Duration::from_secs(1);

/// AWS denied an operation without which the others go on.
#[derive(Clone, Debug)]
pub(super) struct Denied {
    pub(super) error: CallError,
    /// How often in a row.
    times: u32,
    /// It is not tried again before.
    pub(super) until: Instant,
    shortcut: Shortcut,
}

/// The waits that concern whole passes.
#[derive(Debug, Default)]
pub(super) struct PassWaits {
    /// When the last pass began.
    began: Option<Instant>,
    /// The object of that pass was being deleted.
    was_being_deleted: bool,
    /// Without the call that AWS denied in the last pass, nothing can be done for the object.
    is_blocked: bool,
    shortcut: Shortcut,
    /// Passes in a row that did not come to their end, because of the API server or of this program.
    unfinished: u32,
}

impl PassWaits {
    /// Nothing makes the next pass wait.
    pub(super) fn are_over(&self) -> bool {
        self.unfinished == 0 && !self.is_blocked
    }

    /// When the last pass began.
    pub(super) fn began(&self) -> Option<Instant> {
        self.began
    }
}

impl Denied {
    /// AWS has just denied it.
    pub(super) fn again(before: Option<&Self>, error: &CallError, now: Instant, random: f64) -> Self {
        let times = before.map_or(1, |before| before.times.saturating_add(1));
        let until = now + backoff::wait(error.class, times, random);
        Self {
            error: error.clone(),
            times,
            until,
            shortcut: before.map(|before| before.shortcut).unwrap_or_default(),
        }
    }

    pub(super) fn ask(&mut self, now: Instant) {
        self.until = self.shortcut.ask(self.until, now);
    }
}

impl Record {
    /// How long the next pass must wait, whatever triggers it.
    #[must_use]
    pub fn rest(&self, object: &SequenceStore, now: Instant) -> Option<Duration> {
        let waits = &self.waits;
        let floor = waits.began.map(|began| began + BETWEEN_PASSES);
        // A pause makes no call, and the first pass of a deletion may have something else to do.
        let is_new = object.is_paused() || object.is_being_deleted() != waits.was_being_deleted;
        let denied = self.due.filter(|_| waits.is_blocked && !is_new && !waits.shortcut.is_open(now));
        let denied = denied.map(|due| waits.shortcut.next().map_or(due, |next| next.min(due)));
        floor.max(denied).filter(|until| *until > now).map(|until| until - now)
    }

    /// A pass begins. `is_asked`: somebody changed the object and wants what failed to be tried again.
    pub(super) fn pass_begins(&mut self, object: &SequenceStore, is_asked: bool, now: Instant) {
        self.waits.began = Some(now);
        self.waits.was_being_deleted = object.is_being_deleted();
        // A pause makes no call, so it ends no wait early.
        if self.waits.is_blocked && !object.is_paused() && self.due.is_some_and(|due| due > now) {
            self.waits.shortcut.take(now);
        }
        if is_asked {
            self.denied.values_mut().for_each(|denied| denied.ask(now));
            self.refused.iter_mut().for_each(|refused| refused.ask(now));
        }
    }

    /// AWS has just denied an operation without which the others go on.
    pub(super) fn is_denied(&mut self, error: &CallError, now: Instant, random: f64) {
        let denied = Denied::again(self.denied.get(&error.operation), error, now, random);
        self.denied.insert(error.operation, denied);
    }

    /// The S3 access policy could not be read. A denial is not tried again at once.
    pub(super) fn policy_unreadable(&mut self, error: &CallError, now: Instant, random: f64) {
        if is_denial(error.class) {
            self.is_denied(error, now, random);
        } else {
            self.denied.remove(&error.operation);
        }
    }

    /// All calls to AWS are over. Returns the wait until the next pass, if one of them failed.
    pub fn ended(
        &mut self,
        observed: &Observed,
        error: Option<&CallError>,
        now: Instant,
        random: f64,
    ) -> Option<Duration> {
        self.failed_with = error.map(|error| error.class);
        let Some(error) = error else {
            // A pass that asks AWS nothing, as of a paused object or an invalid spec, does not show that AWS allows again
            // what it denied.
            if *observed == Observed::NotAsked {
                return None;
            }
            self.waits.is_blocked = false;
            self.waits.shortcut = Shortcut::default();
            self.failures = 0;
            self.due = None;
            // A pass in between that could do something else does not end the denial of an update.
            if self.is_throttled || !self.denied.contains_key(&Operation::UpdateSequenceStore) {
                self.refused_since = None;
            }
            return None;
        };
        let wait = self.failed(error.class, now, random);
        let goes_on = self.denied.contains_key(&error.operation);
        self.waits.is_blocked = is_denial(error.class) && !goes_on;
        if !goes_on {
            return Some(wait);
        }
        // The first of the denied operations that may be tried again.
        let next = self.denied.values().map(|denied| denied.until).filter(|until| *until > now).min();
        let wait = next.map_or(wait, |next| next - now);
        self.due = Some(now + wait);
        Some(wait)
    }

    /// The API server did not keep a record without which nothing goes on. AWS denied nothing, so a person who asks is not
    /// made to wait for an older denial.
    pub fn not_recorded(&mut self, now: Instant, random: f64) -> Duration {
        self.waits.is_blocked = false;
        self.waits.shortcut = Shortcut::default();
        self.failed(Class::Transient, now, random)
    }

    /// Counts a failed pass and says how long to wait. A pass that came early, because the object changed, does not make
    /// the wait longer. `random` is in `0.0..1.0`.
    pub fn failed(&mut self, class: Class, now: Instant, random: f64) -> Duration {
        if self.due.is_none_or(|due| now >= due) {
            self.failures = self.failures.saturating_add(1);
        }
        let is_throttled = class == Class::Throttled;
        let before = self.refused_since.filter(|_| self.is_throttled == is_throttled);
        self.refused_since = before.or(Some(now)).filter(|_| is_throttled || is_denial(class));
        self.is_throttled = is_throttled;
        let wait = backoff::wait(class, self.failures, random);
        self.due = Some(now + wait);
        wait
    }

    /// The class of the error, where an AWS call failed in this pass.
    #[must_use]
    pub fn aws_failure(&self) -> Option<Class> {
        self.failed_with
    }

    /// The pass came to its end: all that it had to write is written.
    pub fn finished(&mut self) {
        self.waits.unfinished = 0;
    }

    /// The pass did not come to its end: the API server refused something, or somebody else changed the object first. The
    /// next one may meet the same. `random` is in `0.0..1.0`.
    pub fn unfinished(&mut self, random: f64) -> Duration {
        self.waits.unfinished = self.waits.unfinished.saturating_add(1);
        backoff::wait(Class::Conflict, self.waits.unfinished, random).max(BETWEEN_PASSES)
    }

    /// When the delete that AWS refused is to be sent again, if that is before the next poll.
    #[must_use]
    pub fn delete_again_in(&self, now: Instant) -> Option<Duration> {
        let from = self.refused.as_ref()?.retry_from.filter(|from| *from > now)?;
        Some(from - now)
    }
}

fn is_denial(class: Class) -> bool {
    matches!(class, Class::Denied | Class::Credentials | Class::Quota)
}

impl Refused {
    /// AWS has just refused the delete.
    pub(super) fn again(
        before: Option<&Self>,
        read_sets: &Result<ReadSetCount, CallError>,
        counted_now: bool,
        now: Instant,
        random: f64,
    ) -> Self {
        let counted_at = before.filter(|_| !counted_now).map_or(now, |before| before.counted_at);
        let failed = match read_sets {
            Err(error) if !is_worth_keeping(read_sets) => {
                let times = before.map_or(0, |before| before.failed_counts) + 1;
                Some((times, now + backoff::wait(error.class, times, random)))
            }
            _ => None,
        };
        Self {
            at: Some(now),
            counted_at,
            read_sets: read_sets.clone(),
            failed_counts: failed.map_or(0, |(times, _)| times),
            retry_from: failed.map(|(_, from)| from),
            shortcut: before.map(|before| before.shortcut).unwrap_or_default(),
        }
    }

    fn ask(&mut self, now: Instant) {
        let Some(at) = self.at else { return };
        // A refusal has no end of its own: the delete is sent again at the next poll.
        let distant = self.retry_from.unwrap_or(at + Duration::from_secs(86_400)).max(now);
        match self.shortcut.ask(distant, now) {
            ended if ended <= now => self.at = None,
            later => self.retry_from = Some(later),
        }
    }

    pub(super) fn is_due(&self, poll_interval: Duration, now: Instant) -> bool {
        self.at.is_none_or(|at| now.duration_since(at) >= poll_interval)
            || self.retry_from.is_some_and(|from| from <= now)
    }
}

/// Whether a count need not be repeated soon. One that AWS throttled, or that got no answer, says nothing.
pub(super) fn is_worth_keeping(read_sets: &Result<ReadSetCount, CallError>) -> bool {
    read_sets.as_ref().map_or_else(|error| error.class == Class::Denied, |_| true)
}
