//! Looks at AWS for one object: a known store, or all stores of a name; and whose answer a 404 is.
//! I/O, read-only.

pub mod look;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use crate::aws::NamedStore;
use crate::aws::{CallError, Class};
use crate::controller::context::Context;
use crate::crd::{OwnerTags, RECONCILE_ANNOTATION, SequenceStore, Store};
use crate::plan::Target;
use crate::store::intent::Intent;
use crate::store::observed::{Observed, ObservedPolicy, ObservedTags, Present};
use crate::store::ownership::{self, OwnerMatch};

/// Observes what a plan depends on.
pub async fn observe(
    context: &Context,
    object: &SequenceStore,
    owner: &OwnerTags,
    target: &Target,
) -> Observed {
    let (region, mut observed) = match target {
        Target::Store { region, id } => {
            let mut observed = store(context, owner, region, id, None).await;
            if let Observed::Present(present) = &mut observed {
                present.duplicates = strays(context, object, owner, id).await;
            }
            (region, observed)
        }
        Target::Search { region, names, replaced } => {
            // `Observe` watches a store of a former object, `Manage` claims it first.
            let claims = object.manages();
            (region, look_up(context, owner, region, names, replaced.as_deref(), claims).await)
        }
    };
    if let Observed::Present(present) = &mut observed {
        present.policy = policy(context, object, region, &present.store).await;
    }
    observed
}

/// Stores that an attempt of this object may have made before the spec named another one. Looked for once,
/// when the attempt is over; a failure leaves it to a later pass.
async fn strays(context: &Context, object: &SequenceStore, owner: &OwnerTags, id: &str) -> Vec<String> {
    let named = object.names_store();
    let intent = Intent::of(object).ok().flatten();
    let Some(intent) = intent.filter(|intent| named && intent.attempt > 0 && intent.id.is_none()) else {
        return Vec::new();
    };
    let known_for = context.memory.recollection(&owner.uid, Duration::ZERO, Instant::now()).attempt_known_for;
    let open = intent.open_for(context.settings.create_grace, known_for, Timestamp::now());
    if open.is_some() || context.memory.are_strays_sought(&owner.uid) {
        return Vec::new();
    }
    match context.aws.find_by_name(&intent.region, &intent.name).await {
        Ok(hits) => {
            context.memory.strays_sought(&owner.uid);
            hits.into_iter().filter(|hit| hit.id != id && owner.own(&hit.tags)).map(|hit| hit.id).collect()
        }
        Err(error) => {
            log(&error);
            Vec::new()
        }
    }
}

/// The policy, where the spec manages it and the object lives; read rarely, for AWS allows one such
/// request per second.
async fn policy(context: &Context, object: &SequenceStore, region: &str, store: &Store) -> ObservedPolicy {
    let access_point = store.s3_access.as_ref().and_then(|access| access.s3_access_point_arn.as_deref());
    let (Some(_), Some(access_point)) = (&object.spec.s3_access_policy, access_point) else {
        return ObservedPolicy::NotRead;
    };
    if object.is_being_deleted() || store.status.as_deref() != Some("ACTIVE") {
        return ObservedPolicy::NotRead;
    }
    let uid = object.uid_str();
    let asked = (object.metadata.generation, object.annotations().get(RECONCILE_ANNOTATION).cloned());
    if let Some(document) = context.memory.policy(&uid, &asked, Instant::now()) {
        return ObservedPolicy::Read(document);
    }
    match context.aws.get_policy(region, access_point).await {
        Ok(document) => {
            context.memory.read_policy(&uid, asked, document.clone(), Instant::now());
            ObservedPolicy::Read(document)
        }
        Err(error) => {
            log(&error);
            ObservedPolicy::Unreadable(error)
        }
    }
}

/// GetSequenceStore and tags. Tags are read every time: ownership is decided on them. Only the tags
/// that the listing before, or our own create, has just shown are not read again.
async fn store(
    context: &Context,
    owner: &OwnerTags,
    region: &str,
    id: &str,
    hit: Option<(&NamedStore, Vec<String>)>,
) -> Observed {
    match context.aws.get(region, id).await {
        Ok(answer) => {
            let written = context.memory.take_tags(&owner.uid, id);
            let known = hit.as_ref().map(|(hit, _)| hit.tags.clone()).or(written);
            let tags = match known {
                Some(tags) => ObservedTags::Read(tags),
                None => match context.aws.list_tags(region, &answer.store.arn).await {
                    Ok(tags) => ObservedTags::Read(tags),
                    Err(error) => {
                        log(&error);
                        // The store went between the two calls, or is too new for its tags: the next Get tells.
                        let passing = error.class == Class::NotFound;
                        let class = if passing { Class::Transient } else { error.class };
                        ObservedTags::Unreadable(CallError { class, ..error })
                    }
                },
            };
            let duplicates = hit.map(|(_, duplicates)| duplicates).unwrap_or_default();
            let (store, account, policy) = (answer.store, answer.account, ObservedPolicy::NotRead);
            let present = Present { store, account, tags, duplicates, policy };
            Observed::Present(Box::new(present))
        }
        Err(error) if error.class == Class::NotFound => match context.aws.account(region).await {
            Ok(account) => Observed::Absent { account },
            Err(error) => failed(error),
        },
        Err(error) => failed(error),
    }
}

/// A complete listing of every name, with the tags of each hit; anything less is a failure.
async fn look_up(
    context: &Context,
    owner: &OwnerTags,
    region: &str,
    names: &[String],
    replaced: Option<&str>,
    claims: bool,
) -> Observed {
    let account = match context.aws.account(region).await {
        Ok(account) => account,
        Err(error) => return failed(error),
    };
    let mut hits = Vec::new();
    for name in names {
        match context.aws.find_by_name(region, name).await {
            Ok(found) => hits.extend(found),
            Err(error) => return failed(error),
        }
    }
    hits.retain(|hit| Some(hit.id.as_str()) != replaced);
    let found = ownership::choose(&hits, owner);
    let (id, duplicates) = match &found {
        OwnerMatch::Own { id, duplicates } => (id.clone(), duplicates.clone()),
        OwnerMatch::Former { id, .. } if !claims => (id.clone(), Vec::new()),
        OwnerMatch::Former { .. } | OwnerMatch::Nothing => return Observed::Searched { found, account },
    };
    let hit = hits.iter().find(|hit| hit.id == id).map(|hit| (hit, duplicates));
    match store(context, owner, region, &id, hit).await {
        // Listed and not there: one of the two lags, so nothing is known.
        Observed::Absent { .. } => failed(CallError::unreadable(
            crate::aws::Operation::GetSequenceStore,
            "a store that the listing shows is not found",
        )),
        observed => observed,
    }
}

fn failed(error: CallError) -> Observed {
    log(&error);
    Observed::Failed(error)
}

/// The log carries what status and Events must not: AWS's own words and its request id.
pub(crate) fn log(error: &CallError) {
    tracing::warn!(
        operation = error.operation.iam_action(),
        class = ?error.class,
        code = error.code.as_deref(),
        aws_request_id = error.request_id.as_deref(),
        "AWS call failed: {}",
        error.detail
    );
}
