//! Chains of steps on hand-made and on generated scenes, and how they are shown.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::foresee::{MOST_STEPS, Step, Surroundings, foresee};
use super::report::{ObjectPlan, Outcome, Report, object_plan};
use super::text;
use crate::aws::ReadSetCount;
use crate::crd::{DeletionPolicy, ManagementPolicy, OwnerTags, SequenceStoreSpec, StoreS3Access};
use crate::plan::Settings;
use crate::samples::{ACCOUNT, ID, REGION, Scene, absent, any_scene, now, own_tags, present, store};
use crate::store::desired::Defaults;
use crate::store::observed::{Observed, ObservedPolicy, ObservedTags, Present};
use crate::store::ownership::OwnerMatch;

fn steps(scene: &Scene, claimed: Option<&Present>, read_sets: Option<&ReadSetCount>) -> Vec<Step> {
    let defaults = Defaults { region: Some(REGION.into()), poll_interval: Duration::from_secs(300) };
    let settings = Settings {
        cluster: "cluster".into(),
        replica: "operator-0".into(),
        create_grace: Duration::from_secs(60),
    };
    let around = Surroundings {
        defaults: &defaults,
        settings: &settings,
        owner: &OwnerTags::of(&scene.object, &settings.cluster),
        owner_is_gone: scene.owner_is_gone,
        rival: scene.rival,
        now: now(),
        claimed,
        read_sets,
    };
    foresee(&scene.object, &scene.observed, around)
}

fn planned(scene: &Scene) -> ObjectPlan {
    object_plan(&scene.object, &scene.observed, Some(REGION), &steps(scene, None, None))
}

fn calls(plan: &ObjectPlan) -> Vec<&str> {
    plan.steps.iter().filter_map(|step| step.call).map(|call| call.trim_start_matches("omics:")).collect()
}

/// An object that nobody has acted on, and no store.
fn fresh(spec: SequenceStoreSpec) -> Scene {
    Scene::settled()
        .with(|scene| {
            scene.object.spec = spec;
            scene.object.status = None;
            scene.object.metadata.finalizers = None;
        })
        .seen(Observed::Searched { found: OwnerMatch::Nothing, account: ACCOUNT.into() })
}

fn with_store(scene: Scene, change: impl FnOnce(&mut Present)) -> Scene {
    scene.with(|scene| {
        let Observed::Present(present) = &mut scene.observed else { panic!("a store") };
        change(present);
    })
}

fn policy() -> Option<serde_json::Map<String, serde_json::Value>> {
    json!({"Version": "2012-10-17", "Statement": []}).as_object().cloned()
}

#[test]
fn a_settled_object_has_nothing_to_do() {
    let plan = planned(&Scene::settled());
    assert_eq!((plan.outcome, calls(&plan), plan.steps.len()), (Outcome::NothingToDo, vec![], 0));
    assert_eq!(plan.reason, "Available");
}

#[test]
fn a_new_object_leads_to_a_store_and_then_to_its_policy() {
    let tags = Some(BTreeMap::from([("team".to_owned(), "genomics".to_owned())]));
    let spec = SequenceStoreSpec { tags, s3_access_policy: policy(), ..Default::default() };
    let plan = planned(&fresh(spec));
    assert_eq!(calls(&plan), ["CreateSequenceStore", "PutS3AccessPolicy"]);
    assert_eq!((plan.outcome, plan.reason.as_str()), (Outcome::Changes, "Available"));
    let made: Vec<&str> = plan.steps[0].changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(made[0], "name");
    assert!(made.contains(&"tags[team]") && made.contains(&"tags[healthomics.dev/uid]"), "{made:?}");
}

#[test]
fn all_differences_are_corrected_one_call_at_a_time() {
    let scene = with_store(Scene::settled(), |present| {
        present.store.s3_access = Some(StoreS3Access {
            s3_access_point_arn: Some("arn:x:accesspoint/y-1".into()),
            ..Default::default()
        });
        present.policy = ObservedPolicy::Read(None);
        let mut tags = own_tags();
        tags.extend([("old".to_owned(), "x".to_owned()), ("foreign".to_owned(), "y".to_owned())]);
        present.tags = ObservedTags::Read(tags);
    })
    .with(|scene| {
        scene.object.spec.description = Some("new".into());
        scene.object.spec.propagated_set_level_tags = Some(vec!["a".into()]);
        scene.object.spec.tags = Some(BTreeMap::from([("team".into(), "genomics".into())]));
        scene.object.spec.s3_access_policy = policy();
        scene.object.status.get_or_insert_default().managed_tag_keys = vec!["old".into()];
    });
    let plan = planned(&scene);
    assert_eq!(calls(&plan), ["UpdateSequenceStore", "TagResource", "UntagResource", "PutS3AccessPolicy"]);
    assert_eq!((plan.outcome, plan.reason.as_str()), (Outcome::Changes, "Available"));
    let fields = |step: usize| -> Vec<&str> {
        plan.steps[step].changes.iter().map(|change| change.field.as_str()).collect()
    };
    assert_eq!(fields(0), ["description", "propagatedSetLevelTags"]);
    assert_eq!(
        (fields(1), fields(2), fields(3)),
        (vec!["tags[team]"], vec!["tags[old]"], vec!["s3AccessPolicy"])
    );
    assert_eq!(plan.steps[2].changes[0].to, None);
    assert_eq!(plan.differences.len(), 5);
}

#[test]
fn observed_differences_are_shown_and_left_alone() {
    let scene = Scene::settled().with(|scene| {
        scene.object.spec.management_policy = Some(ManagementPolicy::Observe);
        scene.object.spec.description = Some("new".into());
        scene.object.metadata.finalizers = None;
    });
    let plan = planned(&scene);
    assert_eq!((calls(&plan), plan.outcome, plan.reason.as_str()), (vec![], Outcome::NothingToDo, "Drifted"));
    assert_eq!(plan.differences[0].field, "description");
    let shown = text::text(&Report::of(vec![plan]));
    assert!(shown.contains("description") && shown.contains("Nothing to do."), "{shown}");
}

#[test]
fn a_deletion_ends_with_the_store_or_with_what_blocks_it() {
    let plan = planned(&Scene::deleting());
    assert_eq!(calls(&plan), ["DeleteSequenceStore"]);
    assert_eq!((plan.outcome, plan.steps.len()), (Outcome::Changes, 2));
    assert_eq!(plan.steps[1].object, ["finalizer removed"]);

    let scene = Scene::deleting();
    let count = ReadSetCount { total: 3, ..Default::default() };
    let blocked = steps(&scene, None, Some(&count));
    let plan = object_plan(&scene.object, &scene.observed, Some(REGION), &blocked);
    assert_eq!((plan.outcome, plan.reason.as_str()), (Outcome::NeedsAttention, "DeletionBlocked"));
    assert_eq!(calls(&plan), ["DeleteSequenceStore"]);

    let kept =
        Scene::deleting().with(|scene| scene.object.spec.deletion_policy = Some(DeletionPolicy::Retain));
    assert_eq!(calls(&planned(&kept)), [""; 0]);
}

#[test]
fn what_is_under_way_in_aws_is_waited_for_and_then_corrected() {
    let scene = with_store(Scene::settled(), |present| present.store.status = Some("UPDATING".into()))
        .with(|scene| scene.object.spec.description = Some("new".into()));
    let plan = planned(&scene);
    assert_eq!(calls(&plan), ["UpdateSequenceStore"]);
    assert_eq!((plan.steps[0].call, plan.outcome), (None, Outcome::Changes));
    let deleted = with_store(Scene::settled(), |present| present.store.status = Some("DELETING".into()));
    assert_eq!(
        (planned(&deleted).outcome, planned(&deleted).reason.as_str()),
        (Outcome::Changes, "StoreDeleting")
    );
}

#[test]
fn a_store_that_is_gone_needs_attention_or_is_made_anew() {
    let scene = Scene::settled().seen(absent());
    let plan = planned(&scene);
    assert_eq!((plan.outcome, plan.reason.as_str()), (Outcome::NeedsAttention, "StoreMissing"));
    let unnamed = scene.with(|scene| scene.object.spec.sequence_store_id = None);
    let plan = planned(&unnamed.annotated("healthomics.dev/recreate", ID));
    assert_eq!((calls(&plan), plan.reason.as_str()), (vec!["CreateSequenceStore"], "Available"));
}

#[test]
fn a_store_of_a_former_object_is_claimed_and_then_corrected() {
    let arn = store(ID, ACCOUNT, None).arn;
    let found = OwnerMatch::Former { id: ID.into(), arn, uid: "former".into() };
    let spec = SequenceStoreSpec { description: Some("new".into()), ..Default::default() };
    let scene = fresh(spec).seen(Observed::Searched { found, account: ACCOUNT.into() });
    let Observed::Present(shown) = present(ACCOUNT, Some("ACTIVE"), ObservedTags::Read(BTreeMap::new()))
    else {
        panic!("a store")
    };
    let chain = steps(&scene, Some(&shown), None);
    let plan = object_plan(&scene.object, &scene.observed, Some(REGION), &chain);
    assert_eq!(calls(&plan), ["TagResource", "UpdateSequenceStore"]);
    assert_eq!(plan.reason, "Available");
}

#[test]
fn text_of_others_cannot_steer_the_terminal() {
    let scene = with_store(Scene::settled(), |present| {
        present.store.name = Some("a\u{1b}[2J".into());
        present.store.description = Some("\u{1b}]0;x\u{7}".into());
    })
    .with(|scene| scene.object.spec.description = Some("new".into()));
    let shown = anstream::adapter::strip_str(&text::text(&Report::of(vec![planned(&scene)]))).to_string();
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown:?}");
    assert!(shown.contains("[2J") && shown.contains("\"new\""), "{shown:?}");
}

#[test]
fn the_worst_outcome_is_the_exit_code() {
    let of = |outcome| ObjectPlan { outcome, ..planned(&Scene::settled()) };
    let code =
        |outcomes: &[Outcome]| Report::of(outcomes.iter().map(|o| of(*o)).collect()).outcome.exit_code();
    assert_eq!(code(&[Outcome::NothingToDo]), 0);
    assert_eq!(code(&[Outcome::NothingToDo, Outcome::Changes]), 1);
    assert_eq!(code(&[Outcome::NeedsAttention, Outcome::Changes]), 3);
    assert_eq!(code(&[Outcome::Failed, Outcome::NeedsAttention]), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is seen, the chain comes to an end, and says what the operator's own first plan says.
    #[test]
    fn every_chain_ends(scene in any_scene()) {
        let chain = steps(&scene, None, None);
        prop_assert!(!chain.is_empty() && chain.len() < MOST_STEPS, "{} steps", chain.len());
        // The recollection of a process is not known to another one.
        let own = Scene { recollection: Default::default(), ..scene.clone() }.plan();
        let first = &chain[0].plan;
        prop_assert_eq!((&first.state, first.finalizer, first.next), (&own.state, own.finalizer, own.next));
        prop_assert_eq!(&first.action, &own.action);
        let _ = text::text(&Report::of(vec![object_plan(&scene.object, &scene.observed, Some(REGION), &chain)]));
    }
}
