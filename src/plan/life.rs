//! Rules for an object that lives. No I/O.

use super::creation::{claim_former, create};
use super::update::{self, correct, owner_tags, owner_tags_denied};
use super::{
    Action, Input, Next, Plan, Rule, State, absence_is_confirmed, call_failed, invalid,
    ownership::{may_take_over, stranger, wrong_account},
    paused, recreation,
};
use crate::crd::OWNER_UID_TAG;
use crate::store::desired;
use crate::store::drift;
use crate::store::observed::{Observed, ObservedPolicy, ObservedTags};

pub(super) const RULES: &[Rule] = &[
    paused,
    invalid,
    call_failed,
    wrong_account,
    claim_former,
    create,
    absent,
    reclaim,
    owned_by_another,
    in_motion,
    failed_in_aws,
    status_not_known,
    tags_unreadable,
    owner_tags,
    immutable_field_differs,
    drifted,
    correct,
    policy_unreadable,
    owner_tags_denied,
    settled,
];

/// A 404 is believed the second time; then a store on record is missing, any other was never found.
fn absent(input: &Input<'_>) -> Option<Plan> {
    let Observed::Absent { account } = input.observed else { return None };
    if !absence_is_confirmed(input) {
        return Some(Plan::wait(State::ConfirmingAbsence, Next::Confirm));
    }
    let desired = input.desired.ok()?;
    let (id, region) = (desired.id.clone().unwrap_or_default(), desired.region.clone());
    let account = account.clone();
    let known = desired::is_recorded(input.object) || !input.object.names_store();
    let state = if known {
        if let Some(plan) = recreation(input, &id) {
            return Some(plan);
        }
        State::StoreMissing { id, region, named: input.object.names_store() || !input.object.manages() }
    } else {
        State::StoreNotFound { id, region, account }
    };
    Some(Plan::wait(state, Next::Poll))
}

/// A manifest that names its store was deleted under `Retain` and applied again: the former owner had the
/// same cluster, namespace and name, so it cannot be alive.
fn reclaim(input: &Input<'_>) -> Option<Plan> {
    let present = input.observed.present()?;
    let ObservedTags::Read(tags) = &present.tags else { return None };
    let former = tags.get(OWNER_UID_TAG).filter(|uid| **uid != input.owner.uid)?;
    let may = input.object.manages()
        && !desired::is_recorded(input.object)
        && input.owner.owned_before(tags)
        && present.store.status.as_deref() != Some("DELETING");
    let action = Action::Claim {
        region: input.desired.ok()?.region.clone(),
        arn: present.store.arn.clone(),
        tags: input.owner.tags(),
        former: former.clone(),
    };
    may.then(|| update::claim(input, action))
}

/// `Observe` may watch anybody's store.
fn owned_by_another(input: &Input<'_>) -> Option<Plan> {
    let present = input.observed.present()?;
    if !input.object.manages() || may_take_over(input, present) {
        return None;
    }
    Some(Plan::wait(stranger(input, present)?, Next::Poll))
}

fn in_motion(input: &Input<'_>) -> Option<Plan> {
    let status = input.observed.present()?.store.status.as_deref()?;
    let state = match status {
        "CREATING" => State::Creating,
        "UPDATING" => State::Updating,
        "DELETING" => State::StoreDeleting,
        _ => return None,
    };
    Some(Plan::wait(state, Next::Quick))
}

fn failed_in_aws(input: &Input<'_>) -> Option<Plan> {
    let store = &input.observed.present()?.store;
    let message = store.status_message.clone();
    (store.status.as_deref() == Some("FAILED")).then(|| Plan::wait(State::Failed { message }, Next::Poll))
}

fn status_not_known(input: &Input<'_>) -> Option<Plan> {
    let status = input.observed.present()?.store.status.clone();
    (status.as_deref() != Some("ACTIVE")).then(|| Plan::wait(State::UnknownStatus { status }, Next::Poll))
}

fn immutable_field_differs(input: &Input<'_>) -> Option<Plan> {
    let present = input.observed.present()?;
    let found = drift::compare(&input.object.spec, &present.store, None).immutable;
    (!found.is_empty()).then(|| Plan::wait(State::ImmutableFieldDiffers(found), Next::Poll))
}

/// The store is as ready as it is; only whether it is in sync is not known.
fn tags_unreadable(input: &Input<'_>) -> Option<Plan> {
    let ObservedTags::Unreadable(error) = &input.observed.present()?.tags else { return None };
    Some(Plan::wait(State::TagsUnreadable(error.clone()), Next::Backoff))
}

/// Under `Observe` differences are only shown.
fn drifted(input: &Input<'_>) -> Option<Plan> {
    let present = input.observed.present()?;
    let ObservedTags::Read(tags) = &present.tags else { return None };
    if input.object.manages() {
        return None;
    }
    let found = drift::correctable(input.object, present, tags);
    (!found.is_empty()).then(|| Plan::wait(State::Drifted(found), Next::Poll))
}

fn policy_unreadable(input: &Input<'_>) -> Option<Plan> {
    let ObservedPolicy::Unreadable(error) = &input.observed.present()?.policy else { return None };
    Some(Plan::wait(State::PolicyUnreadable(error.clone()), Next::Backoff))
}

fn settled(_: &Input<'_>) -> Option<Plan> {
    Some(Plan::wait(State::Available, Next::Poll))
}
