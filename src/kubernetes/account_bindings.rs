//! AccountBindings and namespaces: what is watched of them, whether their kind exists, and writes of their status.
//! I/O: Kubernetes.

use std::sync::Arc;

use futures::Stream;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams, PartialObjectMeta, Patch, PatchParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, Resource, ResourceExt};
use serde_json::json;

use super::cluster::{Failure, within};
use super::{Error, FIELD_MANAGER, Kubernetes, answered};
use crate::crd::{AccountBinding, AccountBindingStatus};

type Watched<K> = Result<Event<K>, watcher::Error>;

impl Kubernetes {
    /// Lists and watches all bindings, again and again after a failure, with a growing wait.
    pub fn watch_account_bindings(&self) -> impl Stream<Item = Watched<AccountBinding>> + Send + use<> {
        watcher(self.account_bindings(), watcher::Config::default()).modify(trim).default_backoff()
    }

    /// The same for the metadata of all namespaces.
    pub fn watch_namespaces(
        &self,
    ) -> impl Stream<Item = Watched<PartialObjectMeta<Namespace>>> + Send + use<> {
        watcher(self.namespaces(), watcher::Config::default()).default_backoff()
    }

    /// The metadata of all namespaces, once.
    ///
    /// # Errors
    /// The API server's.
    pub async fn list_namespaces(&self) -> Result<Vec<PartialObjectMeta<Namespace>>, Error> {
        let (api, parameters) = (self.namespaces(), ListParams::default());
        let listed = answered("list the namespaces", api.list(&parameters)).await?;
        Ok(listed.items)
    }

    /// Writes the status of a binding by server-side apply.
    ///
    /// # Errors
    /// The API server's. Not found or a conflict, if the binding is gone or another one has its name.
    pub async fn patch_account_binding_status(
        &self,
        binding: &AccountBinding,
        status: &AccountBindingStatus,
    ) -> Result<Arc<AccountBinding>, Error> {
        let patch = json!({
            "apiVersion": AccountBinding::api_version(&()),
            "kind": AccountBinding::kind(&()),
            "metadata": {"name": binding.name_any(), "uid": binding.uid()},
            "status": status,
        });
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let (api, name, patch) = (self.account_bindings(), binding.name_any(), Patch::Apply(patch));
        let written = api.patch_status(&name, &parameters, &patch);
        let mut written = answered("write the status of an AccountBinding", written).await?;
        trim(&mut written);
        Ok(Arc::new(written))
    }

    /// Their metadata: the API server is asked for nothing else.
    fn namespaces(&self) -> Api<PartialObjectMeta<Namespace>> {
        Api::all(self.client.clone())
    }

    fn account_bindings(&self) -> Api<AccountBinding> {
        Api::all(self.client.clone())
    }
}

/// All bindings are kept in memory, and nobody asks who wrote which field: a decoded list of that takes more than all else.
fn trim(binding: &mut AccountBinding) {
    binding.metadata.managed_fields = None;
}

/// Whether the API server says that it does not know the kind. A 404 alone may come from something in between, and RBAC answers
/// before the API server looks for the kind.
pub(crate) async fn lacks_account_bindings(client: &Client) -> bool {
    let version = AccountBinding::api_version(&());
    let resources = within(client.list_api_group_resources(&version)).await;
    let kind = AccountBinding::kind(&());
    match resources {
        Ok(list) => list.resources.iter().all(|resource| resource.kind != kind),
        // No kind of the group is there, not even that of the SequenceStores.
        Err(Failure::NotFound(_)) => true,
        Err(_) => false,
    }
}

/// Why a list or watch failed.
pub(crate) fn failure(error: watcher::Error) -> Failure {
    use watcher::Error::{InitialListFailed, NoResourceVersion, WatchError, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(error) | WatchStartFailed(error) | WatchFailed(error) => Failure::from_watch(error),
        WatchError(status) => Failure::from_watch(kube::Error::Api(status)),
        NoResourceVersion => Failure::Invalid("the response has no resourceVersion".into()),
    }
}
