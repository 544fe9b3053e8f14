//! Connects the commands to Kubernetes, reads objects, and reports errors in one line. I/O: reads Kubernetes and
//! kubeconfig files.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};

use super::error::summary;
use super::pages::{LIST_TIMEOUT, Pages};
use super::requests::CountRequests;
use super::{Error, WatchedObject, answered};
use crate::crd::{OwnerTags, SequenceStore};
use crate::metrics::Metrics;
use crate::network::Proxies;

/// The meaning of a 404 for a list of SequenceStores.
pub(crate) const CRD_NOT_INSTALLED: &str = "the CustomResourceDefinition sequencestores.healthomics.dev is not installed in the cluster: install the \
     operator's chart, or apply the output of the command `crd` with `kubectl apply --server-side -f -`";

/// Which cluster to connect to, with kubectl's defaults.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// Default: `KUBECONFIG`, then `~/.kube/config`, then the Pod's ServiceAccount.
    pub(crate) kubeconfig: Option<std::path::PathBuf>,
    /// Default: the current context of the kubeconfig.
    pub(crate) context: Option<String>,
}

/// Creates a client without sending a request yet. It counts its requests in `metrics`.
pub(crate) async fn connect(access: &Access, metrics: &Metrics) -> Result<Client, String> {
    let proxies = Proxies::from_environment()?;
    let mut config = configuration(access).await?;
    config.proxy_url = proxy(access, &proxies, &config.cluster_url);
    tracing::info!(cluster = %config.cluster_url, "connecting to Kubernetes");
    let layer = CountRequests::of(&metrics.rest_client, &config.cluster_url);
    let builder = ClientBuilder::try_from(config).map_err(|error| match error {
        // The text of these holds the URL of the proxy, which can hold a password.
        kube::Error::ProxyProtocolDisabled { .. } | kube::Error::ProxyProtocolUnsupported { .. } => {
            "the kubeconfig names a proxy-url that is not one of an HTTP proxy: write http://HOST:PORT"
                .to_owned()
        }
        error => format!("invalid Kubernetes configuration: {error}"),
    })?;
    Ok(builder.with_layer(&layer).build())
}

/// The proxy to the API server: the one that the kubeconfig names for its cluster, else that of the environment unless
/// `NO_PROXY` names the server. What kube has put into its configuration is not it: it compares `NO_PROXY` with the proxy.
/// Inside a cluster there is none: the network of the cluster leads to its API server, and no proxy outside does.
fn proxy(access: &Access, proxies: &Proxies, cluster: &http::Uri) -> Option<http::Uri> {
    let kubeconfig = match &access.kubeconfig {
        Some(file) => Kubeconfig::read_from(file).ok()?,
        None => Kubeconfig::read().ok()?,
    };
    let context = access.context.as_ref().or(kubeconfig.current_context.as_ref());
    let context = kubeconfig.contexts.iter().find(|named| Some(&named.name) == context)?.context.as_ref()?;
    let named = kubeconfig.clusters.iter().find(|named| named.name == context.cluster)?.cluster.as_ref()?;
    match named.proxy_url.as_ref().filter(|url| !url.is_empty()) {
        Some(url) => url.parse().ok(),
        None => proxies.to(cluster).cloned(),
    }
}

async fn configuration(access: &Access) -> Result<Config, String> {
    let options = KubeConfigOptions { context: access.context.clone(), ..KubeConfigOptions::default() };
    let unusable = |error: String| {
        // The lines after the first quote the file, which may contain a token.
        let line = error.lines().next().unwrap_or_default();
        if line.contains("NO_PROXY") {
            return "NO_PROXY cannot be read: write host names, .suffixes, addresses and networks such as 10.0.0.0/8, with \
                    one comma between two of them and none at the end"
                .into();
        }
        let remedy = match (&access.context, &access.kubeconfig) {
            (Some(_), Some(_)) => "check --kubeconfig and --context",
            (Some(_), None) => "check --context; `kubectl config get-contexts` lists the contexts",
            (None, Some(_)) => "check --kubeconfig",
            (None, None) => "set KUBECONFIG to a readable file, or run inside a cluster",
        };
        format!("cannot load the Kubernetes configuration: {line}: {remedy}")
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

/// The uid of namespace kube-system, which identifies a cluster.
pub(crate) async fn uid(client: &Client) -> Result<String, Failure> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = within(namespaces.get("kube-system")).await?;
    namespace.uid().ok_or_else(|| Failure::Invalid("it has no uid".into()))
}

/// What to do where the uid of the cluster cannot be read.
pub(crate) fn no_uid(failure: &Failure) -> String {
    format!(
        "cannot read the uid of namespace kube-system, the default of --cluster-name ({failure}): set --cluster-name"
    )
}

/// Whether a namespace does not exist. Where the operator may not read it, nobody knows, and it counts as existing.
pub(crate) async fn is_namespace_missing(client: &Client, name: &str) -> bool {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    matches!(within(namespaces.get_metadata(name)).await, Err(Failure::NotFound(_)))
}

/// Lists the SequenceStores of one namespace or of all.
pub(crate) async fn list_sequence_stores(
    client: &Client,
    namespace: Option<&str>,
) -> Result<Vec<WatchedObject>, Failure> {
    let api: Api<WatchedObject> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let (mut pages, mut found) = (Pages::of(&api, LIST_TIMEOUT), Vec::new());
    while pages.next(|object| found.push(object)).await?.is_none() {}
    Ok(found)
}

/// The first [`recorded_name`] among the objects.
pub(crate) fn recorded_name_in(objects: &[WatchedObject]) -> Option<String> {
    objects.iter().filter_map(|object| object.0.as_ref().ok()).find_map(recorded_name)
}

/// The cluster name that the operator wrote to the owner tags of the object's own store.
pub(crate) fn recorded_name(object: &SequenceStore) -> Option<String> {
    let tags = object.status.as_ref()?.store.as_ref()?.tags.as_ref()?;
    let owner = OwnerTags::read(tags).filter(|owner| Some(&owner.uid) == object.metadata.uid.as_ref())?;
    Some(owner.cluster)
}

/// Why a request to the API server failed, with the message in one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// RBAC does not allow it.
    #[error("{0}")]
    Forbidden(String),
    /// The object does not exist; for a list, the kind does not.
    #[error("{0}")]
    NotFound(String),
    /// The API server rejects the object.
    #[error("{0}")]
    Invalid(String),
    /// None came in time.
    #[error("{0}")]
    NoAnswer(String),
    /// Another error response, or no connection.
    #[error("{0}")]
    Other(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let source = match error {
            Error::Request { source, .. } => source,
            Error::NoAnswer { after, .. } => {
                return Self::NoAnswer(format!("no response within {} s", after.as_secs()));
            }
            Error::Undecodable { why, .. } => {
                return Self::Other(format!("an object cannot be decoded: {why}"));
            }
        };
        let kube::Error::Api(status) = source.as_ref() else {
            return Self::Other(summary(&source));
        };
        let text = one_line(&status.message);
        match status.code {
            401 => Self::Other(format!("the API server rejects the credentials: {text}")),
            403 => Self::Forbidden(text),
            404 => Self::NotFound(text),
            400 | 422 => Self::Invalid(text),
            _ => Self::Other(text),
        }
    }
}

impl Failure {
    /// For errors that come in a watch.
    pub(crate) fn from_watch(error: kube::Error) -> Self {
        Error::kubernetes("watch the SequenceStores")(error).into()
    }
}

/// The response to a request of a command, if it comes in time.
pub(crate) async fn within<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failure> {
    answered("send the request of a command", request).await.map_err(Failure::from)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
