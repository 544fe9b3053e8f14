//! What a status may record of a store that an older object names too.

use std::collections::BTreeMap;

use crate::crd::SequenceStoreStatus;
use crate::plan::State;
use crate::samples::{ACCOUNT, REGION, Scene, now, present};
use crate::status::{Input, next};
use crate::store::ObservedTags;

fn confirming(scene: &Scene) -> SequenceStoreStatus {
    next(&Input {
        region: Some(REGION),
        ..Input::of(&scene.object, &scene.observed, &State::ConfirmingOwner, now())
    })
}

fn untagged() -> Scene {
    Scene::settled().seen(present(ACCOUNT, Some("ACTIVE"), ObservedTags::Read(BTreeMap::new())))
}

#[test]
fn an_object_does_not_claim_the_store_of_an_older_one_while_it_checks_whose_it_is() {
    let observed_before = untagged().with(|scene| {
        scene.object.status.get_or_insert_default().managed_store_id = None;
    });
    let status = confirming(&observed_before);
    assert!(status.store.is_some(), "the mirror of before stays");
    assert_eq!(status.managed_store_id, None);
    let unrecorded = confirming(&untagged().with(|scene| scene.object.status = None));
    assert_eq!((unrecorded.store, unrecorded.managed_store_id), (None, None));
}

#[test]
fn a_store_that_was_managed_stays_on_record_while_its_owner_is_checked() {
    let mut scene = untagged();
    let before = scene.object.status.clone().and_then(|status| status.managed_store_id);
    scene.object.metadata.generation = Some(9);
    assert_eq!(confirming(&scene).managed_store_id, before);
}
