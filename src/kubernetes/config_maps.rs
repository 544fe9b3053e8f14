//! Reads and writes one ConfigMap at a time, by its name: the operator neither lists nor watches ConfigMaps. I/O.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, PostParams, Preconditions};

use super::{Error, FIELD_MANAGER, Kubernetes, answered};

impl Kubernetes {
    /// None where there is no such ConfigMap.
    ///
    /// # Errors
    /// Everything but "not found".
    pub async fn config_map(&self, namespace: &str, name: &str) -> Result<Option<ConfigMap>, Error> {
        answered("get the ConfigMap", self.config_maps(namespace).get_opt(name)).await
    }

    /// # Errors
    /// A conflict, if a ConfigMap of this name exists.
    pub async fn create_config_map(&self, new: &ConfigMap) -> Result<(), Error> {
        let api = self.config_maps(&new.namespace().unwrap_or_default());
        answered("create the ConfigMap", api.create(&parameters(), new)).await.map(drop)
    }

    /// Replaces exactly the version that was read.
    ///
    /// # Errors
    /// A conflict or "not found", if somebody changed or deleted it since.
    pub async fn replace_config_map(&self, changed: &ConfigMap) -> Result<(), Error> {
        let api = self.config_maps(&changed.namespace().unwrap_or_default());
        let name = changed.name_any();
        answered("update the ConfigMap", api.replace(&name, &parameters(), changed)).await.map(drop)
    }

    /// Deletes exactly the version that was read.
    ///
    /// # Errors
    /// A conflict, if somebody changed it or made another one since.
    pub async fn delete_config_map(&self, read: &ConfigMap) -> Result<(), Error> {
        let api = self.config_maps(&read.namespace().unwrap_or_default());
        let preconditions =
            Preconditions { uid: read.metadata.uid.clone(), resource_version: read.resource_version() };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match answered("delete the ConfigMap", api.delete(&read.name_any(), &parameters)).await {
            Err(error) if error.is_not_found() => Ok(()),
            deleted => deleted.map(drop),
        }
    }

    fn config_maps(&self, namespace: &str) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

fn parameters() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() }
}
