//! Looks at AWS for one object: a known store, or all stores of a name; and whose answer a 404 is.
//! I/O, read-only.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use crate::context::Context;
use crate::crd::{OwnerTags, RECONCILE_ANNOTATION, SequenceStore, Store};
use crate::desired;
use crate::intent::Intent;
use crate::lookup::{self, Found, Hit};
use crate::observed::{Observed, Policy, Present, Tags};
use crate::omics::{CallError, Class};
use crate::plan::{self, Target};

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
        Target::LookUp { region, names, replaced } => {
            // `Observe` watches a store of a former object, `Manage` claims it first.
            let claims = desired::manages(object);
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
    let named = object.spec.sequence_store_id.is_some();
    let intent = Intent::of(object).ok().flatten();
    let Some(intent) = intent.filter(|intent| named && intent.attempt > 0 && intent.id.is_none()) else {
        return Vec::new();
    };
    let known_for = context.memory.recollection(&owner.uid, Duration::ZERO, Instant::now()).attempt_known_for;
    let open = intent.open_for(context.settings.create_grace, known_for, Timestamp::now());
    if open.is_some() || context.memory.are_strays_sought(&owner.uid) {
        return Vec::new();
    }
    match context.omics.look_up(&intent.region, &intent.name).await {
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
async fn policy(context: &Context, object: &SequenceStore, region: &str, store: &Store) -> Policy {
    let access_point = store.s3_access.as_ref().and_then(|access| access.s3_access_point_arn.as_deref());
    let (Some(_), Some(access_point)) = (&object.spec.s3_access_policy, access_point) else {
        return Policy::NotRead;
    };
    if plan::is_deleting(object) || store.status.as_deref() != Some("ACTIVE") {
        return Policy::NotRead;
    }
    let uid = object.uid().unwrap_or_default();
    let asked = (object.metadata.generation, object.annotations().get(RECONCILE_ANNOTATION).cloned());
    if let Some(document) = context.memory.policy(&uid, &asked, Instant::now()) {
        return Policy::Read(document);
    }
    match context.omics.get_policy(region, access_point).await {
        Ok(document) => {
            context.memory.read_policy(&uid, asked, document.clone(), Instant::now());
            Policy::Read(document)
        }
        Err(error) => {
            log(&error);
            Policy::Unreadable(error)
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
    hit: Option<(&Hit, Vec<String>)>,
) -> Observed {
    match context.omics.get(region, id).await {
        Ok(answer) => {
            let written = context.memory.take_tags(&owner.uid, id);
            let known = hit.as_ref().map(|(hit, _)| hit.tags.clone()).or(written);
            let tags = match known {
                Some(tags) => Tags::Read(tags),
                None => match context.omics.list_tags(region, &answer.store.arn).await {
                    Ok(tags) => Tags::Read(tags),
                    Err(error) => {
                        log(&error);
                        // The store went between the two calls, or is too new for its tags: the next Get tells.
                        let passing = error.class == Class::NotFound;
                        let class = if passing { Class::Transient } else { error.class };
                        Tags::Unreadable(CallError { class, ..error })
                    }
                },
            };
            let duplicates = hit.map(|(_, duplicates)| duplicates).unwrap_or_default();
            let (store, account, policy) = (answer.store, answer.account, Policy::NotRead);
            let present = Present { store, account, tags, duplicates, policy };
            Observed::Present(Box::new(present))
        }
        Err(error) if error.class == Class::NotFound => match context.omics.account(region).await {
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
    let account = match context.omics.account(region).await {
        Ok(account) => account,
        Err(error) => return failed(error),
    };
    let mut hits = Vec::new();
    for name in names {
        match context.omics.look_up(region, name).await {
            Ok(found) => hits.extend(found),
            Err(error) => return failed(error),
        }
    }
    hits.retain(|hit| Some(hit.id.as_str()) != replaced);
    let found = lookup::choose(&hits, owner);
    let (id, duplicates) = match &found {
        Found::Own { id, duplicates } => (id.clone(), duplicates.clone()),
        Found::Former { id, .. } if !claims => (id.clone(), Vec::new()),
        Found::Former { .. } | Found::Nothing => return Observed::LookedUp { found, account },
    };
    let hit = hits.iter().find(|hit| hit.id == id).map(|hit| (hit, duplicates));
    match store(context, owner, region, &id, hit).await {
        // Listed and not there: one of the two lags, so nothing is known.
        Observed::Absent { .. } => failed(CallError::unreadable(
            crate::omics::Operation::GetSequenceStore,
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
        operation = error.operation.action(),
        class = ?error.class,
        code = error.code.as_deref(),
        aws_request_id = error.request_id.as_deref(),
        "AWS call failed: {}",
        error.detail
    );
}
