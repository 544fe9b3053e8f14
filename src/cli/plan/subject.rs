//! What a plan is made for: an object in the cluster, or the object that a manifest leads to. I/O: reads files and
//! Kubernetes; sends manifests to the API server as dry runs.

use std::io::Read;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use super::cluster_view::ClusterView;
use super::documents;
use super::flags::PlanFlags;
use crate::cli::output::eprint;
use crate::crd::{SequenceStore, SequenceStoreSpec};
use crate::kubernetes::cluster::{Failure, within};
use crate::kubernetes::{InvalidObject, WatchedObject};

/// Stands for the uid that Kubernetes will give a new object.
const NEW_UID: &str = "(uid of the new object)";

#[derive(Debug)]
pub(super) struct Subject {
    /// The object as the operator would see it.
    pub(super) object: SequenceStore,
    /// The file of its manifest; none for an object of the cluster.
    pub(super) file: Option<String>,
    pub(super) notes: Vec<String>,
    /// Why the API server would reject the object.
    pub(super) rejected: Option<String>,
}

/// Reads the manifests of a file, each with the name of the file for messages. `-` is standard input.
pub(super) async fn read_manifests(file: &str, program: &str) -> Result<Vec<(String, Value)>, String> {
    let name = if file == "-" { "standard input" } else { file };
    let path = file.to_owned();
    // Reading blocks, on standard input for as long as a user types.
    let text = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        match path.as_str() {
            "-" => std::io::stdin().read_to_string(&mut text).map(|_| text),
            path => std::fs::read_to_string(path),
        }
    });
    let text = text.await.map_err(|e| e.to_string())?.map_err(|e| format!("cannot read {name}: {e}"))?;
    let found = documents::parse(&text).map_err(|error| format!("{name}: {error}"))?;
    if !found.skipped.is_empty() {
        eprint(&format!("{program}: {name}: skipped documents of other kinds: {}", found.skipped.join(", ")));
    }
    if found.stores.is_empty() {
        return Err(format!("{name} contains no SequenceStore"));
    }
    Ok(found.stores.into_iter().map(|manifest| (name.to_owned(), manifest)).collect())
}

/// An object of the cluster by `name` or `namespace/name`.
pub(super) async fn from_cluster(
    cluster: &ClusterView,
    flags: &PlanFlags,
    name: &str,
) -> Result<Subject, String> {
    let client = cluster.client.as_ref().ok_or("planning an object by its name requires a cluster")?;
    let (namespace, name) = match (name.split_once('/'), &flags.namespace) {
        (Some((namespace, name)), None) => (namespace, name),
        (Some((namespace, name)), Some(given)) if namespace == given => (namespace, name),
        (Some(_), Some(given)) => return Err(format!("{name} is in another namespace than -n {given}")),
        (None, Some(namespace)) => (namespace.as_str(), name),
        (None, None) => (client.default_namespace(), name),
    };
    let mut object = read_live(client, namespace, name).await?.ok_or_else(|| {
        format!("SequenceStore {namespace}/{name} not found; `kubectl get seqstore -A` lists all of them")
    })?;
    if flags.delete && object.metadata.deletion_timestamp.is_none() {
        object.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::now()));
    }
    Ok(Subject { object, file: None, notes: Vec::new(), rejected: None })
}

async fn read_live(client: &Client, namespace: &str, name: &str) -> Result<Option<SequenceStore>, String> {
    let api: Api<WatchedObject> = Api::namespaced(client.clone(), namespace);
    let failed = |error: String| format!("cannot read SequenceStore {namespace}/{name}: {error}");
    let found = within(api.get_opt(name)).await.map_err(|error| failed(error.to_string()))?;
    let undecodable =
        |invalid: InvalidObject| failed(format!("the operator leaves it alone: {}", invalid.why));
    found.map(|object| object.0.map_err(undecodable)).transpose()
}

/// The object that applying a manifest leads to: the one in the cluster with the manifest's spec and annotations, or
/// a new one.
pub(super) async fn from_manifest(
    cluster: &ClusterView,
    flags: &PlanFlags,
    file: &str,
    manifest: &Value,
) -> Result<Subject, String> {
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    let default = cluster.client.as_ref().map_or("default", |client| client.default_namespace());
    let namespace = match (manifest["metadata"]["namespace"].as_str(), flags.namespace.as_deref()) {
        (Some(namespace), Some(given)) if namespace != given => {
            return Err(format!("{file}: {name} is in namespace {namespace}, but -n is {given}"));
        }
        (namespace, given) => namespace.or(given).unwrap_or(default).to_owned(),
    };
    let live = match &cluster.client {
        Some(client) if !name.is_empty() => read_live(client, &namespace, name).await?,
        _ => None,
    };
    let (object, rejected) = match documents::object(manifest) {
        Ok(object) => (object, None),
        Err(error) => (SequenceStore::new(name, SequenceStoreSpec::default()), Some(error)),
    };
    let mut subject = Subject { object, file: Some(file.to_owned()), notes: Vec::new(), rejected };
    subject.object.metadata.namespace = Some(namespace.clone());
    match &cluster.client {
        Some(client) if subject.rejected.is_none() => {
            subject.note_dry_run(dry_run(client, &namespace, manifest, live.as_ref()).await);
        }
        Some(_) => {}
        None => subject.notes.push("planned without the cluster, as if the object were new".into()),
    }
    match live {
        Some(live) => update_live(&mut subject.object, live),
        None => complete_new(&mut subject.object, cluster.client.is_some()),
    }
    Ok(subject)
}

impl Subject {
    fn note_dry_run(&mut self, result: Result<(), Failure>) {
        match result {
            Ok(()) => {}
            // The API server prints "<nil>" for the value of a rule on the whole object.
            Err(Failure::Invalid(error)) => {
                self.rejected = Some(error.replace("<nil>: Invalid value: ", ""));
            }
            Err(Failure::NotFound(error)) => {
                self.notes.push(format!("the API server cannot check the manifest yet: {error}"));
            }
            Err(error) => self.notes.push(format!("not checked by the API server: {error}")),
        }
    }
}

/// Gives the manifest's object the metadata and status of the object in the cluster.
fn update_live(object: &mut SequenceStore, live: SequenceStore) {
    let annotations = object.metadata.annotations.take().unwrap_or_default();
    let is_changed = live.spec != object.spec;
    object.metadata = live.metadata;
    object.status = live.status;
    object.annotations_mut().extend(annotations);
    if is_changed {
        object.metadata.generation = object.metadata.generation.map(|generation| generation + 1);
    }
}

/// Fills in what Kubernetes sets on a new object. Without a cluster, a manifest read by `kubectl get -o yaml` keeps
/// its uid, status and finalizers.
fn complete_new(object: &mut SequenceStore, in_cluster: bool) {
    if in_cluster {
        object.status = None;
        object.metadata.uid = None;
        object.metadata.finalizers = None;
        object.metadata.deletion_timestamp = None;
    }
    object.metadata.uid.get_or_insert_with(|| NEW_UID.into());
    object.metadata.generation.get_or_insert(1);
    object.metadata.creation_timestamp.get_or_insert_with(|| Time(jiff::Timestamp::now()));
}

/// Lets the API server check the manifest by all of its rules, without storing anything.
async fn dry_run(
    client: &Client,
    namespace: &str,
    manifest: &Value,
    live: Option<&SequenceStore>,
) -> Result<(), Failure> {
    let resource = ApiResource::erase::<SequenceStore>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    let mut request = json!({
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": {
            "name": manifest["metadata"]["name"],
            "namespace": namespace,
            "annotations": manifest["metadata"]["annotations"],
            "labels": manifest["metadata"]["labels"],
        },
        "spec": manifest.get("spec").cloned().unwrap_or_else(|| json!({})),
    });
    if let Some(live) = live {
        let mut metadata = live.metadata.clone();
        metadata.managed_fields = None;
        request["metadata"] = json!(metadata);
    }
    let request: DynamicObject =
        serde_json::from_value(request).map_err(|error| Failure::Invalid(error.to_string()))?;
    match live {
        Some(live) => within(api.replace(&live.name_any(), &parameters, &request)).await.map(drop),
        None => within(api.create(&parameters, &request)).await.map(drop),
    }
}
