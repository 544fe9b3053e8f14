//! The edge to Kubernetes: reads, conditional patches, Events, the Lease, and the cache that the watches fill. I/O.

mod account_bindings;
mod cache;
pub mod cluster;
mod config_maps;
mod error;
mod events;
mod glance;
mod lease;
mod objects;
mod page_size;
pub mod pages;
mod reference;
mod requests;
mod watched_object;
mod watches;

use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use serde_json::json;

use crate::crd::{FINALIZER, INTENT_ANNOTATION, SequenceStore, SequenceStoreStatus};
use crate::plan::FinalizerStep;
use crate::store::Intent;
pub(crate) use account_bindings::{failure as watch_failure, lacks_account_bindings};
pub use cache::Cache;
pub use error::Error;
use events::Recorder;
pub use glance::Glance;
pub use lease::{Lease, LeaseApi, LeaseSpec};
pub use reference::{Reference, Uid};
pub use watched_object::{InvalidObject, Undecodable, WatchedObject};
pub use watches::{WatchFailure, WatchNumber, Watches};

/// Name under which the operator owns fields and reports Events.
pub const FIELD_MANAGER: &str = "sequencestore-operator";

/// kube's client has no timeout of its own.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The Kubernetes API server, and what the watches have cached of it.
pub struct Kubernetes {
    pub client: Client,
    pub cache: Cache,
    recorder: Recorder,
}

/// What must hold for the API server to accept a status write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nobody changed the object since the status was made: another replica may have recorded a store.
    SameVersion,
    /// It is the same object. For a status with what only this process knows: the id of a new store.
    SameObject,
}

impl Kubernetes {
    #[must_use]
    pub fn new(client: Client, cache: Cache) -> Self {
        let recorder = Recorder::new(client.clone());
        Self { client, cache, recorder }
    }

    /// Adds or removes this operator's finalizer and writes the intent, in one patch. Returns the object as the API
    /// server has it then; none where there was nothing to write, or the object whose finalizer was to be removed is
    /// gone.
    ///
    /// # Errors
    /// A conflict, if anybody changed the object since it was read.
    pub async fn patch_metadata(
        &self,
        object: &SequenceStore,
        step: FinalizerStep,
        intent: Option<&Intent>,
    ) -> Result<Option<Arc<SequenceStore>>, Error> {
        self.send_metadata(object, step, intent, PatchParams::default()).await
    }

    /// What [`Self::patch_metadata`] would return; nothing is written. A write of which a policy strips everything would
    /// be a new version of the object all the same.
    ///
    /// # Errors
    /// Those of the write.
    pub async fn try_metadata(
        &self,
        object: &SequenceStore,
        step: FinalizerStep,
        intent: Option<&Intent>,
    ) -> Result<Option<Arc<SequenceStore>>, Error> {
        let dry_run = PatchParams { dry_run: true, ..PatchParams::default() };
        self.send_metadata(object, step, intent, dry_run).await
    }

    async fn send_metadata(
        &self,
        object: &SequenceStore,
        step: FinalizerStep,
        intent: Option<&Intent>,
        parameters: PatchParams,
    ) -> Result<Option<Arc<SequenceStore>>, Error> {
        let Some(patch) = metadata_patch(object, step, intent) else { return Ok(None) };
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..parameters };
        let (api, name, patch) = (self.api(object), object.name_any(), Patch::Merge(patch));
        match decoded("write finalizer and intent", api.patch(&name, &parameters, &patch)).await {
            Ok(written) => Ok(Some(Arc::new(written))),
            Err(error)
                if step == FinalizerStep::Remove && error.is_not_found() && self.is_gone(object).await =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the API server says a second time that the object is gone. One such answer may come from a proxy in between.
    async fn is_gone(&self, object: &SequenceStore) -> bool {
        match self.read(object).await {
            Ok(live) => live.uid() != object.uid(),
            Err(error) => error.is_not_found(),
        }
    }

    /// Writes the status by server-side apply. Returns the object as the API server has it then.
    ///
    /// # Errors
    /// A conflict, if the precondition does not hold.
    pub async fn patch_status(
        &self,
        object: &SequenceStore,
        status: &SequenceStoreStatus,
        precondition: Precondition,
    ) -> Result<Arc<SequenceStore>, Error> {
        let mut patch = json!({
            "apiVersion": SequenceStore::api_version(&()),
            "kind": SequenceStore::kind(&()),
            "metadata": {"name": object.name_any(), "uid": object.uid()},
            "status": status,
        });
        match precondition {
            Precondition::SameVersion => {
                patch["metadata"]["resourceVersion"] = json!(object.resource_version());
            }
            Precondition::SameObject => {}
        }
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let (api, name, patch) = (self.api(object), object.name_any(), Patch::Apply(patch));
        decoded("write the status", api.patch_status(&name, &parameters, &patch)).await.map(Arc::new)
    }

    /// Whether the API server would keep these keys in `status.managedTagKeys`; nothing is written.
    ///
    /// # Errors
    /// Those of the write.
    pub async fn would_keep_tag_keys(&self, object: &SequenceStore, keys: &[String]) -> Result<bool, Error> {
        let patch = json!({
            "metadata": {"uid": object.uid(), "resourceVersion": object.resource_version()},
            "status": {"managedTagKeys": keys},
        });
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.into()),
            dry_run: true,
            ..PatchParams::default()
        };
        let (api, name, patch) = (self.api(object), object.name_any(), Patch::Merge(patch));
        let tried = decoded("try to write the status", api.patch_status(&name, &parameters, &patch)).await?;
        Ok(tried.status.is_some_and(|status| status.managed_tag_keys == keys))
    }

    /// Reads the object from the API server, not from the cache.
    ///
    /// # Errors
    /// Not found, if the object is gone.
    pub async fn read(&self, object: &SequenceStore) -> Result<Arc<SequenceStore>, Error> {
        decoded("read the object", self.api(object).get(&object.name_any())).await.map(Arc::new)
    }

    /// Reads an object by name; none if there is no such object.
    ///
    /// # Errors
    /// Everything but "not found".
    pub async fn read_named(&self, namespace: &str, name: &str) -> Result<Option<SequenceStore>, Error> {
        let api: Api<WatchedObject> = Api::namespaced(self.client.clone(), namespace);
        match decoded("read the former owner", api.get(name)).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn api(&self, object: &SequenceStore) -> Api<WatchedObject> {
        Api::namespaced(self.client.clone(), &object.namespace().unwrap_or_default())
    }
}

/// None where there is nothing to write. uid and resourceVersion make the API server refuse the patch if the object is
/// not the one that was planned for.
fn metadata_patch(
    object: &SequenceStore,
    step: FinalizerStep,
    intent: Option<&Intent>,
) -> Option<serde_json::Value> {
    if step == FinalizerStep::Keep && intent.is_none() {
        return None;
    }
    let mut metadata = json!({"uid": object.uid(), "resourceVersion": object.resource_version()});
    let others = object.finalizers().iter().map(String::as_str).filter(|finalizer| *finalizer != FINALIZER);
    match step {
        FinalizerStep::Keep => {}
        FinalizerStep::Add => metadata["finalizers"] = others.chain([FINALIZER]).collect(),
        FinalizerStep::Remove => metadata["finalizers"] = others.collect(),
    }
    if let Some(intent) = intent {
        metadata["annotations"] = json!({INTENT_ANNOTATION: intent.render()});
    }
    Some(json!({"metadata": metadata}))
}

/// The object in the response to a request, if it comes in time. `step` completes the sentence "failed to …".
async fn decoded(
    step: &'static str,
    request: impl Future<Output = Result<WatchedObject, kube::Error>>,
) -> Result<SequenceStore, Error> {
    answered(step, request).await?.0.map_err(|invalid| Error::Undecodable { step, why: invalid.why })
}

/// The response to a request, if it comes in time. `step` completes the sentence "failed to …".
async fn answered<T>(
    step: &'static str,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Error> {
    answered_within(REQUEST_TIMEOUT, step, request).await
}

async fn answered_within<T>(
    deadline: Duration,
    step: &'static str,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Error> {
    let response = tokio::time::timeout(deadline, request).await;
    response.map_err(|_| Error::NoAnswer { step, after: deadline })?.map_err(Error::kubernetes(step))
}
