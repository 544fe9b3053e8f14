//! Carries a plan out: one AWS action, patches of finalizer and status, Events. I/O.

use std::time::Instant;

use kube::api::{Api, Patch, PatchParams};
use kube::runtime::events::Event;
use kube::{Resource, ResourceExt};
use serde_json::json;

use crate::context::Context;
use crate::crd::{FINALIZER, SequenceStore, SequenceStoreStatus};
use crate::error::Error;
use crate::events::Note;
use crate::observe;
use crate::omics::Class;
use crate::plan::{Action, FinalizerStep, Refusal, State, refused};

/// Name under which the operator owns fields.
pub const FIELD_MANAGER: &str = "sequencestore-operator";

/// Sends the plan's AWS action. Returns where the object stands if that is not as planned.
pub async fn act(context: &Context, uid: &str, action: &Action) -> Option<State> {
    match action {
        Action::None => None,
        Action::DeleteStore { region, id } => delete_store(context, uid, region, id).await,
    }
}

async fn delete_store(context: &Context, uid: &str, region: &str, id: &str) -> Option<State> {
    let Err(error) = context.omics.delete(region, id).await else {
        tracing::info!(store_id = id, region, "DeleteSequenceStore accepted");
        context.memory.delete_accepted(uid, Instant::now());
        return Some(State::Deleting);
    };
    observe::log(&error);
    match error.class {
        // Gone since it was looked at; the next look decides.
        Class::NotFound => Some(State::Deleting),
        Class::Conflict | Class::Terminal => Some(count_what_blocks(context, uid, region, id).await),
        _ => Some(State::CallFailed(error)),
    }
}

async fn count_what_blocks(context: &Context, uid: &str, region: &str, id: &str) -> State {
    let recent = context.memory.recent_count(uid, Instant::now());
    let counted_now = recent.is_none();
    let read_sets = match recent {
        Some(count) => count,
        None => context.omics.count_read_sets(region, id).await,
    };
    context.memory.delete_refused(uid, read_sets.clone(), counted_now, Instant::now());
    refused(&Refusal { read_sets, due: false })
}

/// Adds or removes our finalizer, on condition that the object is still the one that was planned for.
///
/// # Errors
/// A conflict where it is not.
pub async fn finalizer(context: &Context, object: &SequenceStore, step: FinalizerStep) -> Result<(), Error> {
    let mut finalizers: Vec<String> =
        object.finalizers().iter().filter(|f| *f != FINALIZER).cloned().collect();
    let (doing, removing) = match step {
        FinalizerStep::Keep => return Ok(()),
        FinalizerStep::Add => ("add the finalizer", false),
        FinalizerStep::Remove => ("remove the finalizer", true),
    };
    if !removing {
        finalizers.push(FINALIZER.into());
    }
    let patch = json!({"metadata": {
        "uid": object.uid(),
        "resourceVersion": object.resource_version(),
        "finalizers": finalizers,
    }});
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    let answer = api(context, object).patch(&object.name_any(), &parameters, &Patch::Merge(patch)).await;
    match answer.map_err(Error::kubernetes(doing)) {
        Ok(written) => context.memory.written(written),
        Err(error) if removing && error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Writes the status by server-side apply, guarded by uid.
///
/// # Errors
/// A conflict where the object was recreated.
pub async fn status(
    context: &Context,
    object: &SequenceStore,
    status: &SequenceStoreStatus,
) -> Result<(), Error> {
    let patch = json!({
        "apiVersion": SequenceStore::api_version(&()),
        "kind": SequenceStore::kind(&()),
        "metadata": {"name": object.name_any(), "uid": object.uid()},
        "status": status,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let written = api(context, object)
        .patch_status(&object.name_any(), &parameters, &Patch::Apply(patch))
        .await
        .map_err(Error::kubernetes("write the status"))?;
    context.memory.written(written);
    Ok(())
}

/// Reads the object from the API server itself.
///
/// # Errors
/// Not found where it is gone.
pub async fn read_live(context: &Context, object: &SequenceStore) -> Result<SequenceStore, Error> {
    api(context, object).get(&object.name_any()).await.map_err(Error::kubernetes("read the object"))
}

/// Publishes Events; a lost Event is logged and nothing more.
pub async fn publish(context: &Context, object: &SequenceStore, notes: Vec<Note>) {
    for note in notes {
        let event = Event {
            type_: note.kind,
            reason: note.reason.into(),
            note: Some(note.text),
            action: note.action.into(),
            secondary: None,
        };
        if let Err(error) = context.recorder.publish(&event, &object.object_ref(&())).await {
            tracing::warn!(reason = note.reason, "failed to publish an Event: {error}");
        }
    }
}

fn api(context: &Context, object: &SequenceStore) -> Api<SequenceStore> {
    Api::namespaced(context.client.clone(), &object.namespace().unwrap_or_default())
}
