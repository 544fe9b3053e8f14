//! Tokens that grow with time, at a rate that a refusal of AWS halves. Pure: time is passed in. No I/O.

use std::time::{Duration, Instant};

/// After a refusal the rate grows evenly; from nothing it is full again after this time.
const RECOVERY: f64 = 60.0;
/// Refusals of requests that were under way together count once.
const ONE_REFUSAL: Duration = Duration::from_secs(1);
/// The rate never falls below this part of the full one: it would not show that AWS answers again.
const LOWEST: f64 = 1.0 / 40.0;
/// Sums of fractions do not reach a whole number exactly.
const ALMOST: f64 = 1e-9;

#[derive(Clone, Debug)]
pub(super) struct Supply {
    /// In tokens per second.
    full_rate: f64,
    rate: f64,
    most: f64,
    tokens: f64,
    at: Instant,
    refused: Option<Instant>,
}

impl Supply {
    /// Begins with one token, not with all that it may hold: another process may have used them a moment ago.
    pub(super) fn new(full_rate: f64, most: f64, now: Instant) -> Self {
        Self { full_rate, rate: full_rate, most, tokens: 1.0_f64.min(most), at: now, refused: None }
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        let growth = self.full_rate / RECOVERY;
        let growing = ((self.full_rate - self.rate) / growth).clamp(0.0, seconds);
        let gained =
            self.rate * growing + growth * growing * growing / 2.0 + self.full_rate * (seconds - growing);
        self.rate = (self.rate + growth * growing).min(self.full_rate);
        self.tokens = (self.tokens + gained).min(self.most);
    }

    pub(super) fn has_one(&self) -> bool {
        self.tokens >= 1.0 - ALMOST
    }

    pub(super) fn take(&mut self) {
        self.tokens = (self.tokens - 1.0).max(0.0);
    }

    /// A token was taken and not used.
    pub(super) fn give_back(&mut self) {
        self.tokens = (self.tokens + 1.0).min(self.most);
    }

    /// The time until there is a token, if the rate stays as it is. It may grow meanwhile.
    pub(super) fn next_in(&self) -> Duration {
        match self.has_one() {
            true => Duration::ZERO,
            false => Duration::from_secs_f64((1.0 - self.tokens).max(0.0) / self.rate),
        }
    }

    /// AWS refused a request.
    pub(super) fn slow_down(&mut self, now: Instant) {
        self.advance(now);
        // Whatever was saved up would be refused too.
        self.tokens = 0.0;
        if self.refused.is_none_or(|refused| now.saturating_duration_since(refused) >= ONE_REFUSAL) {
            self.refused = Some(now);
            self.rate = (self.rate / 2.0).max(self.full_rate * LOWEST);
        }
    }

    /// In tokens per second.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) fn full_rate(&self) -> f64 {
        self.full_rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_refusal_halves_the_rate_at_most_once_a_second_and_never_to_nothing() {
        let start = Instant::now();
        let mut supply = Supply::new(4.0, 4.0, start);
        supply.slow_down(start);
        supply.slow_down(start + seconds(0.5));
        assert!((supply.rate() - 2.0).abs() < 0.1, "{}", supply.rate());
        assert!(!supply.has_one(), "what was saved up is gone");
        for second in 1..100 {
            supply.slow_down(start + seconds(f64::from(second)));
        }
        assert!(supply.rate() >= 0.1, "{}", supply.rate());
    }

    #[test]
    fn the_rate_is_full_again_after_a_minute() {
        let start = Instant::now();
        let mut supply = Supply::new(4.0, 4.0, start);
        for second in 0..10 {
            supply.slow_down(start + seconds(f64::from(second)));
        }
        let mut before = supply.rate();
        for second in 10..69 {
            supply.advance(start + seconds(f64::from(second)));
            assert!(supply.rate() >= before, "it only grows");
            before = supply.rate();
        }
        supply.advance(start + seconds(69.0));
        assert!((supply.rate() - 4.0).abs() < 1e-6, "{}", supply.rate());
    }

    #[test]
    fn the_next_token_is_there_when_it_was_announced() {
        let start = Instant::now();
        let mut supply = Supply::new(0.8, 1.0, start);
        let mut now = start;
        for _ in 0..1000 {
            supply.take();
            now += supply.next_in();
            supply.advance(now);
            assert!(supply.has_one());
        }
        assert!((now - start).as_secs_f64() > 999.0 / 0.8);
    }
}
