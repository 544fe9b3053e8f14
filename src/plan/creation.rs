//! Rules for an object of which no store is known: find it, adopt it, or create it exactly once. No I/O.

use std::time::Duration;

use super::{Action, Input, Next, Plan, State, update};
use crate::aws::CreateRequest;
use crate::store::intent::Intent;
use crate::store::observed::Observed;
use crate::store::ownership::OwnerMatch;

/// A store of a former object of this cluster, namespace and name is claimed; no id typed by anyone.
pub(super) fn claim_former(input: &Input<'_>) -> Option<Plan> {
    let (Observed::Searched { found: OwnerMatch::Former { arn, uid, .. }, .. }, Ok(desired)) =
        (input.observed, input.desired)
    else {
        return None;
    };
    let claim = Action::Claim {
        region: desired.region.clone(),
        arn: arn.clone(),
        tags: input.owner.tags(),
        former: uid.clone(),
    };
    input.object.manages().then(|| update::claim(input, claim))
}

/// Nothing was found: wait for the attempt that may still be under way, or make the next one.
pub(super) fn create(input: &Input<'_>) -> Option<Plan> {
    let (Observed::Searched { account, .. }, Ok(desired)) = (input.observed, input.desired) else {
        return None;
    };
    if !input.object.manages() {
        return Some(Plan::wait(State::StoreNotNamed, Next::Poll));
    }
    let request = CreateRequest::of(input.object, input.owner);
    let next = match &desired.intent {
        None => first_attempt(input, account, &desired.region, &request),
        Some(intent) => {
            if let Some(rest) = open_attempt(input, intent) {
                let state = State::OutcomeUnknown { attempt: intent.attempt };
                return Some(Plan::wait(state, within(input, rest)));
            }
            later_attempt(input, account, intent, &request)
        }
    };
    // A region that was mended is looked through before anything is sent there.
    if next.region != desired.region {
        let intent = Some(Box::new(Intent { attempt: 0, ..next }));
        return Some(Plan { intent, ..Plan::wait(State::Creating, Next::Quick) });
    }
    let action =
        Action::Create { account: account.clone(), intent: Box::new(next), request: Box::new(request) };
    Some(Plan { action, ..Plan::wait(State::Creating, Next::Quick) })
}

/// While deleting nothing is created, and "there is none" is said only when no attempt can land any more.
pub(super) fn nothing_to_delete(input: &Input<'_>) -> Option<Plan> {
    let (Observed::Searched { .. }, Ok(desired)) = (input.observed, input.desired) else { return None };
    Some(match desired.intent.as_ref().and_then(|intent| open_attempt(input, intent)) {
        Some(rest) => Plan::wait(State::Deleting, within(input, rest)),
        None => Plan::release(State::Released),
    })
}

/// How long the recorded attempt may still land or not show yet.
fn open_attempt(input: &Input<'_>, intent: &Intent) -> Option<Duration> {
    let refused = input.recollection.not_created == Some((intent.epoch, intent.attempt));
    let recorded_only = intent.attempt == 0;
    if refused || recorded_only {
        return None;
    }
    rest_of_window(input, intent)
}

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
        region: region.to_owned(),
        name: request.name.clone(),
        request_hash: request_hash(input, request),
        tag_keys: input.object.spec.tags.iter().flatten().map(|(key, _)| key.clone()).collect(),
        id: None,
        replaces: None,
    }
}

/// The same request under the same token, or, for an edited spec, a new epoch: the old one is over, as
/// its grace has passed with nothing found.
fn later_attempt(input: &Input<'_>, account: &str, intent: &Intent, request: &CreateRequest) -> Intent {
    let same = intent.request_hash == request_hash(input, request);
    let spec_region = input.object.spec.region.clone();
    let region =
        if same { intent.region.clone() } else { spec_region.unwrap_or_else(|| intent.region.clone()) };
    Intent {
        epoch: if same { intent.epoch } else { intent.epoch + 1 },
        // An intent that was only recorded has sent nothing.
        attempt: if same { intent.attempt + 1 } else { 1 },
        replaces: intent.replaces.clone(),
        ..first_attempt(input, account, &region, request)
    }
}

/// Tells requests apart, the region that the spec names included; the operator's default is not the
/// user's edit.
pub(super) fn request_hash(input: &Input<'_>, request: &CreateRequest) -> String {
    request.hash(input.object.spec.region.as_deref())
}
