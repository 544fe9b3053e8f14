//! Tests of the forecast on hand-made and generated samples, and of its report.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::forecast::{Facts, MAX_STEPS, Step, forecast};
use super::report::{ObjectPlan, PlanOutcome, Report, object_plan};
use super::{in_time, text};
use crate::aws::{Aws, Caller, Operation, ReadSetCount};
use crate::crd::{
    DeletionDefaults, DeletionPolicy, ManagementPolicy, OwnerTags, SequenceStoreSpec, StoreS3Access,
};
use crate::plan::Settings;
use crate::samples::{ACCOUNT, ID, REGION, Scene, absent, any_scene, now, own_tags, present, store};
use crate::store::desired::Defaults;
use crate::store::observed::{Observed, ObservedPolicy, ObservedTags, Present};
use crate::store::owner_match::OwnerMatch;

fn steps(scene: &Scene, former_store: Option<&Present>, read_sets: Option<&ReadSetCount>) -> Vec<Step> {
    let defaults = Defaults { region: Some(REGION.into()), poll_interval: Duration::from_secs(300) };
    let settings = Settings {
        cluster: "cluster".into(),
        replica: "operator-0".into(),
        create_grace: Duration::from_secs(60),
        deletion: scene.deletion_defaults,
    };
    let facts = Facts {
        access: &scene.access,
        defaults: &defaults,
        settings: &settings,
        owner: &OwnerTags::of(&scene.object, &settings.cluster),
        unlisted: &scene.unlisted,
        take_over: scene.take_over,
        rival: scene.rival,
        now: now(),
        former_store,
        read_sets,
    };
    forecast(&scene.object, &scene.observed, facts)
}

fn plan_of(scene: &Scene) -> ObjectPlan {
    object_plan(
        &scene.object,
        &scene.observed,
        Some(REGION),
        &steps(scene, None, None),
        scene.deletion_defaults,
    )
}

fn calls(plan: &ObjectPlan) -> Vec<&str> {
    plan.steps.iter().filter_map(|step| step.call).map(|call| call.trim_start_matches("omics:")).collect()
}

/// A new object without a store.
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
    let plan = plan_of(&Scene::settled());
    assert_eq!((plan.outcome, calls(&plan), plan.steps.len()), (PlanOutcome::NothingToDo, vec![], 0));
    assert_eq!(plan.reason, "Available");
}

#[test]
fn a_new_object_needs_a_store_and_then_its_policy() {
    let tags = Some(BTreeMap::from([("team".to_owned(), "genomics".to_owned())]));
    let spec = SequenceStoreSpec { tags, s3_access_policy: policy(), ..Default::default() };
    let plan = plan_of(&fresh(spec));
    assert_eq!(calls(&plan), ["CreateSequenceStore", "PutS3AccessPolicy"]);
    assert_eq!((plan.outcome, plan.reason.as_str()), (PlanOutcome::Changes, "Available"));
    let made: Vec<&str> = plan.steps[0].changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(made[0], "name");
    assert!(made.contains(&"tags[team]") && made.contains(&"tags[healthomics.dev/uid]"), "{made:?}");
}

#[test]
fn each_call_corrects_one_kind_of_difference() {
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
    let plan = plan_of(&scene);
    assert_eq!(calls(&plan), ["UpdateSequenceStore", "TagResource", "UntagResource", "PutS3AccessPolicy"]);
    assert_eq!((plan.outcome, plan.reason.as_str()), (PlanOutcome::Changes, "Available"));
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
fn observe_reports_differences_without_changing_them() {
    let scene = Scene::settled().with(|scene| {
        scene.object.spec.management_policy = Some(ManagementPolicy::Observe);
        scene.object.spec.description = Some("new".into());
        scene.object.metadata.finalizers = None;
    });
    let plan = plan_of(&scene);
    assert_eq!(
        (calls(&plan), plan.outcome, plan.reason.as_str()),
        (vec![], PlanOutcome::NothingToDo, "Drifted")
    );
    assert_eq!(plan.differences[0].field, "description");
    let shown = text::text(&Report::of(vec![plan]));
    assert!(shown.contains("description") && shown.contains("Nothing to do."), "{shown}");
}

#[test]
fn a_deletion_deletes_the_store_or_reports_what_blocks_it() {
    let plan = plan_of(&Scene::deleting());
    assert_eq!(calls(&plan), ["DeleteSequenceStore"]);
    assert_eq!((plan.outcome, plan.steps.len()), (PlanOutcome::Changes, 2));
    assert_eq!(plan.steps[1].object, ["finalizer removed"]);

    let scene = Scene::deleting();
    let count = ReadSetCount { total: 3, ..Default::default() };
    let blocked = steps(&scene, None, Some(&count));
    let plan = object_plan(&scene.object, &scene.observed, Some(REGION), &blocked, scene.deletion_defaults);
    assert_eq!((plan.outcome, plan.reason.as_str()), (PlanOutcome::NeedsAttention, "DeletionBlocked"));
    assert_eq!(calls(&plan), ["DeleteSequenceStore"]);

    let kept =
        Scene::deleting().with(|scene| scene.object.spec.deletion_policy = Some(DeletionPolicy::Retain));
    assert_eq!(calls(&plan_of(&kept)), [""; 0]);
}

#[test]
fn an_operation_in_progress_is_awaited_before_a_correction() {
    let scene = with_store(Scene::settled(), |present| present.store.status = Some("UPDATING".into()))
        .with(|scene| scene.object.spec.description = Some("new".into()));
    let plan = plan_of(&scene);
    assert_eq!(calls(&plan), ["UpdateSequenceStore"]);
    assert_eq!((plan.steps[0].call, plan.outcome), (None, PlanOutcome::Changes));
    let deleted = with_store(Scene::settled(), |present| present.store.status = Some("DELETING".into()));
    assert_eq!(
        (plan_of(&deleted).outcome, plan_of(&deleted).reason.as_str()),
        (PlanOutcome::Changes, "StoreDeleting")
    );
}

#[test]
fn a_missing_store_needs_attention_unless_recreate_is_set() {
    let scene = Scene::settled().seen(absent());
    let plan = plan_of(&scene);
    assert_eq!((plan.outcome, plan.reason.as_str()), (PlanOutcome::NeedsAttention, "StoreMissing"));
    let unnamed = scene.with(|scene| scene.object.spec.sequence_store_id = None);
    let plan = plan_of(&unnamed.annotated("healthomics.dev/recreate", ID));
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
    let plan = object_plan(&scene.object, &scene.observed, Some(REGION), &chain, scene.deletion_defaults);
    assert_eq!(calls(&plan), ["TagResource", "UpdateSequenceStore"]);
    assert_eq!(plan.reason, "Available");
}

#[test]
fn text_from_aws_cannot_control_the_terminal() {
    let scene = with_store(Scene::settled(), |present| {
        present.store.name = Some("a\u{1b}[2J".into());
        present.store.description = Some("\u{1b}]0;x\u{7}".into());
    })
    .with(|scene| scene.object.spec.description = Some("new".into()));
    let shown = anstream::adapter::strip_str(&text::text(&Report::of(vec![plan_of(&scene)]))).to_string();
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown:?}");
    assert!(shown.contains("[2J") && shown.contains("\"new\""), "{shown:?}");
}

#[test]
fn the_most_severe_outcome_is_the_exit_code() {
    let of = |outcome| ObjectPlan { outcome, ..plan_of(&Scene::settled()) };
    let code =
        |outcomes: &[PlanOutcome]| Report::of(outcomes.iter().map(|o| of(*o)).collect()).outcome.exit_code();
    assert_eq!(code(&[PlanOutcome::NothingToDo]), 0);
    assert_eq!(code(&[PlanOutcome::NothingToDo, PlanOutcome::Changes]), 1);
    assert_eq!(code(&[PlanOutcome::NeedsAttention, PlanOutcome::Changes]), 3);
    assert_eq!(code(&[PlanOutcome::Failed, PlanOutcome::NeedsAttention]), 2);
}

#[tokio::test]
async fn a_plan_that_waits_for_the_request_budget_is_not_late_and_one_that_hangs_is() {
    let deadline = Duration::from_millis(300);
    let of_one = |aws: &Aws| aws.acting_for(Caller::default());
    let (aws, create) = (Aws::for_tests(), Operation::CreateSequenceStore);
    aws.turn(create, REGION).await.spend();
    let plan = of_one(&aws);
    // AWS allows less than one a second.
    let waits = async { plan.turn(create, REGION).await.spend() };
    assert_eq!(in_time(deadline, &plan, waits).await, Some(()));
    assert_eq!(in_time(deadline, &plan, std::future::pending::<()>()).await, None);
    // That another one waits meanwhile gives this one no time.
    let (hangs, other) = (of_one(&aws), of_one(&aws));
    let waits = async { other.turn(create, REGION).await.spend() };
    tokio::select! {
        () = waits => panic!("no deadline runs while another plan waits"),
        late = in_time(deadline, &hangs, std::future::pending::<()>()) => assert_eq!(late, None),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The forecast of any sample ends, and its first step is the plan that the operator makes.
    #[test]
    fn every_forecast_ends(scene in any_scene()) {
        let chain = steps(&scene, None, None);
        prop_assert!(!chain.is_empty() && chain.len() < MAX_STEPS, "{} steps", chain.len());
        // Another process does not know what the operator remembers.
        let own = Scene { recollection: Default::default(), ..scene.clone() }.plan();
        let first = &chain[0].plan;
        prop_assert_eq!((&first.state, first.finalizer, first.next), (&own.state, own.finalizer, own.next));
        prop_assert_eq!(&first.action, &own.action);
        let _ = text::text(&Report::of(vec![object_plan(&scene.object, &scene.observed, Some(REGION), &chain, scene.deletion_defaults)]));
    }
}

#[test]
fn what_a_default_of_the_operator_decides_is_said() {
    let safe = DeletionDefaults { policy: DeletionPolicy::Retain, protection: true };
    let notes = |change: fn(&mut SequenceStoreSpec), defaults| {
        let mut object = Scene::settled().object;
        change(&mut object.spec);
        super::by_default(&object, defaults).len()
    };
    assert_eq!(notes(|_| {}, DeletionDefaults::default()), 0);
    assert_eq!(notes(|_| {}, safe), 2);
    assert_eq!(notes(|spec| spec.deletion_policy = Some(DeletionPolicy::Retain), safe), 1);
    assert_eq!(notes(|spec| spec.deletion_protection = Some(false), safe), 1);
    assert_eq!(notes(|spec| spec.management_policy = Some(ManagementPolicy::Observe), safe), 1);
    let scene = Scene::settled().with(|scene| scene.deletion_defaults = safe);
    assert_eq!(plan_of(&scene).deletion, Some(scene.object.deletion(safe)));
}
