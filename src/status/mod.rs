//! The next status of an object: the one place where it is made. Pure; `now` is passed in. No I/O.

mod conditions;
pub mod event;
mod reason;
mod reference;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt;

use crate::aws::Class;
use crate::crd::{
    DeletionBlock, DeletionBlockReason, RECONCILE_ANNOTATION, SequenceStore, SequenceStoreStatus, Store,
};
use crate::plan::State;
use crate::store::intent::Intent;
use crate::store::observed::{Observed, ObservedTags, Present};
use conditions::{Cond, Conditions, Progress};
pub use reason::Reason;
pub use reference::markdown as conditions_reference;

/// From this failure in a row on, a transient failure is shown.
const SHOWN_FROM_FAILURE: u32 = 3;

/// Everything the next status depends on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The object that was acted on.
    pub object: &'a SequenceStore,
    /// What AWS said.
    pub observed: &'a Observed,
    /// Where the object stands after the pass.
    pub state: &'a State,
    /// Region that was looked in.
    pub region: Option<&'a str>,
    /// Failed passes in a row, this one counted.
    pub failures: u32,
    /// How long AWS has been denying us.
    pub denied_for: Option<Duration>,
    /// How long a denial counts as IAM being slow.
    pub denied_grace: Duration,
    /// Keys of `spec.tags` that the operator is about to write to the store. They are saved before the call:
    /// a crash in between must not make them foreign.
    pub managed_tag_keys: Option<&'a [String]>,
    /// The time of the pass.
    pub now: Timestamp,
}

/// The status after a pass. Equal to the old one where there is nothing new to say.
#[must_use]
pub fn next(input: &Input<'_>) -> SequenceStoreStatus {
    let status = after(input);
    let managed_tag_keys = input.managed_tag_keys.map(<[String]>::to_vec);
    SequenceStoreStatus { managed_tag_keys: managed_tag_keys.unwrap_or(status.managed_tag_keys), ..status }
}

fn after(input: &Input<'_>) -> SequenceStoreStatus {
    let old = input.object.status.clone().unwrap_or_default();
    match input.state {
        State::Paused => paused(input, old),
        state if is_hidden(input, state, &old) => handled(input, old),
        // A generation that was never compared with the store cannot be called ready; one that was stays so.
        State::TagsUnreadable(error) | State::PolicyUnreadable(error)
            if error.class != Class::Denied && !was_ready(input, &old) =>
        {
            handled(input, reported(input, &State::CallFailed(error.clone()), old))
        }
        state => handled(input, reported(input, state, old)),
    }
}

fn reported(input: &Input<'_>, state: &State, old: SequenceStoreStatus) -> SequenceStoreStatus {
    let generation = input.object.metadata.generation;
    let mut new = SequenceStoreStatus { observed_generation: generation, ..old.clone() };
    if let (Observed::Present(present), true) = (input.observed, may_record(state))
        && !is_strange(input, present, &old)
    {
        new.store = Some(mirror(present, old.store.as_ref()));
        new.account_id = Some(present.account.clone());
        new.region = input.region.map(ToOwned::to_owned);
        new.managed_tag_keys = managed_tag_keys(input, present, &old);
    }
    new.drift = match state {
        State::Drifted(fields)
        | State::Correcting(fields)
        | State::ChangeDenied { drift: fields, .. }
        | State::NotConverging(fields)
        | State::ImmutableFieldDiffers(fields) => fields.clone(),
        // Nothing new is known of it.
        State::CallFailed(_) | State::TagsUnreadable(_) | State::PolicyUnreadable(_) => old.drift.clone(),
        _ => Vec::new(),
    };
    new.deletion_blocked_by = match state {
        State::DeletionBlocked(blocks) => blocks.clone(),
        State::CallFailed(_) if input.object.is_being_deleted() => old.deletion_blocked_by.clone(),
        _ => Vec::new(),
    };
    new.conditions = conditions(input, state, &old);
    new
}

/// A pause changes `Synced` and nothing else; not even the generation counts as acted on.
fn paused(input: &Input<'_>, old: SequenceStoreStatus) -> SequenceStoreStatus {
    let conditions::Conditions { ready, synced, .. } = conditions::of(input.state, None, input.denied_grace);
    // Of an object that was never acted on, the conditions speak of the generation that is paused.
    let acted_on = old.observed_generation.filter(|generation| *generation >= 0);
    let acted_on = acted_on.or(input.object.metadata.generation);
    let mut new = old.clone();
    new.conditions.clear();
    let existing = |kind: &str| find(&old.conditions, kind).cloned();
    let ready =
        existing("Ready").unwrap_or_else(|| condition("Ready", &ready, acted_on, &old.conditions, input.now));
    new.conditions.push(ready);
    let synced = synced.map(|synced| condition("Synced", &synced, acted_on, &old.conditions, input.now));
    new.conditions.extend(synced);
    new.conditions.extend(existing("Reconciling"));
    new.conditions.extend(existing("Stalled"));
    if input.object.is_being_deleted() {
        let message = "the object is paused: remove the annotation healthomics.dev/paused";
        new.deletion_blocked_by = vec![DeletionBlock::new(DeletionBlockReason::Paused, message)];
    }
    new
}

/// The first failures of a passing kind change nothing on an object whose generation is reported.
fn is_hidden(input: &Input<'_>, state: &State, old: &SequenceStoreStatus) -> bool {
    let reported = is_reported(input, old);
    // One 404 proves nothing.
    if *state == State::ConfirmingAbsence {
        return reported;
    }
    let Some(error) = state.error() else { return false };
    let passing = !matches!(error.class, Class::Denied | Class::Credentials | Class::Quota | Class::Terminal);
    let resumed =
        find(&old.conditions, "Synced").is_some_and(|synced| synced.reason == Reason::Paused.as_str());
    passing && input.failures < SHOWN_FROM_FAILURE && !resumed && reported
}

/// Whether this generation was acted on before. An edited status may name it and hold no conditions.
fn is_reported(input: &Input<'_>, old: &SequenceStoreStatus) -> bool {
    find(&old.conditions, "Ready").is_some()
        && old.observed_generation.is_some()
        && old.observed_generation == input.object.metadata.generation
}

/// Whether this generation was reported as ready.
fn was_ready(input: &Input<'_>, old: &SequenceStoreStatus) -> bool {
    let generation = input.object.metadata.generation;
    find(&old.conditions, "Ready")
        .is_some_and(|ready| ready.status == "True" && ready.observed_generation == generation)
}

/// A store that this object may not have is not put on record: `sequenceStoreId` stays free to mend.
fn may_record(state: &State) -> bool {
    !matches!(state, State::WrongAccount { .. } | State::OwnershipConflict { .. })
}

/// A managed store that still carries another owner's uid is put on record only once it has been claimed.
fn is_strange(input: &Input<'_>, present: &Present, old: &SequenceStoreStatus) -> bool {
    let other = present.tags.owner().is_some_and(|owner| Some(owner) != input.object.metadata.uid.as_deref());
    let known = old.store.as_ref().is_some_and(|store| store.id == present.store.id);
    other && !known && input.object.manages()
}

fn mirror(present: &Present, old: Option<&Store>) -> Store {
    let tags = match &present.tags {
        ObservedTags::Read(tags) => Some(tags.clone()),
        // A denied permission shows as no tags; a passing failure does not.
        ObservedTags::Unreadable(error) if error.class == Class::Denied => None,
        ObservedTags::Unreadable(_) => {
            old.filter(|old| old.id == present.store.id).and_then(|old| old.tags.clone())
        }
    };
    Store { tags, ..present.store.clone() }
}

/// Keys that are ours: of a store just found, those of the intent; later, those that were saved before
/// they were written, while they are still wanted or still there.
fn managed_tag_keys(input: &Input<'_>, present: &Present, old: &SequenceStoreStatus) -> Vec<String> {
    let known = old.store.as_ref().is_some_and(|store| store.id == present.store.id);
    if !known {
        let named = input.object.names_store();
        let intent = Intent::of(input.object).ok().flatten().filter(|_| !named);
        let keys = intent.into_iter().flat_map(|intent| intent.tag_keys).chain(old.managed_tag_keys.clone());
        return keys.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    }
    let (Some(wanted), ObservedTags::Read(shown)) = (&input.object.spec.tags, &present.tags) else {
        return old.managed_tag_keys.clone();
    };
    let ours = |key: &&String| wanted.contains_key(*key) || shown.contains_key(*key);
    old.managed_tag_keys.iter().filter(ours).cloned().collect()
}

fn handled(input: &Input<'_>, mut status: SequenceStoreStatus) -> SequenceStoreStatus {
    status.last_handled_reconcile_at =
        input.object.annotations().get(RECONCILE_ANNOTATION).cloned().or(status.last_handled_reconcile_at);
    status
}

fn conditions(input: &Input<'_>, state: &State, old: &SequenceStoreStatus) -> Vec<Condition> {
    let generation = input.object.metadata.generation;
    let Conditions { ready, synced, mut progress } =
        conditions::of(state, input.denied_for, input.denied_grace);
    // A restart forgets how long a denial has lasted; what was stalled by it stays so.
    let same_denial =
        |c: &Condition| c.reason == ready.reason.as_str() && c.observed_generation == generation;
    if matches!(state, State::CallFailed(_)) && find(&old.conditions, "Stalled").is_some_and(same_denial) {
        progress = Progress::Stalled;
    }
    let make = |kind: &str, cond: &Cond| condition(kind, cond, generation, &old.conditions, input.now);
    let mut new = vec![make("Ready", &ready)];
    new.push(match (&synced, find(&old.conditions, "Synced")) {
        (Some(synced), _) => make("Synced", synced),
        (None, Some(unchanged)) if unchanged.observed_generation == generation => unchanged.clone(),
        (None, _) => make("Synced", &ready),
    });
    let worst = Cond { status: true, ..ready };
    match progress {
        Progress::Done => {}
        Progress::Reconciling => new.push(make("Reconciling", &worst)),
        Progress::Stalled => new.push(make("Stalled", &worst)),
    }
    new
}

fn condition(
    kind: &str,
    cond: &Cond,
    generation: Option<i64>,
    old: &[Condition],
    now: Timestamp,
) -> Condition {
    let status = if cond.status { "True" } else { "False" };
    let since =
        find(old, kind).filter(|old| old.status == status).map(|old| old.last_transition_time.clone());
    Condition {
        type_: kind.into(),
        status: status.into(),
        reason: cond.reason.as_str().into(),
        message: cond.message.clone(),
        observed_generation: generation,
        last_transition_time: since.unwrap_or_else(|| Time(whole_seconds(now))),
    }
}

/// The API server keeps whole seconds: anything finer would read back different from what was written.
fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// The condition of a type.
#[must_use]
pub fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}
