//! The keys of tags that the operator manages are on record before the call that writes them.

use crate::crd::{INTENT_ANNOTATION, SequenceStoreStatus};
use crate::plan::State;
use crate::samples::{REGION, Scene, intent, now};
use crate::status::{Input, find, next};
use crate::store::Intent;

fn status(scene: &Scene, state: &State, managed_tag_keys: Option<&[String]>) -> SequenceStoreStatus {
    next(&Input {
        region: Some(REGION),
        managed_tag_keys,
        ..Input::of(&scene.object, &scene.observed, state, now())
    })
}

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

#[test]
fn the_first_record_of_a_store_takes_over_the_keys_of_the_intent() {
    let intent = Intent { tag_keys: keys(&["a", "b"]), ..intent(None) };
    let scene = Scene::settled().annotated(INTENT_ANNOTATION, &intent.render()).with(|scene| {
        scene.object.spec.sequence_store_id = None;
        scene.object.status = None;
    });
    let written = status(&scene, &State::Correcting(Vec::new()), Some(&keys(&["c"])));
    assert_eq!(written.managed_tag_keys, keys(&["a", "b", "c"]));
    assert!(written.store.is_some());
}

#[test]
fn conditions_of_a_reported_generation_stay_until_the_call_is_over() {
    let mut scene = Scene::settled();
    let before = status(&scene, &State::Available, None);
    scene.object.status = Some(before.clone());
    let written = status(&scene, &State::Correcting(Vec::new()), Some(&keys(&["c"])));
    assert_eq!(written, SequenceStoreStatus { managed_tag_keys: keys(&["c"]), ..before });
}

/// Otherwise the report after the call would be a second write.
#[test]
fn an_object_that_is_not_ready_is_reported_as_what_the_call_will_leave_it() {
    let mut scene = Scene::settled();
    scene.object.status = Some(status(&scene, &State::Adopting, None));
    let correcting = State::Correcting(Vec::new());
    scene.object.status = Some(status(&scene, &correcting, Some(&keys(&["c"]))));
    let after = status(&scene, &correcting, None);
    assert_eq!(
        Some(&SequenceStoreStatus { managed_tag_keys: keys(&["c"]), ..after }),
        scene.object.status.as_ref()
    );
}

#[test]
fn a_new_generation_is_not_called_ready_before_the_call() {
    let mut scene = Scene::settled();
    scene.object.status = Some(status(&scene, &State::Available, None));
    scene.object.metadata.generation = Some(3);
    let written = status(&scene, &State::Correcting(Vec::new()), Some(&keys(&["c"])));
    let ready = find(&written.conditions, "Ready").expect("Ready");
    assert_eq!((ready.status.as_str(), ready.observed_generation), ("False", Some(3)));
    assert_eq!(written.managed_tag_keys, keys(&["c"]));
}
