//! From a step of a plan to what is shown of it: the call, its target, each field that changes, and why.
//! No I/O.

use std::collections::BTreeMap;

use kube::ResourceExt;

use super::foresee::Step;
use super::report::{Change, ShownStep, conditions};
use crate::aws::CreateRequest;
use crate::aws::Operation;
use crate::aws::StoreArn;
use crate::plan::{Action, FinalizerStep, State};
use crate::store::drift::differences;
use crate::store::field::fields_of;
use crate::store::{Difference, Field, Present};
use crate::store::observed::ObservedTags;

/// A step as it is shown; none where nothing happens.
pub(super) fn shown(step: &Step, is_last: bool) -> Option<ShownStep> {
    let (plan, object) = (&step.plan, &step.before.object);
    let operation = plan.action.operation();
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
        call: operation.map(Operation::iam_action),
        on: target(&plan.action),
        why,
        changes: changes(step),
        object: written,
    })
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
    let held = step.before.object.has_our_finalizer();
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
        Action::Claim { tags: set, .. } | Action::Tag { tags: set, .. } => {
            set.iter().map(|(key, value)| tag(key, Some(value))).collect()
        }
        Action::Untag { keys, .. } => keys.iter().map(|key| tag(key, None)).collect(),
        Action::Update { request, .. } => differing(&fields_of(request)),
        Action::SetPolicy { policy, .. } => {
            let mut changes = differing(&[Field::S3AccessPolicy]);
            // An empty policy is none.
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
