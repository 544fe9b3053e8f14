//! The rules for an object that stays.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Scene, check};
use crate::aws::{Class, Operation};
use crate::crd::{
    DeletionPolicy, ETagAlgorithmFamily, FINALIZER, INTENT_ANNOTATION, ManagementPolicy, PAUSED_ANNOTATION,
    RECREATE_ANNOTATION, TAKE_OVER_ANNOTATION,
};
use crate::plan::{Action, Correction, PinnedBy, State, TakeOver};
use crate::samples::{
    ACCOUNT, ID, OTHER_ACCOUNT, OTHER_ID, OTHER_UID, UID, absent, call_error, intent, own_tags, present,
    store, tags_of,
};
use crate::store::Field;
use crate::store::intent::{AttemptOutcome, Intent};
use crate::store::observed::{Observed, ObservedTags};
use crate::store::owner_match::OwnerMatch;

fn active(tags: ObservedTags) -> Observed {
    present(ACCOUNT, Some("ACTIVE"), tags)
}

fn in_status(status: Option<&str>) -> Scene {
    Scene::settled().seen(present(ACCOUNT, status, ObservedTags::Read(own_tags())))
}

fn observing(scene: Scene) -> Scene {
    scene.with(|s| {
        s.object.spec.management_policy = Some(ManagementPolicy::Observe);
        s.object.metadata.finalizers = None;
    })
}

fn absent_for(seconds: u64) -> Scene {
    Scene::settled().seen(absent()).with(|s| s.recollection.absent_for = Some(Duration::from_secs(seconds)))
}

fn looked_twice(scene: Scene) -> Scene {
    scene.with(|s| s.recollection.not_owner_for = Some(Duration::from_secs(5)))
}

fn never_seen(scene: Scene) -> Scene {
    scene.with(|s| s.object.status = None)
}

/// No store is named and none is on record.
fn unnamed(found: OwnerMatch) -> Scene {
    let searched = Observed::Searched { found, account: ACCOUNT.into() };
    never_seen(Scene::settled()).seen(searched).with(|s| {
        s.object.spec.sequence_store_id = None;
        s.object.metadata.finalizers = None;
    })
}

fn former() -> OwnerMatch {
    OwnerMatch::Former { id: OTHER_ID.into(), arn: store(OTHER_ID, ACCOUNT, None).arn, uid: OTHER_UID.into() }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_rule_for_a_known_store() {
    let untagged = || Scene::settled().seen(active(ObservedTags::Read(BTreeMap::new())));
    let taken = || Scene::settled().seen(active(tags_of(OTHER_UID)));
    let tags_denied =
        || active(ObservedTags::Unreadable(call_error(Operation::ListTagsForResource, Class::Denied)));
    let described = |s: &mut Scene| s.object.spec.description = Some("new".into());
    check(vec![
        ("settled", Scene::settled(), "Available, poll"),
        ("paused", Scene::settled().annotated(PAUSED_ANNOTATION, "true"), "Paused, poll"),
        (
            "paused, no finalizer yet",
            Scene::settled()
                .annotated(PAUSED_ANNOTATION, "true")
                .with(|s| s.object.metadata.finalizers = None),
            "Paused, poll",
        ),
        (
            "invalid",
            Scene::settled().with(|s| s.object.spec.poll_interval = Some("9s".into())),
            "InvalidSpec, poll",
        ),
        (
            "an intent that was edited",
            Scene::settled().annotated(INTENT_ANNOTATION, "{"),
            "InvalidSpec, poll",
        ),
        (
            "a failed Get",
            Scene::settled()
                .seen(Observed::Failed(call_error(Operation::GetSequenceStore, Class::Transient))),
            "CallFailed, backoff",
        ),
        (
            "another account answers",
            Scene::settled().seen(present(OTHER_ACCOUNT, Some("ACTIVE"), ObservedTags::Read(own_tags()))),
            "WrongAccount, poll",
        ),
        (
            "another account's 404",
            absent_for(9).seen(Observed::Absent { account: OTHER_ACCOUNT.into() }),
            "WrongAccount, poll",
        ),
        ("a first 404", absent_for(0), "ConfirmingAbsence, confirm"),
        ("a second 404", absent_for(5), "StoreMissing, poll"),
        ("a second 404, never seen", never_seen(absent_for(5)), "StoreNotFound, poll"),
        (
            "a named store is not made anew",
            absent_for(5).annotated(RECREATE_ANNOTATION, ID),
            "StoreMissing, poll",
        ),
        (
            "an untagged store, and objects that are not known",
            untagged().with(|s| s.unlisted = vec!["namespace b".into()]).with(described),
            "ObjectsNotListed, poll",
        ),
        (
            "the same, and an older object that is known",
            never_seen(
                untagged().with(|s| (s.unlisted, s.rival) = (vec!["namespace b".into()], Some("ns/b"))),
            ),
            "OwnershipConflict, poll",
        ),
        ("a store of another object", never_seen(taken()), "OwnershipConflict, poll"),
        ("its own store shows another owner", taken(), "ConfirmingOwner, confirm"),
        ("its own store shows another owner twice", looked_twice(taken()), "OwnershipConflict, poll"),
        (
            "taken over",
            taken().annotated(TAKE_OVER_ANNOTATION, OTHER_UID).with(|s| s.take_over = TakeOver::Allowed),
            "Adopting adopt, quick",
        ),
        (
            "not taken over from a live owner",
            looked_twice(taken().annotated(TAKE_OVER_ANNOTATION, OTHER_UID)),
            "OwnershipConflict, poll",
        ),
        (
            "not taken over from somebody else",
            looked_twice(taken())
                .annotated(TAKE_OVER_ANNOTATION, "nobody")
                .with(|s| s.take_over = TakeOver::Allowed),
            "OwnershipConflict, poll",
        ),
        ("Observe watches any store", observing(taken()), "Available, poll"),
        (
            "an older object names it",
            never_seen(untagged().with(|s| s.rival = Some("ns/b"))),
            "OwnershipConflict, poll",
        ),
        (
            "an older object names its own store",
            untagged().with(|s| s.rival = Some("ns/b")),
            "ConfirmingOwner, confirm",
        ),
        (
            "an older object, but ours by tag",
            Scene::settled().with(|s| s.rival = Some("ns/b")),
            "Available, poll",
        ),
        ("untagged", untagged(), "Adopting adopt, quick"),
        ("untagged under Observe", observing(untagged()), "Available, poll"),
        (
            "own uid, another cluster's tags",
            Scene::settled().seen(active(tags_of(UID))),
            "Adopting adopt, quick",
        ),
        ("CREATING", in_status(Some("CREATING")), "Creating, quick"),
        ("UPDATING", in_status(Some("UPDATING")), "Updating, quick"),
        ("DELETING", in_status(Some("DELETING")), "StoreDeleting, quick"),
        ("FAILED", in_status(Some("FAILED")), "Failed, poll"),
        ("a status nobody knows", in_status(Some("NEW")), "UnknownStatus, poll"),
        ("no status", in_status(None), "UnknownStatus, poll"),
        ("tags denied", Scene::settled().seen(tags_denied()), "TagsUnreadable, backoff"),
        (
            "tags denied, fields differ",
            Scene::settled().seen(tags_denied()).with(described),
            "TagsUnreadable, backoff",
        ),
        (
            "an immutable field differs",
            Scene::settled()
                .with(|s| s.object.spec.e_tag_algorithm_family = Some(ETagAlgorithmFamily::Sha512up)),
            "ImmutableFieldDiffers, poll",
        ),
        ("a field differs", Scene::settled().with(described), "Correcting update, quick"),
        ("a field differs under Observe", observing(Scene::settled().with(described)), "Drifted, poll"),
        (
            "a tag is missing",
            Scene::settled().with(|s| s.object.spec.tags = Some(BTreeMap::from([("k".into(), "v".into())]))),
            "Correcting tag, quick",
        ),
        (
            "no finalizer yet",
            Scene::settled().with(|s| s.object.metadata.finalizers = None),
            "Available +finalizer, poll",
        ),
        (
            "Retain holds none",
            Scene::settled().with(|s| s.object.spec.deletion_policy = Some(DeletionPolicy::Retain)),
            "Available -finalizer, poll",
        ),
        (
            "Retain by default holds none",
            Scene::settled().with(|s| s.deletion_defaults.policy = DeletionPolicy::Retain),
            "Available -finalizer, poll",
        ),
        (
            "Observe holds none",
            Scene::settled().with(|s| s.object.spec.management_policy = Some(ManagementPolicy::Observe)),
            "Available -finalizer, poll",
        ),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_rule_for_an_unknown_store() {
    let open = || intent(None).render();
    let in_account = || Intent { account: Some(ACCOUNT.into()), ..intent(None) }.render();
    let refused = || {
        let outcome = Some(AttemptOutcome::Refused);
        Intent { account: Some(ACCOUNT.into()), outcome, ..intent(None) }.render()
    };
    let known_for = |scene: Scene, seconds| {
        scene.with(|s| s.recollection.attempt_known_for = Duration::from_secs(seconds))
    };
    let yesterday = crate::samples::now() - jiff::SignedDuration::from_hours(24);
    let yesterday = Intent { started_at: yesterday, ..intent(None) }.render();
    let tomorrow = crate::samples::now() + jiff::SignedDuration::from_hours(24);
    let tomorrow = Intent { started_at: tomorrow, ..intent(None) }.render();
    check(vec![
        ("nothing found", unnamed(OwnerMatch::Nothing), "Creating create +finalizer, quick"),
        ("nothing found under Observe", observing(unnamed(OwnerMatch::Nothing)), "StoreNotNamed, poll"),
        ("a former object's store", unnamed(former()), "Adopting adopt +finalizer, quick"),
        (
            "a former object's store that was adopted, and the search lags",
            unnamed(former()).with(|s| {
                s.object.metadata.finalizers = Some(vec![FINALIZER.into()]);
                let lately = Correction { accepted: 1, last: Duration::from_secs(1) };
                let fields = own_tags().into_keys().map(Field::Tag);
                s.recollection.corrections_of = s.object.metadata.generation;
                s.recollection.corrections = fields.map(|field| (field, lately)).collect();
            }),
            "Adopting, quick",
        ),
        (
            "a former object's store under Retain",
            unnamed(former()).with(|s| s.object.spec.deletion_policy = Some(DeletionPolicy::Retain)),
            "Adopting adopt, quick",
        ),
        (
            "tags denied, and an older object names the recorded store",
            Scene::settled()
                .seen(active(ObservedTags::Unreadable(call_error(
                    Operation::ListTagsForResource,
                    Class::Denied,
                ))))
                .with(|s| s.rival = Some("ns/b")),
            "TagsUnreadable, backoff",
        ),
        ("a former object's store under Observe", observing(unnamed(former())), "StoreNotNamed, poll"),
        (
            "an attempt is open",
            unnamed(OwnerMatch::Nothing).annotated(INTENT_ANNOTATION, &open()),
            "OutcomeUnknown +finalizer, within",
        ),
        (
            "an attempt is over",
            known_for(unnamed(OwnerMatch::Nothing).annotated(INTENT_ANNOTATION, &open()), 75),
            "Creating create +finalizer, quick",
        ),
        (
            "an attempt of yesterday, just seen",
            unnamed(OwnerMatch::Nothing).annotated(INTENT_ANNOTATION, &yesterday),
            "Creating create +finalizer, quick",
        ),
        (
            "an attempt of tomorrow, just seen",
            unnamed(OwnerMatch::Nothing).annotated(INTENT_ANNOTATION, &tomorrow),
            "OutcomeUnknown +finalizer, within",
        ),
        (
            "an attempt of tomorrow is over",
            known_for(unnamed(OwnerMatch::Nothing).annotated(INTENT_ANNOTATION, &tomorrow), 75),
            "Creating create +finalizer, quick",
        ),
        (
            "an attempt that AWS refused",
            unnamed(OwnerMatch::Nothing).annotated(INTENT_ANNOTATION, &refused()),
            "Creating create +finalizer, quick",
        ),
        (
            "an attempt that AWS refused in another account",
            unnamed(OwnerMatch::Nothing)
                .annotated(INTENT_ANNOTATION, &refused())
                .seen(Observed::Searched { found: OwnerMatch::Nothing, account: OTHER_ACCOUNT.into() }),
            "Creating create +finalizer, quick",
        ),
        (
            "an attempt of unknown outcome in another account",
            unnamed(OwnerMatch::Nothing)
                .annotated(INTENT_ANNOTATION, &in_account())
                .seen(Observed::Searched { found: OwnerMatch::Nothing, account: OTHER_ACCOUNT.into() }),
            "WrongAccount +finalizer, poll",
        ),
        (
            "another object's intent",
            unnamed(OwnerMatch::Nothing)
                .annotated(INTENT_ANNOTATION, &Intent { uid: OTHER_UID.into(), ..intent(None) }.render()),
            "Creating create +finalizer, quick",
        ),
        (
            "the search failed",
            unnamed(OwnerMatch::Nothing)
                .seen(Observed::Failed(call_error(Operation::ListSequenceStores, Class::Denied))),
            "CallFailed, backoff",
        ),
        (
            "found by its tags",
            unnamed(OwnerMatch::Nothing).seen(active(ObservedTags::Read(own_tags()))),
            "Available +finalizer, poll",
        ),
    ]);
}

#[test]
fn states_carry_what_their_messages_name() {
    let state = never_seen(absent_for(5)).plan().state;
    let expected =
        State::StoreNotFound { id: ID.into(), region: "us-east-1".into(), account: ACCOUNT.into() };
    assert_eq!(state, expected);
    let state = Scene::settled()
        .seen(present(OTHER_ACCOUNT, Some("ACTIVE"), ObservedTags::Read(own_tags())))
        .plan()
        .state;
    let expected = State::WrongAccount {
        recorded: ACCOUNT.into(),
        credentials: OTHER_ACCOUNT.into(),
        pinned_by: PinnedBy::Store,
    };
    assert_eq!(state, expected);
}

#[test]
fn adoption_writes_the_owner_tags_and_nothing_else() {
    let foreign = BTreeMap::from([("team".to_owned(), "genomics".to_owned())]);
    let plan = Scene::settled().seen(active(ObservedTags::Read(foreign))).plan();
    let Action::Adopt { tags, arn, former, .. } = plan.action else { panic!("{:?}", plan.action) };
    assert_eq!((tags, arn), (own_tags(), store(ID, ACCOUNT, None).arn));
    assert_eq!(former, "");
}
