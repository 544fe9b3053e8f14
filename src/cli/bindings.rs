//! Reads AccountBindings, and the labels of namespaces by which they select, for the commands. I/O: reads Kubernetes.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

use crate::crd::AccountBinding;
use crate::kubernetes::cluster::{Failure, within};
use crate::kubernetes::lacks_account_bindings;
use crate::tenancy::Labels;

/// All AccountBindings of the cluster; none where it does not have the kind.
pub(super) async fn list(client: &Client) -> Result<Vec<AccountBinding>, Failure> {
    let api: Api<AccountBinding> = Api::all(client.clone());
    match within(api.list(&ListParams::default())).await {
        Ok(list) => Ok(list.items),
        Err(Failure::NotFound(_)) => Ok(Vec::new()),
        Err(Failure::Forbidden(_)) if lacks_account_bindings(client).await => Ok(Vec::new()),
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
