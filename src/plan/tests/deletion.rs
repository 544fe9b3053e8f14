//! The rules for an object that is being deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Scene, check};
use crate::aws::ReadSetCount;
use crate::aws::{Class, Operation};
use crate::crd::{
    DeletionBlockReason, DeletionDefaults, DeletionPolicy, FINALIZER, ManagementPolicy, PAUSED_ANNOTATION,
};
use crate::plan::{Action, Correction, DELETE_GRACE, Refusal, State};
use crate::samples::{
    ACCOUNT, ID, OTHER_ACCOUNT, OTHER_ID, OTHER_UID, REGION, UID, absent, call_error, intent, now, own_tags,
    present, store, tags_of,
};
use crate::store::Field;
use crate::store::observed::{Observed, ObservedTags};
use crate::store::owner_match::OwnerMatch;

fn active(tags: ObservedTags) -> Observed {
    present(ACCOUNT, Some("ACTIVE"), tags)
}

fn in_status(status: &str) -> Observed {
    present(ACCOUNT, Some(status), ObservedTags::Read(own_tags()))
}

fn absent_for(seconds: u64) -> Scene {
    Scene::deleting()
        .seen(absent())
        .with(|scene| scene.recollection.absent_for = Some(Duration::from_secs(seconds)))
}

fn refused(read_sets: Result<ReadSetCount, crate::aws::CallError>, due: bool) -> Scene {
    Scene::deleting().with(|scene| scene.recollection.refusal = Some(Refusal { read_sets, due }))
}

fn accepted_ago(ago: Duration) -> Scene {
    Scene::deleting().with(|scene| scene.recollection.delete_accepted_for = Some(ago))
}

fn counted(total: usize) -> Result<ReadSetCount, crate::aws::CallError> {
    Ok(ReadSetCount { total, ..Default::default() })
}

/// No id is known: the spec names none, and the status is empty.
fn unnamed(found: OwnerMatch) -> Scene {
    Scene::deleting()
        .with(|scene| {
            scene.object.spec.sequence_store_id = None;
            scene.object.status = None;
        })
        .seen(Observed::Searched { found, account: ACCOUNT.into() })
}

fn by_default(policy: DeletionPolicy, protection: bool) -> Scene {
    Scene::deleting().with(|scene| scene.deletion_defaults = DeletionDefaults { policy, protection })
}

fn untagged() -> ObservedTags {
    ObservedTags::Read(BTreeMap::new())
}

fn looked_for(seconds: u64, scene: Scene) -> Scene {
    scene.with(|scene| scene.recollection.not_owner_for = Some(Duration::from_secs(seconds)))
}

/// This process has looked for as long as reads may lag.
fn looked_long(scene: Scene) -> Scene {
    looked_for(60, scene)
}

/// AWS accepted the owner tags.
fn adopted_lately(scene: Scene) -> Scene {
    let uid = Field::Tag(crate::crd::OWNER_UID_TAG.into());
    let adopted = Correction { accepted: 1, last: Duration::from_secs(59) };
    scene.with(|scene| scene.recollection.corrections.extend([(uid, adopted)]))
}

fn never_managed(scene: Scene) -> Scene {
    scene.with(|scene| scene.object.status.get_or_insert_default().managed_store_id = None)
}

/// A store that the operator created this long ago, and that shows no tags.
fn lagging(seconds: i64) -> Scene {
    let mut created = active(untagged());
    if let Observed::Present(present) = &mut created {
        let time = now() - jiff::SignedDuration::from_secs(seconds);
        present.store.creation_time = Some(time.to_string());
    }
    Scene::deleting().seen(created).with(|scene| scene.object.spec.sequence_store_id = None)
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_rule_of_deletion() {
    let denied = |operation| call_error(operation, Class::Denied);
    let former = OwnerMatch::Former {
        id: OTHER_ID.into(),
        arn: store(OTHER_ID, ACCOUNT, None).arn,
        uid: OTHER_UID.into(),
    };
    check(vec![
        ("own store", Scene::deleting(), "Deleting delete, quick"),
        (
            "untagged store that the spec names",
            Scene::deleting().seen(active(ObservedTags::Read(BTreeMap::new()))),
            "Deleting delete, quick",
        ),
        (
            "no finalizer of ours",
            Scene::deleting().with(|s| s.object.metadata.finalizers = None),
            "Released, poll",
        ),
        ("paused", Scene::deleting().annotated(PAUSED_ANNOTATION, "true"), "Paused, poll"),
        (
            "paused is the word true alone",
            Scene::deleting().annotated(PAUSED_ANNOTATION, "yes"),
            "Deleting delete, quick",
        ),
        (
            "Retain",
            Scene::deleting().with(|s| s.object.spec.deletion_policy = Some(DeletionPolicy::Retain)),
            "Released -finalizer, poll",
        ),
        (
            "Observe",
            Scene::deleting().with(|s| s.object.spec.management_policy = Some(ManagementPolicy::Observe)),
            "Released -finalizer, poll",
        ),
        (
            "paused under Retain",
            Scene::deleting()
                .annotated(PAUSED_ANNOTATION, "true")
                .with(|s| s.object.spec.deletion_policy = Some(DeletionPolicy::Retain)),
            "Paused, poll",
        ),
        (
            "protected",
            Scene::deleting().with(|s| s.object.spec.deletion_protection = Some(true)),
            "DeletionBlocked, poll",
        ),
        (
            "protection lifted",
            Scene::deleting().with(|s| s.object.spec.deletion_protection = Some(false)),
            "Deleting delete, quick",
        ),
        ("Retain by default", by_default(DeletionPolicy::Retain, false), "Released -finalizer, poll"),
        (
            "Delete where the default is Retain",
            by_default(DeletionPolicy::Retain, false)
                .with(|s| s.object.spec.deletion_policy = Some(DeletionPolicy::Delete)),
            "Deleting delete, quick",
        ),
        ("protected by default", by_default(DeletionPolicy::Delete, true), "DeletionBlocked, poll"),
        (
            "protection by default lifted",
            by_default(DeletionPolicy::Delete, true)
                .with(|s| s.object.spec.deletion_protection = Some(false)),
            "Deleting delete, quick",
        ),
        (
            "a foreign finalizer",
            Scene::deleting()
                .with(|s| s.object.metadata.finalizers = Some(vec!["x/y".into(), FINALIZER.into()])),
            "DeletionBlocked, poll",
        ),
        (
            "a spec that is invalid in what a deletion does not need",
            Scene::deleting().with(|s| s.object.spec.poll_interval = Some("soon".into())),
            "Deleting delete, quick",
        ),
        (
            "a failed Get",
            Scene::deleting().seen(Observed::Failed(denied(Operation::GetSequenceStore))),
            "CallFailed, backoff",
        ),
        (
            "another account answers",
            Scene::deleting().seen(present(OTHER_ACCOUNT, Some("ACTIVE"), ObservedTags::Read(own_tags()))),
            "WrongAccount, poll",
        ),
        (
            "another account's 404",
            absent_for(60).seen(Observed::Absent { account: OTHER_ACCOUNT.into() }),
            "WrongAccount, poll",
        ),
        ("a first 404", absent_for(0), "Deleting, confirm"),
        ("a second 404 too early", absent_for(4), "Deleting, confirm"),
        ("a second 404", absent_for(5), "Deleted -finalizer, poll"),
        ("a 404 after our delete", accepted_ago(Duration::ZERO).seen(absent()), "Deleted -finalizer, poll"),
        (
            "tags denied",
            Scene::deleting().seen(active(ObservedTags::Unreadable(denied(Operation::ListTagsForResource)))),
            "CallFailed, backoff",
        ),
        (
            "tags denied, an older object",
            Scene::deleting()
                .seen(active(ObservedTags::Unreadable(denied(Operation::ListTagsForResource))))
                .with(|s| s.rival = Some("ns/b")),
            "CallFailed, backoff",
        ),
        (
            "a store of another object",
            looked_long(Scene::deleting().seen(active(tags_of(OTHER_UID)))),
            "OwnershipConflict -finalizer, poll",
        ),
        (
            "a store of another object, by a first look",
            Scene::deleting().seen(active(tags_of(OTHER_UID))),
            "Deleting, confirm",
        ),
        (
            "a store of another object, before this process can know that an earlier one did not claim it",
            looked_for(59, Scene::deleting().seen(active(tags_of(OTHER_UID)))),
            "Deleting, confirm",
        ),
        (
            "a store that was only named, before this process can know that an earlier one did not claim it",
            looked_for(59, never_managed(Scene::deleting().seen(active(untagged())))),
            "Deleting, confirm",
        ),
        (
            "an older object names it",
            looked_long(Scene::deleting().seen(active(untagged())).with(|s| s.rival = Some("ns/b"))),
            "OwnershipConflict -finalizer, poll",
        ),
        (
            "an untagged store, and objects that are not known",
            Scene::deleting()
                .seen(active(ObservedTags::Read(BTreeMap::new())))
                .with(|s| s.unlisted = vec!["namespace b".into()]),
            "DeletionBlocked, poll",
        ),
        (
            "a store that was only named",
            looked_long(never_managed(Scene::deleting().seen(active(untagged())))),
            "NeverManaged -finalizer, poll",
        ),
        (
            "a store that was only named, by a first look",
            never_managed(Scene::deleting().seen(active(untagged()))),
            "Deleting, confirm",
        ),
        (
            "a store that was only named, and adopted a moment ago",
            adopted_lately(looked_long(never_managed(Scene::deleting().seen(active(untagged()))))),
            "Deleting, confirm",
        ),
        (
            "a store that was never managed, but ours by tag",
            never_managed(Scene::deleting()),
            "Deleting delete, quick",
        ),
        (
            "an older object, but ours by tag",
            Scene::deleting().seen(active(tags_of(UID))).with(|s| s.rival = Some("ns/b")),
            "Deleting delete, quick",
        ),
        (
            "an untagged store from an edited status",
            looked_long(
                Scene::deleting().seen(active(untagged())).with(|s| s.object.spec.sequence_store_id = None),
            ),
            "OwnershipConflict -finalizer, poll",
        ),
        ("a new store whose tags lag", looked_long(lagging(59)), "Deleting, confirm"),
        ("a store that lost its tags", looked_long(lagging(61)), "OwnershipConflict -finalizer, poll"),
        ("DELETING", Scene::deleting().seen(in_status("DELETING")), "Deleting, quick"),
        ("our delete is not seen yet", accepted_ago(DELETE_GRACE / 2), "Deleting, quick"),
        ("our delete had no effect", accepted_ago(DELETE_GRACE), "Deleting delete, quick"),
        ("CREATING", Scene::deleting().seen(in_status("CREATING")), "DeletionBlocked, quick"),
        ("UPDATING", Scene::deleting().seen(in_status("UPDATING")), "DeletionBlocked, quick"),
        ("FAILED", Scene::deleting().seen(in_status("FAILED")), "Deleting delete, quick"),
        ("a status nobody knows", Scene::deleting().seen(in_status("NEW")), "Deleting delete, quick"),
        ("refused a moment ago", refused(counted(3), false), "DeletionBlocked, poll"),
        ("refused, and due again", refused(counted(3), true), "DeletionBlocked delete, quick"),
        ("nothing was created", unnamed(OwnerMatch::Nothing), "Released -finalizer, poll"),
        (
            "a former object's store is left alone",
            looked_long(unnamed(former.clone())),
            "Released -finalizer, poll",
        ),
        (
            "a former object's store that was adopted a moment ago",
            adopted_lately(looked_long(unnamed(former.clone()))),
            "Deleting, confirm",
        ),
        (
            "a former object's store that an earlier process may have adopted",
            looked_for(59, unnamed(former)),
            "Deleting, confirm",
        ),
        (
            "an attempt that may still land",
            unnamed(OwnerMatch::Nothing).annotated(crate::crd::INTENT_ANNOTATION, &intent(None).render()),
            "Deleting, within",
        ),
        (
            "the attempt is known by its id",
            unnamed(OwnerMatch::Nothing)
                .annotated(crate::crd::INTENT_ANNOTATION, &intent(Some(ID)).render())
                .seen(active(ObservedTags::Read(own_tags()))),
            "Deleting delete, quick",
        ),
    ]);
}

#[test]
fn the_store_that_is_deleted_is_the_one_that_the_spec_names() {
    let plan = Scene::deleting()
        .with(|scene| {
            let status = scene.object.status.get_or_insert_default();
            status.store = Some(store(OTHER_ID, ACCOUNT, Some("ACTIVE")));
        })
        .plan();
    assert_eq!(plan.action, Action::DeleteStore { region: REGION.into(), id: ID.into() });
}

#[test]
fn blocks_say_why_and_how_many() {
    let blocks = |scene: Scene| match scene.plan().state {
        State::DeletionBlocked(blocks) => blocks,
        state => panic!("{state:?}"),
    };
    let both = blocks(Scene::deleting().with(|scene| {
        scene.object.spec.deletion_protection = Some(true);
        scene.object.metadata.finalizers = Some(vec!["x/y".into(), FINALIZER.into()]);
    }));
    let reasons: Vec<_> = both.iter().map(|block| block.reason).collect();
    assert_eq!(reasons, [DeletionBlockReason::DeletionProtection, DeletionBlockReason::Finalizers]);
    assert!(both[1].message.contains("x/y") && !both[1].message.contains(FINALIZER), "{}", both[1].message);

    let by_status = BTreeMap::from([("ACTIVE".to_owned(), 1000)]);
    let count = ReadSetCount { total: 1000, more: true, by_status: by_status.clone() };
    let block = blocks(refused(Ok(count), false)).remove(0);
    assert_eq!((block.reason, block.read_sets.as_deref()), (DeletionBlockReason::ReadSets, Some("1000+")));
    assert_eq!(block.read_sets_by_status, by_status);

    let block = blocks(refused(counted(0), false)).remove(0);
    assert_eq!((block.reason, block.read_sets), (DeletionBlockReason::Busy, None));
    let uncounted = Err(call_error(Operation::ListReadSets, Class::Denied));
    let block = blocks(refused(uncounted, false)).remove(0);
    assert_eq!(block.reason, DeletionBlockReason::Busy);
    assert!(block.message.contains("omics:ListReadSets"), "{}", block.message);
}

#[test]
fn aws_is_not_asked_where_the_plan_does_not_depend_on_it() {
    assert!(Scene::deleting().target().is_some());
    let scenes = [
        Scene::deleting().with(|s| s.object.metadata.finalizers = None),
        Scene::deleting().with(|s| s.object.spec.deletion_policy = Some(DeletionPolicy::Retain)),
        Scene::deleting().with(|s| s.object.spec.management_policy = Some(ManagementPolicy::Observe)),
        Scene::deleting().with(|s| s.object.spec.deletion_protection = Some(true)),
        by_default(DeletionPolicy::Retain, false),
        by_default(DeletionPolicy::Delete, true),
        Scene::deleting().annotated(PAUSED_ANNOTATION, "true"),
        Scene::settled().annotated(PAUSED_ANNOTATION, "true"),
        Scene::settled().with(|s| s.object.spec.poll_interval = Some("soon".into())),
    ];
    for scene in scenes {
        assert_eq!(scene.target(), None, "{scene:#?}");
    }
}
