//! What the process remembers of one object. Pure: time and randomness are passed in. No I/O.

mod attempts;
mod known;
mod rest;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use known::{Created, PolicyRead, policy_read};
use kube::ResourceExt;

use super::put_back::PutBack;
use super::shortcut::Shortcut;
use super::strays::Strays;
use super::unshown::Unshown;
use super::waits::{Denied, PassWaits};
use crate::apply::{Effect, WrittenAhead};
use crate::aws::{CallError, Class, Operation, ReadSetCount};
use crate::controller::sweep::Disagreement;
use crate::crd::{AnnotationFinding, SequenceStore};
use crate::observe::Observation;
use crate::plan::{Action, Correction, Denial, NotKept, Recollection, Refusal, Target};
use crate::store::drift::differences;
use crate::store::{Field, Intent, Observed, ObservedPolicy, OwnerMatch, Prepared};

/// The part of the poll interval after which a pass counts as the next poll: jitter makes polls up to a tenth shorter.
const NEXT_POLL_FROM: f64 = 0.85;

/// There is one for each object, so what few objects have is in a box of its own.
#[derive(Debug, Default)]
pub struct Record {
    /// The object as the API server returned it for the last write, until the cache shows it.
    latest: Option<Arc<SequenceStore>>,
    pub(super) failures: u32,
    /// When the pass after the last failure is due.
    pub(super) due: Option<Instant>,
    /// Since when AWS has denied the calls for the object, or throttled them, pass after pass.
    pub(super) refused_since: Option<Instant>,
    /// It has throttled them.
    pub(super) is_throttled: bool,
    /// The class of the error, where an AWS call failed in this pass.
    pub(super) failed_with: Option<Class>,
    pub(super) waits: PassWaits,
    /// The store that a 404 was about, and when the first 404 came.
    absent: Option<Box<(Sought, Instant)>>,
    delete_accepted: Option<Instant>,
    pub(super) refused: Option<Box<Refused>>,
    /// `(epoch, n)`: AWS certainly created nothing in attempts 1 to n of that epoch.
    not_created: Option<(u32, u32)>,
    /// Operations that AWS denied, and that are not tried again for a while.
    pub(super) denied: BTreeMap<Operation, Denied>,
    /// AWS rejected the S3 access policy of this generation.
    policy_rejected: Option<i64>,
    trigger: Trigger,
    strays: Strays,
    unshown: Unshown,
    put_back: PutBack,
    /// The API server did not keep the last record that was to be written to the object.
    not_kept: bool,
    /// The same of the last keys of tags.
    tag_keys_not_kept: bool,
    /// The missing record of which an Event has told.
    told_not_kept: Option<NotKept>,
    /// The API server did not let the operator remove its finalizer, or something put it back.
    release_is_stuck: bool,
    /// The keys were not kept in this pass.
    tags_must_wait: bool,
    /// The annotations without effect that Events have pointed out.
    pointed_out: Vec<AnnotationFinding>,
    /// The last intent seen on the object, and since when this process knows of its attempt.
    intent: Option<Box<(Intent, Instant)>>,
    created: Option<Box<Created>>,
    policy: Option<Box<PolicyRead>>,
    corrections: BTreeMap<Field, (u32, Instant)>,
    corrections_of: Option<i64>,
    /// Since when passes have seen that AWS is changing or deleting the store.
    in_motion_since: Option<Instant>,
    /// What a listing showed otherwise than the pass after it was to find out.
    asked: Option<Box<Disagreement>>,
}

/// Generation and reconcile request. When one of them changes, a user wants what failed to be tried again.
pub(super) type Trigger = (Option<i64>, Option<String>);

/// Region, id and account in which a store was looked for.
type Sought = (String, String, String);

#[derive(Debug)]
pub(super) struct Refused {
    /// When AWS refused; none where the delete is to be sent again at once.
    pub(super) at: Option<Instant>,
    pub(super) counted_at: Instant,
    pub(super) read_sets: Result<ReadSetCount, CallError>,
    /// How often in a row the read sets could not be counted for a moment.
    pub(super) failed_counts: u32,
    /// The delete is sent again from then on, even before the next poll.
    pub(super) retry_from: Option<Instant>,
    pub(super) shortcut: Shortcut,
}

/// A version that is no number is neither newer nor older.
fn is_newer(latest: &SequenceStore, cached: Option<&str>) -> bool {
    let number = |version: Option<&str>| version.and_then(|version| version.parse::<u128>().ok());
    number(cached).is_some_and(|cached| number(latest.resource_version().as_deref()) > Some(cached))
}

// === the start of a pass ===

impl Record {
    /// The newer one of the cached object and the response to the last write: the cache may lag behind that write.
    #[must_use]
    pub fn newest(&self, cached: Arc<SequenceStore>) -> Arc<SequenceStore> {
        match &self.latest {
            Some(latest) if is_newer(latest, cached.metadata.resource_version.as_deref()) => latest.clone(),
            _ => cached,
        }
    }

    /// The cache shows this version of the object. The response to the last write is kept only for as long as it is newer.
    pub fn cached(&mut self, version: Option<&str>) {
        self.latest.take_if(|latest| !is_newer(latest, version));
    }

    /// A pass begins. What AWS refused is tried again if the spec changed or a user requested a reconciliation.
    pub fn begin(&mut self, object: &SequenceStore, now: Instant) {
        let trigger = (object.metadata.generation, object.reconcile_request().map(ToOwned::to_owned));
        let is_asked = self.trigger != trigger;
        self.trigger = trigger;
        self.tags_must_wait = false;
        self.failed_with = None;
        self.pass_begins(object, is_asked, now);
    }

    #[must_use]
    pub fn is_delete_accepted(&self) -> bool {
        self.delete_accepted.is_some()
    }

    /// The findings, if they are other than those that were pointed out before.
    pub fn new_findings(&mut self, findings: Vec<AnnotationFinding>) -> Vec<AnnotationFinding> {
        if self.pointed_out == findings {
            return Vec::new();
        }
        self.pointed_out.clone_from(&findings);
        findings
    }

    /// What a plan may know of earlier passes. AWS's refusal to delete a store is tried again at the poll interval.
    #[must_use]
    pub fn recollection(&self, poll_interval: Duration, now: Instant) -> Recollection {
        let since = |then: Option<Instant>| then.map(|then| now.duration_since(then));
        let denials = self.denied.iter().map(|(operation, denied)| {
            (*operation, Denial { error: denied.error.clone(), waits: now < denied.until })
        });
        let corrections = self.corrections.iter().map(|(field, (accepted, at))| {
            (field.clone(), Correction { accepted: *accepted, last: now.duration_since(*at) })
        });
        Recollection {
            absent_for: since(self.absent.as_ref().map(|absent| absent.1)),
            not_owner_for: self.unshown.owner_for(now),
            tag_keys_not_kept: self.tags_must_wait,
            unshown_tag_keys: self.unshown.tag_keys_for(now),
            delete_accepted_for: since(self.delete_accepted),
            refusal: self.refused.as_ref().map(|refused| Refusal {
                read_sets: refused.read_sets.clone(),
                due: refused.is_due(poll_interval.mul_f64(NEXT_POLL_FROM), now),
            }),
            failures: self.failures,
            denied_for: since(self.refused_since.filter(|_| !self.is_throttled)),
            throttled_for: since(self.refused_since.filter(|_| self.is_throttled)),
            not_created: self.not_created,
            attempt_known_for: since(self.intent.as_ref().map(|known| known.1)).unwrap_or_default(),
            denials: denials.collect(),
            policy_rejected: self.policy_rejected.is_some() && self.policy_rejected == self.trigger.0,
            corrections_of: self.corrections_of,
            corrections: corrections.collect(),
        }
    }
}

// === the steps of a pass ===

impl Record {
    /// The API server returned this object for a read or a write.
    pub fn returned(&mut self, object: &Arc<SequenceStore>) {
        self.latest = Some(object.clone());
    }

    /// The observe step is over. `random` is in `0.0..1.0`.
    pub fn observed(&mut self, prepared: &Prepared, observation: &Observation, now: Instant, random: f64) {
        match (&observation.observed, &observation.target) {
            (Observed::Absent { account }, Some(Target::Store { region, id })) => {
                let sought = (region.clone(), id.clone(), account.clone());
                let same = self.absent.take().filter(|before| before.0 == sought);
                self.absent = same.or_else(|| Some(Box::new((sought, now))));
            }
            (Observed::Present(present), _) => {
                self.absent = None;
                self.unshown.observed(prepared, present, now);
                // From now on the tags are read: somebody may change them.
                self.created = None;
                if observation.policy_was_asked {
                    self.policy = policy_read(prepared, present, self.trigger.clone(), now);
                    if let ObservedPolicy::Unreadable(error) = &present.policy {
                        self.policy_unreadable(error, now, random);
                    }
                }
            }
            (Observed::Searched { found: OwnerMatch::Former { arn, .. }, .. }, _) => {
                self.unshown.not_ours(arn, now);
            }
            _ => {}
        }
        self.strays.looked_at(&prepared.object, &observation.strays_looked_at, &self.trigger, now);
        self.converged(prepared, &observation.observed);
    }

    /// How long AWS has been changing or deleting the store, as far as passes have seen it.
    pub fn in_motion_for(&mut self, is_in_motion: bool, now: Instant) -> Duration {
        self.in_motion_since = is_in_motion.then(|| self.in_motion_since.unwrap_or(now));
        self.in_motion_since.map(|since| now.duration_since(since)).unwrap_or_default()
    }

    /// The status, as the API server has it now, shows the strays that this pass found.
    pub fn strays_told(&mut self, observation: &Observation) {
        self.strays.told(observation.strays_were_searched);
    }

    /// Fields that no longer differ have converged.
    fn converged(&mut self, prepared: &Prepared, observed: &Observed) {
        let Some((present, tags)) = observed.present().and_then(|found| Some((found, found.known_tags()?)))
        else {
            return;
        };
        let found = differences(&prepared.object, present).observable();
        let mut differing: BTreeSet<Field> = found.into_iter().map(|difference| difference.field).collect();
        differing.extend(prepared.owner.missing_from(tags).into_keys().map(Field::Tag));
        // A policy that was not read may still differ.
        let policy_is_unknown = !matches!(present.policy, ObservedPolicy::Read(_));
        if policy_is_unknown {
            differing.insert(Field::S3AccessPolicy);
        }
        self.corrections.retain(|field, _| differing.contains(field));
        let is_unread = policy_is_unknown && prepared.object.spec.s3_access_policy.is_some();
        // A denial of an operation that is no longer needed says nothing about the next time.
        self.denied.retain(|operation, _| match operation {
            Operation::GetS3AccessPolicy => is_unread,
            operation => differing.iter().any(|field| field.is_set_by(*operation)),
        });
    }

    /// Finalizer and intent are written.
    pub fn written_ahead(&mut self, ahead: &WrittenAhead) {
        if ahead.is_newer {
            self.returned(&ahead.object);
        }
        if ahead.is_newer || ahead.not_kept.is_some() {
            self.not_kept = ahead.not_kept.is_some();
        }
        if let Some((intent, recording)) = ahead.attempt.as_ref().or(ahead.resolved.as_ref()) {
            self.intent_seen(intent, *recording);
        }
    }

    /// Whether the API server did not keep the last record of a creation, or the last finalizer.
    #[must_use]
    pub fn is_record_stripped(&self) -> bool {
        self.not_kept
    }

    /// Whether this missing record is another one than that of the pass before.
    pub fn is_news(&mut self, not_kept: Option<NotKept>) -> bool {
        let is_news = not_kept.is_some() && self.told_not_kept != not_kept;
        self.told_not_kept = not_kept;
        is_news
    }

    #[must_use]
    pub fn is_release_stuck(&self) -> bool {
        self.release_is_stuck
    }

    /// The finalizer was to be removed. Returns whether it is the first time that it stayed.
    pub fn release_tried(&mut self, is_stuck: bool) -> bool {
        let was_stuck = std::mem::replace(&mut self.release_is_stuck, is_stuck);
        is_stuck && !was_stuck
    }

    #[must_use]
    pub fn are_tag_keys_stripped(&self) -> bool {
        self.tag_keys_not_kept
    }

    /// The apply step is over. `random` is in `0.0..1.0`.
    pub fn applied(&mut self, action: &Action, effect: &Effect, now: Instant, random: f64) {
        self.unshown.applied(action, effect);
        if matches!(action, Action::Tag { .. }) {
            self.tag_keys_not_kept = matches!(effect, Effect::NotRecorded { what: NotKept::TagKeys, .. });
            self.tags_must_wait = self.tag_keys_not_kept;
        }
        match effect {
            Effect::Created(present) => {
                let tags = present.known_tags().cloned().unwrap_or_default();
                self.created = Some(Box::new(Created { id: present.store.id.clone(), tags, at: now }));
            }
            Effect::NotCreated { epoch, attempt, .. }
            | Effect::NotRecorded { attempt: Some((epoch, attempt)), .. } => {
                self.nothing_created(*epoch, *attempt);
            }
            // Whatever AWS refused before, a store may exist now.
            Effect::CreationUnknown { .. } => self.not_created = None,
            Effect::Accepted { fields, .. } => {
                if let Some(operation) = action.operation() {
                    self.denied.remove(&operation);
                }
                self.accepted(fields, now);
            }
            Effect::Denied(error) => self.is_denied(error, now, random),
            Effect::DeleteAccepted => {
                self.delete_accepted = Some(now);
                self.refused = None;
            }
            Effect::DeleteRefused { read_sets, counted_now } => {
                let before = self.refused.as_deref();
                let again = Refused::again(before, read_sets, *counted_now, now, random);
                self.refused = Some(Box::new(again));
            }
            Effect::Failed(error) => {
                if error.operation == Operation::PutS3AccessPolicy && error.class == Class::Terminal {
                    self.policy_rejected = self.trigger.0;
                }
            }
            Effect::Nothing | Effect::DeleteNotFound | Effect::NotRecorded { attempt: None, .. } => {}
        }
    }

    fn accepted(&mut self, fields: &[Field], now: Instant) {
        let generation = self.trigger.0;
        if self.corrections_of != generation {
            self.corrections.clear();
            self.corrections_of = generation;
        }
        for field in fields {
            let (count, _) = self.corrections.get(field).copied().unwrap_or((0, now));
            self.corrections.insert(field.clone(), (count + 1, now));
        }
    }
}
