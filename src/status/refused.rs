//! The conditions of objects for which no identity may act. No I/O.

use super::Reason;
use super::conditions::StateConditions;
use crate::crd::{DeletionBlock, DeletionBlockReason};
use crate::tenancy::AccessRefusal;

pub(super) fn conditions(refusal: &AccessRefusal) -> StateConditions {
    let message = message(refusal);
    match refusal {
        AccessRefusal::Conflict { .. } => StateConditions::stalled(Reason::BindingConflict, message),
        AccessRefusal::NotReady { .. } => StateConditions::reconciling(Reason::BindingNotReady, message),
        // The binding may be on its way: it can come with the object, in one bundle.
        AccessRefusal::Missing { recorded: None } => {
            StateConditions::reconciling(Reason::BindingMissing, message)
        }
        AccessRefusal::Missing { recorded: Some(_) } => {
            StateConditions::stalled(Reason::BindingMissing, message)
        }
    }
}

/// Why the deletion of an object waits.
pub(super) fn block(refusal: &AccessRefusal) -> DeletionBlock {
    let message = match refusal {
        AccessRefusal::Conflict { bindings } => {
            format!("more than one AccountBinding is about the namespace: {}", bindings.join(", "))
        }
        AccessRefusal::NotReady { binding: Some(binding), .. } => {
            format!("the AccountBinding {binding} of the namespace cannot be used")
        }
        AccessRefusal::NotReady { binding: None, .. } => {
            "the operator does not know the AccountBindings of the namespace".to_owned()
        }
        AccessRefusal::Missing { .. } => "no AccountBinding is about the namespace".to_owned(),
    };
    DeletionBlock::new(DeletionBlockReason::AccountBinding, message)
}

fn message(refusal: &AccessRefusal) -> String {
    match refusal {
        AccessRefusal::Conflict { bindings } => format!(
            "More than one AccountBinding is about this namespace: {}. The operator makes no AWS calls for the object until \
             only one of them is.",
            bindings.join(", ")
        ),
        AccessRefusal::NotReady { why, .. } => {
            format!("{why} The operator makes no AWS calls for the object until this is mended.")
        }
        AccessRefusal::Missing { recorded: Some(binding) } => format!(
            "The store got on record under the AccountBinding {binding}, and no AccountBinding is about this namespace now. \
             The operator makes no AWS calls for the object until there is one for the same AWS account."
        ),
        AccessRefusal::Missing { recorded: None } => {
            "No AccountBinding is about this namespace, and the operator runs with \
             --require-account-binding: ask whoever manages the AccountBindings for one."
                .to_owned()
        }
    }
}
