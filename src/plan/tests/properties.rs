//! Properties of every plan, whatever the object, AWS's responses and earlier passes are.

use kube::ResourceExt;
use proptest::prelude::*;

use super::Scene;
use crate::crd::FINALIZER;
use crate::crd::ManagementPolicy;
use crate::plan::{Action, FinalizerStep, State, TakeOver};
use crate::samples::{UID, any_scene, any_valid_spec};
use crate::store::identity;
use crate::store::observed::{Observed, ObservedPolicy, ObservedTags};
use crate::store::owner_match::OwnerMatch;

/// The most actions that any differences take: owner tags, fields, tags to set, tags to remove, policy.
const MOST_ACTIONS: usize = 5;

/// Plans and applies each action with its full effect, until there is nothing to do.
fn settle(mut scene: Scene) -> Result<(Scene, Vec<Action>), TestCaseError> {
    let mut actions = Vec::new();
    for _ in 0..=MOST_ACTIONS {
        let plan = scene.plan();
        if plan.action == Action::None {
            prop_assert_eq!(plan.state, State::Available);
            return Ok((scene, actions));
        }
        scene = scene.after(&plan.action);
        actions.push(plan.action);
    }
    Err(TestCaseError::fail(format!("never settles: {actions:?}")))
}

/// A spec and a store that this object owns, with any values in its fields.
fn any_pair() -> impl Strategy<Value = Scene> {
    (any_valid_spec(), any_scene(), any::<bool>()).prop_map(|(spec, other, untagged)| {
        let mut scene = Scene::settled();
        scene.object.spec = spec;
        if let (Observed::Present(ours), Observed::Present(other)) = (&mut scene.observed, other.observed) {
            ours.store.fallback_location = other.store.fallback_location;
            ours.store.propagated_set_level_tags = other.store.propagated_set_level_tags;
            ours.policy = other.policy;
        }
        if let Observed::Present(ours) = &mut scene.observed {
            if matches!(ours.policy, ObservedPolicy::Unreadable(_)) {
                ours.policy = ObservedPolicy::Read(None);
            }
            if untagged {
                ours.tags = ObservedTags::Read([("old".to_owned(), "x".to_owned())].into());
                scene.object.status.get_or_insert_default().managed_tag_keys = vec!["old".into()];
            }
        }
        scene
    })
}

/// The response came from the recorded account, if one is recorded.
fn same_account(scene: &Scene, account: &str) -> bool {
    let recorded = scene.object.status.as_ref().filter(|status| status.store.is_some());
    recorded.and_then(|status| status.account_id.as_deref()).is_none_or(|recorded| recorded == account)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn while_an_object_is_being_deleted_the_only_call_is_a_delete(scene in any_scene()) {
        if !(scene.object.is_being_deleted()) {
            return Ok(());
        }
        let plan = scene.plan();
        prop_assert!(matches!(plan.action, Action::None | Action::DeleteStore { .. }), "{plan:?}");
        prop_assert!(plan.finalizer != FinalizerStep::Add && plan.intent.is_none(), "{plan:?}");
    }

    #[test]
    fn an_object_for_which_nobody_may_act_changes_nothing_and_keeps_what_it_has(scene in any_scene()) {
        let Some(refusal) = scene.access.refusal() else { return Ok(()) };
        prop_assert_eq!(scene.target(), None, "AWS is not asked");
        let plan = scene.plan();
        prop_assert_eq!(&plan.action, &Action::None);
        let is_shown = matches!(&plan.state, State::AccessRefused(shown) if shown == refusal);
        let object = &scene.object;
        // The deletion of a store waits. That of an object alone needs nobody's identity.
        let is_released = object.is_being_deleted() && !object.deletes_store(scene.deletion_defaults);
        if object.is_being_deleted() && object.has_our_finalizer() && !is_released {
            prop_assert!(plan.finalizer == FinalizerStep::Keep, "{plan:?}");
        }
        let goes_before = object.is_paused() || object.is_being_deleted();
        prop_assert!(is_shown || goes_before, "{plan:?}");
    }

    #[test]
    fn a_spec_outside_its_limits_asks_aws_nothing(scene in any_scene()) {
        let Some(limits) = scene.access.limits() else { return Ok(()) };
        if limits.check_store(&scene.object.spec).is_err() {
            prop_assert_eq!(scene.target(), None);
            prop_assert_eq!(scene.plan().action, Action::None);
        }
    }

    #[test]
    fn a_store_is_deleted_only_with_its_own_object(scene in any_scene()) {
        let plan = scene.plan();
        let Action::DeleteStore { region, id } = &plan.action else { return Ok(()) };
        let object = &scene.object;
        prop_assert!(object.is_being_deleted(), "a living object");
        prop_assert!(object.deletes_store(scene.deletion_defaults), "under Observe or Retain");
        prop_assert!(!object.deletion(scene.deletion_defaults).protection, "protected");
        prop_assert!(!object.is_paused(), "paused");
        prop_assert_eq!(object.finalizers(), [FINALIZER.to_owned()], "finalizers");
        let Some(present) = scene.observed.present() else { return Err(TestCaseError::fail("a store that was not seen")) };
        prop_assert!(matches!(present.tags, ObservedTags::Read(_)), "tags that were not read");
        let owner = present.tags.owner();
        prop_assert!(owner.is_none_or(|owner| owner == UID), "a store of {owner:?}");
        let named = object.names_store();
        prop_assert!(owner.is_some() || (named && scene.rival.is_none()), "a store that nobody gave this object");
        let managed = object.status.as_ref().and_then(|status| status.managed_store_id.as_ref());
        prop_assert!(owner.is_some() || managed == Some(id), "a store that was only named");
        prop_assert!(same_account(&scene, &present.account), "another account");
        prop_assert_eq!(id, &present.store.id, "another store than was looked at");
        let desired = scene.desired().expect("a spec that can be read");
        // Without an id the search found the store.
        prop_assert!(desired.id.as_ref().is_none_or(|known| known == id), "another store than is known");
        prop_assert_eq!(region, &desired.region);
        prop_assert!(scene.recollection.refusal.as_ref().is_none_or(|refusal| refusal.due), "refused lately");
    }

    #[test]
    fn the_finalizer_is_removed_only_when_nothing_is_left_to_delete(scene in any_scene()) {
        let plan = scene.plan();
        if !(scene.object.is_being_deleted() && plan.finalizer == FinalizerStep::Remove) {
            return Ok(());
        }
        let object = &scene.object;
        prop_assert!(!object.is_paused(), "paused");
        prop_assert_eq!(&plan.action, &Action::None, "something is still to be done");
        if !object.deletes_store(scene.deletion_defaults) {
            return Ok(());
        }
        prop_assert!(!object.deletion(scene.deletion_defaults).protection, "protected");
        match &scene.observed {
            Observed::Absent { account } => {
                prop_assert!(same_account(&scene, account), "a 404 of another account");
                let memory = &scene.recollection;
                let confirmed = memory.absent_for.is_some_and(|absent| absent.as_secs() >= 5);
                prop_assert!(confirmed || memory.delete_accepted_for.is_some(), "a single 404");
            }
            Observed::Present(present) => {
                prop_assert!(same_account(&scene, &present.account), "another account");
                prop_assert!(matches!(present.tags, ObservedTags::Read(_)), "tags that were not read");
                prop_assert!(present.tags.owner() != Some(UID), "its own store is still there");
                let why = matches!(plan.state, State::OwnershipConflict { .. } | State::NeverManaged { .. });
                prop_assert!(why, "{plan:?}");
                let confirmed = scene.recollection.not_owner_for.is_some_and(|time| time.as_secs() >= 5);
                prop_assert!(confirmed, "a single look at its tags");
            }
            Observed::Searched { .. } => prop_assert!(scene.desired().is_ok_and(|desired| desired.id.is_none())),
            other => return Err(TestCaseError::fail(format!("let go after {other:?}"))),
        }
    }

    #[test]
    fn nothing_is_changed_while_owner_or_account_is_uncertain(scene in any_scene()) {
        let plan = scene.plan();
        if !(plan.action != Action::None) {
            return Ok(());
        }
        let object = &scene.object;
        prop_assert!(object.manages(), "under Observe");
        prop_assert!(!object.is_paused(), "paused");
        prop_assert!(scene.desired().is_ok(), "a spec that cannot be read");
        match &scene.observed {
            Observed::Present(present) => {
                prop_assert!(matches!(present.tags, ObservedTags::Read(_)), "tags that were not read");
                prop_assert!(same_account(&scene, &present.account), "another account");
                let displaced = matches!(plan.action, Action::Adopt { .. }) && scene.take_over == TakeOver::Allowed;
                let ours = present.tags.owner().is_none_or(|owner| owner == UID);
                prop_assert!(ours || displaced, "a store of {:?}", present.tags.owner());
            }
            Observed::Searched { .. } => {}
            other => return Err(TestCaseError::fail(format!("after {other:?}"))),
        }
    }

    #[test]
    fn a_paused_object_is_left_alone(scene in any_scene()) {
        if !(scene.object.is_paused()) {
            return Ok(());
        }
        let plan = scene.plan();
        prop_assert_eq!(scene.target(), None, "AWS is asked");
        prop_assert_eq!(plan.action, Action::None);
        prop_assert_eq!(plan.finalizer, FinalizerStep::Keep);
        prop_assert_eq!(plan.intent, None);
    }

    #[test]
    fn the_finalizer_is_held_exactly_where_a_store_must_be_deleted(scene in any_scene()) {
        if !(!scene.object.is_being_deleted() && !scene.object.is_paused()) {
            return Ok(());
        }
        let plan = scene.plan();
        let had = scene.object.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
        let has = match plan.finalizer {
            FinalizerStep::Keep => had,
            FinalizerStep::Add => true,
            FinalizerStep::Remove => false,
        };
        let known = identity::store_id(&scene.object).is_some() || scene.observed.present().is_some();
        let cannot_act = scene.desired().is_err() || scene.access.refusal().is_some();
        let only_named = cannot_act && scene.object.names_store() && !identity::is_recorded(&scene.object);
        if scene.object.deletes_store(scene.deletion_defaults) && known && !only_named {
            prop_assert!(has, "a store would be left behind");
        }
        let recorded = scene.desired().is_ok_and(|desired| desired.intent.is_some());
        let begun = plan.intent.is_some() || matches!(plan.action, Action::Create { .. });
        // While AWS could not be observed the finalizer stays as it is.
        let blind = scene.desired().is_err() || matches!(scene.observed, Observed::Failed(_) | Observed::NotAsked);
        let nothing_asked_for = !recorded && !begun && !blind;
        if !scene.object.deletes_store(scene.deletion_defaults) && (known || nothing_asked_for) {
            prop_assert!(!has, "an uninstalled operator would strand the object");
        }
    }

    #[test]
    fn a_store_that_matches_the_spec_is_left_alone(scene in any_pair()) {
        let (mut equal, _) = settle(scene)?;
        prop_assert_eq!(equal.plan().action, Action::None);
        equal.object.spec.management_policy = Some(ManagementPolicy::Observe);
        let plan = equal.plan();
        prop_assert_eq!((plan.action, plan.state), (Action::None, State::Available));
    }

    #[test]
    fn one_call_of_each_kind_corrects_all_differences(scene in any_pair()) {
        let (_, actions) = settle(scene)?;
        for (position, action) in actions.iter().enumerate() {
            let kind = std::mem::discriminant(action);
            let again = actions[position + 1..].iter().any(|later| std::mem::discriminant(later) == kind);
            prop_assert!(!again, "{action:?} is not the last of its kind in {actions:?}");
        }
    }

    #[test]
    fn a_create_is_sent_only_when_no_store_is_known_and_no_attempt_can_still_succeed(scene in any_scene()) {
        let plan = scene.plan();
        let Action::Create { intent: next, .. } = &plan.action else { return Ok(()) };
        prop_assert!(!scene.object.is_being_deleted(), "while deleting");
        prop_assert!(!scene.object.names_store(), "a store is named");
        prop_assert_eq!(identity::store_id(&scene.object), None, "a store is known");
        let looked = matches!(scene.observed, Observed::Searched { found: OwnerMatch::Nothing, .. });
        prop_assert!(looked, "not after a complete search that found nothing: {:?}", scene.observed);
        let desired = scene.desired().expect("a spec that can be read");
        let Some(last) = desired.intent else { return Ok(()) };
        prop_assert!((next.epoch, next.attempt) > (last.epoch, last.attempt), "the same attempt again");
        let memory = &scene.recollection;
        let is_refused = last.outcome.is_some() || memory.not_created == Some((last.epoch, last.attempt));
        let made_nothing = last.attempt == 0 || is_refused;
        prop_assert!(made_nothing || memory.attempt_known_for.as_secs() >= 75, "an attempt is unresolved");
    }
}
