//! The looks at strays, other stores with the owner tags of the object. Pure: time is passed in. No I/O.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::record::Trigger;
use crate::crd::SequenceStore;
use crate::observe::StrayLook;

#[derive(Debug, Default)]
pub(super) struct Strays {
    /// Those of an abandoned attempt were searched for, and told.
    searched: bool,
    /// The last look at each one in status, by id.
    looked: BTreeMap<String, Looked>,
}

#[derive(Debug)]
struct Looked {
    at: Instant,
    trigger: Trigger,
    /// The first of an unbroken series of looks that did not find it.
    unseen_since: Option<Instant>,
}

impl Strays {
    pub(super) fn are_none(&self) -> bool {
        self.looked.is_empty()
    }

    pub(super) fn were_searched(&self) -> bool {
        self.searched
    }

    /// The status shows the strays that a pass found, which may have searched for those of an abandoned attempt.
    pub(super) fn told(&mut self, were_searched: bool) {
        self.searched |= were_searched;
    }

    /// The looks so far. One that found its stray is recent until the next poll, or until a user asks.
    pub(super) fn looks(
        &self,
        trigger: &Trigger,
        next_poll: Duration,
        now: Instant,
    ) -> BTreeMap<String, StrayLook> {
        let look = |looked: &Looked| {
            let age = now.duration_since(looked.at);
            let is_recent = looked.unseen_since.is_none() && looked.trigger == *trigger && age < next_poll;
            let unseen_for = looked.unseen_since.map(|since| now.duration_since(since));
            StrayLook { age, is_recent, unseen_for }
        };
        self.looked.iter().map(|(id, looked)| (id.clone(), look(looked))).collect()
    }

    /// A pass looked at these strays, and found them or not.
    pub(super) fn looked_at(
        &mut self,
        object: &SequenceStore,
        looked_at: &[(String, bool)],
        trigger: &Trigger,
        now: Instant,
    ) {
        let told = object.status.as_ref().map(|status| status.stray_stores.as_slice()).unwrap_or_default();
        self.looked.retain(|id, _| told.contains(id));
        for (id, is_there) in looked_at {
            let before = self.looked.get(id).and_then(|looked| looked.unseen_since);
            let unseen_since = (!is_there).then(|| before.unwrap_or(now));
            self.looked.insert(id.clone(), Looked { at: now, trigger: trigger.clone(), unseen_since });
        }
    }
}
