//! Whose store it is, and in whose account: rules that hold whether the object lives or is being deleted.
//! No I/O.

use kube::ResourceExt;

use super::{Input, Next, Plan, State};
use crate::aws::StoreArn;
use crate::crd::TAKE_OVER_ANNOTATION;
use crate::store::observed::{Observed, ObservedTags, Present};

/// Ids hold neither account nor region, so an answer got with other credentials says nothing about the
/// store on record, or about one whose creation was asked for.
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
            // With an edited status, the id that the spec names still leads to the right store.
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

/// Why this object may not change or delete the store it names.
pub(super) fn stranger(input: &Input<'_>, present: &Present) -> Option<State> {
    let uid = input.object.uid_str();
    let named = input.object.names_store();
    match present.tags.owner() {
        Some(owner) if owner == uid => None,
        Some(owner) => Some(State::OwnershipConflict {
            owner: format!("the object with uid {owner}"),
            way_on: Some(format!("{TAKE_OVER_ANNOTATION}: \"{owner}\"")),
        }),
        None => match input.rival {
            Some(rival) => {
                Some(State::OwnershipConflict { owner: format!("the older object {rival}"), way_on: None })
            }
            // A store that nobody named and that does not carry our tag came from an edited status.
            None if !named && matches!(present.tags, ObservedTags::Read(_)) => {
                Some(State::OwnershipConflict {
                    owner: "nobody that its tags name: the tag healthomics.dev/uid is not on it".into(),
                    way_on: None,
                })
            }
            None => None,
        },
    }
}

/// The annotation names the very owner to displace, and that owner is gone or merely observes.
pub(super) fn may_take_over(input: &Input<'_>, present: &Present) -> bool {
    let named = input.object.annotations().get(TAKE_OVER_ANNOTATION).map(String::as_str);
    input.owner_is_gone && named.is_some() && named == present.tags.owner()
}
