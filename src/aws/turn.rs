//! A token of the request budget, taken ahead: for a call that must leave as soon as it is decided or written down. I/O: waits.

use std::time::Instant;

use super::budget::{Caller, Token, Urgency};
use super::call::Call;
use super::{Aws, Operation};

/// The right to send one request of this operation in this region. Dropped, it goes to who waits next.
#[derive(Debug)]
pub(crate) struct Turn {
    operation: Operation,
    region: String,
    token: Token,
}

impl Turn {
    pub(crate) fn is_for(&self, operation: Operation, region: &str) -> bool {
        self.operation == operation && self.region == region
    }

    #[cfg(test)]
    pub(crate) fn spend(self) {
        self.token.spend();
    }

    pub(super) fn token_for(self, call: Call<'_>) -> Option<Token> {
        self.is_for(call.operation, call.region).then_some(self.token)
    }
}

impl Aws {
    /// Waits, for a moment at most, so that the request does not leave together with another one whose record took longer.
    pub(crate) async fn departure(&self, turn: &Turn) {
        tokio::time::sleep(self.shared.budget.departs_in(
            &self.shared.counted_as(),
            &turn.region,
            turn.operation,
        ))
        .await;
    }

    /// Waits until a request of this operation may be sent: for ever, once the operator stops.
    pub(crate) async fn turn(&self, operation: Operation, region: &str) -> Turn {
        if self.shared.budget.is_closed() {
            // Nothing is changed any more. Whoever runs the pass ends it.
            let _waiting = self.waits().begin();
            return std::future::pending().await;
        }
        let urgency = self.caller.urgency.min(urgency_of(operation));
        let caller = Caller { urgency, ..self.caller.clone() };
        let token = self.token(region, operation, &caller).await;
        Turn { operation, region: region.to_owned(), token }
    }
}

impl Aws {
    /// Waits for a token of the budget.
    pub(super) async fn token(&self, region: &str, operation: Operation, caller: &Caller) -> Token {
        let began = Instant::now();
        let token = self.shared.budget.token((&self.shared.counted_as(), region, operation), caller).await;
        self.metrics.aws.waited(operation.name(), caller.urgency.label(), began.elapsed());
        token
    }
}

/// What a call changes is worth more than what it reads for.
fn urgency_of(operation: Operation) -> Urgency {
    match operation {
        Operation::CreateSequenceStore | Operation::DeleteSequenceStore => Urgency::CreateOrDelete,
        Operation::UpdateSequenceStore
        | Operation::TagResource
        | Operation::UntagResource
        | Operation::PutS3AccessPolicy
        | Operation::DeleteS3AccessPolicy => Urgency::Update,
        Operation::GetSequenceStore
        | Operation::ListSequenceStores
        | Operation::ListTagsForResource
        | Operation::ListReadSets
        | Operation::GetS3AccessPolicy
        | Operation::GetCallerIdentity
        | Operation::AssumeRole => Urgency::Background,
    }
}
