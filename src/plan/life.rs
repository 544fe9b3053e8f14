//! The rules for an object that stays. No I/O.

use super::absence::absent;
use super::creation::{adopt_former, create};
use super::ownership::{may_be_tagged, may_take_over, our_absence_is_confirmed, stranger, wrong_account};
use super::policy::principals_renamed;
use super::tag_limit::no_room_for_owner_tags;
use super::update::{self, correct, owner_tags, owner_tags_denied};
use super::{Action, Input, Next, Plan, Rule, State, call_failed, invalid, paused, refused};
use crate::crd::{Drift, OWNER_UID_TAG, StoreStatus};
use crate::store::drift::differences;
use crate::store::{Difference, ObservedPolicy, ObservedTags, identity};

/// The first rules need no store, those up to `absent` deal with one that is not there; `adopt_again` must come before
/// `owned_by_another`, which would call the former owner a conflict.
pub(super) const RULES: &[Rule] = &[
    paused,
    refused,
    invalid,
    call_failed,
    wrong_account,
    adopt_former,
    create,
    absent,
    adopt_again,
    confirming_owner,
    owned_by_another,
    in_motion,
    failed_in_aws,
    unknown_status,
    tags_unreadable,
    objects_not_listed,
    owner_tags,
    frozen_field_differs,
    drifted,
    correct,
    principals_renamed,
    policy_unreadable,
    owner_tags_denied,
    no_room_for_owner_tags,
    settled,
];

/// A manifest with `sequenceStoreId` was deleted under `Retain` and applied again. The former owner had the same
/// cluster, namespace and name, so it cannot exist any more.
fn adopt_again(input: &Input<'_>) -> Option<Plan> {
    let present = input.observed.present()?;
    let tags = present.known_tags()?;
    let former = tags.get(OWNER_UID_TAG).filter(|uid| **uid != input.owner.uid)?;
    let may = input.object.manages()
        && !identity::is_recorded(input.object)
        && input.owner.owned_before(tags)
        && !present.store.is(StoreStatus::Deleting);
    let action = Action::Adopt {
        region: input.desired.ok()?.region.clone(),
        arn: present.store.arn.clone(),
        tags: input.owner.tags(),
        former: former.clone(),
    };
    may.then(|| update::adopt(input, action))
}

/// A store of this object that does not show its uid: the read may lag.
fn confirming_owner(input: &Input<'_>) -> Option<Plan> {
    let present = input.observed.present()?;
    if !input.object.manages() || may_take_over(input, present) {
        return None;
    }
    stranger(input, present)?;
    let unsure = may_be_tagged(input, present) && !our_absence_is_confirmed(input, present);
    unsure.then(|| Plan::wait(State::ConfirmingOwner, Next::Confirm))
}

/// `Observe` may mirror a store of any owner.
fn owned_by_another(input: &Input<'_>) -> Option<Plan> {
    let present = input.observed.present()?;
    if !input.object.manages() || may_take_over(input, present) {
        return None;
    }
    Some(Plan::wait(stranger(input, present)?, Next::Poll))
}

fn in_motion(input: &Input<'_>) -> Option<Plan> {
    let state = match input.observed.present()?.store.known_status()? {
        StoreStatus::Creating => State::Creating,
        StoreStatus::Updating => State::Updating,
        StoreStatus::Deleting => State::StoreDeleting,
        StoreStatus::Active | StoreStatus::Failed => return None,
    };
    Some(Plan::wait(state, Next::Quick))
}

fn failed_in_aws(input: &Input<'_>) -> Option<Plan> {
    let store = &input.observed.present()?.store;
    let message = store.status_message.clone();
    store.is(StoreStatus::Failed).then(|| Plan::wait(State::Failed { message }, Next::Poll))
}

/// Any status but ACTIVE ends here, so the rules that follow see an ACTIVE store.
fn unknown_status(input: &Input<'_>) -> Option<Plan> {
    let store = &input.observed.present()?.store;
    let status = store.status.clone();
    (!store.is(StoreStatus::Active)).then(|| Plan::wait(State::UnknownStatus { status }, Next::Poll))
}

/// The store is usable, but nobody knows whether it matches the spec.
fn tags_unreadable(input: &Input<'_>) -> Option<Plan> {
    let ObservedTags::Unreadable(error) = &input.observed.present()?.tags else { return None };
    Some(Plan::wait(State::TagsUnreadable(error.clone()), Next::Backoff))
}

/// An older object may name the same store: it is mirrored, and neither claimed nor changed.
fn objects_not_listed(input: &Input<'_>) -> Option<Plan> {
    input.observed.present()?;
    let state = State::ObjectsNotListed { places: input.unlisted.to_vec() };
    (!input.unlisted.is_empty()).then(|| Plan::wait(state, Next::Poll))
}

fn frozen_field_differs(input: &Input<'_>) -> Option<Plan> {
    let frozen = differences(input.object, input.observed.present()?).frozen;
    (!frozen.is_empty()).then(|| Plan::wait(State::ImmutableFieldDiffers(drifts(&frozen)), Next::Poll))
}

/// Under `Observe` the operator only reports differences.
fn drifted(input: &Input<'_>) -> Option<Plan> {
    if input.object.manages() {
        return None;
    }
    let found = differences(input.object, input.observed.present()?).observable();
    (!found.is_empty()).then(|| Plan::wait(State::Drifted(drifts(&found)), Next::Poll))
}

fn policy_unreadable(input: &Input<'_>) -> Option<Plan> {
    let ObservedPolicy::Unreadable(error) = &input.observed.present()?.policy else { return None };
    Some(Plan::wait(State::PolicyUnreadable(error.clone()), Next::Backoff))
}

fn settled(_: &Input<'_>) -> Option<Plan> {
    Some(Plan::wait(State::Available, Next::Poll))
}

/// Differences in the form of `status.drift`.
pub(super) fn drifts(differences: &[Difference]) -> Vec<Drift> {
    differences.iter().map(Drift::from).collect()
}
