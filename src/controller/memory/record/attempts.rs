//! What is known of the attempts to create a store. Pure: time is passed in. No I/O.

use std::time::Instant;

use super::Record;
use crate::crd::SequenceStore;
use crate::store::{AttemptOutcome, Intent};

impl Record {
    /// The intent that somebody removed from the object or replaced by an older one: `kubectl replace` drops
    /// annotations, and this one says whether the operator may already have created a store.
    pub fn lost_intent(&mut self, object: &SequenceStore, now: Instant) -> Option<Intent> {
        let last = self.intent.as_ref().map(|known| known.0.clone());
        match Intent::of(object) {
            Ok(Some(intent)) if last.as_ref().is_none_or(|last| !last.is_after(&intent)) => {
                self.intent_seen(&intent, now);
                None
            }
            Ok(_) if !object.is_paused() => last,
            // An unreadable one is reported by the plan.
            Ok(_) | Err(_) => None,
        }
    }

    /// Whether it is time to put a lost intent back: something in the cluster may remove it again and again.
    pub fn put_back_is_due(&mut self, now: Instant) -> bool {
        self.put_back.is_due(now)
    }

    /// Remembers the intent, and since when this process has known of its attempt.
    pub(super) fn intent_seen(&mut self, intent: &Intent, then: Instant) {
        let known = self.intent.as_ref().filter(|known| known.0.is_attempt_of(intent));
        let since = known.map_or(then, |known| known.1);
        // Another replica used the number of an attempt that AWS refused here: the refusal says nothing about that one.
        if known.is_none() && self.not_created == Some((intent.epoch, intent.attempt)) {
            self.not_created = None;
        }
        if intent.outcome == Some(AttemptOutcome::Refused) {
            self.not_created = Some((intent.epoch, intent.attempt));
        }
        self.intent = Some(Box::new((intent.clone(), since)));
    }

    /// AWS certainly created nothing in this attempt.
    pub(super) fn nothing_created(&mut self, epoch: u32, attempt: u32) {
        // One attempt of unknown outcome in between may have created a store.
        if attempt == 1 || self.not_created == Some((epoch, attempt - 1)) {
            self.not_created = Some((epoch, attempt));
        }
    }

    /// Whether AWS certainly created nothing in this attempt nor in those before it.
    #[must_use]
    pub fn is_refused(&self, intent: &Intent) -> bool {
        self.not_created == Some((intent.epoch, intent.attempt))
    }
}
