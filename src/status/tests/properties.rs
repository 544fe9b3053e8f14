//! What no object, answer or state whatever may lead to.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::crd::SequenceStoreStatus;
use crate::samples::{Scene, any_scene, now};
use crate::status::{Input, Reason, find, next};

fn after(scene: &Scene, now: Timestamp) -> SequenceStoreStatus {
    let plan = scene.plan();
    let desired = scene.desired();
    next(&Input {
        object: &scene.object,
        observed: &scene.observed,
        state: &plan.state,
        region: desired.as_ref().ok().map(|desired| desired.region.as_str()),
        failures: scene.recollection.failures,
        denied_for: scene.recollection.denied_for,
        denied_grace: Duration::from_secs(300),
        managed_tag_keys: None,
        now,
    })
}

/// Two passes in a row over the same object: what the second starts from is the first one's work.
fn two() -> impl Strategy<Value = (Scene, Scene)> {
    (any_scene().boxed(), any_scene().boxed()).prop_map(|(first, mut second)| {
        second.object.metadata.generation = first.object.metadata.generation;
        second.object.status = Some(after(&first, now()));
        (first, second)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn twice_is_once((_, mut scene) in two()) {
        let once = after(&scene, now());
        let plan = scene.plan();
        scene.object.status = Some(once.clone());
        // A changed status may change the plan; the same plan must say the same, however much later.
        if !(scene.plan().state == plan.state) {
            return Ok(());
        }
        prop_assert_eq!(after(&scene, now() + SignedDuration::from_hours(1)), once);
    }

    #[test]
    fn conditions_keep_their_contract((_, scene) in two()) {
        let status = after(&scene, now());
        let conditions = &status.conditions;
        let (ready, synced) = (find(conditions, "Ready"), find(conditions, "Synced"));
        prop_assert!(ready.is_some() && synced.is_some(), "Ready and Synced are always there");
        let (reconciling, stalled) = (find(conditions, "Reconciling"), find(conditions, "Stalled"));
        prop_assert!(reconciling.is_none() || stalled.is_none(), "both Reconciling and Stalled");
        for extra in [reconciling, stalled].into_iter().flatten() {
            prop_assert_eq!(&extra.status, "True", "only while true");
            prop_assert!(ready.is_some_and(|ready| ready.status == "False"), "Ready though {}", extra.type_);
        }
        let mut kinds: Vec<_> = conditions.iter().map(|condition| &condition.type_).collect();
        kinds.sort();
        kinds.dedup();
        prop_assert_eq!(kinds.len(), conditions.len(), "a condition twice");
        for condition in conditions {
            let known = Reason::ALL.iter().any(|reason| reason.as_str() == condition.reason);
            prop_assert!(known, "reason {}", condition.reason);
            prop_assert!(!condition.message.is_empty(), "{} says nothing", condition.type_);
            let request_id = "11111111-2222-3333-4444-555555555555";
            prop_assert!(!condition.message.contains(request_id), "{}", condition.message);
        }
    }

    #[test]
    fn the_reference_shows_every_combination((_, scene) in two()) {
        let status = after(&scene, now());
        let get = |kind: &str| find(&status.conditions, kind);
        let (Some(ready), Some(synced)) = (get("Ready"), get("Synced")) else { return Ok(()) };
        let progress = ["Reconciling", "Stalled"].into_iter().find(|kind| get(kind).is_some()).unwrap_or("");
        // One that stays as it was tells of the pass before.
        let kept = ready.reason == "UnknownStatus" || ready.observed_generation != synced.observed_generation;
        for condition in [ready, synced].into_iter().take(if kept { 1 } else { 2 }) {
            let reason = Reason::ALL.into_iter().find(|reason| reason.as_str() == condition.reason);
            let rows = reason.map(Reason::shown).unwrap_or_default();
            let fits = |wanted: Option<bool>, is: &str| wanted.is_none_or(|wanted| wanted == (is == "True"));
            let documented = rows.iter().any(|row| {
                fits(row.ready, &ready.status)
                    && fits(row.synced, &synced.status)
                    && ["as before", progress].contains(&row.progress)
            });
            prop_assert!(documented, "{}: Ready {}, Synced {}, {progress}", condition.reason, ready.status, synced.status);
        }
    }

    #[test]
    fn ready_is_true_only_for_the_generation_that_was_acted_on((_, scene) in two()) {
        let status = after(&scene, now());
        let ready = find(&status.conditions, "Ready").filter(|ready| ready.status == "True");
        if let Some(ready) = ready {
            prop_assert_eq!(ready.observed_generation, status.observed_generation);
        }
    }

    #[test]
    fn a_store_on_record_is_never_forgotten((_, scene) in two()) {
        let before = scene.object.status.clone().unwrap_or_default();
        let status = after(&scene, now());
        prop_assert!(before.store.is_none() || status.store.is_some());
        prop_assert!(status.store.is_none() || status.account_id.is_some() || before.store.is_some());
    }
}
