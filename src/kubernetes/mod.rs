//! The edge to Kubernetes: conditional patches of finalizer, intent and status, Events. I/O.

pub mod cluster;
mod error;

use std::time::Duration;

use kube::api::{Api, Patch, PatchParams};
use kube::runtime::events;
use kube::{Resource, ResourceExt};
use serde_json::json;

use crate::controller::context::Context;
use crate::crd::{FINALIZER, INTENT_ANNOTATION, SequenceStore, SequenceStoreStatus};
use crate::plan::FinalizerStep;
use crate::status::event::Event;
use crate::store::intent::Intent;
pub use error::Error;
use kube::core::DeserializeGuard;

/// Objects as they are watched: one that does not decode must not stop the others.
pub type WatchedObject = DeserializeGuard<SequenceStore>;

/// Name under which the operator owns fields.
pub const FIELD_MANAGER: &str = "sequencestore-operator";

/// The client has no time-out of its own.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Adds or removes our finalizer and writes the intent in one patch, on condition that the object is
/// still the one that was planned for.
///
/// # Errors
/// A conflict where it is not.
pub async fn metadata(
    context: &Context,
    object: &SequenceStore,
    step: FinalizerStep,
    intent: Option<&Intent>,
) -> Result<(), Error> {
    if step == FinalizerStep::Keep && intent.is_none() {
        return Ok(());
    }
    let mut finalizers: Vec<String> =
        object.finalizers().iter().filter(|f| *f != FINALIZER).cloned().collect();
    let held = match step {
        FinalizerStep::Keep => object.finalizers().iter().any(|f| f == FINALIZER),
        FinalizerStep::Add => true,
        FinalizerStep::Remove => false,
    };
    if held {
        finalizers.push(FINALIZER.into());
    }
    let mut patch = json!({"metadata": {
        "uid": object.uid(),
        "resourceVersion": object.resource_version(),
    }});
    if step != FinalizerStep::Keep {
        patch["metadata"]["finalizers"] = json!(finalizers);
    }
    if let Some(intent) = intent {
        patch["metadata"]["annotations"] = json!({INTENT_ANNOTATION: intent.render()});
    }
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    let (api, name, patch) = (api(context, object), object.name_any(), Patch::Merge(patch));
    match answered("write finalizer and intent", api.patch(&name, &parameters, &patch)).await {
        Ok(written) => context.memory.written(written),
        Err(error) if step == FinalizerStep::Remove && error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// On which condition a status is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The object is as it was when the status was made: another replica may have put a store on record since.
    Unchanged,
    /// It is the same object: the status holds what nobody else knows.
    SameObject,
}

/// Writes the status by server-side apply.
///
/// # Errors
/// A conflict where the guard does not hold.
pub async fn status(
    context: &Context,
    object: &SequenceStore,
    status: &SequenceStoreStatus,
    guard: Guard,
) -> Result<(), Error> {
    let mut patch = json!({
        "apiVersion": SequenceStore::api_version(&()),
        "kind": SequenceStore::kind(&()),
        "metadata": {"name": object.name_any(), "uid": object.uid()},
        "status": status,
    });
    if guard == Guard::Unchanged {
        patch["metadata"]["resourceVersion"] = json!(object.resource_version());
    }
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let (api, name, patch) = (api(context, object), object.name_any(), Patch::Apply(patch));
    let written = answered("write the status", api.patch_status(&name, &parameters, &patch)).await?;
    context.memory.written(written);
    Ok(())
}

/// Reads the object from the API server itself.
///
/// # Errors
/// Not found where it is gone.
pub async fn read_live(context: &Context, object: &SequenceStore) -> Result<SequenceStore, Error> {
    answered("read the object", api(context, object).get(&object.name_any())).await
}

/// Reads an object by name; none where there is none.
///
/// # Errors
/// Everything but "not found".
pub async fn read_named(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<SequenceStore>, Error> {
    let api: Api<SequenceStore> = Api::namespaced(context.client.clone(), namespace);
    answered("read the former owner", api.get_opt(name)).await
}

/// Publishes Events; a lost Event is logged and nothing more.
pub async fn publish(context: &Context, object: &SequenceStore, events: Vec<Event>) {
    for note in events {
        let recorder = context.recorder(&note.note);
        let event = events::Event {
            type_: note.type_,
            reason: note.reason.into(),
            note: Some(note.note),
            action: note.action.into(),
            secondary: None,
        };
        let regarding = object.object_ref(&());
        if let Err(error) = answered("publish an Event", recorder.publish(&event, &regarding)).await {
            tracing::warn!(reason = note.reason, "{error}");
        }
    }
}

/// The answer to a request, if it comes in time.
///
/// # Errors
/// The client's, or [`Error::NoAnswer`].
pub async fn answered<T>(
    step: &'static str,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Error> {
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, request).await;
    answer.map_err(|_| Error::NoAnswer { step, after: REQUEST_TIMEOUT })?.map_err(Error::kubernetes(step))
}

fn api(context: &Context, object: &SequenceStore) -> Api<SequenceStore> {
    Api::namespaced(context.client.clone(), &object.namespace().unwrap_or_default())
}
