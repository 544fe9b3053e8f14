//! The rules that make an ACTIVE store match the spec: owner tags, fields, tags, S3 access policy. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::life::drifts;
use super::policy::{is_known_renaming, policy_action};
use super::{Action, Denial, Input, Next, NotKept, Plan, State, tag_limit};
use crate::aws::Operation;
use crate::crd::OWNER_UID_TAG;
use crate::store::drift::{Differences, differences};
use crate::store::field::update_request;
use crate::store::tag_changes::{counted, without_room};
use crate::store::{Difference, Field, Present, TagChanges};

/// The convergence guard: after this many updates of a field that AWS accepted and never showed, the operator stops
/// updating the field.
const MOST_UPDATES: u32 = 3;
/// After that it tries again this often.
const SLOW_RETRY: Duration = Duration::from_secs(3600);

/// Writes the owner tags of this object, or, after a restore into another cluster, the new ones.
pub(super) fn owner_tags(input: &Input<'_>) -> Option<Plan> {
    let (present, tags) = managed(input)?;
    let missing = input.owner.missing_from(tags);
    // While the tags name another owner, nothing else may be changed, so a denial must not let the other rules run.
    let others = tags.get(OWNER_UID_TAG).is_some_and(|owner| *owner != input.owner.uid);
    let is_denied = denial(input, Operation::TagResource).is_some_and(|denial| denial.waits);
    let has_no_room = !without_room(tags, &missing).is_empty();
    if missing.is_empty() || ((is_denied || has_no_room) && !others) {
        return None;
    }
    let former = tags.get(OWNER_UID_TAG).cloned().unwrap_or_default();
    let region = input.desired.ok()?.region.clone();
    Some(adopt(input, Action::Adopt { region, arn: present.store.arn.clone(), tags: missing, former }))
}

/// The plan that writes owner tags. The convergence guard stops it after several updates without effect, as for fields.
pub(super) fn adopt(input: &Input<'_>, adopt: Action) -> Plan {
    let Action::Adopt { tags, .. } = &adopt else { return Plan::wait(State::Adopting, Next::Quick) };
    let wanted = tags.iter().map(|(key, value)| Difference {
        field: Field::Tag(key.clone()),
        desired: Some(value.clone()),
        observed: None,
    });
    let (stuck, due) = stuck_and_due(input, wanted.collect());
    let action = if due.is_empty() { Action::None } else { adopt };
    match stuck.is_empty() {
        true => Plan { action, ..Plan::wait(State::Adopting, Next::Quick) },
        false => Plan { action, ..Plan::wait(State::NotConverging(drifts(&stuck)), Next::Poll) },
    }
}

/// One call a pass: first the fields of the store, then tags to set, tags to remove, and the policy. A call that AWS
/// has just denied, or a tag that has no room, does not keep the others from being sent.
pub(super) fn correct(input: &Input<'_>) -> Option<Plan> {
    let (present, tags) = managed(input)?;
    let Differences { mut correctable, renamed_principals, .. } = differences(input.object, present);
    let (known, worth_writing): (Vec<_>, Vec<_>) =
        renamed_principals.into_iter().partition(|renamed| is_known_renaming(input, renamed));
    correctable.extend(worth_writing);
    if correctable.is_empty() {
        return None;
    }
    let all = drifts(&[correctable.clone(), known].concat());
    let (stuck, due) = stuck_and_due(input, correctable);
    let (actions, without_room) = actions(input, present, tags, &due);
    let denied = |action: &Action| denial(input, action.operation()?).filter(|denial| denial.waits);
    let first_denied = actions.iter().find_map(denied).map(|denial| denial.error.clone());
    // A tag whose key is not on record is not written, which concerns nothing else.
    let has_no_record =
        |action: &Action| input.recollection.tag_keys_not_kept && matches!(action, Action::Tag { .. });
    let lacks_record = actions.iter().any(has_no_record);
    let action = actions.into_iter().find(|action| denied(action).is_none() && !has_no_record(action));

    Some(match (action, first_denied) {
        (action, _) if !stuck.is_empty() => {
            let next = if action.is_some() { Next::Quick } else { Next::Poll };
            let state = State::NotConverging(drifts(&stuck));
            Plan { action: action.unwrap_or_default(), ..Plan::wait(state, next) }
        }
        (Some(action), _) => Plan { action, ..Plan::wait(State::Correcting(all), Next::Quick) },
        (None, Some(error)) if error.operation == Operation::UpdateSequenceStore => {
            Plan::wait(State::CallFailed(error), Next::Backoff)
        }
        (None, Some(error)) => Plan::wait(State::ChangeDenied { error, drift: all }, Next::Backoff),
        (None, None) if lacks_record => {
            Plan::wait(State::RecordNotKept { what: NotKept::TagKeys, is_ready: true }, Next::Poll)
        }
        (None, None) if !without_room.is_empty() => {
            let state = State::TagLimit { present: counted(tags), missing: without_room, drift: all };
            Plan::wait(state, Next::Poll)
        }
        // AWS accepted the updates and does not show them yet.
        (None, None) => Plan::wait(State::Correcting(all), Next::Quick),
    })
}

/// The calls that end the differences which are due, in the order in which they are sent, and the keys of tags that have
/// no room. Tags to remove make room for the next pass.
fn actions(
    input: &Input<'_>,
    present: &Present,
    tags: &BTreeMap<String, String>,
    due: &[Difference],
) -> (Vec<Action>, Vec<String>) {
    let Ok(desired) = input.desired else { return (Vec::new(), Vec::new()) };
    let (region, arn) = (desired.region.clone(), present.store.arn.clone());
    let changes = TagChanges::of(input.object, tags);
    let is_due = |key: &String| due.iter().any(|difference| difference.field == Field::Tag(key.clone()));
    let mut set: BTreeMap<_, _> = changes.set.into_iter().filter(|(key, _)| is_due(key)).collect();
    let keys: BTreeSet<_> = changes.remove.into_iter().filter(|key| is_due(key)).collect();
    let without_room = tag_limit::take_out(&mut set, tags);
    let managed = changes.managed.into_iter().filter(|key| !without_room.contains(key)).collect();

    let fields = due.iter().map(|difference| &difference.field);
    let update = update_request(&input.object.spec, fields).map(|request| Action::Update {
        region: region.clone(),
        id: present.store.id.clone(),
        request: Box::new(request),
    });
    let tag = (!set.is_empty()).then(|| Action::Tag {
        region: region.clone(),
        arn: arn.clone(),
        tags: set,
        managed,
    });
    let untag = (!keys.is_empty()).then(|| Action::Untag { region: region.clone(), arn, keys });
    let policy = policy_action(input, &region, present, due);
    ([update, tag, untag, policy].into_iter().flatten().collect(), without_room)
}

/// AWS denied the owner tags. The store matches the spec in everything else.
pub(super) fn owner_tags_denied(input: &Input<'_>) -> Option<Plan> {
    let (_, tags) = managed(input)?;
    let denial = denial(input, Operation::TagResource)?;
    let missing = !input.owner.missing_from(tags).is_empty();
    missing.then(|| Plan::wait(State::OwnerTagsDenied(denial.error.clone()), Next::Poll))
}

fn denial<'a>(input: &Input<'a>, operation: Operation) -> Option<&'a Denial> {
    input.recollection.denials.get(&operation)
}

/// `stuck`: AWS accepted updates without effect. `due`: worth an update now. A field can be neither, while reads may not
/// show its last update yet, or both, when its slow retry is due.
fn stuck_and_due(input: &Input<'_>, found: Vec<Difference>) -> (Vec<Difference>, Vec<Difference>) {
    let of = |wanted: fn(&Input<'_>, &Field) -> bool| -> Vec<Difference> {
        found.iter().filter(|difference| wanted(input, &difference.field)).cloned().collect()
    };
    (of(is_stuck), of(is_due))
}

fn is_stuck(input: &Input<'_>, field: &Field) -> bool {
    correction(input, field).is_some_and(|(accepted, last)| {
        accepted > MOST_UPDATES || (accepted == MOST_UPDATES && last >= input.settings.create_grace)
    })
}

fn is_due(input: &Input<'_>, field: &Field) -> bool {
    correction(input, field).is_none_or(|(accepted, last)| {
        last >= if accepted >= MOST_UPDATES { SLOW_RETRY } else { input.settings.create_grace }
    })
}

/// Updates of this generation that had no effect so far, and the age of the last one.
pub(super) fn correction(input: &Input<'_>, field: &Field) -> Option<(u32, Duration)> {
    let same_generation = input.recollection.corrections_of == input.object.metadata.generation;
    let correction = input.recollection.corrections.get(field).filter(|_| same_generation)?;
    Some((correction.accepted, correction.last))
}

/// The store and its tags, where the operator may change the store.
pub(super) fn managed<'a>(input: &Input<'a>) -> Option<(&'a Present, &'a BTreeMap<String, String>)> {
    let present = input.observed.present().filter(|_| input.object.manages())?;
    Some((present, present.known_tags()?))
}
