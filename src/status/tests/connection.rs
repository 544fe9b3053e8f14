//! How the ConfigMap of an object shows in its status.

use super::table::{drift, words};
use crate::crd::{Connection, DeletionDefaults, SequenceStoreStatus};
use crate::plan::{ConnectionOutcome as Outcome, ShownConnection, State};
use crate::samples::{Scene, now, settled_object};
use crate::status::{Input, event, find, next, settled, shown_connection};

fn kept() -> Outcome {
    Outcome::Kept("mine".into())
}

fn conflict() -> Outcome {
    Outcome::Conflict { name: "mine".into(), other: Some("b".into()) }
}

fn refused() -> Outcome {
    Outcome::Refused { name: "mine".into(), verb: "create" }
}

fn after(scene: &Scene, state: &State, connection: &Outcome) -> SequenceStoreStatus {
    next(&Input {
        region: Some("us-east-1"),
        failures: 3,
        connection,
        ..Input::of(&scene.object, &scene.observed, state, now())
    })
}

fn recorded(name: &str) -> Scene {
    let connection = Some(Connection { config_map: name.into() });
    Scene::settled().with(|scene| scene.object.status.get_or_insert_default().connection = connection)
}

#[test]
fn an_object_is_ready_only_with_its_config_map() {
    let (scene, name) = (Scene::settled(), || "mine".to_owned());
    let table = [
        (Outcome::AsBefore, "True/Available True/InSync "),
        (kept(), "True/Available True/InSync "),
        (Outcome::Removed, "True/Available True/InSync "),
        (Outcome::Withheld, "False/Progressing True/InSync Reconciling"),
        (Outcome::Writing(name()), "False/Progressing True/InSync Reconciling"),
        (Outcome::Unknown(name()), "False/Progressing True/InSync Reconciling"),
        (Outcome::Going(name()), "False/Progressing True/InSync Reconciling"),
        (conflict(), "False/ConnectionConflict True/InSync Stalled"),
        (refused(), "False/ConnectionDenied True/InSync Stalled"),
    ];
    for (outcome, expected) in table {
        assert_eq!(words(&after(&scene, &State::Available, &outcome)), expected, "{outcome:?}");
        let creating = words(&after(&scene, &State::Creating, &outcome));
        assert_eq!(creating, "False/Creating False/Creating Reconciling", "{outcome:?}");
    }
    let drifted = after(&scene, &State::Drifted(drift()), &conflict());
    assert_eq!(words(&drifted), "False/ConnectionConflict False/Drifted Stalled");
}

#[test]
fn a_request_that_failed_once_does_not_take_back_that_the_object_was_ready() {
    let mut scene = Scene::settled();
    scene.object.status = Some(after(&scene, &State::Available, &kept()));
    let unknown = Outcome::Unknown("mine".into());
    assert_eq!(Some(after(&scene, &State::Available, &unknown)), scene.object.status);
    scene.object.metadata.generation = Some(3);
    let words = words(&after(&scene, &State::Available, &unknown));
    assert_eq!(words, "False/Progressing True/InSync Reconciling", "nobody has seen it for this generation");
}

#[test]
fn the_status_names_a_config_map_for_as_long_as_there_may_be_one() {
    let name = || "mine".to_owned();
    let outcomes = [
        (Outcome::AsBefore, None, Some("mine"), Some("former")),
        (Outcome::Withheld, None, Some("mine"), Some("former")),
        (Outcome::Unknown(name()), None, Some("mine"), Some("former")),
        (refused(), None, Some("mine"), Some("former")),
        (Outcome::Going(name()), None, Some("mine"), Some("former")),
        (Outcome::Writing(name()), Some("mine"), Some("mine"), Some("mine")),
        (kept(), Some("mine"), Some("mine"), Some("mine")),
        (Outcome::Removed, None, None, None),
        // What has this name is another's, and what has the former name is still this object's.
        (conflict(), None, None, Some("former")),
    ];
    for (outcome, unrecorded, same, former) in outcomes {
        let scenes = [Scene::settled(), recorded("mine"), recorded("former")];
        for state in [State::Available, State::Paused, State::StoreNotNamed] {
            let found = scenes.each_ref().map(|scene| after(scene, &state, &outcome).connection);
            let names = found.each_ref().map(|found| found.as_ref().map(|found| found.config_map.as_str()));
            assert_eq!(names, [unrecorded, same, former], "{outcome:?} {state:?}");
        }
    }
}

#[test]
fn the_message_says_whose_it_is_and_what_to_do() {
    let message = |outcome: &Outcome| {
        let status = after(&Scene::settled(), &State::Available, outcome);
        find(&status.conditions, "Ready").map(|ready| ready.message.clone()).unwrap_or_default()
    };
    assert!(message(&conflict()).contains("ConfigMap mine exists and belongs to SequenceStore b"));
    let nobody = Outcome::Conflict { name: "mine".into(), other: None };
    assert!(message(&nobody).contains("ConfigMap mine exists and does not belong to this object"));
    let text = message(&refused());
    assert!(
        text.contains("create ConfigMap mine") && text.contains("connectionConfigMaps.enabled"),
        "{text}"
    );
}

#[test]
fn each_obstacle_is_announced_once_and_its_end_too() {
    let mut scene = Scene::settled();
    scene.object.status = Some(after(&scene, &State::Available, &kept()));
    for (outcome, expected) in [
        (conflict(), &["ConnectionConflict"][..]),
        (conflict(), &[]),
        (refused(), &["ConnectionDenied"]),
        (kept(), &["Available"]),
    ] {
        let new = after(&scene, &State::Available, &outcome);
        let events = event::transitions(scene.object.status.as_ref(), &new, &State::Available, &outcome);
        let reasons: Vec<&str> = events.iter().map(|event| event.reason).collect();
        assert_eq!(reasons, expected, "{outcome:?}");
        scene.object.status = Some(new);
    }
}

/// A look at the store does not mend the ConfigMap.
#[test]
fn an_object_that_lacks_only_its_config_map_is_not_polled_for_that() {
    let is_settled = |outcome: &Outcome| {
        let mut scene = Scene::settled().with(|scene| scene.object = settled_object());
        scene.object.status = Some(after(&scene, &State::Available, outcome));
        let status = scene.object.status.clone().unwrap_or_default();
        (settled(&scene.object, DeletionDefaults::default()).is_some(), shown_connection(&status))
    };
    let rows = [
        (kept(), ShownConnection::Kept),
        (conflict(), ShownConnection::Conflict),
        (refused(), ShownConnection::Refused),
    ];
    for (outcome, shown) in rows {
        assert_eq!(is_settled(&outcome), (true, Some(shown)), "{outcome:?}");
    }
    assert_eq!(is_settled(&Outcome::Writing("mine".into())), (false, None));
}
