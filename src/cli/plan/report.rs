//! The report of a plan: each step with its AWS call, its changes field by field, and its reason. No I/O.

use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;

use super::forecast::Step;
use super::steps::plan_step;
use crate::crd::{Deletion, DeletionDefaults, Drift, SequenceStore, SequenceStoreSpec};
use crate::plan::State;
use crate::status;
use crate::store::drift::{self, Differences};
use crate::store::observed::{Observed, Present};
use crate::store::owner_match::OwnerMatch;

/// The outcome of a plan, in ascending order of severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum PlanOutcome {
    NothingToDo,
    /// The operator or AWS has something to change.
    Changes,
    /// The operator cannot continue until the user acts.
    NeedsAttention,
    /// No plan could be made.
    Failed,
}

impl PlanOutcome {
    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::NothingToDo => 0,
            Self::Changes => 1,
            Self::Failed => 2,
            Self::NeedsAttention => 3,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// The most severe outcome of all objects.
    pub(super) outcome: PlanOutcome,
    pub(super) objects: Vec<ObjectPlan>,
}

impl Report {
    pub(super) fn of(objects: Vec<ObjectPlan>) -> Self {
        let outcome = objects.iter().map(|object| object.outcome).max().unwrap_or(PlanOutcome::NothingToDo);
        Self { outcome, objects }
    }
}

/// The plan for one object. The field names are the JSON output.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectPlan {
    pub(super) namespace: String,
    pub(super) name: String,
    /// The file of the manifest; none for an object of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    pub(super) outcome: PlanOutcome,
    /// What AWS shows now, in words.
    pub(super) now: String,
    /// Reason of the condition that the operator reports in the end.
    pub(super) reason: String,
    /// Message of that condition.
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) store_id: Option<String>,
    /// The AccountBinding under which the object acts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) binding: Option<String>,
    /// What happens to the store when the object is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deletion: Option<Deletion>,
    /// The store exists and has no owner tags.
    #[serde(skip)]
    pub(super) is_unowned: bool,
    /// Every difference between spec and store now, including those that the operator does not correct.
    pub(super) differences: Vec<Drift>,
    pub(super) steps: Vec<PlanStep>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    /// Why no plan could be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

impl ObjectPlan {
    fn empty(object: &SequenceStore, outcome: PlanOutcome) -> Self {
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            file: None,
            outcome,
            now: String::new(),
            reason: String::new(),
            message: String::new(),
            region: None,
            account_id: None,
            store_id: None,
            binding: None,
            deletion: None,
            is_unowned: false,
            differences: Vec::new(),
            steps: Vec::new(),
            notes: Vec::new(),
            error: None,
        }
    }
}

/// One step. The field names are the JSON output.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanStep {
    /// The IAM action of the AWS call; none where the operator waits or writes only to the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) call: Option<&'static str>,
    /// What the call changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) on: Option<String>,
    /// Why, mostly in the words of the object's conditions.
    pub(super) why: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) changes: Vec<Change>,
    /// What the operator writes to the object, except its status.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) object: Vec<String>,
}

/// One field that changes in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    /// Path of the field in the spec.
    pub(super) field: String,
    /// The value now; none where it is unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    /// The value afterwards; none where it is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
}

/// The plan from a forecast, which has at least one step.
pub(super) fn object_plan(
    object: &SequenceStore,
    observed: &Observed,
    region: Option<&str>,
    steps: &[Step],
    defaults: DeletionDefaults,
) -> ObjectPlan {
    let end = steps.last().map_or(State::Reconciling, |step| step.plan.state.clone());
    let ReportedCondition { reason, message, needs_attention } = reported_condition(&end);
    let shown: Vec<PlanStep> =
        steps.iter().enumerate().filter_map(|(n, step)| plan_step(step, n + 1 == steps.len())).collect();
    let outcome = if needs_attention {
        PlanOutcome::NeedsAttention
    } else if !shown.is_empty() || is_in_progress(&end) {
        PlanOutcome::Changes
    } else {
        PlanOutcome::NothingToDo
    };
    let present = observed.present();
    ObjectPlan {
        now: describe(object, observed, region),
        reason,
        message,
        region: region.map(ToOwned::to_owned),
        account_id: observed.account().map(ToOwned::to_owned),
        store_id: present.map(|present| present.store.id.clone()),
        deletion: Some(object.deletion(defaults)),
        is_unowned: present.is_some_and(|present| present.tags.owner().is_none()),
        differences: present.map(|present| differences(object, present)).unwrap_or_default(),
        steps: shown,
        ..ObjectPlan::empty(object, outcome)
    }
}

/// No plan could be made.
pub(super) fn failed(object: &SequenceStore, error: String) -> ObjectPlan {
    ObjectPlan { error: Some(error), ..ObjectPlan::empty(object, PlanOutcome::Failed) }
}

/// The API server would reject the object, so the operator would never see it.
pub(super) fn rejected(object: &SequenceStore, message: String) -> ObjectPlan {
    ObjectPlan {
        now: "AWS was not called".into(),
        reason: "InvalidSpec".into(),
        message,
        ..ObjectPlan::empty(object, PlanOutcome::NeedsAttention)
    }
}

/// The condition that tells a user most about a state.
pub(super) struct ReportedCondition {
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) needs_attention: bool,
}

pub(super) fn reported_condition(state: &State) -> ReportedCondition {
    let object = SequenceStore::new("any", SequenceStoreSpec::default());
    let conditions = status::next(&status::Input {
        failures: u32::MAX,
        ..status::Input::of(&object, &Observed::NotAsked, state, Timestamp::UNIX_EPOCH)
    })
    .conditions;
    // `Ready` can be True while the store differs from the spec; `Synced` then says how.
    let synced = status::find(&conditions, "Synced").filter(|synced| synced.status != "True");
    let condition = synced.or(status::find(&conditions, "Ready"));
    let (reason, message) =
        condition.map(|found| (found.reason.clone(), found.message.clone())).unwrap_or_default();
    // A deletion is not stalled while something blocks it, nor an object that waits for a binding.
    let is_stalled = status::find(&conditions, "Stalled").is_some()
        || matches!(state, State::DeletionBlocked(_) | State::AccessRefused(_));
    let (message, needs_attention) = match state {
        State::Deleted => ("The store no longer exists; Kubernetes removes the object.".into(), false),
        State::Released => ("Kubernetes removes the object; nothing is deleted in AWS.".into(), false),
        _ => (message, is_stalled),
    };
    ReportedCondition { reason, message, needs_attention }
}

/// The operator or AWS is still working, for a time that cannot be forecast.
fn is_in_progress(state: &State) -> bool {
    matches!(
        state,
        State::Reconciling
            | State::Correcting(_)
            | State::Adopting
            | State::Creating
            | State::OutcomeUnknown { .. }
            | State::Updating
            | State::StoreDeleting
            | State::ConfirmingAbsence
            | State::Deleting
    )
}

/// All differences, those first that AWS cannot change.
fn differences(object: &SequenceStore, present: &Present) -> Vec<Drift> {
    let Differences { correctable, frozen, renamed_principals } = drift::differences(object, present);
    frozen.iter().chain(&correctable).chain(&renamed_principals).map(Drift::from).collect()
}

/// What AWS shows now.
fn describe(object: &SequenceStore, observed: &Observed, region: Option<&str>) -> String {
    let region = region.unwrap_or("an unknown region");
    match observed {
        Observed::NotAsked => "AWS was not called".into(),
        Observed::Failed(_) => "unknown, because a call to AWS failed".into(),
        Observed::Absent { account } => format!("the store does not exist in {region}, account {account}"),
        Observed::Searched { found: OwnerMatch::Former { id, .. }, account } => {
            format!("store {id} in {region}, account {account}: owned by a former object of this name")
        }
        Observed::Searched { account, .. } => {
            format!("no store in {region}, account {account}, has the owner tags of this object")
        }
        Observed::Present(present) => {
            let name = present.store.name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
            let owner = match present.tags.owner() {
                Some(owner) if Some(owner) == object.uid().as_deref() => "owned by this object",
                Some(_) => "owned by another object",
                None => "no owner tags",
            };
            let status = present.store.status.as_deref().unwrap_or("unknown status");
            let (id, account) = (&present.store.id, &present.account);
            format!("store {id}{name} in {region}, account {account}: {status}, {owner}")
        }
    }
}
