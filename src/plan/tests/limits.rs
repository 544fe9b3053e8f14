//! What AWS denies, has no room for or shows under other names holds up nothing else.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde_json::{Value, json};

use super::Scene;
use crate::aws::{Class, Operation};
use crate::crd::Drift;
use crate::plan::{Action, Correction, Denial, State};
use crate::samples::{call_error, now, own_tags};
use crate::store::Field;
use crate::store::observed::{Observed, ObservedPolicy, ObservedTags, Present};

const ROLE: &str = "arn:aws:iam::111122223333:role/reads";

fn present(scene: &mut Scene) -> &mut Present {
    let Observed::Present(present) = &mut scene.observed else { panic!("no store") };
    present
}

fn tagged(scene: Scene, tags: BTreeMap<String, String>) -> Scene {
    scene.with(|scene| present(scene).tags = ObservedTags::Read(tags))
}

fn foreign(count: usize) -> BTreeMap<String, String> {
    (0..count).map(|number| (format!("foreign-{number}"), "x".to_owned())).collect()
}

fn wanting(scene: Scene, keys: &[&str]) -> Scene {
    let tags = keys.iter().map(|key| ((*key).to_owned(), "wanted".to_owned())).collect();
    scene.with(|scene| scene.object.spec.tags = Some(tags))
}

fn denied(scene: Scene, operation: Operation) -> Scene {
    scene.with(|scene| {
        let denial = Denial { error: call_error(operation, Class::Denied), waits: true };
        scene.recollection.denials.insert(operation, denial);
    })
}

#[test]
fn owner_tags_without_room_hold_up_nothing_else() {
    let scene = tagged(Scene::settled(), foreign(48));
    let State::TagLimit { present, missing, drift } = scene.plan().state else {
        panic!("{:?}", scene.plan())
    };
    assert_eq!((present, missing.len(), drift.len()), (48, 4, 0));
    let edited = scene.with(|scene| scene.object.spec.description = Some("new".into()));
    assert!(matches!(edited.plan().action, Action::Update { .. }), "{:?}", edited.plan());
    // Tags that others wrote too, and 46 leave room for four.
    let adopts = tagged(Scene::settled(), foreign(46)).plan().action;
    assert!(matches!(adopts, Action::Adopt { .. }), "{adopts:?}");
}

#[test]
fn a_tag_without_room_is_reported_and_one_that_needs_none_is_set() {
    let mut tags = foreign(46);
    tags.extend(own_tags());
    let scene = wanting(tagged(Scene::settled(), tags), &["team", "foreign-1"]);
    let Action::Tag { tags, managed, .. } = scene.plan().action else { panic!("{:?}", scene.plan()) };
    assert_eq!(tags.keys().collect::<Vec<_>>(), ["foreign-1"]);
    assert_eq!(managed, ["foreign-1"]);
    let scene = scene.clone().after(&scene.plan().action);
    let State::TagLimit { missing, drift, .. } = scene.plan().state else { panic!("{:?}", scene.plan()) };
    assert_eq!((missing, drift.len()), (vec!["team".to_owned()], 1));
}

#[test]
fn tags_to_remove_make_room_first() {
    let old: Vec<String> = (0..46).map(|number| format!("old-{number}")).collect();
    let mut tags = own_tags();
    tags.extend(old.iter().map(|key| (key.clone(), "x".to_owned())));
    let scene = wanting(tagged(Scene::settled(), tags), &["new-1", "new-2"])
        .with(|scene| scene.object.status.get_or_insert_default().managed_tag_keys = old);
    let untag = scene.plan().action;
    assert!(matches!(untag, Action::Untag { .. }), "{untag:?}");
    let tag = scene.after(&untag).plan().action;
    assert!(matches!(tag, Action::Tag { .. }), "{tag:?}");
}

#[test]
fn several_denials_leave_nothing_to_try_and_one_state() {
    let mut tags = own_tags();
    tags.insert("old".into(), "x".into());
    let scene = wanting(tagged(Scene::settled(), tags), &["new"])
        .with(|scene| scene.object.status.get_or_insert_default().managed_tag_keys = vec!["old".into()]);
    let one = denied(scene, Operation::TagResource);
    assert!(matches!(one.plan().action, Action::Untag { .. }), "{:?}", one.plan());
    let both = denied(one, Operation::UntagResource);
    let plan = both.plan();
    assert_eq!(plan.action, Action::None);
    let State::ChangeDenied { error, drift } = plan.state else { panic!("{plan:?}") };
    assert_eq!((error.operation, drift.len()), (Operation::TagResource, 2));
}

fn with_principals(wanted: Value, shown: Value) -> Scene {
    let policy = |principal: Value, sid: &str| {
        json!({"Version": "2012-10-17", "Statement": [{"Sid": sid, "Effect": "Allow",
            "Principal": {"AWS": principal}, "Action": "s3:GetObject", "Resource": "r"}]})
    };
    Scene::settled().with(|scene| {
        scene.object.spec.s3_access_policy = policy(wanted, "a").as_object().cloned();
        present(scene).policy = ObservedPolicy::Read(Some(policy(shown, "a").to_string()));
    })
}

fn synced(scene: Scene, generation: i64) -> Scene {
    scene.with(|scene| {
        scene.object.status.get_or_insert_default().conditions = vec![Condition {
            type_: "Synced".into(),
            status: "True".into(),
            reason: "InSync".into(),
            message: String::new(),
            observed_generation: Some(generation),
            last_transition_time: Time(now()),
        }];
    })
}

#[test]
fn a_deleted_principal_is_told_and_not_written() {
    let scene = || with_principals(json!(ROLE), json!("AROAEXAMPLE1"));
    let told = |scene: Scene| {
        let plan = scene.plan();
        assert_eq!(plan.action, Action::None);
        let State::PrincipalsRenamed(drift) = plan.state else { panic!("{plan:?}") };
        drift
    };
    // The policies of this generation were equal before.
    let drift = told(synced(scene(), 2));
    assert_eq!(drift[0].observed.as_deref(), Some("deleted principal AROAEXAMPLE1"));
    // It was told before, and another field of the spec was edited since.
    told(scene().with(|scene| scene.object.status.get_or_insert_default().drift = drift.clone()));
    // This generation was written, and AWS accepted or rejected it.
    told(scene().with(|scene| {
        scene.recollection.corrections_of = Some(2);
        let correction = Correction { accepted: 1, last: std::time::Duration::from_secs(600) };
        scene.recollection.corrections.insert(Field::S3AccessPolicy, correction);
    }));
    told(scene().with(|scene| scene.recollection.policy_rejected = true));
}

#[test]
fn a_policy_that_names_another_principal_is_written_once() {
    let other = "arn:aws:iam::111122223333:role/other";
    let told = Drift {
        field: "s3AccessPolicy".into(),
        desired: Some(format!("principal {ROLE}")),
        observed: Some("deleted principal AROAEXAMPLE1".into()),
    };
    let scene = synced(with_principals(json!(other), json!("AROAEXAMPLE1")), 1)
        .with(|scene| scene.object.status.get_or_insert_default().drift = vec![told]);
    assert!(matches!(scene.plan().action, Action::SetPolicy { .. }), "{:?}", scene.plan());
    // Observe reports it like any other difference.
    let observing = scene.with(|scene| {
        scene.object.spec.management_policy = Some(crate::crd::ManagementPolicy::Observe);
    });
    assert!(matches!(observing.plan().state, State::Drifted(_)), "{:?}", observing.plan());
}
