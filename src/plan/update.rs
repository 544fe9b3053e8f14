//! Rules that keep an ACTIVE store as the spec says: owner tags, fields, tags, policy. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Action, Denial, Input, Next, Plan, State};
use crate::aws::Operation;
use crate::aws::UpdateRequest;
use crate::crd::{Drift, OWNER_UID_TAG};
use crate::store::drift;
use crate::store::observed::{Observed, ObservedTags, Present};
use crate::store::s3_policy;
use crate::store::tag_changes::TagChanges;

/// After this many accepted updates that AWS never showed, the writing of a field stops.
const ENOUGH: u32 = 3;
/// After that it is tried again this often.
const SLOWLY: Duration = Duration::from_secs(3600);

/// The store is given this object's owner tags, or, after a restore into another cluster, the new ones.
pub(super) fn owner_tags(input: &Input<'_>) -> Option<Plan> {
    let (present, tags) = managed(input)?;
    let missing = input.owner.missing_from(tags);
    // Nothing is done to a store that still names another owner before it is claimed.
    let others = tags.get(OWNER_UID_TAG).is_some_and(|owner| *owner != input.owner.uid);
    if missing.is_empty() || (denial(input, Operation::TagResource).is_some_and(|d| d.waits) && !others) {
        return None;
    }
    let former = tags.get(OWNER_UID_TAG).cloned().unwrap_or_default();
    let region = input.desired.ok()?.region.clone();
    Some(claim(input, Action::Claim { region, arn: present.store.arn.clone(), tags: missing, former }))
}

/// Owner tags are under the convergence guard as well: a claim that never shows is not repeated for ever.
pub(super) fn claim(input: &Input<'_>, claim: Action) -> Plan {
    let Action::Claim { tags, .. } = &claim else { return Plan::wait(State::Adopting, Next::Quick) };
    let wanted = |(key, value): (&String, &String)| Drift {
        field: drift::tag_field(key),
        desired: Some(value.clone()),
        observed: None,
    };
    let wanted: Vec<Drift> = tags.iter().map(wanted).collect();
    let stuck: Vec<Drift> = wanted.iter().filter(|drift| is_stuck(input, &drift.field)).cloned().collect();
    let action = match wanted.iter().any(|drift| is_due(input, &drift.field)) {
        true => claim,
        false => Action::None,
    };
    match stuck.is_empty() {
        true => Plan { action, ..Plan::wait(State::Adopting, Next::Quick) },
        false => Plan { action, ..Plan::wait(State::NotConverging(stuck), Next::Poll) },
    }
}

/// One call for the fields of the store, then one for tags to set, one for tags to remove, one for the
/// policy. What AWS has just denied keeps none of the others from being tried.
pub(super) fn correct(input: &Input<'_>) -> Option<Plan> {
    let (present, tags) = managed(input)?;
    let differences = drift::correctable(input.object, present, tags);
    if differences.is_empty() {
        return None;
    }
    let of = |wanted: fn(&Input<'_>, &str) -> bool| -> Vec<Drift> {
        differences.iter().filter(|drift| wanted(input, &drift.field)).cloned().collect()
    };
    let (stuck, due) = (of(is_stuck), of(is_due));
    let actions = actions(input, present, tags, &due);
    let denied = |action: &Action| denial(input, action.operation()?).filter(|denial| denial.waits);
    let first_denied = actions.iter().find_map(denied).map(|denial| denial.error.clone());
    let action = actions.into_iter().find(|action| denied(action).is_none());

    Some(match (action, first_denied) {
        (action, _) if !stuck.is_empty() => {
            let next = if action.is_some() { Next::Quick } else { Next::Poll };
            Plan { action: action.unwrap_or_default(), ..Plan::wait(State::NotConverging(stuck), next) }
        }
        (Some(action), _) => Plan { action, ..Plan::wait(State::Correcting(differences), Next::Quick) },
        (None, Some(error)) if error.operation == Operation::UpdateSequenceStore => {
            Plan::wait(State::CallFailed(error), Next::Backoff)
        }
        (None, Some(error)) => Plan::wait(State::ChangeDenied { error, drift: differences }, Next::Backoff),
        // AWS does not show yet what was written.
        (None, None) => Plan::wait(State::Correcting(differences), Next::Quick),
    })
}

/// What is to be done about the differences that are due, in the order in which it is done.
fn actions(
    input: &Input<'_>,
    present: &Present,
    tags: &BTreeMap<String, String>,
    due: &[Drift],
) -> Vec<Action> {
    let Ok(desired) = input.desired else { return Vec::new() };
    let (region, arn) = (desired.region.clone(), present.store.arn.clone());
    let changes = TagChanges::of(input.object, tags);
    let is_due = |key: &String| due.iter().any(|drift| drift.field == drift::tag_field(key));
    let set: BTreeMap<_, _> = changes.set.into_iter().filter(|(key, _)| is_due(key)).collect();
    let keys: BTreeSet<_> = changes.remove.into_iter().filter(|key| is_due(key)).collect();

    let update = UpdateRequest::of(input.object, due).map(|request| Action::Update {
        region: region.clone(),
        id: present.store.id.clone(),
        request: Box::new(request),
    });
    let tag = (!set.is_empty()).then(|| Action::Tag {
        region: region.clone(),
        arn: arn.clone(),
        tags: set,
        managed: changes.managed,
    });
    let untag = (!keys.is_empty()).then(|| Action::Untag { region: region.clone(), arn, keys });
    let policy = policy_action(input, &region, present, due);
    [update, tag, untag, policy].into_iter().flatten().collect()
}

/// An empty policy is deleted. A store without an access point cannot have one yet.
fn policy_action(input: &Input<'_>, region: &str, present: &Present, due: &[Drift]) -> Option<Action> {
    due.iter().find(|drift| drift.field == drift::POLICY)?;
    let wanted = input.object.spec.s3_access_policy.as_ref()?;
    let access_point = present.store.s3_access.as_ref()?.s3_access_point_arn.clone()?;
    let policy = (!wanted.is_empty()).then(|| s3_policy::render(wanted));
    Some(Action::SetPolicy { region: region.to_owned(), access_point, policy })
}

/// The owner tags could not be written; everything else goes on.
pub(super) fn owner_tags_denied(input: &Input<'_>) -> Option<Plan> {
    let (_, tags) = managed(input)?;
    let denial = denial(input, Operation::TagResource)?;
    let missing = !input.owner.missing_from(tags).is_empty();
    missing.then(|| Plan::wait(State::OwnerTagsDenied(denial.error.clone()), Next::Poll))
}

fn denial<'a>(input: &Input<'a>, operation: Operation) -> Option<&'a Denial> {
    input.recollection.denials.get(&operation)
}

/// AWS accepted so many updates of the field without ever showing one. A slow retry does not change that.
fn is_stuck(input: &Input<'_>, field: &str) -> bool {
    correction(input, field).is_some_and(|(accepted, last)| {
        accepted > ENOUGH || (accepted == ENOUGH && last >= input.settings.create_grace)
    })
}

/// Worth writing now: never written, or long enough ago that a read would show it.
fn is_due(input: &Input<'_>, field: &str) -> bool {
    correction(input, field).is_none_or(|(accepted, last)| {
        last >= if accepted >= ENOUGH { SLOWLY } else { input.settings.create_grace }
    })
}

/// Updates accepted without effect in this generation, and how long ago the last one was.
fn correction(input: &Input<'_>, field: &str) -> Option<(u32, Duration)> {
    let same_generation = input.recollection.corrections_of == input.object.metadata.generation;
    let correction = input.recollection.corrections.get(field).filter(|_| same_generation)?;
    Some((correction.accepted, correction.last))
}

fn managed<'a>(input: &Input<'a>) -> Option<(&'a Present, &'a BTreeMap<String, String>)> {
    match input.observed {
        Observed::Present(present) if input.object.manages() => match &present.tags {
            ObservedTags::Read(tags) => Some((present, tags)),
            ObservedTags::Unreadable(_) => None,
        },
        _ => None,
    }
}
