//! Stops the calls of one identity in one region while AWS refuses the identity as such. Pure: time is passed in. No I/O.
//!
//! What such a refusal is, the caller says. A denied action is none: a policy may deny it for one store, one key or one tag and
//! allow it for the next.

use std::time::{Duration, Instant};

use super::Urgency;
use crate::aws::{CallError, Class};

/// After so many refusals in a row. One alone may come from something in between.
const OPENS_AT: u32 = 3;
/// Between two trials while it is open. Each wait is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

#[derive(Debug, Default)]
pub(super) struct Breaker {
    refusals: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// What AWS said last.
    error: CallError,
    wait: Duration,
    /// The last trial began, or the breaker opened.
    tried: Instant,
}

impl Breaker {
    /// Whether a call may be sent. One that a person asked for is always tried.
    ///
    /// # Errors
    /// The last refusal of AWS, with no request.
    pub(super) fn admit(&mut self, urgency: Urgency, now: Instant) -> Result<(), CallError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let rests = match urgency {
            Urgency::Asked => Duration::ZERO,
            Urgency::CreateOrDelete | Urgency::Update => FIRST_WAIT,
            Urgency::Ordinary | Urgency::InMotion | Urgency::Background => open.wait,
        };
        if now.saturating_duration_since(open.tried) < rests {
            return Err(open.error.clone());
        }
        open.tried = now;
        Ok(())
    }

    /// A call is over, well or with an error. `is_refusal`: the error is about the identity, not about what was asked for.
    pub(super) fn answered(
        &mut self,
        error: Option<&CallError>,
        is_refusal: impl Fn(&CallError) -> bool,
        now: Instant,
    ) {
        match error {
            Some(error) if is_refusal(error) => self.refused(error, now),
            // Nobody has looked at the credentials.
            Some(CallError {
                class: Class::Transient | Class::Unreadable | Class::CredentialsUnavailable,
                ..
            }) => {}
            _ => *self = Self::default(),
        }
    }

    fn refused(&mut self, error: &CallError, now: Instant) {
        self.refusals = self.refusals.saturating_add(1);
        let wait = match &self.open {
            None if self.refusals < OPENS_AT => return,
            None => FIRST_WAIT,
            Some(open) => (open.wait * 2).min(LONGEST_WAIT),
        };
        self.open = Some(Open { error: error.clone(), wait, tried: now });
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Nothing is lost with it.
    pub(super) fn is_new(&self) -> bool {
        self.refusals == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Operation;

    fn error(class: Class) -> CallError {
        CallError { class, ..CallError::unreadable(Operation::GetSequenceStore, "no") }
    }

    fn answered(breaker: &mut Breaker, class: Option<Class>, now: Instant) {
        breaker.answered(class.map(error).as_ref(), CallError::is_about_credentials, now);
    }

    fn open(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        (0..OPENS_AT).for_each(|_| answered(&mut breaker, Some(Class::Credentials), now));
        breaker
    }

    #[test]
    fn while_it_is_open_calls_get_the_last_error_and_trials_become_rare() {
        let start = Instant::now();
        let mut breaker = open(start);
        let mut tried = Vec::new();
        for second in 0..60 {
            let now = start + Duration::from_secs(second);
            match breaker.admit(Urgency::Ordinary, now) {
                Ok(()) => {
                    tried.push(second);
                    answered(&mut breaker, Some(Class::Credentials), now);
                }
                Err(last) => assert_eq!(last, error(Class::Credentials)),
            }
        }
        assert_eq!(tried, [1, 3, 7, 15, 30, 45]);
    }

    #[test]
    fn only_refused_credentials_open_it_and_any_answer_closes_it() {
        let now = Instant::now();
        for class in [Class::Denied, Class::Throttled, Class::Transient, Class::NotFound, Class::Quota] {
            let mut breaker = Breaker::default();
            (0..9).for_each(|_| answered(&mut breaker, Some(class), now));
            assert!(!breaker.is_open(), "{class:?}");
        }
        for (class, is_closed) in [(Some(Class::Denied), true), (None, true), (Some(Class::Transient), false)]
        {
            let mut breaker = open(now);
            answered(&mut breaker, class, now);
            assert_eq!(!breaker.is_open(), is_closed, "{class:?}");
        }
    }

    #[test]
    fn one_refusal_between_answers_opens_nothing() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..9 {
            answered(&mut breaker, Some(Class::Credentials), now);
            answered(&mut breaker, None, now);
        }
        assert!(breaker.is_new());
    }

    #[test]
    fn a_person_who_asks_is_not_made_to_wait() {
        let start = Instant::now();
        let mut breaker = open(start);
        assert!(breaker.admit(Urgency::Ordinary, start).is_err());
        assert!(breaker.admit(Urgency::CreateOrDelete, start).is_err());
        assert!(breaker.admit(Urgency::Asked, start).is_ok());
        assert!(breaker.admit(Urgency::CreateOrDelete, start + FIRST_WAIT).is_ok());
    }
}
