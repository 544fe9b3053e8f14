//! What the process remembers of each object between passes. No I/O.
//!
//! | type | holds | read by |
//! |---|---|---|
//! | [`Memory`] | the records of all objects | `reconcile`: takes a record at the start of a pass, puts it back at the end |
//! | [`Record`] | one object, with points in time; only the pass changes it | the pass |
//! | `plan::Recollection` | a record at one moment, with durations | the plan step |
//! | `observe::Known` | what need not be asked from AWS again | the observe and the apply step |
//!
//! Losing a record, as in a restart, costs calls, never safety.

mod record;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use record::Record;

/// Records by the uid of their object, so that a recreated object starts afresh.
#[derive(Debug, Default)]
pub struct Memory {
    records: Mutex<HashMap<String, Record>>,
}

impl Memory {
    /// Takes the record of an object. Two passes of one object never run at the same time.
    #[must_use]
    pub fn take(&self, uid: &str) -> Record {
        std::mem::take(self.records().entry(uid.to_owned()).or_default())
    }

    /// Puts the record back, unless the object was forgotten since.
    pub fn put_back(&self, uid: &str, record: Record) {
        if let Some(place) = self.records().get_mut(uid) {
            *place = record;
        }
    }

    /// The object is gone.
    pub fn forget(&self, uid: &str) {
        self.records().remove(uid);
    }

    fn records(&self) -> MutexGuard<'_, HashMap<String, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
