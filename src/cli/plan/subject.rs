//! What a plan is made for: an object in the cluster, or the object that a manifest leads to. I/O: reads Kubernetes;
//! sends manifests to the API server as dry runs.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use super::cluster_view::ClusterView;
use super::flags::PlanFlags;
use crate::cli::manifests::documents;
use crate::crd::{SequenceStore, SequenceStoreSpec, refusals};
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

/// Every object of the cluster, from the listing that the plan depends on anyway.
pub(super) fn all(cluster: &ClusterView, program: &str) -> Result<Vec<Subject>, String> {
    if cluster.is_partial {
        return Err(format!(
            "you may not list the SequenceStores of all namespaces: name the objects, as in {program} plan lab/genomes"
        ));
    }
    let subject = |object: &WatchedObject| match &object.0 {
        Ok(object) => Subject { object: object.clone(), file: None, notes: Vec::new(), rejected: None },
        Err(invalid) => Subject {
            object: SequenceStore {
                metadata: invalid.metadata.clone(),
                ..SequenceStore::new("", SequenceStoreSpec::default())
            },
            file: None,
            notes: Vec::new(),
            rejected: Some(format!("this version of the operator cannot decode the object: {}", invalid.why)),
        },
    };
    let mut subjects: Vec<Subject> = cluster.objects.iter().map(subject).collect();
    subjects.sort_by_key(|subject| (subject.object.namespace(), subject.object.name_any()));
    Ok(subjects)
}

/// How kubectl lets users write the kind before a name.
const KINDS: [&str; 3] = ["seqstore", "sequencestore", "sequencestores"];

fn is_kind(text: &str) -> bool {
    let resource = text.split('.').next().unwrap_or_default();
    let is_ours = text.len() == resource.len() || text.ends_with(".healthomics.dev");
    is_ours && KINDS.iter().any(|kind| kind.eq_ignore_ascii_case(resource))
}

/// Namespace and name of `NAME`, `NAMESPACE/NAME` or, as kubectl writes it, `KIND/NAME`.
fn namespace_and_name<'a>(
    text: &'a str,
    given: Option<&'a str>,
    default: &'a str,
) -> Result<(&'a str, &'a str), String> {
    let (namespace, name) = match text.split_once('/') {
        Some((kind, name)) if is_kind(kind) => (None, name),
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, text),
    };
    if name.is_empty() || name.contains('/') || namespace == Some("") {
        return Err(format!("{text} is not the name of an object: write NAME or NAMESPACE/NAME"));
    }
    match (namespace, given) {
        (Some(namespace), Some(given)) if namespace != given => {
            Err(format!("{text} is in another namespace than -n {given}"))
        }
        (namespace, given) => Ok((namespace.or(given).unwrap_or(default), name)),
    }
}

/// An object of the cluster by `name` or `namespace/name`.
pub(super) async fn from_cluster(
    cluster: &ClusterView,
    flags: &PlanFlags,
    name: &str,
) -> Result<Subject, String> {
    let client = cluster.client.as_ref().ok_or("planning an object by its name requires a cluster")?;
    let written = name;
    let (namespace, name) =
        namespace_and_name(written, flags.namespace.as_deref(), client.default_namespace())?;
    let mut object = read_live(client, namespace, name).await?.ok_or_else(|| {
        let hint = match written.split_once('/') {
            _ if is_kind(name) => format!(" ({name} is the kind: write only the name of the object)"),
            Some((kind, _)) if is_kind(kind) && flags.namespace.is_none() => {
                format!(" ({kind}/ means the kind; for a namespace of that name, write -n {kind} {name})")
            }
            _ => String::new(),
        };
        format!(
            "SequenceStore {namespace}/{name} not found{hint}; `kubectl get seqstore -A` lists all of them"
        )
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
            let checked = dry_run(client, &namespace, manifest, live.as_ref()).await;
            let is_unchecked = !matches!(checked, Ok(()) | Err(Failure::Invalid(_)));
            subject.note_dry_run(checked);
            // An edit is checked by other rules, which compare with the object before.
            if is_unchecked && live.is_none() {
                subject.reject(manifest);
            }
        }
        // The manifest cannot be decoded; the CRD's messages say more about why.
        Some(_) => subject.reject(manifest),
        None => {
            subject.reject(manifest);
            subject.notes.push("planned without the cluster, as if the object were new".into());
        }
    }
    match live {
        Some(live) => update_live(&mut subject.object, live),
        None => complete_new(&mut subject.object, cluster.client.is_some()),
    }
    Ok(subject)
}

impl Subject {
    /// Checks a new object by the schema and the rules of the CRD, without an API server.
    fn reject(&mut self, manifest: &Value) {
        let found = refusals(manifest);
        if documents::unknown(manifest).is_none() && !found.is_empty() {
            self.rejected = Some(found.join("; "));
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_written_as_kubectl_prints_it() {
        for (text, given, expected) in [
            ("genomes", None, ("default", "genomes")),
            ("genomes", Some("lab"), ("lab", "genomes")),
            ("lab/genomes", None, ("lab", "genomes")),
            ("lab/genomes", Some("lab"), ("lab", "genomes")),
            ("seqstore/genomes", None, ("default", "genomes")),
            ("seqstore/genomes", Some("lab"), ("lab", "genomes")),
            ("sequencestore.healthomics.dev/genomes", None, ("default", "genomes")),
            ("SequenceStores/genomes", None, ("default", "genomes")),
            ("seqstore.example.com/genomes", None, ("seqstore.example.com", "genomes")),
        ] {
            assert_eq!(namespace_and_name(text, given, "default"), Ok(expected), "{text}");
        }
        for text in ["", "/genomes", "lab/", "lab/genomes/x", "seqstore/"] {
            let error = namespace_and_name(text, None, "default").expect_err("refused");
            assert!(error.contains("NAMESPACE/NAME"), "{error}");
        }
    }
}
