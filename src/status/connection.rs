//! How the ConfigMap of an object shows in its status. Pure: no I/O.

use super::conditions::{ConditionValue, StateConditions};
use super::row::Abnormal;
use super::{Reason, find};
use crate::crd::{Connection, SequenceStoreStatus};
use crate::plan::{ConnectionOutcome as Outcome, ShownConnection};

const CHART_VALUE: &str = "connectionConfigMaps.enabled";

/// The ConfigMap that the status names after a pass: one that the operator keeps, or may have made.
pub(super) fn on_record(before: Option<&Connection>, outcome: &Outcome) -> Option<Connection> {
    match outcome {
        Outcome::Writing(name) | Outcome::Kept(name) => Some(Connection { config_map: name.clone() }),
        Outcome::Removed => None,
        Outcome::Conflict { name, .. } => before.filter(|before| before.config_map != *name).cloned(),
        Outcome::AsBefore
        | Outcome::Withheld
        | Outcome::Unknown(_)
        | Outcome::Going(_)
        | Outcome::Refused { .. } => before.cloned(),
    }
}

/// The conditions of an object that asks for a ConfigMap: it is Ready only with the ConfigMap, because a pipeline waits for
/// both. `Synced` is about AWS alone.
pub(super) fn with(
    conditions: StateConditions,
    outcome: &Outcome,
    was_ready: impl FnOnce() -> bool,
) -> StateConditions {
    if !conditions.ready.status {
        return conditions;
    }
    let (reason, abnormal, message) = match outcome {
        Outcome::AsBefore | Outcome::Kept(_) | Outcome::Removed => return conditions,
        // What was known still stands.
        Outcome::Unknown(_) if was_ready() => return conditions,
        Outcome::Writing(name) | Outcome::Unknown(name) => {
            (Reason::Progressing, Abnormal::Reconciling, format!("The operator is writing ConfigMap {name}."))
        }
        Outcome::Going(name) => (
            Reason::Progressing,
            Abnormal::Reconciling,
            format!(
                "ConfigMap {name} is being deleted, and its finalizers hold that up; the operator makes it again once it \
                 is gone."
            ),
        ),
        Outcome::Withheld => (
            Reason::Progressing,
            Abnormal::Reconciling,
            "The operator writes the ConfigMap of spec.writeConnectionTo once it knows that the store belongs to this \
             object; the condition Synced says what it lacks."
                .into(),
        ),
        Outcome::Conflict { name, other } => {
            (Reason::ConnectionConflict, Abnormal::Stalled, conflict(name, other.as_deref()))
        }
        Outcome::Refused { name, verb } => (Reason::ConnectionDenied, Abnormal::Stalled, refused(name, verb)),
    };
    StateConditions { ready: ConditionValue { status: false, reason, message }, abnormal, ..conditions }
}

fn conflict(name: &str, other: Option<&str>) -> String {
    let owner = match other {
        Some(other) => format!("belongs to SequenceStore {other}"),
        None => "does not belong to this object".to_owned(),
    };
    format!(
        "ConfigMap {name} exists and {owner}, so the operator leaves it alone: write another name in \
         spec.writeConnectionTo.configMap, or delete the ConfigMap if nobody needs it."
    )
}

fn refused(name: &str, verb: &str) -> String {
    format!(
        "The API server does not let the operator {verb} ConfigMap {name}: set the chart's value {CHART_VALUE} to true, or \
         remove spec.writeConnectionTo. If the operator has that right, look for quotas, admission policies and webhooks \
         that refuse the ConfigMap (the operator's log has their message)."
    )
}

/// What the status says of the ConfigMap; none where the object is not Ready for another reason.
#[must_use]
pub fn shown_connection(status: &SequenceStoreStatus) -> Option<ShownConnection> {
    let ready = find(&status.conditions, "Ready")?;
    let is = |reason: Reason| ready.reason == reason.as_str();
    match ready.status == "True" {
        true => Some(ShownConnection::Kept),
        false if is(Reason::ConnectionConflict) => Some(ShownConnection::Conflict),
        false if is(Reason::ConnectionDenied) => Some(ShownConnection::Refused),
        false => None,
    }
}
