//! Turns a step of the forecast into a step of the report: the AWS call, its target, each changed field, and the
//! reason. No I/O.

use std::collections::BTreeMap;

use kube::ResourceExt;

use super::forecast::Step;
use super::report::{Change, PlanStep, reported_condition};
use crate::aws::{CreateRequest, Operation, StoreArn};
use crate::plan::{Action, FinalizerStep, State};
use crate::store::drift;
use crate::store::observed::ObservedTags;

/// None for a last step in which nothing happens.
pub(super) fn plan_step(step: &Step, is_last: bool) -> Option<PlanStep> {
    let operation = step.plan.action.operation();
    let object = object_writes(step);
    if is_last && operation.is_none() && step.plan.intent.is_none() && object.is_empty() {
        return None;
    }
    Some(PlanStep {
        call: operation.map(Operation::iam_action),
        on: target(&step.plan.action),
        why: why(step, !object.is_empty()),
        changes: changes(step),
        object,
    })
}

fn why(step: &Step, writes_object: bool) -> String {
    let Step { plan, before } = step;
    match (&plan.state, &plan.action) {
        (_, Action::Claim { former, .. }) if former.is_empty() => {
            "The store has no owner tags; the operator writes them to make this object the owner.".into()
        }
        (_, Action::Claim { former, .. }) if Some(former) == before.object.uid().as_ref() => {
            "This object owns the store; the operator rewrites its outdated owner tags.".into()
        }
        (_, Action::Claim { former, .. }) => {
            format!("The owner tags name another object (uid {former}); this object becomes the owner.")
        }
        (State::Deleted | State::Released, _) => reported_condition(&plan.state).message,
        (_, Action::DeleteStore { .. }) => {
            "The object is being deleted, and the operator deletes its store.".into()
        }
        // Only the finalizer changes, which the state does not mention.
        (_, Action::None) if writes_object && plan.intent.is_none() => match plan.finalizer {
            FinalizerStep::Remove => "From now on, deleting the object leaves the store in AWS.".into(),
            _ => "From now on, deleting the object deletes the store.".into(),
        },
        _ => reported_condition(&plan.state).message,
    }
}

fn target(action: &Action) -> Option<String> {
    let store = |arn: &str| match StoreArn::parse(arn) {
        Some(arn) if arn.id.bytes().all(|digit| digit == b'0') => "the new store".to_owned(),
        Some(arn) => format!("store {} in {}", arn.id, arn.region),
        None => arn.to_owned(),
    };
    Some(match action {
        Action::None => return None,
        Action::Create { account, intent, .. } => {
            format!("a new store in {}, account {account}", intent.region)
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

/// What the operator writes to the object, except its status.
fn object_writes(step: &Step) -> Vec<String> {
    let creates = matches!(step.plan.action, Action::Create { .. });
    let held = step.before.object.has_our_finalizer();
    let mut writes = Vec::new();
    match step.plan.finalizer {
        FinalizerStep::Add => writes.push("finalizer added"),
        FinalizerStep::Remove => writes.push("finalizer removed"),
        FinalizerStep::Keep if creates && !held => writes.push("finalizer added"),
        FinalizerStep::Keep => {}
    }
    match &step.plan.intent {
        Some(intent) if intent.id.is_some() => writes.push("store id recorded"),
        Some(_) => writes.push("create intent recorded"),
        None if creates => writes.push("create intent recorded"),
        None => {}
    }
    writes.into_iter().map(ToOwned::to_owned).collect()
}

fn changes(step: &Step) -> Vec<Change> {
    let object = &step.before.object;
    let present = step.before.observed.present();
    let tags = match present.map(|present| &present.tags) {
        Some(ObservedTags::Read(tags)) => tags.clone(),
        _ => BTreeMap::new(),
    };
    let differing = |wanted: &dyn Fn(&str) -> bool| -> Vec<Change> {
        let all = present.map(|present| drift::correctable(object, present, &tags)).unwrap_or_default();
        let all = all.into_iter().filter(|drift| wanted(&drift.field));
        all.map(|drift| Change { field: drift.field, from: drift.observed, to: drift.desired }).collect()
    };
    let tag = |key: &String, to: Option<&String>| Change {
        field: drift::tag_field(key),
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
            // An empty policy in the spec deletes the policy.
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
    let tags = request.tags.iter().map(|(key, value)| (drift::tag_field(key), Some(value.clone())));
    let set = fields.chain(tags).filter(|(_, to)| to.is_some());
    set.map(|(field, to)| Change { field, from: None, to }).collect()
}
