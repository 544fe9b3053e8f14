//! Rules that keep an ACTIVE store as the spec says: owner tags, fields, tags, policy. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Action, Input, Next, Plan, State};
use crate::crd::Drift;
use crate::desired;
use crate::drift;
use crate::observed::{Observed, Present, Tags};
use crate::policy;
use crate::request::{TagChanges, UpdateRequest};

/// After this many accepted updates that AWS never showed, the writing of a field stops.
const ENOUGH: u32 = 3;
/// After that it is tried again this often.
const SLOWLY: Duration = Duration::from_secs(3600);

/// The store is given this object's owner tags, or, after a restore into another cluster, the new ones.
pub(super) fn owner_tags(input: &Input<'_>) -> Option<Plan> {
    let (present, tags) = managed(input)?;
    let missing = input.owner.missing_from(tags);
    let waits = input.recollection.tagging_denied.as_ref().is_some_and(|(_, waits)| *waits);
    // Nothing is done to a store that still names another owner before it is claimed.
    let others = tags.get(crate::crd::OWNER_UID_TAG).is_some_and(|owner| *owner != input.owner.uid);
    if missing.is_empty() || (waits && !others) {
        return None;
    }
    let former = tags.get(crate::crd::OWNER_UID_TAG).cloned().unwrap_or_default();
    let region = input.desired.ok()?.region.clone();
    let action = Action::Claim { region, arn: present.store.arn.clone(), tags: missing, former };
    Some(Plan { action, ..Plan::wait(State::Adopting, Next::Quick) })
}

/// One call for the fields of the store, then one for tags to set, then one for tags to remove.
pub(super) fn correct(input: &Input<'_>) -> Option<Plan> {
    let (present, tags) = managed(input)?;
    let differences = drift::correctable(input.object, present, tags);
    let changes = TagChanges::of(input.object, tags);
    if differences.is_empty() {
        return None;
    }
    let verdict = |drift: &Drift| verdict(input, &drift.field);
    let stuck: Vec<Drift> = differences.iter().filter(|d| verdict(d) == Verdict::Stuck).cloned().collect();
    let due: Vec<Drift> = differences.iter().filter(|d| verdict(d) == Verdict::Due).cloned().collect();
    let state = match stuck.is_empty() {
        true => State::Correcting(differences),
        false => State::NotConverging(stuck),
    };
    let region = input.desired.ok()?.region.clone();
    let tag_due = |key: &String| due.iter().any(|drift| drift.field == format!("tags[{key}]"));
    let set: BTreeMap<_, _> = changes.set.into_iter().filter(|(key, _)| tag_due(key)).collect();
    let remove: std::collections::BTreeSet<_> =
        changes.remove.into_iter().filter(|key| tag_due(key)).collect();
    let arn = present.store.arn.clone();
    let action = if let Some(request) = UpdateRequest::of(input.object, &due) {
        Action::Update { region: region.clone(), id: present.store.id.clone(), request: Box::new(request) }
    } else if !set.is_empty() {
        Action::Tag { region: region.clone(), arn, tags: set, managed: changes.managed }
    } else if !remove.is_empty() {
        Action::Untag { region: region.clone(), arn, keys: remove }
    } else if let Some(action) = policy_action(input, &region, present, &due) {
        action
    } else {
        Action::None
    };
    let next = if action == Action::None && matches!(state, State::NotConverging(_)) {
        Next::Poll
    } else {
        Next::Quick
    };
    Some(Plan { action, ..Plan::wait(state, next) })
}

/// An empty policy is deleted. A store without an access point cannot have one yet.
fn policy_action(input: &Input<'_>, region: &str, present: &Present, due: &[Drift]) -> Option<Action> {
    due.iter().find(|drift| drift.field == drift::POLICY)?;
    let wanted = input.object.spec.s3_access_policy.as_ref()?;
    let access_point = present.store.s3_access.as_ref()?.s3_access_point_arn.clone()?;
    let policy = (!wanted.is_empty()).then(|| policy::render(wanted));
    Some(Action::SetPolicy { region: region.to_owned(), access_point, policy })
}

/// The owner tags could not be written; everything else goes on.
pub(super) fn owner_tags_denied(input: &Input<'_>) -> Option<Plan> {
    let (_, tags) = managed(input)?;
    let (error, _) = input.recollection.tagging_denied.as_ref()?;
    let missing = !input.owner.missing_from(tags).is_empty();
    missing.then(|| Plan::wait(State::OwnerTagsDenied(error.clone()), Next::Poll))
}

#[derive(PartialEq)]
enum Verdict {
    Due,
    Lagging,
    Stuck,
}

fn verdict(input: &Input<'_>, field: &str) -> Verdict {
    let same_generation = input.recollection.corrections_of == input.object.metadata.generation;
    let correction = input.recollection.corrections.get(field).filter(|_| same_generation);
    match correction {
        Some(correction) if correction.last < input.settings.create_grace => Verdict::Lagging,
        Some(correction) if correction.accepted >= ENOUGH && correction.last < SLOWLY => Verdict::Stuck,
        _ => Verdict::Due,
    }
}

fn managed<'a>(input: &Input<'a>) -> Option<(&'a Present, &'a BTreeMap<String, String>)> {
    match input.observed {
        Observed::Present(present) if desired::manages(input.object) => match &present.tags {
            Tags::Read(tags) => Some((present, tags)),
            Tags::Unreadable(_) => None,
        },
        _ => None,
    }
}
