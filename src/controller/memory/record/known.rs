//! What the observe step need not ask AWS again. Pure: time is passed in. No I/O.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{NEXT_POLL_FROM, Record, Trigger};
use crate::aws::Operation;
use crate::controller::memory::waits::is_worth_keeping;
use crate::controller::sweep::POLICY_EVERY;
use crate::observe::{Known, KnownPolicy};
use crate::store::drift::differences;
use crate::store::{Field, ObservedPolicy, Prepared, Present};

/// The read sets of a store are counted at most this often.
const COUNT_EVERY: Duration = Duration::from_secs(600);
/// For this long the tags that a Create has written need not be read again.
const CREATED_TAGS_LAST: Duration = Duration::from_secs(30);
/// What is read so long after a write shows it.
const POLICY_SETTLES: Duration = Duration::from_secs(60);

/// A store that the operator has just created.
#[derive(Debug)]
pub(super) struct Created {
    pub(super) id: String,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) at: Instant,
}

#[derive(Debug)]
pub(super) struct PolicyRead {
    at: Instant,
    trigger: Trigger,
    policy: KnownPolicy,
    /// It differs from the spec in the names of principals only: writing it again changes nothing.
    is_renamed: bool,
}

pub(super) fn policy_read(
    prepared: &Prepared,
    present: &Present,
    trigger: Trigger,
    at: Instant,
) -> Option<Box<PolicyRead>> {
    let ObservedPolicy::Read(document) = &present.policy else { return None };
    let access_point = present.store.access_point()?.to_owned();
    let is_renamed = differences(&prepared.object, present).renamed_principals.is_some();
    let policy = KnownPolicy { access_point, document: document.clone() };
    Some(Box::new(PolicyRead { at, trigger, policy, is_renamed }))
}

impl Record {
    /// When AWS was asked for the S3 access policy last.
    #[must_use]
    pub fn policy_read_at(&self) -> Option<Instant> {
        self.policy.as_ref().map(|read| read.at)
    }

    /// What the observe step need not ask AWS again.
    #[must_use]
    pub fn known(&self, poll_interval: Duration, now: Instant) -> Known {
        let is_recent = |then: Instant, limit| now.duration_since(then) < limit;
        let created = self.created.as_ref().filter(|created| is_recent(created.at, CREATED_TAGS_LAST));
        let refused = self.refused.as_ref().filter(|refused| {
            is_recent(refused.counted_at, COUNT_EVERY) && is_worth_keeping(&refused.read_sets)
        });
        let written = self.corrections.get(&Field::S3AccessPolicy).map(|(_, at)| *at);
        // Read again on a new generation, on request, hourly, and while an update of it does not show.
        let policy = self.policy.as_ref().filter(|read| {
            let shows = |written| read.is_renamed && read.at >= written + POLICY_SETTLES;
            read.trigger == self.trigger && is_recent(read.at, POLICY_EVERY) && written.is_none_or(shows)
        });
        let policy_denied =
            self.denied.get(&Operation::GetS3AccessPolicy).filter(|denied| now < denied.until);
        Known {
            policy: policy.map(|read| read.policy.clone()),
            policy_denied: policy_denied.map(|denied| denied.error.clone()),
            tags: created.map(|created| (created.id.clone(), created.tags.clone())),
            strays_searched: self.strays.were_searched(),
            strays: self.strays.looks(&self.trigger, poll_interval.mul_f64(NEXT_POLL_FROM), now),
            read_sets: refused.map(|refused| refused.read_sets.clone()),
        }
    }
}
