//! The rules for an object that is being deleted. No I/O.

use kube::ResourceExt;

use super::absence::absence_is_confirmed;
use super::creation::nothing_to_delete;
use super::ownership::{
    is_certainly_not_ours, lacks_our_tag, our_absence_is_confirmed, stranger, wrong_account,
};
use super::{
    Action, DELETE_GRACE, Input, Next, Plan, Refusal, Rule, State, call_failed, invalid, paused, refused,
};
use crate::aws::{Class, ReadSetCount};
use crate::crd::{
    DeletionBlock, DeletionBlockReason, DeletionDefaults, FINALIZER, SequenceStore, StoreStatus,
};
use crate::store::{Observed, ObservedTags, identity};

pub(super) const RULES: &[Rule] = &[
    already_released,
    paused,
    store_stays,
    blocked_in_kubernetes,
    refused,
    invalid,
    call_failed,
    wrong_account,
    nothing_to_delete,
    gone,
    being_deleted,
    tags_unreadable,
    confirming_owner,
    owned_by_another,
    never_managed,
    objects_not_listed,
    busy,
    refused_recently,
    delete,
];

/// Whether the deletion can be planned without asking AWS. Must agree with the first rules of the table.
pub(super) fn decided_without_aws(object: &SequenceStore, defaults: DeletionDefaults) -> bool {
    !object.has_our_finalizer()
        || !object.deletes_store(defaults)
        || !blocks_in_kubernetes(object, defaults).is_empty()
}

fn already_released(input: &Input<'_>) -> Option<Plan> {
    (!input.object.has_our_finalizer()).then(|| Plan::wait(State::Released, Next::Poll))
}

/// Under `Retain` and `Observe` the store stays in AWS.
fn store_stays(input: &Input<'_>) -> Option<Plan> {
    (!input.object.deletes_store(input.settings.deletion)).then(|| Plan::release(State::Released))
}

fn blocked_in_kubernetes(input: &Input<'_>) -> Option<Plan> {
    let blocks = blocks_in_kubernetes(input.object, input.settings.deletion);
    (!blocks.is_empty()).then(|| Plan::wait(State::DeletionBlocked(blocks), Next::Poll))
}

fn blocks_in_kubernetes(object: &SequenceStore, defaults: DeletionDefaults) -> Vec<DeletionBlock> {
    let mut blocks = Vec::new();
    if object.deletion(defaults).protection {
        let why = match object.spec.deletion_protection {
            Some(_) => "spec.deletionProtection is true: set it",
            None => "the operator's default protects objects without spec.deletionProtection: set the field",
        };
        let message = format!(
            "{why} to false to delete the store, or set spec.deletionPolicy to Retain to delete only the object"
        );
        blocks.push(DeletionBlock::new(DeletionBlockReason::DeletionProtection, message));
    }
    let others: Vec<&str> =
        object.finalizers().iter().map(String::as_str).filter(|f| *f != FINALIZER).collect();
    if !others.is_empty() {
        let message = format!("other controllers must remove their finalizers first: {}", others.join(", "));
        blocks.push(DeletionBlock::new(DeletionBlockReason::Finalizers, message));
    }
    blocks
}

fn gone(input: &Input<'_>) -> Option<Plan> {
    let Observed::Absent { .. } = input.observed else { return None };
    Some(if absence_is_confirmed(input) {
        Plan::release(State::Deleted)
    } else {
        Plan::wait(State::Deleting, Next::Confirm)
    })
}

/// Nobody knows who owns the store, so the operator does not touch it.
fn tags_unreadable(input: &Input<'_>) -> Option<Plan> {
    let ObservedTags::Unreadable(error) = &input.observed.present()?.tags else { return None };
    Some(Plan::wait(State::CallFailed(error.clone()), Next::Backoff))
}

/// The store would be left behind because it does not show the uid of this object: the read may lag.
fn confirming_owner(input: &Input<'_>) -> Option<Plan> {
    let present = input.observed.present().filter(|present| lacks_our_tag(input, present))?;
    let stays = stranger(input, present).is_some() || !identity::has_managed(input.object, &present.store.id);
    let is_certain = is_certainly_not_ours(input) && our_absence_is_confirmed(input, present);
    let unsure = stays && !is_certain;
    unsure.then(|| Plan::wait(State::Deleting, Next::Confirm))
}

/// The spec names a store that nobody owns. Unless this object has managed it, that may be a mistake: somebody else's
/// store would be deleted.
fn never_managed(input: &Input<'_>) -> Option<Plan> {
    let present = input.observed.present().filter(|present| lacks_our_tag(input, present))?;
    let id = present.store.id.clone();
    (!identity::has_managed(input.object, &id)).then(|| Plan::release(State::NeverManaged { id }))
}

/// The operator removes the finalizer and leaves the store alone.
fn owned_by_another(input: &Input<'_>) -> Option<Plan> {
    Some(Plan::release(stranger(input, input.observed.present()?)?))
}

/// The store has no owner tag, and may be that of an older object.
fn objects_not_listed(input: &Input<'_>) -> Option<Plan> {
    input.observed.present()?;
    let message = format!(
        "the store has no owner tag, and the operator cannot list the SequenceStores of {}, where an older object may name \
         it: allow the operator to list and watch them there",
        input.unlisted.join(", ")
    );
    let block = DeletionBlock::new(DeletionBlockReason::ObjectsNotListed, message);
    (!input.unlisted.is_empty()).then(|| Plan::wait(State::DeletionBlocked(vec![block]), Next::Poll))
}

fn being_deleted(input: &Input<'_>) -> Option<Plan> {
    let deleting = input.observed.present()?.store.is(StoreStatus::Deleting);
    // A read may lag behind the delete that AWS accepted: do not send a second one for it.
    let lagging = input.recollection.delete_accepted_for.is_some_and(|accepted| accepted < DELETE_GRACE);
    (deleting || lagging).then(|| Plan::wait(State::Deleting, Next::Quick))
}

fn busy(input: &Input<'_>) -> Option<Plan> {
    let status = input.observed.present()?.store.known_status()?;
    matches!(status, StoreStatus::Creating | StoreStatus::Updating).then(|| {
        let message =
            format!("AWS cannot delete the store while it is {}; the operator retries", status.as_str());
        let block = DeletionBlock::new(DeletionBlockReason::Busy, message);
        Plan::wait(State::DeletionBlocked(vec![block]), Next::Quick)
    })
}

fn refused_recently(input: &Input<'_>) -> Option<Plan> {
    let refusal = input.recollection.refusal.as_ref().filter(|refusal| !refusal.due)?;
    Some(Plan::wait(blocked_by_aws(refusal), Next::Poll))
}

fn delete(input: &Input<'_>) -> Option<Plan> {
    let region = input.desired.ok()?.region.clone();
    let action = Action::DeleteStore { region, id: input.observed.present()?.store.id.clone() };
    let state = input.recollection.refusal.as_ref().map_or(State::Deleting, blocked_by_aws);
    Some(Plan { action, ..Plan::wait(state, Next::Quick) })
}

/// `5 read sets (3 ACTIVE, 2 ARCHIVED)`. Where counting stopped early, the states are those of the counted ones.
fn counted(count: &ReadSetCount) -> String {
    let states: Vec<String> =
        count.by_status.iter().map(|(status, number)| format!("{number} {status}")).collect();
    let noun = if count.total == 1 && !count.more { "read set" } else { "read sets" };
    let of = if count.more { format!("of the first {}: ", count.total) } else { String::new() };
    format!("{} {noun} ({of}{})", count.display(), states.join(", "))
}

/// Why AWS refuses the delete. Read sets are blamed only if the store holds some.
pub(crate) fn blocked_by_aws(refusal: &Refusal) -> State {
    let block = match &refusal.read_sets {
        Ok(count) if count.total > 0 => DeletionBlock {
            read_sets: Some(count.display()),
            read_sets_by_status: count.by_status.clone(),
            ..DeletionBlock::new(
                DeletionBlockReason::ReadSets,
                format!(
                    "the store still holds {}, and AWS deletes only empty stores. The operator never deletes read sets: \
                     delete them yourself (aws omics batch-delete-read-set), or set spec.deletionPolicy to Retain to keep \
                     the store",
                    counted(count)
                ),
            )
        },
        Ok(_) => DeletionBlock::new(
            DeletionBlockReason::Busy,
            "AWS refuses to delete the store in its current state, although it holds no read sets; the operator retries, \
             and its log has AWS's message",
        ),
        Err(error) => {
            let remedy = match error.class {
                Class::Denied => format!(": allow {} in its IAM policy", error.operation.iam_action()),
                _ => " and tries again".into(),
            };
            DeletionBlock::new(
                DeletionBlockReason::Busy,
                format!(
                    "AWS refuses to delete the store in its current state, perhaps because it holds read sets. The operator \
                     could not count its read sets{remedy}"
                ),
            )
        }
    };
    State::DeletionBlocked(vec![block])
}
