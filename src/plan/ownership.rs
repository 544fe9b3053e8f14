//! Rules about the owner and the account of a store, for live objects and for those being deleted. No I/O.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;

use super::absence::ABSENCE_CONFIRMED_AFTER;
use super::creation::{is_certainly_refused, rest_of_window};
use super::{Input, Next, PinnedBy, Plan, State, StoreOwner, TaggedOwner, TakeOver};
use crate::aws::StoreArn;
use crate::crd::{
    CLUSTER_TAG, NAME_TAG, NAMESPACE_TAG, OWNER_UID_TAG, TAKE_OVER_ANNOTATION, is_dns_subdomain,
};
use crate::store::intent::CLOCKS_APART;
use crate::store::observed::{Observed, ObservedTags, Present};
use crate::store::{Field, Intent, identity};

/// A store id holds neither account nor region, so a response to credentials of another account says nothing
/// about the recorded store, or about one that the operator has requested.
pub(super) fn wrong_account(input: &Input<'_>) -> Option<Plan> {
    let status = input.object.status.as_ref();
    let record = status.and_then(|status| status.store.as_ref());
    let by_arn = || Some(StoreArn::parse(&record?.arn)?.account.to_owned());
    // AWS refused the other attempts, so they left nothing behind that binds the object to their account.
    let by_intent = || {
        let named = input.object.names_store();
        let binds = |intent: &&Intent| intent.may_have_a_store() && !is_certainly_refused(input, intent);
        input.desired.ok()?.intent.as_ref().filter(|_| !named).filter(binds)?.account.clone()
    };
    let by_store = status.and_then(|status| status.account_id.clone()).or_else(by_arn);
    let pinned_by = if by_store.is_some() { PinnedBy::Store } else { PinnedBy::Attempt };
    let recorded = by_store.or_else(by_intent);
    let recorded = recorded.as_deref();
    let (account, same) = match input.observed {
        Observed::Present(present) => {
            // ARNs are compared only if the ids match: after an edit of the status, the spec still names the right store.
            let other_arn = record.is_some_and(|record| {
                record.id == present.store.id && !record.arn.is_empty() && record.arn != present.store.arn
            });
            (&present.account, !other_arn && recorded.is_none_or(|recorded| recorded == present.account))
        }
        Observed::Absent { account } | Observed::Searched { account, .. } => {
            (account, recorded.is_none_or(|recorded| recorded == account))
        }
        Observed::NotAsked | Observed::Failed(_) => return None,
    };
    let state = State::WrongAccount {
        recorded: recorded.unwrap_or_default().into(),
        credentials: account.clone(),
        pinned_by,
    };
    (!same).then(|| Plan::wait(state, Next::Poll))
}

/// The state of an object that must not change or delete its store, because the store belongs to somebody else.
pub(super) fn stranger(input: &Input<'_>, present: &Present) -> Option<State> {
    let owner = match (present.tags.owner(), input.rival) {
        (Some(owner), _) if owner == input.object.uid_str() => return None,
        (Some(_), _) => StoreOwner::Tagged(tagged_owner(input, present.known_tags()?)),
        // The tags may well show the uid of this object, if only they could be read.
        (None, _) if matches!(present.tags, ObservedTags::Unreadable(_)) && may_be_tagged(input, present) => {
            return None;
        }
        (None, Some(rival)) => StoreOwner::OlderObject(rival.to_owned()),
        // An id that neither the spec names nor the owner tag confirms came from an edited status.
        (None, None) if !input.object.names_store() && matches!(present.tags, ObservedTags::Read(_)) => {
            StoreOwner::Untagged
        }
        (None, None) => return None,
    };
    Some(State::OwnershipConflict { owner })
}

/// Anybody can write tags, so only what can be the name of an object is shown as one.
fn tagged_owner(input: &Input<'_>, tags: &BTreeMap<String, String>) -> TaggedOwner {
    let name = |key: &str| tags.get(key).filter(|text| is_dns_subdomain(text));
    let cluster = tags.get(CLUSTER_TAG).filter(|cluster| **cluster != input.settings.cluster);
    TaggedOwner {
        uid: tags.get(OWNER_UID_TAG).cloned().unwrap_or_default(),
        object: name(NAMESPACE_TAG)
            .zip(name(NAME_TAG))
            .map(|(namespace, name)| format!("{namespace}/{name}")),
        cluster: cluster.cloned(),
        take_over: input.take_over,
    }
}

/// Whether the annotation names the current owner, and that owner is gone or only observes.
pub(super) fn may_take_over(input: &Input<'_>, present: &Present) -> bool {
    let named = input.object.annotations().get(TAKE_OVER_ANNOTATION).map(String::as_str);
    input.take_over == TakeOver::Allowed && named.is_some() && named == present.tags.owner()
}

/// Whether the tags were read and do not show the uid of this object, which may be a read that lags.
pub(super) fn lacks_our_tag(input: &Input<'_>, present: &Present) -> bool {
    matches!(present.tags, ObservedTags::Read(_)) && present.tags.owner() != Some(input.owner.uid.as_str())
}

/// Whether this object may have written its uid to the store.
pub(super) fn may_be_tagged(input: &Input<'_>, present: &Present) -> bool {
    identity::is_on_record(input.object, &present.store.id) || is_too_new(input, present)
}

/// Whether a uid that AWS does not show is not there: like a 404, this is believed after the grace of the writes that
/// may have set it, and after a second look.
pub(super) fn our_absence_is_confirmed(input: &Input<'_>, present: &Present) -> bool {
    let looked_twice = input.recollection.not_owner_for.is_some_and(|time| time >= ABSENCE_CONFIRMED_AFTER);
    looked_twice && !is_too_new(input, present)
}

/// Whether it is certain that the store does not carry our uid, so that a deletion may leave it behind. An earlier process
/// may have written the uid, or a TagResource that got no answer: nothing remembers that, so this process must have looked
/// for as long as reads may lag.
pub(super) fn is_certainly_not_ours(input: &Input<'_>) -> bool {
    let long_enough = input.settings.create_grace.max(ABSENCE_CONFIRMED_AFTER);
    input.recollection.not_owner_for.is_some_and(|time| time >= long_enough) && !was_claimed_lately(input)
}

/// Whether reads may not show our uid yet, because AWS accepted it a moment ago: with the store, or in a TagResource.
fn is_too_new(input: &Input<'_>, present: &Present) -> bool {
    let intent = input.desired.ok().and_then(|desired| desired.intent.as_ref());
    let was_created = intent.is_some_and(|intent| {
        let is_this = intent.id.as_ref().is_none_or(|id| *id == present.store.id);
        let may_have = intent.may_have_a_store() && !is_certainly_refused(input, intent);
        is_this && may_have && rest_of_window(input, intent).is_some()
    });
    was_claimed_lately(input) || was_created || (!input.object.names_store() && is_young(input, present))
}

/// Whether AWS accepted a uid of this object for a store so lately that reads may not show it yet.
fn was_claimed_lately(input: &Input<'_>) -> bool {
    let uid_tag = Field::Tag(OWNER_UID_TAG.to_owned());
    let written = input.recollection.corrections.get(&uid_tag);
    written.is_some_and(|written| written.last < input.settings.create_grace)
}

/// Whether the store was created less than the create grace ago. The date is AWS's: clocks may differ a little.
fn is_young(input: &Input<'_>, present: &Present) -> bool {
    let created: Option<Timestamp> = present.store.creation_time.as_ref().and_then(|time| time.parse().ok());
    created.is_some_and(|created| {
        let age = input.now.duration_since(created).as_secs_f64();
        age < input.settings.create_grace.as_secs_f64() && age > -CLOCKS_APART.as_secs_f64()
    })
}
