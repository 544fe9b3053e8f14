//! When it is believed that something is not there, and what follows for an object that stays. No I/O.

use std::collections::BTreeSet;
use std::time::Duration;

use super::creation::{request_hash_of, rest_of_window};
use super::{Input, Next, Plan, Recollection, State};
use crate::crd::RECREATE_ANNOTATION;
use crate::store::{Intent, Observed, create_request, identity};

/// A second 404 counts if it comes at least this long after the first.
pub const ABSENCE_CONFIRMED_AFTER: Duration = Duration::from_secs(5);

/// The first 404 leads to a second request. After the second 404, a store that was recorded is missing, and a store that
/// only the spec names was never found.
pub(super) fn absent(input: &Input<'_>) -> Option<Plan> {
    let Observed::Absent { account } = input.observed else { return None };
    if !absence_is_confirmed(input) {
        return Some(Plan::wait(State::ConfirmingAbsence, Next::Confirm));
    }
    let desired = input.desired.ok()?;
    let (id, region) = (desired.id.clone().unwrap_or_default(), desired.region.clone());
    let named = input.object.names_store();
    if named && !identity::is_recorded(input.object) {
        return Some(Plan::wait(State::StoreNotFound { id, region, account: account.clone() }, Next::Poll));
    }
    let missing = || {
        let named = named || !input.object.manages();
        Plan::wait(State::StoreMissing { id: id.clone(), region, named }, Next::Poll)
    };
    Some(recreation(input, &id).unwrap_or_else(missing))
}

/// Whether a 404 means that the store does not exist.
pub(super) fn absence_is_confirmed(input: &Input<'_>) -> bool {
    if input.recollection.delete_accepted_for.is_some() {
        return true;
    }
    // Reads may not show a store yet that was just created and never seen.
    let intent = input.desired.ok().and_then(|desired| desired.intent.as_ref());
    let named = input.object.names_store();
    let may_be_too_new =
        intent.is_some_and(|intent| !named && intent.id.is_none() && rest_of_window(input, intent).is_some());
    !may_be_too_new && input.recollection.absent_for.is_some_and(|absent| absent >= ABSENCE_CONFIRMED_AFTER)
}

/// Managed keys of tags whose absence is believed: it was seen again after every write of theirs must be visible.
#[must_use]
pub fn gone_tag_keys(recollection: &Recollection, create_grace: Duration) -> BTreeSet<String> {
    let after = create_grace.max(ABSENCE_CONFIRMED_AFTER);
    let gone = recollection.unshown_tag_keys.iter().filter(|(_, unshown)| **unshown >= after);
    gone.map(|(key, _)| key.clone()).collect()
}

/// The annotation `recreate` lets the operator create one new store in place of this missing one.
fn recreation(input: &Input<'_>, missing: &str) -> Option<Plan> {
    let annotations = input.object.metadata.annotations.as_ref();
    let allowed = annotations.and_then(|all| all.get(RECREATE_ANNOTATION)).is_some_and(|id| id == missing);
    if !allowed || input.object.names_store() || !input.object.manages() {
        return None;
    }
    let desired = input.desired.ok()?;
    let request = create_request(input.object, input.owner);
    let intent = Intent {
        uid: input.owner.uid.clone(),
        epoch: desired.intent.as_ref().map_or(1, |intent| intent.epoch + 1),
        // Attempt 0: the intent is recorded, and nothing was sent yet.
        attempt: 0,
        replica: input.settings.replica.clone(),
        started_at: input.now,
        account: None,
        binding: input.access.binding().map(ToOwned::to_owned),
        region: desired.region.clone(),
        name: request.name.clone(),
        request_hash: request_hash_of(input, &request),
        tag_keys: Vec::new(),
        id: None,
        replaces: Some(missing.to_owned()),
        outcome: None,
    };
    Some(Plan { intent: Some(Box::new(intent)), ..Plan::wait(State::Creating, Next::Quick) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_managed_key_is_let_go_once_its_absence_is_certain_and_not_before() {
        let gone = |unshown_for, create_grace| {
            let unshown_tag_keys = BTreeMap::from([("team".to_owned(), Duration::from_secs(unshown_for))]);
            let recollection = Recollection { unshown_tag_keys, ..Recollection::default() };
            !gone_tag_keys(&recollection, Duration::from_secs(create_grace)).is_empty()
        };
        assert!(gone(60, 60), "every write of it must be visible by now");
        assert!(!gone(59, 60), "a write of it may not be visible yet");
        assert!(!gone(4, 1), "one look is no proof");
        assert!(gone(5, 1));
        assert!(!gone(0, 0));
    }
}
