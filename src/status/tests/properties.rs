//! What holds for the status after any observation of any object.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::crd::{DeletionDefaults, DeletionPolicy, PAUSED_ANNOTATION, SequenceStoreStatus};
use crate::plan::{ConnectionOutcome, State};
use crate::samples::{Scene, any_scene, now};
use crate::status::row::Abnormal;
use crate::status::{Input, Reason, event, find, next};

fn after(scene: &Scene, now: Timestamp) -> SequenceStoreStatus {
    after_with(scene, now, &ConnectionOutcome::AsBefore)
}

fn after_with(scene: &Scene, now: Timestamp, connection: &ConnectionOutcome) -> SequenceStoreStatus {
    let plan = scene.plan();
    let desired = scene.desired();
    next(&Input {
        region: desired.as_ref().ok().map(|desired| desired.region.as_str()),
        failures: scene.recollection.failures,
        denied_for: scene.recollection.denied_for,
        denied_grace: Duration::from_secs(300),
        deletion: scene.deletion_defaults,
        connection,
        ..Input::of(&scene.object, &scene.observed, &plan.state, now)
    })
}

fn any_outcome() -> impl Strategy<Value = ConnectionOutcome> {
    let name = || "mine".to_owned();
    prop::sample::select(vec![
        ConnectionOutcome::AsBefore,
        ConnectionOutcome::Withheld,
        ConnectionOutcome::Writing(name()),
        ConnectionOutcome::Unknown(name()),
        ConnectionOutcome::Going(name()),
        ConnectionOutcome::Kept(name()),
        ConnectionOutcome::Removed,
        ConnectionOutcome::Conflict { name: name(), other: None },
        ConnectionOutcome::Refused { name: name(), verb: "get" },
    ])
}

/// Two passes in a row over the same object: the second starts with the status that the first made.
fn two() -> impl Strategy<Value = (Scene, Scene)> {
    (any_scene().boxed(), any_scene().boxed()).prop_map(|(first, mut second)| {
        second.object.metadata.generation = first.object.metadata.generation;
        second.object.status = Some(after(&first, now()));
        (first, second)
    })
}

#[test]
fn a_status_says_what_happens_on_deletion_unless_the_object_is_paused() {
    let defaults = DeletionDefaults { policy: DeletionPolicy::Retain, protection: true };
    let scene = Scene::settled().with(|scene| scene.deletion_defaults = defaults);
    assert_eq!(after(&scene, now()).deletion, Some(scene.object.deletion(defaults)));
    let paused = scene.annotated(PAUSED_ANNOTATION, "true");
    assert_eq!(after(&paused, now()).deletion, None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_second_pass_with_the_same_result_changes_nothing((_, mut scene) in two()) {
        let once = after(&scene, now());
        let plan = scene.plan();
        scene.object.status = Some(once.clone());
        // A changed status may change the plan; the same plan must give the same status, however much later.
        if scene.plan().state != plan.state {
            return Ok(());
        }
        prop_assert_eq!(after(&scene, now() + SignedDuration::from_hours(1)), once);
    }

    #[test]
    fn conditions_keep_their_contract((_, scene) in two()) {
        let status = after(&scene, now());
        let conditions = &status.conditions;
        let (ready, synced) = (find(conditions, "Ready"), find(conditions, "Synced"));
        prop_assert!(ready.is_some() && synced.is_some(), "Ready and Synced are always present");
        let (reconciling, stalled) = (find(conditions, "Reconciling"), find(conditions, "Stalled"));
        prop_assert!(reconciling.is_none() || stalled.is_none(), "both Reconciling and Stalled");
        for extra in [reconciling, stalled].into_iter().flatten() {
            prop_assert_eq!(&extra.status, "True", "present only while true");
            prop_assert!(ready.is_some_and(|ready| ready.status == "False"), "Ready is True with {}", extra.type_);
        }
        let mut kinds: Vec<_> = conditions.iter().map(|condition| &condition.type_).collect();
        kinds.sort();
        kinds.dedup();
        prop_assert_eq!(kinds.len(), conditions.len(), "two conditions of one type");
        for condition in conditions {
            let known = Reason::ALL.iter().any(|reason| reason.as_str() == condition.reason);
            prop_assert!(known, "reason {}", condition.reason);
            prop_assert!(!condition.message.is_empty(), "{} has no message", condition.type_);
            let request_id = "11111111-2222-3333-4444-555555555555";
            prop_assert!(!condition.message.contains(request_id), "{}", condition.message);
        }
    }

    #[test]
    fn every_combination_of_conditions_is_documented((_, scene) in two(), outcome in any_outcome()) {
        let status = after_with(&scene, now(), &outcome);
        let get = |kind: &str| find(&status.conditions, kind);
        let (Some(ready), Some(synced)) = (get("Ready"), get("Synced")) else { return Ok(()) };
        let abnormal = match (get("Reconciling"), get("Stalled")) {
            (Some(_), _) => Abnormal::Reconciling,
            (None, Some(_)) => Abnormal::Stalled,
            (None, None) => Abnormal::Neither,
        };
        // An unchanged `Synced` is from an earlier pass, in which the other conditions may have been different.
        let unchanged = ready.reason == "UnknownStatus" || ready.observed_generation != synced.observed_generation;
        // What `Synced` says besides a missing ConfigMap is the same as with one.
        let unconnected = after(&scene, now());
        let is_overlaid = find(&unconnected.conditions, "Ready").is_some_and(|before| before.status != ready.status);
        for condition in [ready, synced].into_iter().take(if unchanged || is_overlaid { 1 } else { 2 }) {
            let reason = Reason::ALL.into_iter().find(|reason| reason.as_str() == condition.reason);
            let combinations = reason.map(|reason| reason.row().combinations).unwrap_or_default();
            let fits = |wanted: Option<bool>, is: &str| wanted.is_none_or(|wanted| wanted == (is == "True"));
            let documented = combinations.iter().any(|combination| {
                fits(combination.ready, &ready.status)
                    && fits(combination.synced, &synced.status)
                    && [Abnormal::Unchanged, abnormal].contains(&combination.abnormal)
            });
            prop_assert!(
                documented,
                "{}: Ready {}, Synced {}, {abnormal:?}", condition.reason, ready.status, synced.status
            );
        }
    }

    #[test]
    fn events_announce_exactly_the_new_reasons((_, scene) in two(), outcome in any_outcome()) {
        let (old, new) = (scene.object.status.clone(), after_with(&scene, now(), &outcome));
        let state = scene.plan().state;
        let reason = |status: &SequenceStoreStatus, kind| find(&status.conditions, kind).map(|c| c.reason.clone());
        let announces = |name: &String| {
            let known = Reason::ALL.into_iter().find(|reason| reason.as_str() == *name);
            known.is_some_and(|reason| reason.row().event.is_some())
                && !(name == "Deleting" && state != State::Deleting)
        };
        let mut expected: Vec<String> = (state == State::Deleted).then(|| "Deleted".into()).into_iter().collect();
        if !matches!(state, State::Correcting(_)) {
            for kind in ["Ready", "Synced"] {
                let before = old.as_ref().and_then(|old| reason(old, kind));
                expected.extend(reason(&new, kind).filter(|after| before.as_ref() != Some(after) && announces(after)));
            }
        }
        expected.dedup();
        let events = event::transitions(old.as_ref(), &new, &state, &outcome);
        let announced: Vec<String> = events.iter().map(|event| event.reason.to_owned()).collect();
        prop_assert_eq!(announced, expected, "{:?}", state);
    }

    #[test]
    fn a_true_ready_has_the_observed_generation((_, scene) in two()) {
        let status = after(&scene, now());
        let ready = find(&status.conditions, "Ready").filter(|ready| ready.status == "True");
        if let Some(ready) = ready {
            prop_assert_eq!(ready.observed_generation, status.observed_generation);
        }
    }

    #[test]
    fn a_recorded_store_stays_recorded((_, scene) in two()) {
        let before = scene.object.status.clone().unwrap_or_default();
        let status = after(&scene, now());
        prop_assert!(before.store.is_none() || status.store.is_some());
        prop_assert!(status.store.is_none() || status.account_id.is_some() || before.store.is_some());
    }
}
