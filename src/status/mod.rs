//! Computes the next status of an object: the only place that makes one. Pure, with `now` passed in. No I/O.

mod binding;
mod conditions;
mod connection;
pub mod event;
mod names;
mod ownership;
mod read_sets;
mod reason;
mod reference;
mod refused;
mod refused_call;
mod row;
mod settled;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt;

use crate::aws::Class;
use crate::crd::{
    DeletionBlock, DeletionBlockReason, DeletionDefaults, LONGEST_MESSAGE, OWNER_UID_TAG,
    RECONCILE_ANNOTATION, SequenceStore, SequenceStoreStatus, Store, one_line,
};
use crate::plan::{ConnectionOutcome, State};
use crate::store::intent::Intent;
use crate::store::observed::{Observed, ObservedTags, Present};
pub use binding::{BINDING_REASONS, BindingInput, RoleState, next_of_binding};
use conditions::{ConditionValue, StateConditions};
pub use connection::shown_connection;
pub use read_sets::{store_to_count, with_read_sets};
pub use reason::Reason;
pub use reference::{conditions_reference, readme_reasons};
use row::Abnormal;
pub use settled::{Settled, settled};

/// Transient failures are reported from this failure in a row.
const REPORTED_FROM_FAILURE: u32 = 3;
/// A status holds at most this many stray stores.
pub const MOST_STRAYS: usize = 50;

/// Everything the next status depends on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The object that the pass acted on.
    pub object: &'a SequenceStore,
    /// What AWS reported in the pass.
    pub observed: &'a Observed,
    /// The state of the object after the pass.
    pub state: &'a State,
    /// Region of the store in `observed`.
    pub region: Option<&'a str>,
    /// Failed passes in a row, including this one.
    pub failures: u32,
    /// How long AWS has denied the calls for this object.
    pub denied_for: Option<Duration>,
    /// How long a denial may still be a delay of IAM.
    pub denied_grace: Duration,
    /// AWS throttles the calls for this object, and has not done so for long.
    pub throttled_briefly: bool,
    /// What happens on deletion where the spec is silent.
    pub deletion: DeletionDefaults,
    /// The AccountBinding under which the pass acted.
    pub binding: Option<&'a str>,
    /// Keys of `spec.tags` that the operator is about to write to the store. They are saved before the call:
    /// a crash in between must not make them foreign.
    pub managed_tag_keys: Option<&'a [String]>,
    /// Managed keys that the spec no longer has, and whose absence from the store is certain.
    pub tag_keys_gone: &'a BTreeSet<String>,
    /// What came of the ConfigMap that the spec asks for.
    pub connection: &'a ConnectionOutcome,
    /// The time of the pass.
    pub now: Timestamp,
}

static NO_KEYS: BTreeSet<String> = BTreeSet::new();

impl<'a> Input<'a> {
    /// Of a pass without a past and with the defaults of the operator: for whoever shows what a state looks like. The report
    /// step itself names every member.
    #[must_use]
    pub fn of(object: &'a SequenceStore, observed: &'a Observed, state: &'a State, now: Timestamp) -> Self {
        Self {
            object,
            observed,
            state,
            region: None,
            failures: 0,
            denied_for: None,
            denied_grace: Duration::ZERO,
            throttled_briefly: false,
            deletion: DeletionDefaults::default(),
            binding: None,
            managed_tag_keys: None,
            tag_keys_gone: &NO_KEYS,
            connection: &ConnectionOutcome::AsBefore,
            now,
        }
    }
}

/// The status after a pass. It equals the old one if nothing changed.
#[must_use]
pub fn next(input: &Input<'_>) -> SequenceStoreStatus {
    let old = input.object.status.clone().unwrap_or_default();
    let connection = connection::on_record(old.connection.as_ref(), input.connection);
    SequenceStoreStatus { connection, ..without_connection(input, old) }
}

/// The status but for the ConfigMap on record.
fn without_connection(input: &Input<'_>, old: SequenceStoreStatus) -> SequenceStoreStatus {
    if let Some(keys) = input.managed_tag_keys {
        return with_tag_keys(input, keys, old);
    }
    match input.state {
        State::Paused => paused(input, &old),
        state if is_unreported(input, state, &old) => with_handled_request(input, old),
        state => {
            let shown = conditions::shown(state, was_ready(input, &old));
            with_handled_request(input, reported(input, &shown, &old))
        }
    }
}

/// The status before a call that writes tags. What comes of the call is not known yet, so an object whose generation is
/// Ready stays so. Conditions of an older generation must not be written back.
fn with_tag_keys(input: &Input<'_>, keys: &[String], old: SequenceStoreStatus) -> SequenceStoreStatus {
    if was_ready(input, &old) {
        return SequenceStoreStatus { managed_tag_keys: keys.to_vec(), ..old };
    }
    let new = reported(input, input.state, &old);
    // Where this status is the first to record the store, it also takes over the keys that the intent recorded.
    let all: BTreeSet<String> = new.managed_tag_keys.iter().chain(keys).cloned().collect();
    SequenceStoreStatus { managed_tag_keys: all.into_iter().collect(), ..new }
}

fn reported(input: &Input<'_>, state: &State, old: &SequenceStoreStatus) -> SequenceStoreStatus {
    let mut new =
        SequenceStoreStatus { observed_generation: input.object.metadata.generation, ..old.clone() };
    if let (Observed::Present(present), true) = (input.observed, may_record(state))
        && !awaits_adoption(input, present, old)
        && (*state != State::ConfirmingOwner || is_recorded(present, old))
    {
        new.store = Some(mirror(present, old.store.as_ref()));
        new.account_id = Some(present.account.clone());
        new.region = input.region.map(ToOwned::to_owned);
        new.binding = input.binding.map(ToOwned::to_owned);
        new.managed_tag_keys = managed_tag_keys(input, present, old);
        // Otherwise an older object may have it.
        let is_certain = !matches!(state, State::ObjectsNotListed { .. } | State::ConfirmingOwner);
        if is_certain && is_managed(input, present) {
            new.managed_store_id = Some(present.store.id.clone());
        }
    }
    // What is on record keeps the binding under which it was seen last.
    if new.store.is_none() && !matches!(state, State::AccessRefused(_)) {
        new.binding = input.binding.map(ToOwned::to_owned);
    }
    if let Some(strays) = input.observed.present().and_then(|present| present.strays.as_ref()) {
        new.stray_stores = strays.iter().take(MOST_STRAYS).cloned().collect();
    }
    if let (State::StoreMissing { .. }, Some(store)) = (state, &mut new.store) {
        // Id and ARN stay: they say which store is missing. What AWS said of its state holds no longer.
        (store.status, store.status_message) = (None, None);
    }
    // From here on the store is somebody else's.
    if matches!(state, State::OwnershipConflict { .. }) {
        new.managed_store_id = None;
    }
    new.drift = match state {
        State::Drifted(fields)
        | State::Correcting(fields)
        | State::ChangeDenied { drift: fields, .. }
        | State::TagLimit { drift: fields, .. }
        | State::PrincipalsRenamed(fields)
        | State::NotConverging(fields)
        | State::ImmutableFieldDiffers(fields) => fields.clone(),
        state if compares_nothing(state) => old.drift.clone(),
        _ => Vec::new(),
    };
    new.deletion_blocked_by = match state {
        State::DeletionBlocked(blocks) => blocks.clone(),
        State::AccessRefused(refusal) if input.object.is_being_deleted() => vec![refused::block(refusal)],
        State::CallFailed(_) if input.object.is_being_deleted() => old.deletion_blocked_by.clone(),
        _ => Vec::new(),
    };
    new.read_sets = read_sets::kept(input.object.observes_read_sets(), old, &new);
    new.deletion = Some(input.object.deletion(input.deletion));
    new.conditions = conditions(input, state, old);
    new
}

/// In these states nobody has compared the store with the spec, or not all of it, so the last known drift stands. The plan
/// reads there too what it need not try again.
fn compares_nothing(state: &State) -> bool {
    matches!(
        state,
        State::CallFailed(_)
            | State::TagsUnreadable(_)
            | State::PolicyUnreadable(_)
            | State::ObjectsNotListed { .. }
            | State::InvalidSpec { .. }
            | State::AccessRefused(_)
            | State::ConfirmingAbsence
            | State::Adopting
            | State::Updating
            | State::Failed { .. }
            | State::UnknownStatus { .. }
    )
}

/// A pause changes `Synced` and nothing else: even the generation does not count as acted on.
fn paused(input: &Input<'_>, old: &SequenceStoreStatus) -> SequenceStoreStatus {
    let StateConditions { ready, synced, .. } =
        conditions::of(&State::Paused, input.denied_for, input.denied_grace);
    // If the operator has never acted on the object, the conditions carry the generation that is paused.
    let acted_on = old.observed_generation.filter(|generation| *generation >= 0);
    let acted_on = acted_on.or(input.object.metadata.generation);
    let existing = |kind: &str| find(&old.conditions, kind).cloned();
    let make =
        |kind: &str, value: &ConditionValue| condition(kind, value, acted_on, &old.conditions, input.now);
    let mut new = old.clone();
    new.conditions = vec![existing("Ready").unwrap_or_else(|| make("Ready", &ready))];
    new.conditions.extend(synced.map(|synced| make("Synced", &synced)));
    new.conditions.extend(existing("Reconciling"));
    new.conditions.extend(existing("Stalled"));
    if input.object.is_being_deleted() {
        let message = "the object is paused: remove the annotation healthomics.dev/paused";
        new.deletion_blocked_by = vec![DeletionBlock::new(DeletionBlockReason::Paused, message)];
    }
    new
}

/// Whether a failure is not reported yet: short failures must not write the status of a reported generation.
fn is_unreported(input: &Input<'_>, state: &State, old: &SequenceStoreStatus) -> bool {
    let generation_reported = is_generation_reported(input, old);
    // A single look is no proof that the store or its owner tag is gone.
    if matches!(state, State::ConfirmingAbsence | State::ConfirmingOwner) {
        return generation_reported;
    }
    let Some(error) = state.error() else { return false };
    let transient =
        !matches!(error.class, Class::Denied | Class::Credentials | Class::Quota | Class::Terminal);
    // Otherwise `Synced` would say Paused although the pause is over.
    let resumed =
        find(&old.conditions, "Synced").is_some_and(|synced| synced.reason == Reason::Paused.as_str());
    // The last answer of AWS still stands: a poll that has to wait is no news.
    let is_brief =
        input.failures < REPORTED_FROM_FAILURE || error.class == Class::Throttled && input.throttled_briefly;
    transient && is_brief && !resumed && generation_reported
}

/// Whether the status reports this generation. Somebody may have edited the status so that it names the
/// generation and has no conditions.
fn is_generation_reported(input: &Input<'_>, old: &SequenceStoreStatus) -> bool {
    find(&old.conditions, "Ready").is_some()
        && old.observed_generation.is_some()
        && old.observed_generation == input.object.metadata.generation
}

/// Whether the status reports this generation as ready.
fn was_ready(input: &Input<'_>, old: &SequenceStoreStatus) -> bool {
    let generation = input.object.metadata.generation;
    find(&old.conditions, "Ready")
        .is_some_and(|ready| ready.status == "True" && ready.observed_generation == generation)
}

/// A store that this object may not have is not recorded, so that the user can still correct `sequenceStoreId`.
fn may_record(state: &State) -> bool {
    !matches!(state, State::WrongAccount { .. } | State::OwnershipConflict { .. })
}

/// A store that still carries the uid of another owner is recorded only after the operator has adopted it.
fn awaits_adoption(input: &Input<'_>, present: &Present, old: &SequenceStoreStatus) -> bool {
    let other = present.tags.owner().is_some_and(|owner| Some(owner) != input.object.metadata.uid.as_deref());
    other && !is_recorded(present, old) && input.object.manages()
}

/// Whether this pass saw the store as one that this object manages. A deletion must not make it one.
fn is_managed(input: &Input<'_>, present: &Present) -> bool {
    let ObservedTags::Read(tags) = &present.tags else { return false };
    let uid = input.object.metadata.uid.as_ref();
    let is_ours = match tags.get(OWNER_UID_TAG) {
        Some(owner) => Some(owner) == uid,
        None => input.object.names_store(),
    };
    is_ours && input.object.manages() && !input.object.is_being_deleted()
}

fn is_recorded(present: &Present, old: &SequenceStoreStatus) -> bool {
    old.store.as_ref().is_some_and(|store| store.id == present.store.id)
}

fn mirror(present: &Present, old: Option<&Store>) -> Store {
    let tags = match &present.tags {
        ObservedTags::Read(tags) => Some(tags.clone()),
        // Without the permission the tags would only grow stale; after another failure they are soon read again.
        ObservedTags::Unreadable(error) if error.class == Class::Denied => None,
        ObservedTags::Unreadable(_) => {
            old.filter(|old| old.id == present.store.id).and_then(|old| old.tags.clone())
        }
    };
    Store { tags, ..present.store.clone() }
}

/// Keys that this operator has set. For a store just found they are those of the intent; later, those saved
/// before they were written. A read may lag behind that write, so a key goes only once its absence is certain.
fn managed_tag_keys(input: &Input<'_>, present: &Present, old: &SequenceStoreStatus) -> Vec<String> {
    if !is_recorded(present, old) {
        let intent = Intent::of(input.object).ok().flatten().filter(|_| !input.object.names_store());
        let keys = intent.into_iter().flat_map(|intent| intent.tag_keys).chain(old.managed_tag_keys.clone());
        return keys.collect::<BTreeSet<_>>().into_iter().collect();
    }
    old.managed_tag_keys.iter().filter(|key| !input.tag_keys_gone.contains(*key)).cloned().collect()
}

/// Echoes the annotation `reconcile-requested-at`.
fn with_handled_request(input: &Input<'_>, mut status: SequenceStoreStatus) -> SequenceStoreStatus {
    status.last_handled_reconcile_at =
        input.object.annotations().get(RECONCILE_ANNOTATION).cloned().or(status.last_handled_reconcile_at);
    status
}

fn conditions(input: &Input<'_>, state: &State, old: &SequenceStoreStatus) -> Vec<Condition> {
    let generation = input.object.metadata.generation;
    let StateConditions { ready, synced, mut abnormal } = connection::with(
        conditions::of(state, input.denied_for, input.denied_grace),
        input.connection,
        || was_ready(input, old),
    );
    // After a restart `denied_for` counts from zero, but an object that a denial stalled stays stalled.
    let same_denial =
        |c: &Condition| c.reason == ready.reason.as_str() && c.observed_generation == generation;
    if matches!(state, State::CallFailed(_)) && find(&old.conditions, "Stalled").is_some_and(same_denial) {
        abnormal = Abnormal::Stalled;
    }
    let make =
        |kind: &str, value: &ConditionValue| condition(kind, value, generation, &old.conditions, input.now);
    let mut new = vec![make("Ready", &ready)];
    new.push(match (&synced, find(&old.conditions, "Synced")) {
        (Some(synced), _) => make("Synced", synced),
        (None, Some(unchanged)) if unchanged.observed_generation == generation => unchanged.clone(),
        (None, _) => make("Synced", &ready),
    });
    let repeated = ConditionValue { status: true, ..ready };
    match abnormal {
        Abnormal::Neither => {}
        Abnormal::Reconciling => new.push(make("Reconciling", &repeated)),
        Abnormal::Stalled => new.push(make("Stalled", &repeated)),
        Abnormal::Unchanged => {
            new.extend(
                ["Reconciling", "Stalled"].iter().filter_map(|kind| find(&old.conditions, kind)).cloned(),
            );
        }
    }
    new
}

fn condition(
    kind: &str,
    value: &ConditionValue,
    generation: Option<i64>,
    old: &[Condition],
    now: Timestamp,
) -> Condition {
    let status = if value.status { "True" } else { "False" };
    let since =
        find(old, kind).filter(|old| old.status == status).map(|old| old.last_transition_time.clone());
    Condition {
        type_: kind.into(),
        status: status.into(),
        reason: value.reason.as_str().into(),
        message: one_line(value.message.as_str(), LONGEST_MESSAGE),
        observed_generation: generation,
        last_transition_time: since.unwrap_or_else(|| Time(whole_seconds(now))),
    }
}

/// The API server stores whole seconds; with fractions the status would differ from what it reads back.
fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Whether the object is Ready.
#[must_use]
pub fn is_ready(status: &SequenceStoreStatus) -> bool {
    find(&status.conditions, "Ready").is_some_and(|ready| ready.status == "True")
}

/// The condition of a type.
#[must_use]
pub fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}
