//! What holds for every text, status, Event and plan, whatever they are made of. No I/O.

use kube::ResourceExt;

use super::scene::Scene;
use crate::crd::{FINALIZER, SequenceStoreStatus};
use crate::plan::{Action, FinalizerStep, Plan, State};
use crate::status::event::Event;
use crate::status::{Reason, find};
use crate::store::intent::Intent;
use crate::store::{Observed, ObservedTags, OwnerMatch};

/// The most characters that the API server accepts in the message of a condition.
const LONGEST_MESSAGE: usize = 32_768;
/// The same for the note of an Event, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Whether a text is one line without anything that could control a terminal or look like another line of a log.
pub(crate) fn is_line(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}')
}

/// Written apart from the operator's own code: `us-gov-east-1`.
pub(crate) fn is_region_code(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    matches!(&words[..], [first @ .., last] if first.len() >= 2 && first.iter().all(is_word) && is_number(last))
}

/// What stays of the status before may be anything that somebody wrote there.
pub(super) fn check_status(status: &SequenceStoreStatus, before: Option<&SequenceStoreStatus>) {
    let before = before.cloned().unwrap_or_default();
    for condition in status.conditions.iter().filter(|condition| !before.conditions.contains(condition)) {
        let message = &condition.message;
        assert!(!message.is_empty() && message.chars().count() <= LONGEST_MESSAGE, "{} bytes", message.len());
        assert!(is_line(message), "{message:?}");
        let is_known = Reason::ALL.iter().any(|reason| reason.as_str() == condition.reason);
        assert!(is_known, "{condition:?}");
    }
    let blocks = status.deletion_blocked_by.iter();
    for block in blocks.filter(|block| !before.deletion_blocked_by.contains(block)) {
        assert!(is_line(&block.message) && block.message.chars().count() <= LONGEST_MESSAGE, "{block:?}");
    }
    if status.conditions != before.conditions {
        let extra = ["Reconciling", "Stalled"].map(|kind| find(&status.conditions, kind).is_some());
        assert_ne!(extra, [true, true], "both Reconciling and Stalled");
    }
    let written = serde_json::to_string(status).expect("a status is plain data");
    let read: SequenceStoreStatus = serde_json::from_str(&written).expect("the API server returns it");
    assert_eq!(read, *status, "the operator would write it again and again");
}

pub(super) fn check_events(events: &[Event]) {
    for event in events {
        assert!(!event.note.is_empty() && event.note.len() <= LONGEST_NOTE, "{} bytes", event.note.len());
        assert!(is_line(&event.note), "{event:?}");
    }
}

/// What a plan may do, by what it knows.
pub(super) fn check_plan(scene: &Scene<'_>, plan: &Plan) {
    let object = scene.object;
    if object.is_paused() {
        assert!(plan.action == Action::None && plan.finalizer == FinalizerStep::Keep, "paused: {plan:?}");
    }
    match scene.observed {
        Observed::Present(present) => {
            if matches!(present.tags, ObservedTags::Unreadable(_)) {
                assert_eq!(plan.action, Action::None, "whose the store is is not known");
            }
            assert!(!matches!(plan.action, Action::Create { .. }), "there is a store: {plan:?}");
        }
        Observed::Searched { .. } => {
            let only = matches!(plan.action, Action::None | Action::Create { .. } | Action::Adopt { .. });
            assert!(only, "no store was found: {plan:?}");
        }
        // Nothing is known, or there is nothing.
        Observed::Failed(_) | Observed::NotAsked | Observed::Absent { .. } => {
            assert_eq!(plan.action, Action::None, "after {:?}", scene.observed);
        }
    }
    match &plan.action {
        Action::None => {}
        Action::DeleteStore { region, .. } => {
            assert!(object.is_being_deleted() && object.deletes_store(scene.settings.deletion));
            assert!(!object.deletion(scene.settings.deletion).protection, "protected");
            assert_eq!(object.finalizers(), [FINALIZER.to_owned()], "another finalizer goes first");
            assert!(is_region_code(region), "{region:?}");
        }
        Action::Create { intent, .. } => check_creation(scene, intent),
        other => {
            assert!(object.manages() && !object.is_being_deleted(), "{other:?}");
            assert!(other.region().is_some_and(is_region_code), "{other:?}");
        }
    }
    check_release(scene, plan);
}

fn check_creation(scene: &Scene<'_>, next: &Intent) {
    let object = scene.object;
    assert!(object.manages() && !object.is_being_deleted() && !object.names_store(), "{next:?}");
    assert!(matches!(scene.observed, Observed::Searched { found: OwnerMatch::Nothing, .. }), "{next:?}");
    assert!(is_region_code(&next.region), "{next:?}");
    let last = Intent::of(object).expect("an intent that cannot be read is not replaced");
    if let Some(last) = last {
        assert!((next.epoch, next.attempt) > (last.epoch, last.attempt), "{last:?}, then {next:?}");
    }
    let read: Intent = serde_json::from_str(&next.render()).expect("an intent is plain data");
    assert_eq!(read, *next);
}

/// While an object is being deleted and its store is to go with it, the finalizer goes only when nothing can be left.
fn check_release(scene: &Scene<'_>, plan: &Plan) {
    let object = scene.object;
    let goes = object.is_being_deleted() && plan.finalizer == FinalizerStep::Remove;
    if !goes || !object.deletes_store(scene.settings.deletion) {
        return;
    }
    match scene.observed {
        Observed::NotAsked | Observed::Failed(_) => panic!("let go without a look: {plan:?}"),
        Observed::Present(_) => {
            let is_anothers =
                matches!(plan.state, State::OwnershipConflict { .. } | State::NeverManaged { .. });
            assert!(is_anothers && scene.is_confirmed, "its store is there: {plan:?}");
        }
        Observed::Absent { .. } => assert!(scene.is_confirmed, "a single look: {plan:?}"),
        Observed::Searched { .. } => {}
    }
}
