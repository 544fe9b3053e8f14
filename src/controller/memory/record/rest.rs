//! Whether a record is about nothing that is still going on. Only then may its object go without a pass. No I/O.

use std::time::Instant;

use super::Record;
use crate::controller::sweep::Disagreement;

impl Record {
    /// Nothing failed, nothing is denied, and no write waits to be confirmed by a look. The record is taken apart in full, so
    /// that the compiler asks about what is new.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let Self {
            failures,
            due,
            refused_since,
            waits,
            absent,
            delete_accepted,
            refused,
            denied,
            policy_rejected,
            strays,
            unshown,
            not_kept,
            tag_keys_not_kept,
            told_not_kept,
            release_is_stuck,
            created,
            corrections,
            // What is known of the object, not of something that goes on.
            latest: _,
            not_created: _,
            trigger: _,
            put_back: _,
            tags_must_wait: _,
            pointed_out: _,
            intent: _,
            policy: _,
            corrections_of: _,
            in_motion_since: _,
            asked: _,
            is_throttled: _,
            // It is one of the failures.
            failed_with: _,
        } = self;
        let nothing_failed = *failures == 0 && due.is_none() && refused_since.is_none() && waits.are_over();
        let nothing_is_refused = refused.is_none() && denied.is_empty() && policy_rejected.is_none();
        let nothing_is_lost = !not_kept && !tag_keys_not_kept && told_not_kept.is_none() && !release_is_stuck;
        // A store that was created or changed must be seen so.
        let nothing_is_unseen = absent.is_none()
            && delete_accepted.is_none()
            && created.is_none()
            && corrections.is_empty()
            && strays.are_none()
            && unshown.has_no_keys();
        nothing_failed && nothing_is_refused && nothing_is_lost && nothing_is_unseen
    }

    /// When the last pass began, and what a listing before it asked about.
    #[must_use]
    pub fn last_look(&self) -> (Option<Instant>, Option<Disagreement>) {
        (self.waits.began(), self.asked.as_deref().copied())
    }

    /// A listing shows the store differently, and the next pass looks at it because of that; none where they agree.
    pub fn listing_disagrees(&mut self, disagreement: Option<Disagreement>) {
        self.asked = disagreement.map(Box::new);
    }
}
