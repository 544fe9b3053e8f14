//! Every Event that the operator publishes. No I/O.
//!
//! The notes of Events that announce a new condition reason are in the table of reasons.

use std::time::Duration;

use kube::runtime::events::EventType;

use super::BINDING_REASONS;
use super::conditions;
use super::connection;
use super::names::first_of;
use super::ownership;
use crate::crd::{
    AccountBindingStatus, AnnotationFinding, Drift, LONGEST_NOTE, SequenceStore, SequenceStoreStatus,
    one_line,
};
use crate::plan::{ConnectionOutcome, NotKept, State};
use crate::status::{Reason, find};
use crate::store::Observed;

/// How many store ids a note names at most. A note has at most 1 kB, and an id up to 36 digits.
const MOST_IDS: usize = 10;
/// How many annotations without effect are pointed out at most.
const MOST_ANNOTATIONS: usize = 10;

/// An Event to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `Normal` or `Warning`.
    pub type_: EventType,
    /// CamelCase, at most 128 characters.
    pub reason: &'static str,
    /// What the operator was doing, CamelCase, at most 128 characters.
    pub action: &'static str,
    /// What happened, for people; one line of at most 1 kB.
    pub note: String,
}

impl Event {
    fn normal(reason: &'static str, action: &'static str, note: impl Into<String>) -> Self {
        Self::new(EventType::Normal, reason, action, note)
    }

    fn warning(reason: &'static str, action: &'static str, note: impl Into<String>) -> Self {
        Self::new(EventType::Warning, reason, action, note)
    }

    fn new(type_: EventType, reason: &'static str, action: &'static str, note: impl Into<String>) -> Self {
        Self { type_, reason, action, note: one_line(note, LONGEST_NOTE) }
    }
}

/// AWS accepted a CreateSequenceStore.
#[must_use]
pub fn created(id: &str, region: &str) -> Event {
    Event::normal("Created", "Create", format!("The operator created sequence store {id} in {region}."))
}

/// The operator wrote the owner tags of the object with this `uid`. `former` is the uid that the store
/// carried before; empty if it carried none.
#[must_use]
pub fn adopted(former: &str, uid: &str) -> Event {
    let note = match former {
        "" => "The operator wrote the owner tags of this object to the sequence store.".to_owned(),
        former if former == uid => {
            "The operator renewed the owner tags of this object on the sequence store.".to_owned()
        }
        former => {
            format!(
                "The operator adopted the sequence store from its former owner, the object with uid {former}."
            )
        }
    };
    Event::normal("Adopted", "Adopt", note)
}

/// AWS accepted an UpdateSequenceStore of these fields.
#[must_use]
pub fn updated(fields: &[String]) -> Event {
    let note = match fields {
        [] => "The operator updated the sequence store.".to_owned(),
        [field] => format!("The operator updated the field {field} of the sequence store."),
        [first, more @ ..] => {
            format!("The operator updated {first} and {} of the sequence store.", count(more.len()))
        }
    };
    Event::normal("Updated", "Update", note)
}

/// AWS accepted a TagResource or UntagResource for `spec.tags`.
#[must_use]
pub fn tags_updated() -> Event {
    Event::normal("Updated", "Update", "The operator updated the tags of the sequence store.")
}

/// AWS accepted a PutS3AccessPolicy or DeleteS3AccessPolicy.
#[must_use]
pub fn s3_access_policy_updated() -> Event {
    Event::normal("Updated", "Update", "The operator updated the S3 access policy of the sequence store.")
}

/// A look-up found several stores with the owner tags of the object. `kept` and `others` are store ids.
#[must_use]
pub fn duplicate_stores(kept: &str, others: &[String]) -> Event {
    let remedy = match others {
        [_] => "check what it contains, then delete it or remove its owner tags",
        _ => "check what they contain, then delete them or remove their owner tags",
    };
    let note = format!(
        "Several sequence stores carry the owner tags of this object. The operator uses {kept}, and neither changes \
         nor deletes {}: {remedy}.",
        first_of(others, MOST_IDS)
    );
    Event::warning("DuplicateStores", "LookUp", note)
}

/// The object is gone, and its store stays in AWS although the policies of the object say that it is deleted too.
#[must_use]
pub fn store_kept(state: &State, observed: &Observed) -> Vec<Event> {
    let why = match state {
        State::NeverManaged { .. } => "the operator had not adopted it before the object was deleted",
        State::OwnershipConflict { .. } => "it does not belong to this object",
        _ => return Vec::new(),
    };
    let Some(present) = observed.present() else { return Vec::new() };
    let note = format!(
        "Sequence store {} stays in AWS, because {why}. If it is to go too, delete it in AWS.",
        present.store.id
    );
    vec![Event::warning("StoreKept", "Delete", note)]
}

/// The API server did not keep what the operator records on the object, and the conditions tell something else.
#[must_use]
pub fn record_not_kept(what: NotKept, has_store: bool) -> Event {
    Event::warning(Reason::RecordNotKept.as_str(), "Record", ownership::record_not_kept(what, has_store))
}

/// The object cannot be decoded. The note holds nothing of the object: its content may be of any size. `why` says what is
/// wrong with it.
#[must_use]
pub fn undecodable(why: &str) -> Event {
    Event::warning(
        "NotUnderstood",
        "Decode",
        format!(
            "The operator cannot decode the object: {why}. It does nothing for it, not even when it is deleted: correct the \
             object, or install the CRD of this version and correct it then."
        ),
    )
}

/// One Event for each of the first few annotations that look like one of the operator's but have no effect. An object has room
/// for thousands.
#[must_use]
pub fn annotations_without_effect(findings: &[AnnotationFinding]) -> Vec<Event> {
    let event = |finding: &AnnotationFinding| {
        Event::warning("AnnotationWithoutEffect", "Plan", sentence(&finding.to_string()))
    };
    findings.iter().take(MOST_ANNOTATIONS).map(event).collect()
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['?', '.']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// The store matched this generation of the spec and differs now, so something other than the operator
/// changed it. A new generation that differs is an edit of the spec, not drift.
#[must_use]
pub fn drift_found(object: &SequenceStore, state: &State) -> Vec<Event> {
    let synced = object.status.as_ref().and_then(|status| find(&status.conditions, "Synced"));
    let was_in_sync = synced.is_some_and(|synced| {
        synced.status == "True" && synced.observed_generation == object.metadata.generation
    });
    match state {
        State::Correcting(fields) if was_in_sync => drifted(fields).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The Events of one pass that changed the status from `old` to `new`: the end of a deletion, and each
/// reason that `Ready` or `Synced` did not have before.
#[must_use]
pub fn transitions(
    old: Option<&SequenceStoreStatus>,
    new: &SequenceStoreStatus,
    state: &State,
    connection: &ConnectionOutcome,
) -> Vec<Event> {
    let mut events = Vec::new();
    match state {
        State::Deleted => events.push(deleted()),
        // `drift_found` has announced drift already, and an edited spec is not drift.
        State::Correcting(_) => return events,
        _ => {}
    }
    let is_ready = find(&new.conditions, "Ready").is_some_and(|ready| ready.status == "True");
    let shown = conditions::shown(state, is_ready);
    let made = conditions::of(&shown, None, Duration::ZERO);
    let made = connection::with(made, connection, || is_ready);
    let synced = made.synced.map_or(made.ready.reason, |synced| synced.reason);
    for (kind, reason) in [("Ready", made.ready.reason), ("Synced", synced)] {
        let before = old.and_then(|old| find(&old.conditions, kind)).map(|condition| &condition.reason);
        let after = find(&new.conditions, kind).map(|condition| &condition.reason);
        // While the store cannot be compared in full, the status may keep another reason than the state has.
        if before != after && after.is_some_and(|after| after == reason.as_str()) {
            events.extend(transition(reason, &shown));
        }
    }
    events.dedup();
    events
}

/// `Ready` of an AccountBinding has another reason than before.
#[must_use]
pub fn binding_transition(old: Option<&AccountBindingStatus>, new: &AccountBindingStatus) -> Option<Event> {
    let ready = find(&new.conditions, "Ready")?;
    let before = old.and_then(|old| find(&old.conditions, "Ready"));
    if before.is_some_and(|before| before.reason == ready.reason) {
        return None;
    }
    let reason = BINDING_REASONS.iter().find(|row| row.reason == ready.reason)?.reason;
    let type_ = if ready.status == "True" { EventType::Normal } else { EventType::Warning };
    Some(Event::new(type_, reason, "Bind", &ready.message))
}

fn deleted() -> Event {
    Event::normal("Deleted", "Delete", "AWS has deleted the sequence store.")
}

fn transition(reason: Reason, state: &State) -> Option<Event> {
    match (reason, state) {
        (
            Reason::Drifted,
            State::Drifted(fields) | State::Correcting(fields) | State::PrincipalsRenamed(fields),
        ) => drifted(fields),
        // `Deleted` has an Event of its own, and the store of a released object stays.
        (Reason::Deleting, state) if *state != State::Deleting => None,
        (Reason::DeletionBlocked, State::DeletionBlocked(blocks)) => {
            event(reason, Some(conditions::blocked(blocks)))
        }
        _ => event(reason, None),
    }
}

fn drifted(fields: &[Drift]) -> Option<Event> {
    let note = match fields {
        [] => None,
        [one] => {
            Some(format!("The sequence store differs from the spec in {}; see status.drift.", one.field))
        }
        [first, more @ ..] => Some(format!(
            "The sequence store differs from the spec in {} and {}; see status.drift.",
            first.field,
            count(more.len())
        )),
    };
    event(Reason::Drifted, note)
}

fn count(more: usize) -> String {
    if more == 1 { "1 more field".into() } else { format!("{more} more fields") }
}

/// The Event in the table of reasons, with another note if one is given.
fn event(reason: Reason, note: Option<String>) -> Option<Event> {
    let event = reason.row().event?;
    let note = note.unwrap_or_else(|| event.note.to_owned());
    Some(Event::new(event.type_, reason.as_str(), event.action, note))
}
