//! The bucket of one account, region and operation: when there is a token, and for whom. Pure: time is passed in. No I/O.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Urgency;
use super::line::{Line, Ticket};
use super::quotas::Rates;
use super::supply::Supply;

/// Every so many tokens one goes to whoever waits for longest, whatever its urgency: nobody starves.
const LONGEST_WAITER_EVERY: u64 = 8;

#[derive(Debug)]
pub(super) struct Bucket {
    all: Supply,
    in_motion: Supply,
    background: Supply,
    line: Line,
    /// Tokens given out.
    granted: u64,
    /// Requests that AWS refused because there were too many.
    refused: u64,
    last_used: Instant,
}

impl Bucket {
    pub(super) fn new(rates: Rates, now: Instant) -> Self {
        // What one second brings may be saved up. Each share hands out its tokens one by one.
        Self {
            all: Supply::new(rates.all, rates.all.max(1.0), now),
            in_motion: Supply::new(rates.in_motion, 1.0, now),
            background: Supply::new(rates.background, 1.0, now),
            line: Line::default(),
            granted: 0,
            refused: 0,
            last_used: now,
        }
    }

    pub(super) fn join(&mut self, urgency: Urgency, namespace: &Arc<str>, now: Instant) -> Ticket {
        self.last_used = now;
        self.line.join(urgency, namespace)
    }

    /// The waiter has gone without its token.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.line.leave(ticket);
    }

    /// Gives a token to who is next, if there is one.
    pub(super) fn grant(&mut self, now: Instant) -> Option<(Ticket, Urgency)> {
        self.advance(now);
        if !self.all.has_one() {
            return None;
        }
        let may = |urgency| self.share(urgency).is_none_or(Supply::has_one);
        let ticket = match (self.granted + 1).is_multiple_of(LONGEST_WAITER_EVERY) {
            true => self.line.oldest(may),
            false => self.line.first(may),
        }?;
        let urgency = self.line.serve(ticket)?;
        self.granted += 1;
        self.last_used = now;
        self.supplies(urgency).for_each(Supply::take);
        Some((ticket, urgency))
    }

    /// When to look for a token again; none where nobody waits.
    pub(super) fn next_in(&self) -> Option<Duration> {
        let of =
            |urgency| self.share(urgency).map_or(Duration::ZERO, Supply::next_in).max(self.all.next_in());
        self.line.urgencies().map(of).min()
    }

    /// A token was given out and not used.
    pub(super) fn give_back(&mut self, urgency: Urgency, now: Instant) {
        self.advance(now);
        self.granted = self.granted.saturating_sub(1);
        self.supplies(urgency).for_each(Supply::give_back);
    }

    /// AWS refused a request because there were too many.
    pub(super) fn slow_down(&mut self, now: Instant) {
        self.refused += 1;
        [&mut self.all, &mut self.in_motion, &mut self.background]
            .into_iter()
            .for_each(|supply| supply.slow_down(now));
    }

    /// Whether nothing is lost when the bucket is made anew at its next use.
    pub(super) fn is_idle(&mut self, unused_for: Duration, now: Instant) -> bool {
        self.advance(now);
        self.line.is_empty() && now.saturating_duration_since(self.last_used) >= unused_for
    }

    pub(super) fn reading(&self) -> Reading {
        Reading {
            rate: self.all.rate(),
            full_rate: self.all.full_rate(),
            waiting: self.line.len(),
            granted: self.granted,
            refused: self.refused,
        }
    }

    fn advance(&mut self, now: Instant) {
        [&mut self.all, &mut self.in_motion, &mut self.background]
            .into_iter()
            .for_each(|supply| supply.advance(now));
    }

    /// The share to which this urgency is limited.
    fn share(&self, urgency: Urgency) -> Option<&Supply> {
        match urgency {
            Urgency::InMotion => Some(&self.in_motion),
            Urgency::Background => Some(&self.background),
            Urgency::CreateOrDelete | Urgency::Update | Urgency::Asked | Urgency::Ordinary => None,
        }
    }

    fn supplies(&mut self, urgency: Urgency) -> impl Iterator<Item = &mut Supply> {
        let share = match urgency {
            Urgency::InMotion => Some(&mut self.in_motion),
            Urgency::Background => Some(&mut self.background),
            Urgency::CreateOrDelete | Urgency::Update | Urgency::Asked | Urgency::Ordinary => None,
        };
        std::iter::once(&mut self.all).chain(share)
    }
}

/// One bucket at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// In requests per second. Lower than the full rate after AWS refused some.
    pub rate: f64,
    pub full_rate: f64,
    /// Calls that wait.
    pub waiting: usize,
    /// Requests that were let through.
    pub granted: u64,
    /// Requests that AWS refused because there were too many.
    pub refused: u64,
}
