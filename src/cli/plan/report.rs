//! What is shown of a plan: each step with its AWS call, its changes field by field, and why. No I/O.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;

use super::foresee::Step;
use super::steps::shown;
use crate::crd::{Drift, SequenceStore};
use crate::plan::State;
use crate::status;
use crate::store::drift::{self, Differences};
use crate::store::observed::{Observed, ObservedTags, Present};

/// What comes of a plan; the exit code says the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// All is as it should be.
    NothingToDo,
    /// The operator changes something, or AWS is about to.
    Changes,
    /// The operator does not get any further by itself.
    NeedsAttention,
    /// No plan could be made.
    Failed,
}

impl Outcome {
    /// The exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::NothingToDo => 0,
            Self::Changes => 1,
            Self::Failed => 2,
            Self::NeedsAttention => 3,
        }
    }
}

/// Plans for all objects that were asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The worst of all.
    pub outcome: Outcome,
    /// One for each object.
    pub objects: Vec<ObjectPlan>,
}

impl Report {
    /// Joins plans.
    #[must_use]
    pub fn of(objects: Vec<ObjectPlan>) -> Self {
        let outcome = objects.iter().map(|object| object.outcome).max().unwrap_or(Outcome::NothingToDo);
        Self { outcome, objects }
    }
}

/// The plan for one object.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectPlan {
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// The file it is from; none for an object of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What comes of it.
    pub outcome: Outcome,
    /// What AWS shows now, in words.
    pub now: String,
    /// What the operator will report at the end: the reason of a condition.
    pub reason: String,
    /// And its message.
    pub message: String,
    /// Region of the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Account of the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Id of the store, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_id: Option<String>,
    /// The store carries nobody's owner tags.
    #[serde(skip)]
    pub is_unowned: bool,
    /// Every difference between spec and store now, whether or not it will be corrected.
    pub differences: Vec<Drift>,
    /// What happens, in its order.
    pub steps: Vec<ShownStep>,
    /// What else one should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why no plan could be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownStep {
    /// The AWS operation, as IAM calls it; none where the operator waits or writes only to the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<&'static str>,
    /// What it is called on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Why, in the words of the conditions that the object will have.
    pub why: String,
    /// What it changes in AWS.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What the operator writes to the object, status apart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub object: Vec<String>,
}

/// One field that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The field, as it is named in the spec.
    pub field: String,
    /// What AWS shows now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it becomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// The plan for an object that could be looked at. `steps` has at least one, where the object ends.
#[must_use]
pub fn object_plan(
    object: &SequenceStore,
    observed: &Observed,
    region: Option<&str>,
    steps: &[Step],
) -> ObjectPlan {
    let end = steps.last().map_or(State::Reconciling, |step| step.plan.state.clone());
    let (reason, message, stuck) = conditions(&end);
    let shown: Vec<ShownStep> =
        steps.iter().enumerate().filter_map(|(n, step)| shown(step, n + 1 == steps.len())).collect();
    let outcome = match () {
        () if stuck => Outcome::NeedsAttention,
        () if !shown.is_empty() || is_under_way(&end) => Outcome::Changes,
        () => Outcome::NothingToDo,
    };
    let present = observed.present();
    ObjectPlan {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        file: None,
        outcome,
        now: now(object, observed, region),
        reason,
        message,
        region: region.map(ToOwned::to_owned),
        account_id: observed.account().map(ToOwned::to_owned),
        store_id: present.map(|present| present.store.id.clone()),
        is_unowned: present.is_some_and(|present| present.tags.owner().is_none()),
        differences: present.map(|present| differences(object, present)).unwrap_or_default(),
        steps: shown,
        notes: Vec::new(),
        error: None,
    }
}

/// The plan that could not be made.
#[must_use]
pub fn failed(object: &SequenceStore, error: String) -> ObjectPlan {
    ObjectPlan {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        file: None,
        outcome: Outcome::Failed,
        now: String::new(),
        reason: String::new(),
        message: String::new(),
        region: None,
        account_id: None,
        store_id: None,
        is_unowned: false,
        differences: Vec::new(),
        steps: Vec::new(),
        notes: Vec::new(),
        error: Some(error),
    }
}

/// The plan for an object that the API server, or the operator before any look, refuses.
#[must_use]
pub fn refused(object: &SequenceStore, message: String) -> ObjectPlan {
    ObjectPlan {
        outcome: Outcome::NeedsAttention,
        now: "AWS was not asked".into(),
        reason: "InvalidSpec".into(),
        message,
        error: None,
        ..failed(object, String::new())
    }
}

/// What an object in this state reports: reason, message, and whether somebody has to act.
pub(super) fn conditions(state: &State) -> (String, String, bool) {
    let object = SequenceStore::new("any", crate::crd::SequenceStoreSpec::default());
    let conditions = status::next(&status::Input {
        object: &object,
        observed: &Observed::NotAsked,
        state,
        region: None,
        failures: u32::MAX,
        denied_for: None,
        denied_grace: Duration::MAX,
        managed_tag_keys: None,
        now: Timestamp::UNIX_EPOCH,
    })
    .conditions;
    let stuck = status::find(&conditions, "Stalled").is_some() || matches!(state, State::DeletionBlocked(_));
    // `Ready` may be true of a store that differs; then `Synced` says how.
    let told = status::find(&conditions, "Synced").filter(|synced| synced.status != "True");
    let told = told.or(status::find(&conditions, "Ready"));
    let (reason, message) = told.map(|told| (told.reason.clone(), told.message.clone())).unwrap_or_default();
    match state {
        State::Deleted => (reason, "The store is gone, and the object goes.".into(), false),
        State::Released => (reason, "The object goes; nothing is deleted in AWS.".into(), false),
        _ => (reason, message, stuck),
    }
}

/// AWS or an earlier attempt is at work, with an end that cannot be foreseen.
fn is_under_way(state: &State) -> bool {
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
    let Differences { correctable, frozen } = drift::differences(object, present);
    frozen.iter().chain(&correctable).map(Drift::from).collect()
}

fn now(object: &SequenceStore, observed: &Observed, region: Option<&str>) -> String {
    let region = region.unwrap_or("no region");
    match observed {
        Observed::NotAsked => "AWS was not asked".into(),
        Observed::Failed(_) => "not known".into(),
        Observed::Absent { account } => format!("there is no such store in {region} of account {account}"),
        Observed::Searched { found: crate::store::ownership::OwnerMatch::Former { id, .. }, account } => {
            format!("store {id} in {region} of account {account}, of a former object of this name")
        }
        Observed::Searched { account, .. } => {
            format!("no store in {region} of account {account} carries the owner tags of this object")
        }
        Observed::Present(present) => {
            let name = present.store.name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
            let owner = match present.tags.owner() {
                Some(owner) if Some(owner) == object.uid().as_deref() => "this object's own",
                Some(_) => "owned by another object",
                None => "without owner tags",
            };
            let status = present.store.status.as_deref().unwrap_or("without status");
            let (id, account) = (&present.store.id, &present.account);
            format!("store {id}{name} in {region} of account {account}: {status}, {owner}")
        }
    }
}
