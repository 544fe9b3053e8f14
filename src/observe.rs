//! Looks at AWS for one object: a known store, or all stores of a name; and whose answer a 404 is.
//! I/O, read-only.

use crate::context::Context;
use crate::crd::OwnerTags;
use crate::lookup::{self, Found, Hit};
use crate::observed::{Observed, Present, Tags};
use crate::omics::{CallError, Class};
use crate::plan::Target;

/// Observes what a plan depends on. `claims`: a store of a former object is claimed rather than watched.
pub async fn observe(context: &Context, owner: &OwnerTags, target: &Target, claims: bool) -> Observed {
    match target {
        Target::Store { region, id } => store(context, owner, region, id, None).await,
        Target::LookUp { region, names, replaced } => {
            look_up(context, owner, region, names, replaced.as_deref(), claims).await
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
            let present = Present { store: answer.store, account: answer.account, tags, duplicates };
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
