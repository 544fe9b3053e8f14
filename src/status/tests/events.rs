//! Which Events the operator publishes, and when.

use kube::runtime::events::EventType;

use super::table::drift;
use crate::aws::{Class, Operation};
use crate::crd::{Drift, SequenceStoreStatus, annotation_findings};
use crate::plan::{ConnectionOutcome, State, StoreOwner};
use crate::samples::{ID, Scene, call_error, now};
use crate::status::event::{self, Event};
use crate::status::{Input, next};

fn after(scene: &Scene, state: &State) -> SequenceStoreStatus {
    next(&Input {
        region: Some("us-east-1"),
        failures: 3,
        ..Input::of(&scene.object, &scene.observed, state, now())
    })
}

/// The Events of a pass that ends in `state`, for an object whose status was made in `before`.
fn transitions(before: &State, state: &State) -> Vec<Event> {
    let mut scene = Scene::settled();
    scene.object.status = Some(after(&scene, before));
    let new = after(&scene, state);
    event::transitions(scene.object.status.as_ref(), &new, state, &ConnectionOutcome::AsBefore)
}

fn reasons(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.reason).collect()
}

#[test]
fn every_event_keeps_its_type_reason_and_action() {
    let fields = ["description".to_owned(), "fallbackLocation".to_owned()];
    let annotations = [("healthomics.dev/pause".to_owned(), "true".to_owned())].into();
    let [without_effect] = &event::annotations_without_effect(&annotation_findings(&annotations))[..] else {
        panic!("one Event for one finding");
    };
    let table = [
        (event::created("3936421177", "us-east-1"), "Normal Created Create"),
        (event::adopted("", "b"), "Normal Adopted Adopt"),
        (event::updated(&fields), "Normal Updated Update"),
        (event::tags_updated(), "Normal Updated Update"),
        (event::s3_access_policy_updated(), "Normal Updated Update"),
        (event::duplicate_stores("1", &["2".to_owned()]), "Warning DuplicateStores LookUp"),
        (event::undecodable("it is nested more than 100 levels deep"), "Warning NotUnderstood Decode"),
        (without_effect.clone(), "Warning AnnotationWithoutEffect Plan"),
    ];
    for (event, expected) in table {
        let type_ = if event.type_ == EventType::Normal { "Normal" } else { "Warning" };
        assert_eq!(format!("{type_} {} {}", event.reason, event.action), expected);
        assert!(event.note.ends_with(['.', '?']), "not a sentence: {}", event.note);
    }
}

#[test]
fn an_adoption_names_the_former_owner_only_if_it_was_another_object() {
    let notes = [event::adopted("", "b"), event::adopted("b", "b"), event::adopted("a-uid", "b")];
    assert!(notes[2].note.contains("a-uid"), "{}", notes[2].note);
    let [first, renewed, taken] = notes.map(|event| event.note);
    assert!(first != renewed && renewed != taken && first != taken);
}

#[test]
fn an_update_names_the_first_field_and_counts_the_others() {
    let fields = ["description".to_owned(), "fallbackLocation".to_owned()];
    let one = event::updated(&fields[..1]).note;
    assert!(one.contains("description") && !one.contains("more"), "{one}");
    let two = event::updated(&fields).note;
    assert!(two.contains("description") && two.contains("1 more"), "{two}");
}

#[test]
fn duplicates_are_named_by_their_ids() {
    let note = event::duplicate_stores("111", &["222".to_owned(), "333".to_owned()]).note;
    assert!(note.contains("uses 111,") && note.contains("222, 333"), "{note}");
    let many: Vec<String> = (0..5000).map(|number| format!("{number:036}")).collect();
    let note = event::duplicate_stores(&many[0], &many[1..]).note;
    assert!(note.len() <= 1024 && note.contains(&many[10]) && note.contains("4989 more"), "{note}");
    assert!(note.contains("owner tags"), "{note}");
}

#[test]
fn a_new_reason_is_announced_by_its_event() {
    let denied = call_error(Operation::GetSequenceStore, Class::Denied);
    let quota = call_error(Operation::CreateSequenceStore, Class::Quota);
    let tags = |class| State::TagsUnreadable(call_error(Operation::ListTagsForResource, class));
    let missing = State::StoreMissing { id: ID.into(), region: "r".into(), named: true };
    let limited = State::TagLimit { present: 48, missing: vec!["team".into()], drift: drift() };
    let table: [(State, &[&str]); 19] = [
        (State::PrincipalsRenamed(drift()), &["Drifted"]),
        (limited, &["QuotaExceeded"]),
        (State::Drifted(drift()), &["Drifted"]),
        (State::Failed { message: None }, &["Failed"]),
        (State::InvalidSpec { message: "m".into() }, &["InvalidSpec"]),
        (State::ImmutableFieldDiffers(drift()), &["ImmutableFieldDiffers"]),
        (State::NotConverging(drift()), &["NotConverging"]),
        (State::OwnershipConflict { owner: StoreOwner::Untagged }, &["OwnershipConflict"]),
        (missing, &["StoreMissing"]),
        (State::StoreNotNamed, &["StoreNotFound"]),
        (State::CallFailed(denied), &["AccessDenied"]),
        (State::CallFailed(quota), &["QuotaExceeded"]),
        (tags(Class::Denied), &["AccessDenied"]),
        (tags(Class::Transient), &["AwsUnavailable"]),
        (State::Deleting, &["Deleting"]),
        (State::Deleted, &["Deleted"]),
        (State::DeletionBlocked(Vec::new()), &["DeletionBlocked"]),
        (State::Updating, &[]),
        (State::Paused, &[]),
    ];
    for (state, expected) in table {
        let events = transitions(&State::Available, &state);
        assert_eq!(reasons(&events), expected, "{state:?}");
    }
}

#[test]
fn a_return_to_available_is_announced_only_if_the_object_was_not_ready() {
    let back = |from: State| transitions(&from, &State::Available);
    assert_eq!(reasons(&back(State::Failed { message: None })), ["Available"]);
    assert_eq!(reasons(&back(State::Creating)), ["Available"]);
    assert!(back(State::Drifted(drift())).is_empty());
}

#[test]
fn an_unchanged_reason_makes_no_event() {
    for state in [State::Available, State::Drifted(drift()), State::StoreNotNamed, State::Deleting] {
        assert!(transitions(&state, &state).is_empty(), "{state:?}");
    }
}

#[test]
fn the_release_of_an_object_makes_no_event() {
    assert!(transitions(&State::Available, &State::Released).is_empty());
}

#[test]
fn drift_is_announced_only_if_this_generation_was_in_sync() {
    let mut scene = Scene::settled();
    scene.object.status = Some(after(&scene, &State::Available));
    let state = State::Correcting(drift());
    let found = event::drift_found(&scene.object, &state);
    assert_eq!(reasons(&found), ["Drifted"]);
    assert!(found[0].note.contains("differs from the spec in name;"), "{}", found[0].note);
    assert!(transitions(&State::Available, &state).is_empty(), "announced twice");
    assert!(event::drift_found(&scene.object, &State::Available).is_empty());
    scene.object.metadata.generation = Some(3);
    assert!(event::drift_found(&scene.object, &state).is_empty(), "an edit of the spec is not drift");
}

#[test]
fn drift_names_the_first_field_and_counts_the_others() {
    let more = [drift(), vec![Drift { field: "description".into(), ..Drift::default() }]].concat();
    let events = transitions(&State::Available, &State::Drifted(more));
    assert!(events[0].note.contains("name and 1 more"), "{}", events[0].note);
}
