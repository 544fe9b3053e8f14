//! Which Events a pass is worth: transitions only, fixed texts. No I/O.

use kube::runtime::events::EventType;

use crate::crd::{AnnotationFinding, Drift, SequenceStore, SequenceStoreStatus};
use crate::plan::State;
use crate::status::{Reason, find};

/// An Event to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Normal or Warning.
    pub type_: EventType,
    /// Short CamelCase reason.
    pub reason: &'static str,
    /// What was being done.
    pub action: &'static str,
    /// What happened.
    pub note: String,
}

impl Event {
    /// A Normal Event.
    #[must_use]
    pub fn normal(reason: &'static str, action: &'static str, note: impl Into<String>) -> Self {
        Self { type_: EventType::Normal, reason, action, note: note.into() }
    }
}

/// What no annotation of an object can be meant to say, as one Event each.
#[must_use]
pub fn annotations_without_effect(findings: &[AnnotationFinding]) -> Vec<Event> {
    let note = |finding: &AnnotationFinding| Event {
        type_: EventType::Warning,
        reason: "AnnotationWithoutEffect",
        action: "Plan",
        note: sentence(&finding.to_string()),
    };
    findings.iter().map(note).collect()
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['?', '.']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// A store that was as the spec says, and is not any more: somebody else changed it. An edited spec, which
/// has another generation, is no drift.
#[must_use]
pub fn drift_found(object: &SequenceStore, state: &State) -> Vec<Event> {
    let synced = object.status.as_ref().and_then(|status| find(&status.conditions, "Synced"));
    let was_in_sync = synced.is_some_and(|synced| {
        synced.status == "True" && synced.observed_generation == object.metadata.generation
    });
    let found = was_in_sync && matches!(state, State::Correcting(_));
    found.then(|| warning(Reason::Drifted, "Observe", &differs(state))).into_iter().collect()
}

/// The Events of one pass: the ends of a deletion, and reasons that are new.
#[must_use]
pub fn transitions(
    old: Option<&SequenceStoreStatus>,
    new: &SequenceStoreStatus,
    state: &State,
) -> Vec<Event> {
    let mut notes = Vec::new();
    if let State::Deleted = state {
        notes.push(Event::normal("Deleted", "Delete", "The sequence store is deleted in AWS."));
    }
    for kind in ["Ready", "Synced"] {
        let reason = |status: &SequenceStoreStatus| find(&status.conditions, kind).map(|c| c.reason.clone());
        let (before, after) = (old.and_then(reason), reason(new));
        // OwnerMatch drift has its own Event, and a spec that was edited differs for a while: that is none.
        if before != after && !matches!(state, State::Correcting(_)) {
            notes.extend(after.as_deref().and_then(|reason| transition(reason, state)));
        }
    }
    notes.dedup();
    notes
}

fn transition(reason: &str, state: &State) -> Option<Event> {
    let reason = Reason::ALL.into_iter().find(|known| known.as_str() == reason)?;
    let deletion_begun = matches!(state, State::Deleting);
    let note = match reason {
        Reason::Available => Event::normal("Available", "Observe", "The sequence store is ACTIVE."),
        Reason::Deleting if deletion_begun => {
            Event::normal("Deleting", "Delete", "The sequence store is being deleted in AWS.")
        }
        Reason::NotConverging => {
            warning(reason, "Update", "AWS accepts changes and never shows them; see status.drift.")
        }
        Reason::Drifted => warning(reason, "Observe", &differs(state)),
        Reason::Failed => {
            warning(reason, "Observe", "The sequence store is FAILED in AWS; see the condition Ready.")
        }
        Reason::InvalidSpec => {
            warning(reason, "Plan", "The spec cannot be carried out; see the condition Ready.")
        }
        Reason::ImmutableFieldDiffers => {
            warning(reason, "Plan", "A field differs that AWS cannot change; see status.drift.")
        }
        Reason::OwnershipConflict => warning(
            reason,
            "Plan",
            "The sequence store belongs to another object; it is neither changed nor deleted.",
        ),
        Reason::WrongAccount => {
            warning(reason, "Observe", "The credentials are not of the account on record.")
        }
        Reason::StoreMissing => warning(reason, "Observe", "The sequence store on record is gone in AWS."),
        Reason::StoreNotFound => warning(reason, "Observe", "The named sequence store was not found in AWS."),
        Reason::AccessDenied => {
            warning(reason, "CallAws", "AWS denies access; the condition names what to allow.")
        }
        Reason::QuotaExceeded => warning(reason, "CallAws", "A quota of the AWS account is used up."),
        Reason::AwsUnavailable => warning(reason, "CallAws", "AWS cannot be reached or fails."),
        Reason::DeletionBlocked => {
            warning(reason, "Delete", "The deletion waits; see status.deletionBlockedBy.")
        }
        _ => return None,
    };
    Some(note)
}

/// Names the first field and how many more there are.
fn differs(state: &State) -> String {
    let fields: &[Drift] = match state {
        State::Drifted(fields) | State::Correcting(fields) => fields,
        _ => &[],
    };
    match fields {
        [] => "The sequence store differs from the spec; see status.drift.".into(),
        [one] => format!("The sequence store differs from the spec in {}; see status.drift.", one.field),
        [first, more @ ..] => format!(
            "The sequence store differs from the spec in {} and {} more; see status.drift.",
            first.field,
            more.len()
        ),
    }
}

fn warning(reason: Reason, action: &'static str, note: &str) -> Event {
    Event { type_: EventType::Warning, reason: reason.as_str(), action, note: note.into() }
}
