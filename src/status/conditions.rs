//! From where an object stands to its conditions. No I/O.

use std::time::Duration;

use super::Reason;
use crate::aws::{CallError, Class, Operation};
use crate::crd::{DeletionBlock, Drift};
use crate::plan::State;

/// From this attempt to create the store on, outcomes that are not known are shown as AWS's trouble.
const SHOWN_FROM_ATTEMPT: u32 = 3;

/// The conditions of one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conditions {
    pub(super) ready: Cond,
    /// None: as it was.
    pub(super) synced: Option<Cond>,
    pub(super) progress: Progress,
}

/// One condition without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cond {
    pub(super) status: bool,
    pub(super) reason: Reason,
    pub(super) message: String,
}

/// At most one of these conditions is on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Done,
    Reconciling,
    Stalled,
}

impl Conditions {
    fn both(reason: Reason, message: impl Into<String>, progress: Progress) -> Self {
        let ready = Cond { status: false, reason, message: message.into() };
        Self { synced: Some(ready.clone()), ready, progress }
    }

    fn reconciling(reason: Reason, message: impl Into<String>) -> Self {
        Self::both(reason, message, Progress::Reconciling)
    }

    fn stalled(reason: Reason, message: impl Into<String>) -> Self {
        Self::both(reason, message, Progress::Stalled)
    }

    fn active(synced: Option<Cond>) -> Self {
        let ready = Cond { status: true, reason: Reason::Available, message: "The store is ACTIVE.".into() };
        Self { ready, synced, progress: Progress::Done }
    }
}

/// The table of states and conditions. `denied_for`: how long AWS has been denying us; IAM is
/// eventually consistent, so a denial stalls only after `denied_grace`.
pub(super) fn of(state: &State, denied_for: Option<Duration>, denied_grace: Duration) -> Conditions {
    let synced = |status, reason, message: String| Some(Cond { status, reason, message });
    match state {
        State::Reconciling | State::ConfirmingAbsence => {
            let message = match state {
                State::ConfirmingAbsence => "AWS says that there is no such store; asking again to be sure.",
                _ => "Working.",
            };
            Conditions::reconciling(Reason::Progressing, message)
        }
        State::Available => {
            Conditions::active(synced(true, Reason::InSync, "The store is as the spec says.".into()))
        }
        State::Drifted(fields) => {
            let text = "nothing is changed, as managementPolicy is Observe";
            let message = format!("The store differs from the spec in {}; {text}.", names(fields));
            Conditions::active(synced(false, Reason::Drifted, message))
        }
        State::Correcting(fields) => Conditions::reconciling(
            Reason::Drifted,
            format!("The store differs from the spec in {}; it is being corrected.", names(fields)),
        ),
        State::NotConverging(fields) => Conditions::stalled(
            Reason::NotConverging,
            format!(
                "AWS accepts changes of {} and never shows them: write the value in status.drift as AWS shows it, \
                 or leave the field out. It is tried again now and then.",
                names(fields)
            ),
        ),
        State::Adopting => {
            Conditions::reconciling(Reason::Progressing, "The store is being tagged as this object's own.")
        }
        State::OwnerTagsDenied(error)
        | State::TagsUnreadable(error)
        | State::PolicyUnreadable(error)
        | State::ChangeDenied { error, .. } => {
            let (reason, message) = failure(error);
            Conditions::active(synced(false, reason, message))
        }
        State::Creating => Conditions::reconciling(Reason::Creating, "The store is being created."),
        State::OutcomeUnknown { attempt } if *attempt >= SHOWN_FROM_ATTEMPT => Conditions::reconciling(
            Reason::AwsUnavailable,
            "omics:CreateSequenceStore is answered again and again in a way that does not tell whether the store is \
             created; it is looked for before anything is sent again.",
        ),
        State::OutcomeUnknown { .. } => Conditions::reconciling(
            Reason::Creating,
            "Whether AWS has created the store is not known; it is looked for before anything is sent again.",
        ),
        State::Updating => Conditions::reconciling(Reason::Updating, "The store is UPDATING in AWS."),
        State::StoreDeleting => Conditions::reconciling(
            Reason::StoreDeleting,
            "The store is DELETING in AWS, and not by this operator.",
        ),
        State::UnknownStatus { status } => {
            let message = match status {
                Some(status) => format!("AWS reports the status {status}, which this version does not know."),
                None => "AWS reports no status.".into(),
            };
            Conditions { synced: None, ..Conditions::reconciling(Reason::UnknownStatus, message) }
        }
        State::Failed { message } => {
            let why = message.as_deref().unwrap_or("AWS gives no reason");
            Conditions::stalled(Reason::Failed, format!("The store is FAILED in AWS: {why}"))
        }
        State::InvalidSpec { message } => Conditions::stalled(Reason::InvalidSpec, message),
        State::ImmutableFieldDiffers(fields) => Conditions::stalled(
            Reason::ImmutableFieldDiffers,
            format!(
                "AWS cannot change {} of a store: write the value in status.store into the spec, or leave the field out.",
                names(fields)
            ),
        ),
        State::OwnershipConflict { owner, way_on } => {
            let text = format!("The store belongs to {owner}; this object neither changes nor deletes it.");
            let text = match way_on {
                Some(line) => {
                    format!("{text} If that object is gone for good, annotate this one with {line}")
                }
                None => text,
            };
            Conditions::stalled(Reason::OwnershipConflict, text)
        }
        State::WrongAccount { recorded, credentials } => Conditions::stalled(
            Reason::WrongAccount,
            format!(
                "The store on record is in account {recorded}, the operator's credentials are of account \
                 {credentials}: nothing is changed until they are of account {recorded} again."
            ),
        ),
        State::StoreMissing { id, region, named } => {
            let way_on = match named {
                true => "create it anew outside and name it in a new object".to_owned(),
                false => format!(
                    "to allow one new, empty store annotate the object with healthomics.dev/recreate: \"{id}\""
                ),
            };
            let text = format!("Store {id}, which is on record, is not in {region} any more; {way_on}.");
            Conditions::stalled(Reason::StoreMissing, text)
        }
        State::StoreNotFound { id, region, account } => Conditions::stalled(
            Reason::StoreNotFound,
            format!(
                "There is no store {id} in {region} of account {account}: check spec.sequenceStoreId and spec.region."
            ),
        ),
        State::StoreNotNamed => Conditions::stalled(
            Reason::StoreNotFound,
            "managementPolicy is Observe and no store carries the owner tags of this object: set spec.sequenceStoreId.",
        ),
        State::CallFailed(error) => call_failed(error, denied_for, denied_grace),
        State::Deleting | State::Deleted | State::Released => {
            Conditions::reconciling(Reason::Deleting, "The object is being deleted.")
        }
        State::DeletionBlocked(blocks) => Conditions::reconciling(Reason::DeletionBlocked, blocked(blocks)),
        State::Paused => Conditions {
            // Only `Synced` is taken from this row.
            synced: synced(
                false,
                Reason::Paused,
                "Paused by the annotation healthomics.dev/paused; AWS is not called.".into(),
            ),
            ..Conditions::reconciling(Reason::Paused, "Paused before the operator first looked at it.")
        },
    }
}

fn call_failed(error: &CallError, denied_for: Option<Duration>, denied_grace: Duration) -> Conditions {
    let (reason, message) = failure(error);
    let progress = match error.class {
        Class::Terminal => Progress::Stalled,
        Class::Denied | Class::Credentials | Class::Quota
            if denied_for.is_some_and(|time| time >= denied_grace) =>
        {
            Progress::Stalled
        }
        _ => Progress::Reconciling,
    };
    Conditions::both(reason, message, progress)
}

/// Reason and message of a failed call: fixed texts, so that a repeated failure writes nothing.
fn failure(error: &CallError) -> (Reason, String) {
    let action = error.operation.iam_action();
    match error.class {
        Class::Conflict => (
            Reason::Updating,
            format!("The store is busy and does not take {action} now; it is tried again."),
        ),
        Class::Transient | Class::NotFound => {
            (Reason::AwsUnavailable, format!("{action} fails or cannot be reached; it is tried again."))
        }
        Class::Unreadable => (
            Reason::AwsUnavailable,
            format!(
                "{action} is answered with something that is not an answer of AWS: check proxies and \
                 AWS_ENDPOINT_URL_OMICS. It is tried again."
            ),
        ),
        Class::Throttled => {
            (Reason::Throttled, format!("AWS asks for fewer requests of {action}; it is tried again."))
        }
        Class::Denied => {
            let hint = match error.operation {
                Operation::ListTagsForResource => " (its resource must be \"*\")",
                _ => "",
            };
            (
                Reason::AccessDenied,
                format!("AWS denies {action}: allow this action in the operator's IAM policy{hint}."),
            )
        }
        Class::Credentials => {
            let code = error.code.as_deref().unwrap_or("no credentials found");
            let text = format!(
                "The operator has no valid AWS credentials for {action} ({code}): check its IAM role, Pod identity or environment."
            );
            (Reason::AccessDenied, text)
        }
        Class::Quota => {
            (Reason::QuotaExceeded, format!("A quota of the AWS account does not allow {action}."))
        }
        Class::Terminal => (Reason::InvalidSpec, format!("AWS does not accept {action}: {}", error.detail)),
    }
}

fn blocked(blocks: &[DeletionBlock]) -> String {
    let reasons: Vec<&str> = blocks.iter().map(|block| block.message.as_str()).collect();
    format!("The deletion waits: {}.", reasons.join("; "))
}

fn names(fields: &[Drift]) -> String {
    fields.iter().map(|drift| drift.field.as_str()).collect::<Vec<_>>().join(", ")
}
