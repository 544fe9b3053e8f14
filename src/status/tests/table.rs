//! The conditions of every state and of every class of failure.

use std::time::Duration;

use crate::aws::{Class, Operation};
use crate::crd::{Drift, RECONCILE_ANNOTATION, SequenceStoreStatus};
use crate::plan::{NotKept, PinnedBy, State, StoreOwner, TaggedOwner};
use crate::samples::{ACCOUNT, ID, Scene, call_error, now, present, tags_of};
use crate::status::{Input, Reason, find, next};
use crate::store::observed::{Observed, ObservedTags};
use crate::tenancy::AccessRefusal;

const GRACE: Duration = Duration::from_secs(300);

struct Pass {
    scene: Scene,
    state: State,
    failures: u32,
    denied_for: Option<Duration>,
    throttled_briefly: bool,
}

impl Pass {
    fn of(state: State) -> Self {
        Self { scene: Scene::settled(), state, failures: 1, denied_for: None, throttled_briefly: false }
    }

    fn failed(operation: Operation, class: Class, failures: u32) -> Self {
        Self { failures, ..Self::of(State::CallFailed(call_error(operation, class))) }
    }

    fn next(&self) -> SequenceStoreStatus {
        next(&Input {
            region: Some("us-east-1"),
            failures: self.failures,
            denied_for: self.denied_for,
            denied_grace: GRACE,
            throttled_briefly: self.throttled_briefly,
            ..Input::of(&self.scene.object, &self.scene.observed, &self.state, now())
        })
    }

    /// `Ready`, `Synced` and the type of a third condition, such as `False/Failed False/Failed Stalled`.
    fn words(&self) -> String {
        words(&self.next())
    }
}

pub(super) fn words(status: &SequenceStoreStatus) -> String {
    let word = |kind: &str| {
        find(&status.conditions, kind).map(|condition| format!("{}/{}", condition.status, condition.reason))
    };
    let extra: Vec<&str> = ["Reconciling", "Stalled"]
        .into_iter()
        .filter(|kind| find(&status.conditions, kind).is_some())
        .collect();
    format!(
        "{} {} {}",
        word("Ready").unwrap_or_default(),
        word("Synced").unwrap_or_default(),
        extra.join("+")
    )
}

pub(super) fn drift() -> Vec<Drift> {
    vec![Drift { field: "name".into(), desired: Some("a".into()), observed: None }]
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_state_has_its_conditions() {
    let tags_denied = call_error(Operation::ListTagsForResource, Class::Denied);
    let account = |account: &str| account.to_owned();
    let table = [
        (State::Available, "True/Available True/InSync "),
        (State::Drifted(drift()), "True/Available False/Drifted "),
        (State::TagsUnreadable(tags_denied.clone()), "True/Available False/AccessDenied "),
        (State::OwnerTagsDenied(tags_denied), "True/Available False/AccessDenied "),
        (
            State::ObjectsNotListed { places: vec!["namespace b".into()] },
            "True/Available False/ObjectsNotListed ",
        ),
        (State::PrincipalsRenamed(drift()), "True/Available False/Drifted "),
        (
            State::TagLimit { present: 48, missing: vec!["team".into()], drift: drift() },
            "True/Available False/QuotaExceeded ",
        ),
        (State::Reconciling, "False/Progressing False/Progressing Reconciling"),
        (State::Adopting, "False/Progressing False/Progressing Reconciling"),
        (State::ConfirmingAbsence, "False/Progressing False/Progressing Reconciling"),
        (State::Correcting(drift()), "False/Drifted False/Drifted Reconciling"),
        (State::Creating, "False/Creating False/Creating Reconciling"),
        (State::OutcomeUnknown { attempt: 1 }, "False/Creating False/Creating Reconciling"),
        (State::Updating, "False/Updating False/Updating Reconciling"),
        (State::StoreDeleting, "False/StoreDeleting False/StoreDeleting Reconciling"),
        (State::UnknownStatus { status: None }, "False/UnknownStatus False/UnknownStatus Reconciling"),
        (State::Failed { message: None }, "False/Failed False/Failed Stalled"),
        (
            State::AccessRefused(AccessRefusal::Conflict { bindings: vec!["lab".into(), "other".into()] }),
            "False/BindingConflict False/BindingConflict Stalled",
        ),
        (
            State::AccessRefused(AccessRefusal::NotReady {
                binding: Some("lab".into()),
                why: "It is not.".into(),
            }),
            "False/BindingNotReady False/BindingNotReady Reconciling",
        ),
        (
            State::AccessRefused(AccessRefusal::Missing { recorded: Some("lab".into()) }),
            "False/BindingMissing False/BindingMissing Stalled",
        ),
        (
            State::AccessRefused(AccessRefusal::Missing { recorded: None }),
            "False/BindingMissing False/BindingMissing Reconciling",
        ),
        (State::InvalidSpec { message: "m".into() }, "False/InvalidSpec False/InvalidSpec Stalled"),
        (
            State::ImmutableFieldDiffers(drift()),
            "False/ImmutableFieldDiffers False/ImmutableFieldDiffers Stalled",
        ),
        (State::NotConverging(drift()), "False/NotConverging False/NotConverging Stalled"),
        (
            State::OwnershipConflict {
                owner: StoreOwner::Tagged(TaggedOwner { uid: "x".into(), ..Default::default() }),
            },
            "False/OwnershipConflict False/OwnershipConflict Stalled",
        ),
        (
            State::WrongAccount {
                recorded: account("1"),
                credentials: account("2"),
                pinned_by: PinnedBy::Store,
            },
            "False/WrongAccount False/WrongAccount Stalled",
        ),
        (
            State::StoreMissing { id: ID.into(), region: "r".into(), named: true },
            "False/StoreMissing False/StoreMissing Stalled",
        ),
        (
            State::StoreNotFound { id: ID.into(), region: "r".into(), account: account("1") },
            "False/StoreNotFound False/StoreNotFound Stalled",
        ),
        (State::StoreNotNamed, "False/StoreNotFound False/StoreNotFound Stalled"),
        (State::Deleting, "False/Deleting False/Deleting Reconciling"),
        (State::NeverManaged { id: ID.into() }, "False/Deleting False/Deleting Reconciling"),
        (
            State::RecordNotKept { what: NotKept::Intent, is_ready: false },
            "False/RecordNotKept False/RecordNotKept Stalled",
        ),
        (
            State::RecordNotKept { what: NotKept::Finalizer, is_ready: true },
            "True/Available False/RecordNotKept ",
        ),
        (State::ConfirmingOwner, "False/Progressing False/Progressing Reconciling"),
        (State::Deleted, "False/Deleting False/Deleting Reconciling"),
        (State::Released, "False/Deleting False/Deleting Reconciling"),
        (State::DeletionBlocked(Vec::new()), "False/DeletionBlocked False/DeletionBlocked Reconciling"),
        (State::Paused, "False/Paused False/Paused "),
    ];
    for (state, expected) in table {
        let found = Pass::of(state.clone()).words();
        assert_eq!(found, expected, "{state:?}");
    }
}

#[test]
fn every_class_of_failure_has_its_reason() {
    let short = Some(Duration::from_secs(1));
    for class in Class::ALL {
        let pass = Pass { denied_for: short, ..Pass::failed(Operation::GetSequenceStore, class, 3) };
        let expected = match class {
            Class::Throttled => "False/Throttled False/Throttled Reconciling",
            Class::Denied | Class::Credentials => "False/AccessDenied False/AccessDenied Reconciling",
            Class::Quota => "False/QuotaExceeded False/QuotaExceeded Reconciling",
            Class::Terminal => "False/InvalidSpec False/InvalidSpec Stalled",
            Class::Conflict => "False/Updating False/Updating Reconciling",
            Class::Transient | Class::CredentialsUnavailable | Class::NotFound | Class::Unreadable => {
                "False/AwsUnavailable False/AwsUnavailable Reconciling"
            }
        };
        assert_eq!(pass.words(), expected, "{class:?}");
    }
}

#[test]
fn a_denial_stalls_the_object_after_its_grace_and_names_the_action() {
    for class in [Class::Denied, Class::Credentials, Class::Quota] {
        let mut pass = Pass::failed(Operation::DeleteSequenceStore, class, 1);
        pass.denied_for = Some(GRACE - Duration::from_secs(1));
        assert!(pass.words().ends_with("Reconciling"), "{class:?}");
        pass.denied_for = Some(GRACE);
        assert!(pass.words().ends_with("Stalled"), "{class:?}");
        // After a restart the time counts from zero, but the object stays stalled.
        pass.scene.object.status = Some(pass.next());
        pass.denied_for = Some(Duration::ZERO);
        assert!(pass.words().ends_with("Stalled"), "{class:?}");
        // A new generation gets the grace again.
        pass.scene.object.metadata.generation = Some(3);
        assert!(pass.words().ends_with("Reconciling"), "{class:?}");
        let message = &pass.next().conditions[0].message;
        assert!(message.contains("omics:DeleteSequenceStore"), "{message}");
    }
}

/// A pass over an object that the last pass reported as Available.
fn reported() -> Pass {
    let mut pass = Pass::of(State::Available);
    pass.scene.object.status = Some(pass.next());
    pass
}

#[test]
fn the_first_two_transient_failures_write_nothing() {
    let before = reported().scene.object.status;
    for class in Class::ALL {
        let transient = !matches!(class, Class::Denied | Class::Credentials | Class::Quota | Class::Terminal);
        for failures in 1..=3 {
            for tags in [false, true] {
                let error = call_error(Operation::ListTagsForResource, class);
                let mut pass = reported();
                pass.failures = failures;
                pass.state = if tags { State::TagsUnreadable(error) } else { State::CallFailed(error) };
                if !tags {
                    pass.scene.observed = Observed::Failed(call_error(Operation::GetSequenceStore, class));
                }
                let unchanged = Some(pass.next()) == before;
                assert_eq!(unchanged, transient && failures < 3, "{class:?} {failures} tags {tags}");
                // A failure of a generation that is not reported yet is reported at once.
                pass.scene.object.metadata.generation = Some(3);
                assert_ne!(Some(pass.next()), before, "{class:?} {failures} tags {tags}");
            }
        }
    }
}

#[test]
fn throttling_of_a_reported_generation_is_no_news_until_it_lasts() {
    let before = reported().scene.object.status;
    for class in [Class::Throttled, Class::Transient] {
        for (throttled_briefly, is_shown) in [(true, class != Class::Throttled), (false, true)] {
            let mut pass = reported();
            (pass.failures, pass.throttled_briefly) = (99, throttled_briefly);
            pass.state = State::CallFailed(call_error(Operation::GetSequenceStore, class));
            pass.scene.observed = Observed::Failed(call_error(Operation::GetSequenceStore, class));
            assert_eq!(Some(pass.next()) != before, is_shown, "{class:?} {throttled_briefly}");
            pass.scene.object.metadata.generation = Some(3);
            assert_ne!(Some(pass.next()), before, "a new generation is reported at once");
        }
    }
}

#[test]
fn a_failed_call_keeps_store_and_drift() {
    let mut pass = reported();
    pass.state = State::Drifted(drift());
    let before = pass.next();
    assert_eq!(before.drift, drift());
    pass.scene.object.status = Some(before.clone());
    pass.scene.observed = Observed::Failed(call_error(Operation::GetSequenceStore, Class::Denied));
    pass.state = State::CallFailed(call_error(Operation::GetSequenceStore, Class::Denied));
    let after = pass.next();
    assert_eq!((&after.store, &after.drift), (&before.store, &before.drift));
    assert_eq!((after.region, after.account_id), (before.region, before.account_id));
}

#[test]
fn a_store_of_another_owner_or_account_is_not_recorded() {
    for state in [
        State::OwnershipConflict {
            owner: StoreOwner::Tagged(TaggedOwner { uid: "x".into(), ..Default::default() }),
        },
        State::WrongAccount { recorded: "1".into(), credentials: "2".into(), pinned_by: PinnedBy::Store },
    ] {
        let mut pass = Pass::of(state);
        pass.scene.object.status = None;
        pass.scene.observed = present(ACCOUNT, Some("ACTIVE"), tags_of("another"));
        let status = pass.next();
        assert_eq!((status.store, status.region, status.account_id), (None, None, None));
    }
}

#[test]
fn tags_are_removed_after_a_denial_and_kept_after_other_failures() {
    for (class, kept) in [(Class::Denied, false), (Class::Transient, true), (Class::Throttled, true)] {
        let mut pass = reported();
        let error = call_error(Operation::ListTagsForResource, class);
        pass.scene.observed = present(ACCOUNT, Some("ACTIVE"), ObservedTags::Unreadable(error.clone()));
        (pass.state, pass.failures) = (State::TagsUnreadable(error), 3);
        let tags = pass.next().store.and_then(|store| store.tags);
        assert_eq!(tags.is_some(), kept, "{class:?}");
    }
}

#[test]
fn a_pause_changes_only_synced() {
    let mut pass = reported();
    let before = pass.scene.object.status.clone().expect("reported");
    pass.state = State::Paused;
    pass.scene.object.metadata.generation = Some(3);
    let pass = Pass { scene: pass.scene.annotated(RECONCILE_ANNOTATION, "now"), ..pass };
    let after = pass.next();
    assert_eq!(words(&after), "True/Available False/Paused ");
    assert_eq!(find(&after.conditions, "Ready"), find(&before.conditions, "Ready"));
    assert_eq!(after.observed_generation, Some(2));
    assert_eq!((after.store, after.last_handled_reconcile_at), (before.store, None));
}

#[test]
fn a_reconcile_request_is_echoed_even_if_nothing_else_changes() {
    let mut pass = reported();
    let before = pass.scene.object.status.clone().expect("reported");
    pass.state = State::CallFailed(call_error(Operation::GetSequenceStore, Class::Transient));
    let pass = Pass { scene: pass.scene.annotated(RECONCILE_ANNOTATION, "now"), ..pass };
    let expected = SequenceStoreStatus { last_handled_reconcile_at: Some("now".into()), ..before };
    assert_eq!(pass.next(), expected);
}

#[test]
fn the_transition_time_changes_only_with_the_status_of_the_condition() {
    let mut pass = reported();
    let since = |pass: &Pass, kind: &str| {
        find(&pass.next().conditions, kind).map(|condition| condition.last_transition_time.0)
    };
    let first = since(&pass, "Ready");
    let old = pass.scene.object.status.as_mut().expect("reported");
    for condition in &mut old.conditions {
        condition.last_transition_time.0 = jiff::Timestamp::from_second(7).expect("a time");
    }
    assert_ne!(since(&pass, "Ready"), first);
    pass.state = State::Drifted(drift());
    assert_eq!(since(&pass, "Ready").map(|time| time.as_second()), Some(7));
    assert_eq!(since(&pass, "Synced"), Some(now()));
}

#[test]
fn reasons_are_camel_case_and_unique() {
    let mut names: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    for name in &names {
        let camel = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric());
        assert!(camel, "{name}");
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Reason::ALL.len());
}

/// The plan reads in `status.drift` that a policy with renamed principals was told and need not be written again.
#[test]
fn states_in_which_nothing_was_compared_keep_the_last_known_drift() {
    for state in [
        State::Updating,
        State::Adopting,
        State::ObjectsNotListed { places: vec!["lab".into()] },
        State::ConfirmingAbsence,
        State::InvalidSpec { message: "m".into() },
        State::UnknownStatus { status: None },
        State::Failed { message: None },
        State::CallFailed(call_error(Operation::UpdateSequenceStore, Class::Denied)),
    ] {
        let mut pass = Pass::of(state);
        pass.scene.object.status.get_or_insert_default().drift = drift();
        assert_eq!(pass.next().drift, drift(), "{:?}", pass.state);
    }
    let mut settled = Pass::of(State::Available);
    settled.scene.object.status.get_or_insert_default().drift = drift();
    assert_eq!(settled.next().drift, []);
}
