//! The way to Kubernetes for every command: connecting, reading objects, and errors in one line. I/O.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};

use crate::crd::{OwnerTags, SequenceStore};
use crate::kubernetes::WatchedObject;

/// A request to the API server is answered within this time or the command gives up.
const DEADLINE: Duration = Duration::from_secs(15);
/// The most objects in one answer.
const PAGE: u32 = 500;
/// What a list of a kind that the cluster does not know means.
pub const NOT_INSTALLED: &str =
    "the CustomResourceDefinition sequencestores.healthomics.dev is not installed in the cluster";

/// Which cluster to connect to, as kubectl chooses it.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Kubeconfig file; none: `KUBECONFIG`, then `~/.kube/config`, then the Pod's ServiceAccount.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// Context of the kubeconfig; none: its current one.
    pub context: Option<String>,
}

/// Makes a client. It sends nothing yet.
///
/// # Errors
/// One line that says what is wrong with the configuration.
pub async fn connect(access: &Access) -> Result<Client, String> {
    let config = configuration(access).await?;
    tracing::info!(cluster = %config.cluster_url, "connecting to Kubernetes");
    Client::try_from(config).map_err(|e| format!("the Kubernetes configuration does not work: {e}"))
}

async fn configuration(access: &Access) -> Result<Config, String> {
    let options = KubeConfigOptions { context: access.context.clone(), ..KubeConfigOptions::default() };
    let unusable = |error: String| {
        // The lines after the first quote the file, in which there may be a token.
        let line = error.lines().next().unwrap_or_default();
        format!("no way to Kubernetes: {line}. Set KUBECONFIG to a readable file, or run inside a cluster")
    };
    match (&access.kubeconfig, &access.context) {
        (Some(file), _) => {
            let kubeconfig = Kubeconfig::read_from(file).map_err(|e| unusable(e.to_string()))?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| unusable(e.to_string()))
        }
        (None, Some(_)) => Config::from_kubeconfig(&options).await.map_err(|e| unusable(e.to_string())),
        (None, None) => Config::infer().await.map_err(|e| unusable(e.to_string())),
    }
}

/// The uid of namespace kube-system, which no two clusters share.
///
/// # Errors
/// One line that says what to set instead.
pub async fn uid(client: &Client) -> Result<String, String> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    match within(namespaces.get("kube-system")).await {
        Ok(namespace) => {
            namespace.uid().ok_or_else(|| "namespace kube-system has no uid: set --cluster-name".into())
        }
        Err(error) => Err(format!(
            "cannot read namespace kube-system to name the cluster ({error}): set --cluster-name"
        )),
    }
}

/// All SequenceStores, or those of one namespace.
///
/// # Errors
/// See [`Failure`].
pub async fn objects(client: &Client, namespace: Option<&str>) -> Result<Vec<WatchedObject>, Failure> {
    let api: Api<WatchedObject> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let mut found = Vec::new();
    let mut parameters = ListParams::default().limit(PAGE);
    loop {
        let page = within(api.list(&parameters)).await?;
        found.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = ListParams::default().limit(PAGE).continue_token(&token),
            None => return Ok(found),
        }
    }
}

/// The cluster's name in owner tags, as the operator has written it to the store of an object that is there.
#[must_use]
pub fn written_name(objects: &[WatchedObject]) -> Option<String> {
    objects.iter().filter_map(|object| object.0.as_ref().ok()).find_map(written)
}

/// The cluster's name in the tags of an object's own store.
#[must_use]
pub fn written(object: &SequenceStore) -> Option<String> {
    let tags = object.status.as_ref()?.store.as_ref()?.tags.as_ref()?;
    let owner = OwnerTags::read(tags).filter(|owner| Some(&owner.uid) == object.metadata.uid.as_ref())?;
    Some(owner.cluster)
}

/// What came of a request to the API server.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// RBAC does not allow it.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing; for a list: no such kind.
    #[error("{0}")]
    NotFound(String),
    /// The API server refuses the object as it is.
    #[error("{0}")]
    Invalid(String),
    /// Anything else: no answer, or another refusal.
    #[error("{0}")]
    Other(String),
}

/// Waits for an answer, and no longer than the deadline.
///
/// # Errors
/// See [`Failure`].
pub async fn within<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(DEADLINE, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => {
            let text = one_line(&status.message);
            Err(match status.code {
                401 => Failure::Other(format!("the API server does not accept the credentials: {text}")),
                403 => Failure::Forbidden(text),
                404 => Failure::NotFound(text),
                400 | 422 => Failure::Invalid(text),
                _ => Failure::Other(text),
            })
        }
        Ok(Err(error)) => Err(Failure::Other(one_line(&error.to_string()))),
        Err(_) => Err(Failure::Other(format!("no answer within {} s", DEADLINE.as_secs()))),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
