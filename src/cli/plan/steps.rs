//! Turns a step of the forecast into a step of the report: the AWS call, its target, each changed field, and the
//! reason. No I/O.

use kube::ResourceExt;

use super::forecast::Step;
use super::report::{Change, PlanStep, reported_condition};
use crate::aws::{CreateRequest, Operation, StoreArn};
use crate::plan::{Action, FinalizerStep, State};
use crate::store::drift::differences;
use crate::store::field::fields_of;
use crate::store::{Difference, Field, Present};

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
        (_, Action::Adopt { former, .. }) if former.is_empty() => {
            "The store has no owner tags; the operator writes them to make this object the owner.".into()
        }
        (_, Action::Adopt { former, .. }) if Some(former) == before.object.uid().as_ref() => {
            "This object owns the store; the operator rewrites its outdated owner tags.".into()
        }
        (_, Action::Adopt { former, .. }) => {
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
        Action::Adopt { arn, .. } | Action::Tag { arn, .. } | Action::Untag { arn, .. } => store(arn),
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
    let tags = present.and_then(Present::known_tags).cloned().unwrap_or_default();
    let differing = |fields: &[Field]| -> Vec<Change> {
        let all = present.map(|present| differences(object, present).correctable).unwrap_or_default();
        let all = all.into_iter().filter(|difference| fields.contains(&difference.field));
        all.map(|Difference { field, desired, observed }| Change {
            field: field.to_string(),
            from: observed,
            to: desired,
        })
        .collect()
    };
    let tag = |key: &String, to: Option<&String>| Change {
        field: Field::Tag(key.clone()).to_string(),
        from: tags.get(key).cloned(),
        to: to.cloned(),
    };
    match &step.plan.action {
        Action::None | Action::DeleteStore { .. } => Vec::new(),
        Action::Create { request, .. } => created(request),
        Action::Adopt { tags: set, .. } | Action::Tag { tags: set, .. } => {
            set.iter().map(|(key, value)| tag(key, Some(value))).collect()
        }
        Action::Untag { keys, .. } => keys.iter().map(|key| tag(key, None)).collect(),
        Action::Update { request, .. } => differing(&fields_of(request)),
        Action::SetPolicy { policy, .. } => {
            let mut changes = differing(&[Field::S3AccessPolicy]);
            // An empty policy in the spec deletes the policy.
            changes.iter_mut().filter(|_| policy.is_none()).for_each(|change| change.to = None);
            changes
        }
    }
}

/// The fields that a create sets, in the order of the spec.
fn created(request: &CreateRequest) -> Vec<Change> {
    let CreateRequest {
        name,
        description,
        sse_config,
        e_tag_algorithm_family,
        fallback_location,
        access_log_location,
        propagated_set_level_tags,
        tags,
    } = request;
    let keys = propagated_set_level_tags.as_ref().map(|keys| format!("[{}]", keys.join(", ")));
    let key_arn = sse_config.as_ref().and_then(|sse| sse.key_arn.clone());
    let fields = [
        (Field::Name.to_string(), Some(name.clone())),
        (Field::Description.to_string(), description.clone()),
        ("sseConfig.type".to_owned(), sse_config.as_ref().map(|_| "KMS".to_owned())),
        (Field::SseKeyArn.to_string(), key_arn),
        (
            Field::ETagAlgorithmFamily.to_string(),
            e_tag_algorithm_family.map(|family| family.as_str().to_owned()),
        ),
        (Field::FallbackLocation.to_string(), fallback_location.clone()),
        (Field::AccessLogLocation.to_string(), access_log_location.clone()),
        (Field::PropagatedSetLevelTags.to_string(), keys),
    ];
    let tags = tags.iter().map(|(key, value)| (Field::Tag(key.clone()).to_string(), Some(value.clone())));
    let set = fields.into_iter().chain(tags).filter(|(_, to)| to.is_some());
    set.map(|(field, to)| Change { field, from: None, to }).collect()
}
