//! What may never happen, whatever is killed: looked at before the request in question is forwarded.

use kube::ResourceExt;

use crate::call::{Call, Edge, store_id};
use crate::stage::{Arrived, SUBJECT, Stage};

const FINALIZER: &str = "healthomics.dev/sequencestore";
const INTENT: &str = "healthomics.dev/create-intent";
/// The tag that says whose a store is.
pub const OWNER: &str = "healthomics.dev/uid";

/// The invariants that this request breaks.
pub async fn breaches(stage: &Stage, arrived: &Arrived, call: &Call) -> Vec<String> {
    let result = match (arrived.edge, call.what.as_str()) {
        (Edge::Aws, "BatchDeleteReadSet") => Err("read sets were deleted".into()),
        (Edge::Aws, "CreateSequenceStore") => create(stage, arrived).await,
        (Edge::Aws, _) => change(stage, arrived, call).await,
        (Edge::Kubernetes, "PATCH sequencestores" | "PUT sequencestores") => release(stage, arrived).await,
        (Edge::Kubernetes, _) => Ok(()),
    };
    result.err().into_iter().collect()
}

/// Finalizer and intent are in etcd before a Create is sent, and it carries the object's uid.
async fn create(stage: &Stage, arrived: &Arrived) -> Result<(), String> {
    let object = stage.objects.get_opt(SUBJECT).await.map_err(|e| e.to_string())?;
    let object = object.ok_or("a Create was sent for an object that is gone")?;
    if !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Err("a Create was sent before the finalizer was in etcd".into());
    }
    if !object.annotations().contains_key(INTENT) {
        return Err("a Create was sent before the intent was in etcd".into());
    }
    let uid = arrived.body["tags"][OWNER].as_str();
    if uid.is_none() || uid != object.uid().as_deref() {
        return Err(format!("a Create was sent with the owner tag {uid:?}"));
    }
    Ok(())
}

/// A store that belongs to another object is neither changed nor deleted.
async fn change(stage: &Stage, arrived: &Arrived, call: &Call) -> Result<(), String> {
    let Some(id) = store_id(&arrived.path) else { return Ok(()) };
    let Some(store) = stage.aws.store(&id).await.map_err(|e| e.to_string())? else { return Ok(()) };
    let object = stage.objects.get_opt(SUBJECT).await.map_err(|e| e.to_string())?;
    let uid = object.as_ref().and_then(ResourceExt::uid);
    let named = object.is_some_and(|object| object.data["spec"]["sequenceStoreId"] == id.as_str());
    match store.tags.get(OWNER) {
        Some(owner) if Some(owner) == uid.as_ref() => Ok(()),
        // A store that nobody owns is adopted by the object that names it.
        None if named => Ok(()),
        owner => Err(format!("{} on store {id}, which belongs to {owner:?}", call.what)),
    }
}

/// The finalizer goes when the store is gone.
async fn release(stage: &Stage, arrived: &Arrived) -> Result<(), String> {
    let Some(finalizers) = arrived.body["metadata"]["finalizers"].as_array() else { return Ok(()) };
    if finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(());
    }
    let object = stage.objects.get_opt(SUBJECT).await.map_err(|e| e.to_string())?;
    let Some(uid) = object.as_ref().and_then(ResourceExt::uid) else { return Ok(()) };
    let stores = stage.aws.stores().await.map_err(|e| e.to_string())?;
    match stores.iter().find(|store| store.tags.get(OWNER) == Some(&uid)) {
        Some(store) => Err(format!("the finalizer goes while store {} is {}", store.id, store.status)),
        None => Ok(()),
    }
}
