//! Reads AccountBindings, and the labels of namespaces by which they select, for the commands. I/O: reads Kubernetes.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};
use kube::{Client, Resource, ResourceExt};

use crate::crd::AccountBinding;
use crate::kubernetes::cluster::{Failure, within};
use crate::tenancy::Labels;

/// All AccountBindings of the cluster; none where it does not have the kind.
pub(super) async fn list(client: &Client) -> Result<Vec<AccountBinding>, Failure> {
    let api: Api<AccountBinding> = Api::all(client.clone());
    match within(api.list(&ListParams::default())).await {
        Ok(list) => Ok(list.items),
        Err(Failure::NotFound(_)) => Ok(Vec::new()),
        // RBAC answers before the API server looks for the kind.
        Err(Failure::Forbidden(_)) if !has_kind(client).await => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The AccountBinding of this name, if there is one.
pub(super) async fn get(client: &Client, name: &str) -> Result<Option<AccountBinding>, Failure> {
    let api: Api<AccountBinding> = Api::all(client.clone());
    within(api.get_opt(name)).await
}

/// The labels of all namespaces.
pub(super) async fn labels(client: &Client) -> Result<Vec<(String, Labels)>, Failure> {
    let api: Api<Namespace> = Api::all(client.clone());
    let list = within(api.list_metadata(&ListParams::default())).await?;
    let labels = |mut namespace: kube::api::PartialObjectMeta<Namespace>| {
        (namespace.name_any(), std::mem::take(namespace.labels_mut()))
    };
    Ok(list.items.into_iter().map(labels).collect())
}

/// Whether the cluster has the kind, as everybody may know. Where nobody can tell, it counts as one that has it.
async fn has_kind(client: &Client) -> bool {
    let version = AccountBinding::api_version(&());
    let kind = AccountBinding::kind(&());
    let resources = within(client.list_api_group_resources(&version)).await;
    resources.map_or(true, |list| list.resources.iter().any(|resource| resource.kind == kind))
}
