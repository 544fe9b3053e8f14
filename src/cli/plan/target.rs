//! What a plan is made for: objects of the cluster, and manifests put over them. I/O, read-only: manifests
//! are sent to the API server as dry runs.

use std::collections::BTreeSet;
use std::io::Read;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::runtime::{reflector, watcher};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use super::documents;
use crate::cli::Plan;
use crate::cli::output::tell;
use crate::crd::SequenceStore;
use crate::kubernetes::WatchedObject;
use crate::kubernetes::cluster::{self, Failure, within};

/// Stands for the uid of an object that Kubernetes has not made yet.
const NEW_UID: &str = "(uid of the new object)";
/// Stands for the name of a cluster that was not looked at.
const NO_CLUSTER: &str = "(name of the cluster)";

/// One object to plan for.
#[derive(Debug)]
pub struct Wanted {
    /// The object as the operator would see it.
    pub object: SequenceStore,
    /// The file it is from.
    pub file: Option<String>,
    /// What one should know of how it came about.
    pub notes: Vec<String>,
    /// Why the API server would not have it.
    pub refused: Option<String>,
}

/// The cluster around the objects, as far as it could be seen.
pub struct Surrounding {
    /// None without a cluster.
    pub client: Option<Client>,
    /// Objects of other namespaces could not be listed.
    pub is_partial: bool,
    objects: Vec<WatchedObject>,
}

impl Surrounding {
    /// Connects and lists all SequenceStores: who else names a store decides about it.
    ///
    /// # Errors
    /// One line; for manifests only where a cluster was asked for by name.
    pub async fn reach(flags: &Plan, program: &str) -> Result<Self, String> {
        let alone = Self { client: None, is_partial: false, objects: Vec::new() };
        if flags.offline {
            return Ok(alone);
        }
        let asked_for = flags.access.kubeconfig.is_some() || flags.access.context.is_some();
        match Self::look(flags).await {
            Ok(cluster) => Ok(cluster),
            Err(error) if flags.files.is_empty() || asked_for => Err(error),
            Err(error) => {
                tell(&format!(
                    "{program}: planned without the cluster, which --offline does without asking: {error}"
                ));
                Ok(alone)
            }
        }
    }

    async fn look(flags: &Plan) -> Result<Self, String> {
        let client = cluster::connect(&(&flags.access).into()).await?;
        match cluster::objects(&client, None).await {
            Ok(objects) => Ok(Self { client: Some(client), is_partial: false, objects }),
            // Somebody of one namespace sees no rivals in others; the operator does.
            Err(Failure::Forbidden(_)) => {
                let default = flags.namespace.as_deref().unwrap_or(client.default_namespace());
                let named = flags.names.iter().map(|name| name.split_once('/').map_or(default, |(n, _)| n));
                let namespaces: BTreeSet<&str> = named.chain([default]).collect();
                let mut objects = Vec::new();
                for namespace in namespaces {
                    match cluster::objects(&client, Some(namespace)).await {
                        Ok(found) => objects.extend(found),
                        Err(Failure::Forbidden(_)) => {}
                        Err(error) => return Err(unreachable(&error)),
                    }
                }
                Ok(Self { client: Some(client), is_partial: true, objects })
            }
            Err(error) => Err(unreachable(&error)),
        }
    }

    /// The objects in the form in which the operator's watch holds them.
    #[must_use]
    pub fn cache(&self) -> reflector::Store<WatchedObject> {
        let (cache, mut writer) = reflector::store();
        writer.apply_watcher_event(&watcher::Event::Init);
        for object in &self.objects {
            writer.apply_watcher_event(&watcher::Event::InitApply(object.clone()));
        }
        writer.apply_watcher_event(&watcher::Event::InitDone);
        cache
    }

    /// The cluster's name in owner tags: as given, else as the operator has written it to a store, else as
    /// the operator finds it by itself.
    pub async fn name(&self, given: Option<&str>, wanted: &[Wanted]) -> String {
        if let Some(name) = given {
            return name.to_owned();
        }
        let own = wanted.iter().find_map(|wanted| cluster::written(&wanted.object));
        if let Some(name) = own.or_else(|| cluster::written_name(&self.objects)) {
            return name;
        }
        match &self.client {
            Some(client) => cluster::uid(client).await.unwrap_or_else(|error| {
                tell(&format!("stores of former objects are not recognised: {error}"));
                NO_CLUSTER.into()
            }),
            None => NO_CLUSTER.into(),
        }
    }
}

fn unreachable(failure: &Failure) -> String {
    match failure {
        Failure::NotFound(_) => cluster::NOT_INSTALLED.into(),
        other => format!("the API server cannot be asked: {other}"),
    }
}

/// The manifests of a file; `-` is standard input.
///
/// # Errors
/// One line that names the file.
pub async fn read(file: &str, program: &str) -> Result<Vec<(String, Value)>, String> {
    let name = if file == "-" { "standard input" } else { file };
    let path = file.to_owned();
    // Blocking, for a person may be typing.
    let text = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        match path.as_str() {
            "-" => std::io::stdin().read_to_string(&mut text).map(|_| text),
            path => std::fs::read_to_string(path),
        }
    });
    let text = text.await.map_err(|e| e.to_string())?.map_err(|e| format!("cannot read {name}: {e}"))?;
    let found = documents::read(&text).map_err(|error| format!("{name}: {error}"))?;
    if !found.skipped.is_empty() {
        tell(&format!(
            "{program}: {name}: skipped, as not of kind SequenceStore: {}",
            found.skipped.join(", ")
        ));
    }
    if found.stores.is_empty() {
        return Err(format!("{name} holds no SequenceStore"));
    }
    Ok(found.stores.into_iter().map(|manifest| (name.to_owned(), manifest)).collect())
}

/// An object of the cluster, by `name` or `namespace/name`.
///
/// # Errors
/// One line that says what there is not, or what is not allowed.
pub async fn named(cluster: &Surrounding, flags: &Plan, name: &str) -> Result<Wanted, String> {
    let client = cluster.client.as_ref().ok_or("no cluster")?;
    let (namespace, name) = match (name.split_once('/'), &flags.namespace) {
        (Some((namespace, name)), None) => (namespace, name),
        (Some((namespace, name)), Some(given)) if namespace == given => (namespace, name),
        (Some(_), Some(given)) => return Err(format!("{name} names another namespace than -n {given}")),
        (None, Some(namespace)) => (namespace.as_str(), name),
        (None, None) => (client.default_namespace(), name),
    };
    let mut object = live(client, namespace, name).await?.ok_or_else(|| {
        format!("there is no SequenceStore {namespace}/{name}; `kubectl get seqstore -A` lists all")
    })?;
    if flags.delete && object.metadata.deletion_timestamp.is_none() {
        object.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::now()));
    }
    Ok(Wanted { object, file: None, notes: Vec::new(), refused: None })
}

async fn live(client: &Client, namespace: &str, name: &str) -> Result<Option<SequenceStore>, String> {
    let api: Api<SequenceStore> = Api::namespaced(client.clone(), namespace);
    match within(api.get_opt(name)).await {
        Ok(object) => Ok(object),
        Err(error) => Err(format!("cannot read the SequenceStore {namespace}/{name}: {error}")),
    }
}

/// The object that a manifest leads to: the one in the cluster with the manifest's spec and annotations,
/// or a new one.
///
/// # Errors
/// One line, where the manifest or the cluster cannot be read.
pub async fn described(
    cluster: &Surrounding,
    flags: &Plan,
    file: &str,
    manifest: &Value,
) -> Result<Wanted, String> {
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    let default = cluster.client.as_ref().map_or("default", |client| client.default_namespace());
    let namespace = match (manifest["metadata"]["namespace"].as_str(), flags.namespace.as_deref()) {
        (Some(namespace), Some(given)) if namespace != given => {
            return Err(format!("{file}: {name} is of namespace {namespace}, not of -n {given}"));
        }
        (namespace, given) => namespace.or(given).unwrap_or(default).to_owned(),
    };
    let described = documents::object(manifest);
    let live = match &cluster.client {
        Some(client) if !name.is_empty() => live(client, &namespace, name).await?,
        _ => None,
    };
    let mut wanted = Wanted {
        object: described.as_ref().map_or_else(|_| nameless(name), Clone::clone),
        file: Some(file.to_owned()),
        notes: Vec::new(),
        refused: described.err(),
    };
    wanted.object.metadata.namespace = Some(namespace.clone());
    if let (Some(client), None) = (&cluster.client, &wanted.refused) {
        match dry_run(client, &namespace, manifest, live.as_ref()).await {
            Ok(()) => {}
            // A rule of the whole object has no field, and the API server says so in its own way.
            Err(Failure::Invalid(error)) => {
                wanted.refused = Some(error.replace("<nil>: Invalid value: ", ""))
            }
            Err(Failure::NotFound(error)) => wanted.notes.push(format!("not in the cluster yet: {error}")),
            Err(error) => wanted.notes.push(format!("not checked by the API server: {error}")),
        }
    }
    if cluster.client.is_none() {
        wanted.notes.push("planned without the cluster: as if the object were new in it".into());
    }
    put_over(&mut wanted.object, live, cluster.client.is_some());
    Ok(wanted)
}

fn nameless(name: &str) -> SequenceStore {
    SequenceStore::new(name, crate::crd::SequenceStoreSpec::default())
}

/// Without a cluster the manifest is all there is: one that was read from a cluster keeps what it knows.
fn put_over(object: &mut SequenceStore, live: Option<SequenceStore>, in_cluster: bool) {
    match live {
        Some(live) => {
            let written = object.metadata.annotations.take();
            let changed = live.spec != object.spec;
            object.metadata = live.metadata;
            object.status = live.status;
            object.annotations_mut().extend(written.unwrap_or_default());
            if changed {
                object.metadata.generation = object.metadata.generation.map(|generation| generation + 1);
            }
        }
        None => {
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
    }
}

/// Asks the API server whether it would take the manifest: all its rules, and nothing stored.
async fn dry_run(
    client: &Client,
    namespace: &str,
    manifest: &Value,
    live: Option<&SequenceStore>,
) -> Result<(), Failure> {
    let resource = ApiResource::erase::<SequenceStore>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    let mut sent = json!({
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
        sent["metadata"] = json!(metadata);
    }
    let sent: DynamicObject =
        serde_json::from_value(sent).map_err(|error| Failure::Invalid(error.to_string()))?;
    match live {
        Some(live) => within(api.replace(&live.name_any(), &parameters, &sent)).await.map(drop),
        None => within(api.create(&parameters, &sent)).await.map(drop),
    }
}
