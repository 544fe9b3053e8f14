//! The rules for an object whose store is not known: find it, adopt it, or create it exactly once. No I/O.

use std::time::Duration;

use super::ownership::is_certainly_not_ours;
use super::{Action, Input, Next, Plan, State, update};
use crate::aws::CreateRequest;
use crate::store::create_request::request_hash;
use crate::store::{Intent, Observed, OwnerMatch, create_request};

/// Adopts the store of a former object with the same cluster, namespace and name. Nobody has to enter an id.
pub(super) fn adopt_former(input: &Input<'_>) -> Option<Plan> {
    let (Observed::Searched { found: OwnerMatch::Former { arn, uid, .. }, .. }, Ok(desired)) =
        (input.observed, input.desired)
    else {
        return None;
    };
    let adopt = Action::Adopt {
        region: desired.region.clone(),
        arn: arn.clone(),
        tags: input.owner.tags(),
        former: uid.clone(),
    };
    input.object.manages().then(|| update::adopt(input, adopt))
}

/// The search found nothing (a former object's store was handled by `adopt_former` before): waits for an attempt that may still succeed, or makes the next one.
pub(super) fn create(input: &Input<'_>) -> Option<Plan> {
    let (Observed::Searched { account, .. }, Ok(desired)) = (input.observed, input.desired) else {
        return None;
    };
    if !input.object.manages() {
        return Some(Plan::wait(State::StoreNotNamed, Next::Poll));
    }
    let request = create_request(input.object, input.owner);
    let next = match &desired.intent {
        None => first_attempt(input, account, &desired.region, &request),
        Some(intent) => {
            if let Some(rest) = open_attempt(input, intent) {
                let state = State::OutcomeUnknown { attempt: intent.attempt };
                return Some(Plan::wait(state, within(input, rest)));
            }
            later_attempt(input, account, intent, (&desired.region, &request))
        }
    };
    // The user corrected the region: the next pass searches there before anything is sent.
    if next.region != desired.region {
        let intent = Some(Box::new(Intent { attempt: 0, ..next }));
        return Some(Plan { intent, ..Plan::wait(State::Creating, Next::Quick) });
    }
    let action =
        Action::Create { account: account.clone(), intent: Box::new(next), request: Box::new(request) };
    Some(Plan { action, ..Plan::wait(State::Creating, Next::Quick) })
}

/// Nothing is created while the object is being deleted. "No store exists" is concluded only once no attempt can still
/// succeed.
pub(super) fn nothing_to_delete(input: &Input<'_>) -> Option<Plan> {
    let (Observed::Searched { found, .. }, Ok(desired)) = (input.observed, input.desired) else {
        return None;
    };
    // The search may still show the former owner of a store that this object has adopted.
    if matches!(found, OwnerMatch::Former { .. }) && !is_certainly_not_ours(input) {
        return Some(Plan::wait(State::Deleting, Next::Confirm));
    }
    Some(match desired.intent.as_ref().and_then(|intent| open_attempt(input, intent)) {
        Some(rest) => Plan::wait(State::Deleting, within(input, rest)),
        None => Plan::release(State::Released),
    })
}

/// How long the recorded attempt may still succeed, or its store stay invisible; none when that time is over.
fn open_attempt(input: &Input<'_>, intent: &Intent) -> Option<Duration> {
    if is_certainly_refused(input, intent) || !intent.may_have_a_store() {
        return None;
    }
    rest_of_window(input, intent)
}

/// This process knows that no attempt of the epoch created a store, whether or not that is on record.
pub(super) fn is_certainly_refused(input: &Input<'_>, intent: &Intent) -> bool {
    intent.id.is_none() && input.recollection.not_created == Some((intent.epoch, intent.attempt))
}

/// How much longer the recorded attempt stays open; `store/intent.rs` has the formula.
pub(super) fn rest_of_window(input: &Input<'_>, intent: &Intent) -> Option<Duration> {
    intent.open_for(input.settings.create_grace, input.recollection.attempt_known_for, input.now)
}

fn within(input: &Input<'_>, rest: Duration) -> Next {
    Next::Within { rest, known_for: input.recollection.attempt_known_for }
}

fn first_attempt(input: &Input<'_>, account: &str, region: &str, request: &CreateRequest) -> Intent {
    Intent {
        uid: input.owner.uid.clone(),
        epoch: 0,
        attempt: 1,
        replica: input.settings.replica.clone(),
        started_at: input.now,
        account: Some(account.to_owned()),
        binding: input.access.binding().map(ToOwned::to_owned),
        region: region.to_owned(),
        name: request.name.clone(),
        request_hash: request_hash_of(input, request),
        tag_keys: input.object.spec.tags.iter().flatten().map(|(key, _)| key.clone()).collect(),
        id: None,
        replaces: None,
        outcome: None,
    }
}

/// The same request with the same client token. For an edited spec a new epoch begins: the old one is over, because its
/// grace period passed and the search found nothing.
fn later_attempt(
    input: &Input<'_>,
    account: &str,
    intent: &Intent,
    (searched, request): (&str, &CreateRequest),
) -> Intent {
    let same = intent.request_hash == request_hash_of(input, request);
    let spec_region = input.object.spec.region.as_deref();
    let region = match spec_region {
        // Nothing was created, so the region where this pass searched is as good as the first one.
        _ if !intent.may_have_a_store() => searched,
        Some(region) if !same => region,
        _ => &intent.region,
    };
    Intent {
        epoch: if same { intent.epoch } else { intent.epoch + 1 },
        attempt: if same { intent.attempt + 1 } else { 1 },
        replaces: intent.replaces.clone(),
        ..first_attempt(input, account, region, request)
    }
}

pub(super) fn request_hash_of(input: &Input<'_>, request: &CreateRequest) -> String {
    request_hash(request, input.object.spec.region.as_deref())
}
