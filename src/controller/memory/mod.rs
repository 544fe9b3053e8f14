//! What the process remembers of each object between passes. No I/O.
//!
//! | type | holds | read by |
//! |---|---|---|
//! | [`Memory`] | the records of all objects | `reconcile`: takes a record at the start of a pass, puts it back at the end |
//! | [`Record`] | one object, with points in time; only the pass changes it | the pass |
//! | `plan::Recollection` | a record at one moment, with durations | the plan step |
//! | `observe::Known` | what need not be asked from AWS again | the observe and the apply step |
//!
//! Losing a record, as in a restart, costs calls and time, never safety: nothing is concluded from what is not in it.

mod put_back;
mod record;
mod shortcut;
mod strays;
#[cfg(test)]
mod tests;
mod unshown;
mod waits;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::controller::sweep::{Disagreement, Sight};
use crate::crd::SequenceStore;
use crate::kubernetes::Uid;
pub use record::Record;

/// Records by the uid of their object, so that a recreated object starts afresh.
#[derive(Debug, Default)]
pub struct Memory {
    records: Mutex<HashMap<Uid, Option<Box<Record>>>>,
}

impl Memory {
    /// Takes the record of an object. Two passes of one object never run at the same time.
    #[must_use]
    pub fn take(&self, uid: &Uid) -> Box<Record> {
        self.records().entry(uid.clone()).or_default().take().unwrap_or_default()
    }

    /// How long this object must wait until its next pass may begin, whatever triggers it.
    pub fn rest(&self, object: &SequenceStore, now: Instant) -> Option<Duration> {
        self.records().get(&Uid::of(object))?.as_ref()?.rest(object, now)
    }

    /// Puts the record back, unless the object was forgotten since.
    pub fn put_back(&self, uid: &Uid, record: Box<Record>) {
        if let Some(place) = self.records().get_mut(uid) {
            *place = Some(record);
        }
    }

    /// The cache shows this version of the object: a record has no need to hold it any more.
    pub fn cached(&self, uid: &Uid, version: Option<&str>) {
        if let Some(Some(record)) = self.records().get_mut(uid) {
            record.cached(version);
        }
    }

    /// What the looks at the store of this object left behind.
    #[must_use]
    pub fn sight(&self, uid: &Uid) -> Sight {
        let records = self.records();
        let Some(record) = records.get(uid) else { return Sight::Never };
        match record.as_ref().map(|record| (record.is_at_rest(), record.last_look())) {
            Some((true, (Some(looked), asked))) => Sight::AtRest { looked, asked },
            Some((true, (None, _))) => Sight::Never,
            Some((false, _)) | None => Sight::Busy,
        }
    }

    /// When the S3 access policy of the store of this object was read last.
    #[must_use]
    pub fn policy_read_at(&self, uid: &Uid) -> Option<Instant> {
        self.records().get(uid)?.as_ref()?.policy_read_at()
    }

    /// Whether a pass was run for this object since the start, or is expected.
    #[must_use]
    pub fn knows(&self, uid: &Uid) -> bool {
        self.records().contains_key(uid)
    }

    /// The object gets a pass, whatever may speak against it.
    pub fn expect_pass(&self, uid: &Uid) {
        self.records().entry(uid.clone()).or_insert_with(|| Some(Box::default()));
    }

    /// A listing disagrees with what the object has. The next pass is to find out.
    pub fn listing_disagrees(&self, uid: &Uid, disagreement: Option<Disagreement>) {
        if let Some(Some(record)) = self.records().get_mut(uid) {
            record.listing_disagrees(disagreement);
        }
    }

    pub fn listing_agrees(&self, uid: &Uid) {
        self.listing_disagrees(uid, None);
    }

    /// The object is gone.
    pub fn forget(&self, uid: &Uid) {
        self.records().remove(uid);
    }

    /// Forgets all objects, as a new process would not know them. No pass must be running.
    pub fn forget_all(&self) {
        self.records().clear();
    }

    /// Forgets all objects but these.
    pub fn keep_only(&self, is_kept: impl Fn(&Uid) -> bool) {
        self.records().retain(|uid, _| is_kept(uid));
    }

    fn records(&self) -> MutexGuard<'_, HashMap<Uid, Option<Box<Record>>>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
