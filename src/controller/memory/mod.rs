//! What the process remembers of each object between passes, with the time passed in. No I/O.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::ResourceExt;

use crate::aws::ReadSetCount;
use crate::aws::{CallError, Class, Operation};
use crate::controller::backoff;
use crate::crd::{AnnotationFinding, SequenceStore};
use crate::plan::{Correction, Denial, Recollection, Refusal, Target};
use crate::store::drift;
use crate::store::intent::Intent;
use crate::store::observed::Observed;

#[cfg(test)]
mod tests;

/// Read sets of a store are counted at most this often.
const COUNT_EVERY: Duration = Duration::from_secs(600);

/// Tags that a create wrote stand in for the first look this long: ownership is decided on them.
const TAGS_ARE_FRESH_FOR: Duration = Duration::from_secs(30);

/// The S3 access policy is read at least this often where the spec manages it.
const POLICY_EVERY: Duration = Duration::from_secs(3600);

/// Records by object uid, so that a recreated object starts afresh.
#[derive(Debug, Default)]
pub struct Memory {
    records: Mutex<HashMap<String, Record>>,
}

#[derive(Debug, Default)]
struct Record {
    latest: Option<Arc<SequenceStore>>,
    failures: u32,
    due: Option<Instant>,
    denied_since: Option<Instant>,
    /// What was not found, and since when.
    absent: Option<(Sought, Instant)>,
    delete_accepted: Option<Instant>,
    refused: Option<Refused>,
    /// Epoch and attempt up to which every answer of this epoch was a definite no.
    not_created: Option<(u32, u32)>,
    /// Changes that AWS denied, how often in a row, and until when they are not tried again.
    denied: BTreeMap<Operation, (CallError, u32, Instant)>,
    /// What was asked for when they were.
    asked: Asked,
    /// Stores of an earlier attempt were looked for.
    strays_sought: bool,
    /// What was said about its annotations.
    pointed_out: Vec<AnnotationFinding>,
    /// The last intent on the object, and since when its attempt is known.
    intent: Option<(Intent, Instant)>,
    known_tags: Option<(String, BTreeMap<String, String>, Instant)>,
    policy: Option<PolicyRead>,
    corrections: BTreeMap<String, (u32, Instant)>,
    corrections_of: Option<i64>,
}

/// Generation and request for a pass: what was refused is worth trying again when one of them changes.
pub type Asked = (Option<i64>, Option<String>);

/// Region, id and account in which a store was looked for.
type Sought = (String, String, String);

/// A policy as it was read, and what would make it worth reading again.
#[derive(Debug)]
struct PolicyRead {
    at: Instant,
    asked: Asked,
    document: Option<String>,
}

#[derive(Debug)]
struct Refused {
    /// None: it is to be tried again at once.
    at: Option<Instant>,
    counted_at: Instant,
    read_sets: Result<ReadSetCount, CallError>,
}

impl Memory {
    /// The newer of the cached object and the one our last write was answered with: the cache may not
    /// have seen our own writes yet.
    #[must_use]
    pub fn freshest(&self, cached: Arc<SequenceStore>) -> Arc<SequenceStore> {
        let version = |object: &SequenceStore| object.resource_version().and_then(|v| v.parse::<u128>().ok());
        let records = self.records();
        let latest = cached.uid().and_then(|uid| records.get(&uid)?.latest.clone());
        match latest {
            Some(latest) if version(&latest) > version(&cached) && version(&cached).is_some() => latest,
            _ => cached,
        }
    }

    /// Keeps the answer to a write.
    pub fn written(&self, object: SequenceStore) {
        if let Some(uid) = object.uid() {
            self.records().entry(uid).or_default().latest = Some(Arc::new(object));
        }
    }

    /// A pass begins. What AWS refused is tried again when the spec changed or a pass was asked for.
    pub fn begin(&self, uid: &str, asked: Asked) {
        let mut records = self.records();
        let record = records.entry(uid.to_owned()).or_default();
        if record.asked != asked {
            record.asked = asked;
            record.denied.clear();
            if let Some(refused) = &mut record.refused {
                refused.at = None;
            }
        }
    }

    /// The object bears this intent since `then` at the latest; from when its attempt was first known, its
    /// window counts.
    pub fn intent(&self, uid: &str, intent: &Intent, then: Instant) {
        let mut records = self.records();
        let record = records.entry(uid.to_owned()).or_default();
        let known = record.intent.as_ref().filter(|(known, _)| known.is_attempt_of(intent));
        let since = known.map_or(then, |(_, since)| *since);
        // A refusal of another replica's attempt of the same number says nothing about this one.
        if known.is_none() && record.not_created == Some((intent.epoch, intent.attempt)) {
            record.not_created = None;
        }
        record.intent = Some((intent.clone(), since));
    }

    /// Whether stores of an attempt that was overtaken were looked for.
    #[must_use]
    pub fn are_strays_sought(&self, uid: &str) -> bool {
        self.records().get(uid).is_some_and(|record| record.strays_sought)
    }

    /// They were.
    pub fn strays_sought(&self, uid: &str) {
        self.records().entry(uid.to_owned()).or_default().strays_sought = true;
    }

    /// Whether these findings are other than those said last; from now on they are not.
    #[must_use]
    pub fn is_news(&self, uid: &str, findings: &[AnnotationFinding]) -> bool {
        let mut records = self.records();
        let said = &mut records.entry(uid.to_owned()).or_default().pointed_out;
        let news = said != findings;
        *said = findings.to_vec();
        news
    }

    /// The intent that was last seen on the object.
    #[must_use]
    pub fn last_intent(&self, uid: &str) -> Option<Intent> {
        Some(self.records().get(uid)?.intent.as_ref()?.0.clone())
    }

    /// Takes note of what AWS said.
    pub fn observed(&self, uid: &str, target: &Target, observed: &Observed, now: Instant) {
        let mut records = self.records();
        let record = records.entry(uid.to_owned()).or_default();
        match (observed, target) {
            (Observed::Absent { account }, Target::Store { region, id }) => {
                let sought = (region.clone(), id.clone(), account.clone());
                let same = record.absent.take().filter(|(before, _)| *before == sought);
                record.absent = same.or(Some((sought, now)));
            }
            (Observed::Present(_), _) => record.absent = None,
            _ => {}
        }
    }

    /// AWS accepted our delete.
    pub fn delete_accepted(&self, uid: &str, now: Instant) {
        let mut records = self.records();
        let record = records.entry(uid.to_owned()).or_default();
        record.delete_accepted = Some(now);
        record.refused = None;
    }

    /// The last count of read sets, while it is new enough not to be made again.
    #[must_use]
    pub fn recent_count(&self, uid: &str, now: Instant) -> Option<Result<ReadSetCount, CallError>> {
        let records = self.records();
        let refused = records.get(uid)?.refused.as_ref()?;
        (now.duration_since(refused.counted_at) < COUNT_EVERY).then(|| refused.read_sets.clone())
    }

    /// AWS refused our delete.
    pub fn delete_refused(
        &self,
        uid: &str,
        read_sets: Result<ReadSetCount, CallError>,
        counted_now: bool,
        now: Instant,
    ) {
        let mut records = self.records();
        let record = records.entry(uid.to_owned()).or_default();
        let counted_at = match &record.refused {
            Some(refused) if !counted_now => refused.counted_at,
            _ => now,
        };
        record.refused = Some(Refused { at: Some(now), counted_at, read_sets });
    }

    /// AWS surely did not create the store in this attempt.
    pub fn not_created(&self, uid: &str, epoch: u32, attempt: u32) {
        let mut records = self.records();
        let record = records.entry(uid.to_owned()).or_default();
        if attempt == 1 || record.not_created == Some((epoch, attempt - 1)) {
            record.not_created = Some((epoch, attempt));
        }
    }

    /// AWS may have created the store: nothing said before counts any more.
    pub fn outcome_unknown(&self, uid: &str) {
        if let Some(record) = self.records().get_mut(uid) {
            record.not_created = None;
        }
    }

    /// AWS denied a change.
    pub fn denied(&self, uid: &str, error: CallError, now: Instant) {
        let mut records = self.records();
        let record = records.entry(uid.to_owned()).or_default();
        let times = record.denied.get(&error.operation).map_or(1, |(_, times, _)| times + 1);
        let until = now + backoff::wait(error.class, times, fastrand::f64());
        record.denied.insert(error.operation, (error, times, until));
    }

    /// AWS accepted a change.
    pub fn allowed(&self, uid: &str, operation: Operation) {
        if let Some(record) = self.records().get_mut(uid) {
            record.denied.remove(&operation);
        }
    }

    /// Tags that a create has just written: the next look at the store need not read them again.
    pub fn wrote_tags(&self, uid: &str, id: &str, tags: BTreeMap<String, String>) {
        self.records().entry(uid.to_owned()).or_default().known_tags =
            Some((id.to_owned(), tags, Instant::now()));
    }

    /// Takes the tags that are known of a store, once.
    #[must_use]
    pub fn take_tags(&self, uid: &str, id: &str) -> Option<BTreeMap<String, String>> {
        let (known, tags, at) = self.records().get_mut(uid)?.known_tags.take()?;
        (known == id && at.elapsed() < TAGS_ARE_FRESH_FOR).then_some(tags)
    }

    /// The policy as it was last read, unless it is time to read it again: on a new generation, when
    /// asked, hourly, and while a write of ours does not show. `asked` is generation and request.
    #[must_use]
    pub fn policy(&self, uid: &str, asked: &Asked, now: Instant) -> Option<Option<String>> {
        let records = self.records();
        let record = records.get(uid)?;
        let read = record.policy.as_ref()?;
        let stale = read.asked != *asked
            || now.duration_since(read.at) >= POLICY_EVERY
            || record.corrections.contains_key(drift::POLICY);
        (!stale).then(|| read.document.clone())
    }

    /// The policy was read.
    pub fn read_policy(&self, uid: &str, asked: Asked, document: Option<String>, now: Instant) {
        self.records().entry(uid.to_owned()).or_default().policy =
            Some(PolicyRead { at: now, asked, document });
    }

    /// AWS accepted an update of these fields.
    pub fn corrected(&self, uid: &str, fields: &[String], generation: Option<i64>, now: Instant) {
        let mut records = self.records();
        let record = records.entry(uid.to_owned()).or_default();
        if record.corrections_of != generation {
            record.corrections.clear();
            record.corrections_of = generation;
        }
        for field in fields {
            let (count, _) = record.corrections.get(field).copied().unwrap_or((0, now));
            record.corrections.insert(field.clone(), (count + 1, now));
        }
    }

    /// A look at the store showed only these fields to differ: all others have converged.
    pub fn differing(&self, uid: &str, fields: &[String]) {
        if let Some(record) = self.records().get_mut(uid) {
            record.corrections.retain(|field, _| fields.contains(field));
        }
    }

    /// What a plan may know of earlier passes.
    #[must_use]
    pub fn recollection(&self, uid: &str, retry_refused_after: Duration, now: Instant) -> Recollection {
        let records = self.records();
        let Some(record) = records.get(uid) else { return Recollection::default() };
        let since = |then: Option<Instant>| then.map(|then| now.duration_since(then));
        Recollection {
            absent_for: since(record.absent.as_ref().map(|(_, since)| *since)),
            delete_accepted_for: since(record.delete_accepted),
            refusal: record.refused.as_ref().map(|refused| Refusal {
                read_sets: refused.read_sets.clone(),
                // Passes come a little early or late by their jitter.
                due: since(refused.at).is_none_or(|refused| refused >= retry_refused_after.mul_f64(0.85)),
            }),
            failures: record.failures,
            denied_for: since(record.denied_since),
            not_created: record.not_created,
            attempt_known_for: since(record.intent.as_ref().map(|(_, since)| *since)).unwrap_or_default(),
            denials: record
                .denied
                .iter()
                .map(|(operation, (error, _, until))| {
                    (*operation, Denial { error: error.clone(), waits: now < *until })
                })
                .collect(),
            corrections_of: record.corrections_of,
            corrections: record
                .corrections
                .iter()
                .map(|(field, (count, at))| {
                    (field.clone(), Correction { accepted: *count, last: now.duration_since(*at) })
                })
                .collect(),
        }
    }

    /// A pass failed: counts it and says how long to wait. Early passes, brought on by a change of the
    /// object, do not lengthen the wait.
    pub fn failed(&self, uid: &str, class: Class, now: Instant) -> Duration {
        let mut records = self.records();
        let record = records.entry(uid.to_owned()).or_default();
        if record.due.is_none_or(|due| now >= due) {
            record.failures = record.failures.saturating_add(1);
        }
        match class {
            Class::Denied | Class::Credentials | Class::Quota => {
                record.denied_since = record.denied_since.or(Some(now));
            }
            _ => record.denied_since = None,
        }
        let wait = backoff::wait(class, record.failures, fastrand::f64());
        record.due = Some(now + wait);
        wait
    }

    /// A pass succeeded.
    pub fn succeeded(&self, uid: &str) {
        if let Some(record) = self.records().get_mut(uid) {
            record.failures = 0;
            record.due = None;
            record.denied_since = None;
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
