//! The table of states and the conditions that report them. No I/O.

use std::borrow::Cow;
use std::time::Duration;

use super::names::first_of;
use super::ownership::{ownership_conflict, record_not_kept, store_missing, wrong_account};
use super::refused_call::{credentials_unavailable, denied, no_credentials};
use super::row::Abnormal;
use super::{Reason, refused};
use crate::aws::{CallError, Class, Operation};
use crate::crd::{DeletionBlock, Drift, PREFIX};
use crate::plan::State;
use crate::store::drift::DELETED_PRINCIPAL;
use crate::store::tag_changes::MOST_TAGS;

/// From this attempt to create the store, an unknown outcome is reported as `AwsUnavailable`.
const REPORTED_FROM_ATTEMPT: u32 = 3;

/// How many names a message lists at most.
const MOST_NAMES: usize = 6;

/// The conditions that report one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StateConditions {
    pub(super) ready: ConditionValue,
    /// `None`: unchanged.
    pub(super) synced: Option<ConditionValue>,
    pub(super) abnormal: Abnormal,
}

/// A condition without type, generation and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConditionValue {
    pub(super) status: bool,
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl StateConditions {
    fn not_ready(reason: Reason, message: impl Into<String>, abnormal: Abnormal) -> Self {
        let ready = ConditionValue { status: false, reason, message: message.into() };
        Self { synced: Some(ready.clone()), ready, abnormal }
    }

    pub(super) fn reconciling(reason: Reason, message: impl Into<String>) -> Self {
        Self::not_ready(reason, message, Abnormal::Reconciling)
    }

    pub(super) fn stalled(reason: Reason, message: impl Into<String>) -> Self {
        Self::not_ready(reason, message, Abnormal::Stalled)
    }

    fn ready(synced: bool, reason: Reason, message: impl Into<String>) -> Self {
        let ready = "The store is ACTIVE.".into();
        Self {
            ready: ConditionValue { status: true, reason: Reason::Available, message: ready },
            synced: Some(ConditionValue { status: synced, reason, message: message.into() }),
            abnormal: Abnormal::Neither,
        }
    }
}

/// The state that the conditions report. While tags or policy cannot be read, the object stays Ready only if
/// this generation was Ready before, because only then was it ever compared with the store in full.
pub(super) fn shown(state: &State, was_ready: bool) -> Cow<'_, State> {
    match state {
        State::TagsUnreadable(error) | State::PolicyUnreadable(error)
            if error.class != Class::Denied && !was_ready =>
        {
            Cow::Owned(State::CallFailed(error.clone()))
        }
        state => Cow::Borrowed(state),
    }
}

/// The table of states and conditions. `denied_for`: how long AWS has denied the calls for this object. IAM
/// is eventually consistent, so a denial stalls the object only after `denied_grace`.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn of(state: &State, denied_for: Option<Duration>, denied_grace: Duration) -> StateConditions {
    use StateConditions as C;
    match state {
        State::Reconciling => C::reconciling(Reason::Progressing, "The operator is reconciling the object."),
        State::ConfirmingAbsence => C::reconciling(
            Reason::Progressing,
            "AWS reports that the store does not exist; the operator checks a second time before it treats the store as \
             missing.",
        ),
        State::ConfirmingOwner => C::reconciling(
            Reason::Progressing,
            "AWS does not show the owner tag of this object on its store; the operator checks a second time before it \
             treats the store as one that does not belong to this object.",
        ),
        State::Adopting => C::reconciling(
            Reason::Progressing,
            "The operator is writing the owner tags of this object to the store.",
        ),
        State::Available => C::ready(true, Reason::InSync, "The store matches the spec."),
        State::Drifted(fields) => C::ready(false, Reason::Drifted, observed_drift(fields)),
        State::Correcting(fields) => C::reconciling(
            Reason::Drifted,
            format!(
                "The store differs from the spec in {}; the operator is updating the store.",
                names(fields)
            ),
        ),
        State::NotConverging(fields) => C::stalled(Reason::NotConverging, not_converging(fields)),
        State::OwnerTagsDenied(error)
        | State::TagsUnreadable(error)
        | State::PolicyUnreadable(error)
        | State::ChangeDenied { error, .. } => {
            let (reason, message) = failure(error);
            C::ready(false, reason, message)
        }
        State::ObjectsNotListed { places } => {
            C::ready(false, Reason::ObjectsNotListed, objects_not_listed(places))
        }
        State::TagLimit { present, missing, .. } => {
            C::ready(false, Reason::QuotaExceeded, tag_limit(*present, missing))
        }
        State::PrincipalsRenamed(fields) => C::ready(false, Reason::Drifted, principals_renamed(fields)),
        State::AccessRefused(refusal) => refused::conditions(refusal),
        State::CallFailed(error) => call_failed(error, denied_for, denied_grace),
        State::Creating => C::reconciling(Reason::Creating, "The store is being created."),
        State::OutcomeUnknown { attempt } => outcome_unknown(*attempt),
        State::Updating => C::reconciling(Reason::Updating, "The store is UPDATING in AWS."),
        State::StoreDeleting => C::reconciling(
            Reason::StoreDeleting,
            "The store is DELETING in AWS, but not because of this object: CloudTrail shows who called \
             DeleteSequenceStore.",
        ),
        State::UnknownStatus { status } => {
            C { synced: None, ..C::reconciling(Reason::UnknownStatus, unknown_status(status.as_deref())) }
        }
        State::Failed { message } => {
            let why = message.as_deref().unwrap_or("AWS gives no reason.");
            C::stalled(
                Reason::Failed,
                format!(
                    "The store is FAILED in AWS, and the operator changes nothing until AWS reports another status: \
                     {why}"
                ),
            )
        }
        State::InvalidSpec { message } => C::stalled(Reason::InvalidSpec, message),
        State::ImmutableFieldDiffers(fields) => {
            C::stalled(Reason::ImmutableFieldDiffers, immutable_field_differs(fields))
        }
        State::OwnershipConflict { owner } => {
            C::stalled(Reason::OwnershipConflict, ownership_conflict(owner))
        }
        State::WrongAccount { recorded, credentials, pinned_by } => {
            C::stalled(Reason::WrongAccount, wrong_account(recorded, credentials, *pinned_by))
        }
        State::RecordNotKept { what, is_ready: true } => {
            C::ready(false, Reason::RecordNotKept, record_not_kept(*what, true))
        }
        State::RecordNotKept { what, is_ready: false } => {
            C::stalled(Reason::RecordNotKept, record_not_kept(*what, false))
        }
        State::StoreMissing { id, region, named } => {
            C::stalled(Reason::StoreMissing, store_missing(id, region, *named))
        }
        State::StoreNotFound { id, region, account } => C::stalled(
            Reason::StoreNotFound,
            format!(
                "AWS account {account} has no store {id} in {region}: check spec.sequenceStoreId, spec.region and the \
                 account of the operator's credentials."
            ),
        ),
        State::StoreNotNamed => C::stalled(
            Reason::StoreNotFound,
            "managementPolicy is Observe, and the operator finds no store by name and owner tags: set \
             spec.sequenceStoreId to the id of the store to observe, or check spec.name and spec.region.",
        ),
        // One text: the end of a deletion must not cost another write of the status.
        State::Deleting | State::Deleted | State::Released | State::NeverManaged { .. } => C::reconciling(
            Reason::Deleting,
            "The object is being deleted; Kubernetes removes it when the operator has deleted its store, or has made sure that \
             the store stays, which can take a minute.",
        ),
        State::DeletionBlocked(blocks) => C::reconciling(Reason::DeletionBlocked, blocked(blocks)),
        State::Paused => paused(),
    }
}

fn objects_not_listed(places: &[String]) -> String {
    // Only a namespace that a flag names can be taken out of it.
    let is_named = places.iter().any(|place| place.starts_with("namespace "));
    let or_else = if is_named { ", or take the namespace out of --watch-namespace" } else { "" };
    format!(
        "The store has no owner tag, and the operator cannot list the SequenceStores of {}, where an older object may name \
         the same store. Until it can, it neither claims nor changes the store. The body of /readyz says why; where it is \
         forbidden, allow it to list and watch sequencestores there{or_else}.",
        places.join(", ")
    )
}

fn paused() -> StateConditions {
    let synced = "The annotation healthomics.dev/paused is \"true\", so the operator makes no AWS calls for this \
                  object: remove the annotation to resume.";
    StateConditions {
        ready: ConditionValue {
            status: false,
            reason: Reason::Paused,
            message: "The object was paused before the operator first reconciled it.".into(),
        },
        synced: Some(ConditionValue { status: false, reason: Reason::Paused, message: synced.into() }),
        abnormal: Abnormal::Unchanged,
    }
}

fn outcome_unknown(attempt: u32) -> StateConditions {
    if attempt >= REPORTED_FROM_ATTEMPT {
        return StateConditions::reconciling(
            Reason::AwsUnavailable,
            "AWS has repeatedly failed to confirm omics:CreateSequenceStore, so the operator does not know whether AWS \
             created the store; it searches for the store before it sends another request.",
        );
    }
    StateConditions::reconciling(
        Reason::Creating,
        "The operator does not know whether AWS created the store; it searches for the store before it sends another \
         request. You need not act.",
    )
}

fn call_failed(error: &CallError, denied_for: Option<Duration>, denied_grace: Duration) -> StateConditions {
    let (reason, message) = failure(error);
    let abnormal = match error.class {
        Class::Terminal => Abnormal::Stalled,
        Class::Denied | Class::Credentials | Class::Quota
            if denied_for.is_some_and(|time| time >= denied_grace) =>
        {
            Abnormal::Stalled
        }
        _ => Abnormal::Reconciling,
    };
    StateConditions::not_ready(reason, message, abnormal)
}

/// Reason and message of a failed call. The text of AWS is in the message only where it is the same each time
/// and tells the user what to change; otherwise each failure would write another status.
pub(super) fn failure(error: &CallError) -> (Reason, String) {
    let action = error.operation.iam_action();
    match error.class {
        Class::Conflict => (
            Reason::Updating,
            format!("AWS refuses {action} because the store is busy; the operator retries."),
        ),
        Class::Transient | Class::NotFound => (Reason::AwsUnavailable, unavailable(error)),
        Class::Unreadable => (
            Reason::AwsUnavailable,
            format!(
                "The response to {action}{}{} is not a valid AWS response: check proxies and {}. The operator retries.",
                in_region(error),
                error.failure.host.as_deref().map(|host| format!(" from {host}")).unwrap_or_default(),
                error.operation.endpoint_variable()
            ),
        ),
        Class::Throttled => (Reason::Throttled, format!("AWS throttles {action}; the operator retries.")),
        Class::Denied => (Reason::AccessDenied, denied(error)),
        Class::Credentials => (Reason::AccessDenied, no_credentials(error)),
        Class::CredentialsUnavailable => credentials_unavailable(error),
        Class::Quota if error.operation == Operation::TagResource => (
            Reason::QuotaExceeded,
            format!(
                "The store has as many tags as AWS allows, so AWS refuses {action}: remove tags of the store that nobody \
                 needs."
            ),
        ),
        Class::Quota => (
            Reason::QuotaExceeded,
            format!(
                "A service quota of the AWS account is reached, so AWS refuses {action}: request a higher quota, or \
                 delete stores that you no longer need."
            ),
        ),
        Class::Terminal => (Reason::InvalidSpec, format!("AWS rejects {action}: {}", error.detail)),
    }
}

/// Names the cause, which is the same at each attempt, and never AWS's own words, which are not.
fn unavailable(error: &CallError) -> String {
    let remedy = if error.failure.is_answer_of_aws() {
        "If this lasts, see the AWS Health Dashboard."
    } else {
        "If this lasts, check the region, and the network, DNS and proxies of the operator's Pod."
    };
    format!(
        "{}{} fails: {}. The operator retries. {remedy}",
        error.operation.iam_action(),
        in_region(error),
        error.failure.sentence()
    )
}

fn in_region(error: &CallError) -> String {
    error.region.as_deref().map(|region| format!(" in {region}")).unwrap_or_default()
}

fn tag_limit(present: usize, missing: &[String]) -> String {
    let keys = first_of(missing, MOST_NAMES);
    format!(
        "AWS allows {MOST_TAGS} tags on a store. The store has {present}, so there is no room for {keys}: remove tags of \
         the store that nobody needs, or keys of spec.tags."
    )
}

/// AWS shows the unique id of a role or user in place of its ARN once it is deleted.
fn principals_renamed(fields: &[Drift]) -> String {
    let texts = |of: fn(&Drift) -> Option<&String>| fields.iter().find_map(of).map_or("", String::as_str);
    let (desired, observed) = (texts(|drift| drift.desired.as_ref()), texts(|drift| drift.observed.as_ref()));
    let remedy = if observed.starts_with(DELETED_PRINCIPAL) {
        "in spec.s3AccessPolicy, name another principal, or remove it; if it exists again under that name, change the Sid \
         of its statement, so that the operator writes the policy"
    } else {
        "write the name that AWS shows in spec.s3AccessPolicy"
    };
    format!("The S3 access policy in AWS names the {observed}, where the spec has the {desired}: {remedy}.")
}

fn unknown_status(status: Option<&str>) -> String {
    match status {
        Some(status) => {
            format!(
                "AWS reports the status {status}, which this version of the operator does not know: if it lasts, \
                 upgrade the operator."
            )
        }
        None => "AWS reports no status for the store.".into(),
    }
}

fn observed_drift(fields: &[Drift]) -> String {
    format!(
        "The store differs from the spec in {}; the operator does not change it because managementPolicy is Observe: \
         change the spec or the store, or set managementPolicy to Manage.",
        names(fields)
    )
}

fn not_converging(fields: &[Drift]) -> String {
    let (owner_tags, settings): (Vec<&Drift>, Vec<&Drift>) =
        fields.iter().partition(|drift| drift.field.starts_with(&format!("tags[{PREFIX}")));
    let mut text = String::new();
    if !settings.is_empty() {
        let (what, set, remove) = match settings.len() {
            1 => ("another value", "the field to the value that status.drift shows as observed", "the field"),
            _ => ("other values", "these fields to the values that status.drift shows as observed", "them"),
        };
        text = format!(
            "AWS accepts updates of {} but still shows {what}: in the spec, set {set}, or remove {remove}. ",
            names(settings)
        );
    }
    if !owner_tags.is_empty() {
        text += "AWS accepts the owner tags but does not show them: find out who removes them (CloudTrail: \
                 UntagResource). ";
    }
    text + "The operator retries every hour."
}

fn immutable_field_differs(fields: &[Drift]) -> String {
    let remedy = match fields {
        [one] if one.observed.is_none() => "remove the field".into(),
        [one] => {
            format!("set the field to the value shown in status.store.{}, or remove the field", one.field)
        }
        _ => "set these fields to the values shown in status.store, or remove them".into(),
    };
    format!("AWS cannot change {} of an existing store: {remedy}.", names(fields))
}

pub(super) fn blocked(blocks: &[DeletionBlock]) -> String {
    let reasons: Vec<&str> = blocks.iter().map(|block| block.message.as_str()).collect();
    format!("The deletion is blocked: {}.", reasons.join("; "))
}

fn names<'a>(fields: impl IntoIterator<Item = &'a Drift>) -> String {
    fields.into_iter().map(|drift| drift.field.as_str()).collect::<Vec<_>>().join(", ")
}
