//! Rules for an object that is being deleted. No I/O.

use kube::ResourceExt;

use super::creation::nothing_to_delete;
use super::{
    Action, DELETE_GRACE, Input, Next, Plan, Rule, State, absence_is_confirmed, call_failed, invalid,
    ownership::{stranger, wrong_account},
    paused,
};
use crate::crd::{DeletionBlock, DeletionBlockReason, FINALIZER, SequenceStore};
use crate::plan::Refusal;
use crate::store::observed::{Observed, ObservedTags};

pub(super) const RULES: &[Rule] = &[
    not_ours_any_more,
    paused,
    store_stays,
    blocked_in_kubernetes,
    invalid,
    call_failed,
    wrong_account,
    nothing_to_delete,
    gone,
    under_way,
    tags_unreadable,
    owned_by_another,
    busy,
    refused_lately,
    delete,
];

/// Whether the plan is made before AWS is looked at.
pub(super) fn decided_without_aws(object: &SequenceStore) -> bool {
    !object.has_our_finalizer() || !object.deletes_store() || !blocks_in_kubernetes(object).is_empty()
}

fn not_ours_any_more(input: &Input<'_>) -> Option<Plan> {
    (!input.object.has_our_finalizer()).then(|| Plan::wait(State::Released, Next::Poll))
}

/// Under `Retain` and `Observe` nothing in AWS needs cleaning up.
fn store_stays(input: &Input<'_>) -> Option<Plan> {
    (!input.object.deletes_store()).then(|| Plan::release(State::Released))
}

fn blocked_in_kubernetes(input: &Input<'_>) -> Option<Plan> {
    let blocks = blocks_in_kubernetes(input.object);
    (!blocks.is_empty()).then(|| Plan::wait(State::DeletionBlocked(blocks), Next::Poll))
}

fn blocks_in_kubernetes(object: &SequenceStore) -> Vec<DeletionBlock> {
    let mut blocks = Vec::new();
    if object.spec.deletion_protection == Some(true) {
        let message = "spec.deletionProtection is true: set it to false to let the store be deleted, \
                       or set spec.deletionPolicy to Retain to let the object go and keep the store";
        blocks.push(DeletionBlock::new(DeletionBlockReason::DeletionProtection, message));
    }
    let others: Vec<&str> =
        object.finalizers().iter().map(String::as_str).filter(|f| *f != FINALIZER).collect();
    if !others.is_empty() {
        let message = format!("these finalizers go first: {}", others.join(", "));
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

/// Whose store it is cannot be told, so it is not touched.
fn tags_unreadable(input: &Input<'_>) -> Option<Plan> {
    let ObservedTags::Unreadable(error) = &input.observed.present()?.tags else { return None };
    Some(Plan::wait(State::CallFailed(error.clone()), Next::Backoff))
}

/// The finalizer goes, the store stays.
fn owned_by_another(input: &Input<'_>) -> Option<Plan> {
    Some(Plan::release(stranger(input, input.observed.present()?)?))
}

fn under_way(input: &Input<'_>) -> Option<Plan> {
    let deleting = input.observed.present()?.store.status.as_deref() == Some("DELETING");
    // A read that still shows an older state must not make a second delete.
    let lagging = input.recollection.delete_accepted_for.is_some_and(|accepted| accepted < DELETE_GRACE);
    (deleting || lagging).then(|| Plan::wait(State::Deleting, Next::Quick))
}

fn busy(input: &Input<'_>) -> Option<Plan> {
    let status = input.observed.present()?.store.status.as_deref()?;
    matches!(status, "CREATING" | "UPDATING").then(|| {
        let message = format!("the store is {status} in AWS and can be deleted after that");
        Plan::wait(
            State::DeletionBlocked(vec![DeletionBlock::new(DeletionBlockReason::Busy, message)]),
            Next::Quick,
        )
    })
}

fn refused_lately(input: &Input<'_>) -> Option<Plan> {
    let refusal = input.recollection.refusal.as_ref().filter(|refusal| !refusal.due)?;
    Some(Plan::wait(refused(refusal), Next::Poll))
}

fn delete(input: &Input<'_>) -> Option<Plan> {
    let region = input.desired.ok()?.region.clone();
    let action = Action::DeleteStore { region, id: input.observed.present()?.store.id.clone() };
    let state = input.recollection.refusal.as_ref().map_or(State::Deleting, refused);
    Some(Plan { action, ..Plan::wait(state, Next::Quick) })
}

/// What a refused delete is called: "read sets" only where some are there.
pub(crate) fn refused(refusal: &Refusal) -> State {
    let block = match &refusal.read_sets {
        Ok(count) if count.total > 0 => DeletionBlock {
            read_sets: Some(count.display()),
            read_sets_by_status: count.by_status.clone(),
            ..DeletionBlock::new(
                DeletionBlockReason::ReadSets,
                "the store still holds read sets, and AWS deletes only empty stores: this operator never deletes \
                 read sets, so move or delete them, or set spec.deletionPolicy to Retain to keep the store",
            )
        },
        Ok(_) => DeletionBlock::new(
            DeletionBlockReason::Busy,
            "AWS refuses to delete the store in its current state; no read sets were found in it",
        ),
        Err(error) => DeletionBlock::new(
            DeletionBlockReason::Busy,
            format!(
                "AWS refuses to delete the store in its current state, perhaps because it holds read sets; \
                 they could not be counted: allow {} to see",
                error.operation.iam_action()
            ),
        ),
    };
    State::DeletionBlocked(vec![block])
}
