//! What is shown of a plan: each step with its AWS call, its changes field by field, and why. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;

use super::foresee::Step;
use crate::crd::{Drift, SequenceStore};
use crate::drift;
use crate::observed::{Observed, Present, Tags};
use crate::omics::Operation;
use crate::plan::{self, Action, FinalizerStep, State};
use crate::request::CreateRequest;
use crate::status;

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
        account_id: account(observed),
        store_id: present.map(|present| present.store.id.clone()),
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
fn conditions(state: &State) -> (String, String, bool) {
    let object = SequenceStore::new("any", crate::crd::SequenceStoreSpec::default());
    let conditions = status::next(&status::Input {
        object: &object,
        observed: &Observed::NotAsked,
        state,
        region: None,
        failures: u32::MAX,
        denied_for: None,
        denied_grace: Duration::MAX,
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
            | State::OutcomeUnknown
            | State::Updating
            | State::StoreDeleting
            | State::ConfirmingAbsence
            | State::Deleting
    )
}

/// A step as it is shown; none where nothing happens.
fn shown(step: &Step, is_last: bool) -> Option<ShownStep> {
    let (plan, object) = (&step.plan, &step.before.object);
    let operation = operation(&plan.action);
    let written = written(step);
    let waits = operation.is_none() && plan.intent.is_none() && written.is_empty();
    if waits && is_last {
        return None;
    }
    let why = match (&plan.state, &plan.action) {
        (_, Action::Claim { former, .. }) if former.is_empty() => {
            "The store carries no owner tags yet; they make it this object's own.".into()
        }
        (_, Action::Claim { former, .. }) if Some(former) == object.uid().as_ref() => {
            "The store is this object's own; its owner tags are renewed.".into()
        }
        (_, Action::Claim { former, .. }) => {
            format!("The store is adopted from a former object, of the uid {former}.")
        }
        (State::Deleted | State::Released, _) => conditions(&plan.state).1,
        (_, Action::DeleteStore { .. }) => "The object is being deleted, and its store with it.".into(),
        // The finalizer is all that is written: the state has its own line.
        _ if operation.is_none() && plan.intent.is_none() && !waits => match plan.finalizer {
            FinalizerStep::Remove => "Deleting the object leaves the store in AWS from now on.".into(),
            _ => "Deleting the object deletes the store from now on.".into(),
        },
        _ => conditions(&plan.state).1,
    };
    Some(ShownStep {
        call: operation.map(Operation::action),
        on: target(&plan.action),
        why,
        changes: changes(step),
        object: written,
    })
}

fn operation(action: &Action) -> Option<Operation> {
    Some(match action {
        Action::None => return None,
        Action::Create { .. } => Operation::CreateSequenceStore,
        Action::Claim { .. } | Action::Tag { .. } => Operation::TagResource,
        Action::Update { .. } => Operation::UpdateSequenceStore,
        Action::SetPolicy { policy: Some(_), .. } => Operation::PutS3AccessPolicy,
        Action::SetPolicy { policy: None, .. } => Operation::DeleteS3AccessPolicy,
        Action::Untag { .. } => Operation::UntagResource,
        Action::DeleteStore { .. } => Operation::DeleteSequenceStore,
    })
}

fn target(action: &Action) -> Option<String> {
    let store = |arn: &str| match crate::arn::StoreArn::parse(arn) {
        Some(arn) if arn.id.bytes().all(|digit| digit == b'0') => "the new store".to_owned(),
        Some(arn) => format!("store {} in {}", arn.id, arn.region),
        None => arn.to_owned(),
    };
    Some(match action {
        Action::None => return None,
        Action::Create { account, intent, .. } => {
            format!("a new store in {} of account {account}", intent.region)
        }
        Action::Claim { arn, .. } | Action::Tag { arn, .. } | Action::Untag { arn, .. } => store(arn),
        Action::Update { region, id, .. } | Action::DeleteStore { region, id } => {
            format!("store {id} in {region}")
        }
        Action::SetPolicy { access_point, .. } if access_point.starts_with('(') => "the new store".into(),
        Action::SetPolicy { region, access_point, .. } => {
            let id = access_point.rsplit('-').next().unwrap_or(access_point);
            format!("store {id} in {region}")
        }
    })
}

/// What the operator writes to the object, its status apart.
fn written(step: &Step) -> Vec<String> {
    let creates = matches!(step.plan.action, Action::Create { .. });
    let held = plan::has_our_finalizer(&step.before.object);
    let mut written = Vec::new();
    match step.plan.finalizer {
        FinalizerStep::Add => written.push("finalizer added"),
        FinalizerStep::Remove => written.push("finalizer removed"),
        FinalizerStep::Keep if creates && !held => written.push("finalizer added"),
        FinalizerStep::Keep => {}
    }
    match &step.plan.intent {
        Some(intent) if intent.id.is_some() => written.push("id of the store recorded"),
        Some(_) => written.push("intent to create a store recorded"),
        None if creates => written.push("intent to create a store recorded"),
        None => {}
    }
    written.into_iter().map(ToOwned::to_owned).collect()
}

fn changes(step: &Step) -> Vec<Change> {
    let object = &step.before.object;
    let present = step.before.observed.present();
    let tags = match present.map(|present| &present.tags) {
        Some(Tags::Read(tags)) => tags.clone(),
        _ => BTreeMap::new(),
    };
    let differing = |wanted: &dyn Fn(&str) -> bool| -> Vec<Change> {
        let all = present.map(|present| drift::correctable(object, present, &tags)).unwrap_or_default();
        let all = all.into_iter().filter(|drift| wanted(&drift.field));
        all.map(|drift| Change { field: drift.field, from: drift.observed, to: drift.desired }).collect()
    };
    let tag = |key: &String, to: Option<&String>| Change {
        field: format!("tags[{key}]"),
        from: tags.get(key).cloned(),
        to: to.cloned(),
    };
    match &step.plan.action {
        Action::None | Action::DeleteStore { .. } => Vec::new(),
        Action::Create { request, .. } => created(request),
        Action::Claim { tags: set, .. } | Action::Tag { tags: set, .. } => {
            set.iter().map(|(key, value)| tag(key, Some(value))).collect()
        }
        Action::Untag { keys, .. } => keys.iter().map(|key| tag(key, None)).collect(),
        Action::Update { request, .. } => differing(&|field| request.fields().contains(&field)),
        Action::SetPolicy { policy, .. } => {
            let mut changes = differing(&|field| field == drift::POLICY);
            // An empty policy is none.
            changes.iter_mut().filter(|_| policy.is_none()).for_each(|change| change.to = None);
            changes
        }
    }
}

/// The fields that a create sets, in the order of the spec.
fn created(request: &CreateRequest) -> Vec<Change> {
    let keys = request.propagated_set_level_tags.as_ref().map(|keys| format!("[{}]", keys.join(", ")));
    let sse = request.sse_config.as_ref();
    let fields = [
        ("name", Some(request.name.clone())),
        ("description", request.description.clone()),
        ("sseConfig.type", sse.map(|_| "KMS".to_owned())),
        ("sseConfig.keyArn", sse.and_then(|sse| sse.key_arn.clone())),
        ("eTagAlgorithmFamily", request.e_tag_algorithm_family.map(|family| family.as_str().to_owned())),
        ("fallbackLocation", request.fallback_location.clone()),
        ("s3AccessConfig.accessLogLocation", request.access_log_location.clone()),
        ("propagatedSetLevelTags", keys),
    ];
    let fields = fields.into_iter().map(|(field, to)| (field.to_owned(), to));
    let tags = request.tags.iter().map(|(key, value)| (format!("tags[{key}]"), Some(value.clone())));
    let set = fields.chain(tags).filter(|(_, to)| to.is_some());
    set.map(|(field, to)| Change { field, from: None, to }).collect()
}

fn differences(object: &SequenceStore, present: &Present) -> Vec<Drift> {
    let immutable = drift::compare(&object.spec, &present.store, None).immutable;
    match &present.tags {
        Tags::Read(tags) => immutable.into_iter().chain(drift::correctable(object, present, tags)).collect(),
        Tags::Unreadable(_) => {
            immutable.into_iter().chain(drift::compare(&object.spec, &present.store, None).mutable).collect()
        }
    }
}

fn account(observed: &Observed) -> Option<String> {
    match observed {
        Observed::Present(present) => Some(present.account.clone()),
        Observed::Absent { account } | Observed::LookedUp { account, .. } => Some(account.clone()),
        Observed::NotAsked | Observed::Failed(_) => None,
    }
}

fn now(object: &SequenceStore, observed: &Observed, region: Option<&str>) -> String {
    let region = region.unwrap_or("no region");
    match observed {
        Observed::NotAsked => "AWS was not asked".into(),
        Observed::Failed(_) => "not known".into(),
        Observed::Absent { account } => format!("there is no such store in {region} of account {account}"),
        Observed::LookedUp { found: crate::lookup::Found::Former { id, .. }, account } => {
            format!("store {id} in {region} of account {account}, of a former object of this name")
        }
        Observed::LookedUp { account, .. } => {
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
