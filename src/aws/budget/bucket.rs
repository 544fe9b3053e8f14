//! The bucket of one account, region and operation: when there is a token, and for whom. Pure: time is passed in. No I/O.

use std::collections::BTreeMap;
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
    /// Of the urgencies that are limited to a share.
    shares: BTreeMap<Urgency, Supply>,
    line: Line,
    /// Tokens given out and not given back.
    pub(super) granted: u64,
    last_used: Instant,
}

impl Bucket {
    pub(super) fn new(rates: Rates, now: Instant) -> Self {
        // What one second brings may be saved up. Each share hands out its tokens one by one.
        let share = |rate| Supply::new(rate, 1.0, now);
        Self {
            all: Supply::new(rates.all, rates.all.max(1.0), now),
            shares: [
                (Urgency::InMotion, share(rates.in_motion)),
                (Urgency::Background, share(rates.background)),
            ]
            .into(),
            line: Line::default(),
            granted: 0,
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
        let may = |urgency| self.shares.get(&urgency).is_none_or(Supply::has_one);
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
        let of = |urgency| {
            self.shares.get(&urgency).map_or(Duration::ZERO, Supply::next_in).max(self.all.next_in())
        };
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
        self.every_supply().for_each(|supply| supply.slow_down(now));
    }

    /// Whether nothing is lost when the bucket is made anew at its next use.
    pub(super) fn is_idle(&self, unused_for: Duration, now: Instant) -> bool {
        self.line.is_empty() && now.saturating_duration_since(self.last_used) >= unused_for
    }

    pub(super) fn reading(&self) -> Reading {
        Reading { rate: self.all.rate(), full_rate: self.all.full_rate(), waiting: self.line.len() }
    }

    fn advance(&mut self, now: Instant) {
        self.every_supply().for_each(|supply| supply.advance(now));
    }

    fn every_supply(&mut self) -> impl Iterator<Item = &mut Supply> {
        std::iter::once(&mut self.all).chain(self.shares.values_mut())
    }

    /// From which a request of this urgency takes its tokens.
    fn supplies(&mut self, urgency: Urgency) -> impl Iterator<Item = &mut Supply> {
        std::iter::once(&mut self.all).chain(self.shares.get_mut(&urgency))
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
}
