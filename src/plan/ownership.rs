//! Rules about the owner and the account of a store, for live objects and for those being deleted. No I/O.

use kube::ResourceExt;

use super::{Input, Next, Plan, State, StoreOwner};
use crate::aws::StoreArn;
use crate::crd::TAKE_OVER_ANNOTATION;
use crate::store::observed::{Observed, ObservedTags, Present};

/// A store id holds neither account nor region, so a response to credentials of another account says nothing
/// about the recorded store, or about one that the operator has requested.
pub(super) fn wrong_account(input: &Input<'_>) -> Option<Plan> {
    let status = input.object.status.as_ref();
    let record = status.and_then(|status| status.store.as_ref());
    let by_arn = || Some(StoreArn::parse(&record?.arn)?.account.to_owned());
    let by_intent = || {
        let named = input.object.names_store();
        input.desired.ok()?.intent.as_ref().filter(|_| !named)?.account.clone()
    };
    let recorded = status.and_then(|status| status.account_id.clone()).or_else(by_arn).or_else(by_intent);
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
    let state =
        State::WrongAccount { recorded: recorded.unwrap_or_default().into(), credentials: account.clone() };
    (!same).then(|| Plan::wait(state, Next::Poll))
}

/// The state of an object that must not change or delete its store, because the store belongs to somebody else.
pub(super) fn stranger(input: &Input<'_>, present: &Present) -> Option<State> {
    let owner = match (present.tags.owner(), input.rival) {
        (Some(owner), _) if owner == input.object.uid_str() => return None,
        (Some(owner), _) => StoreOwner::Uid(owner.to_owned()),
        (None, Some(rival)) => StoreOwner::OlderObject(rival.to_owned()),
        // An id that neither the spec names nor the owner tag confirms came from an edited status.
        (None, None) if !input.object.names_store() && matches!(present.tags, ObservedTags::Read(_)) => {
            StoreOwner::Untagged
        }
        (None, None) => return None,
    };
    Some(State::OwnershipConflict { owner })
}

/// Whether the annotation names the current owner, and that owner is gone or only observes.
pub(super) fn may_take_over(input: &Input<'_>, present: &Present) -> bool {
    let named = input.object.annotations().get(TAKE_OVER_ANNOTATION).map(String::as_str);
    input.owner_is_gone && named.is_some() && named == present.tags.owner()
}
