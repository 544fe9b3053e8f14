//! Checks what must never happen, whichever process is killed or stands still. The injector runs the checks before it forwards a
//! request; they read the object from the API server and the stores from the simulator.

use kube::ResourceExt;

use crate::environment::{Clients, OBJECT_NAME};
use crate::injector::ProxiedRequest;
use crate::request::{Backend, MutatingRequest, store_id};

const FINALIZER: &str = "healthomics.dev/sequencestore";
const CREATE_INTENT: &str = "healthomics.dev/create-intent";
/// The tag with the uid of the object that owns the store.
pub const OWNER_TAG: &str = "healthomics.dev/uid";

/// Returns a message if the request violates an invariant or the check itself fails.
pub async fn check(
    clients: &Clients,
    proxied: &ProxiedRequest,
    request: &MutatingRequest,
) -> Result<(), String> {
    match (request.backend, request.name.as_str()) {
        (Backend::Aws, "BatchDeleteReadSet") => Err("the operator deletes read sets".into()),
        (Backend::Aws, "CreateSequenceStore") => check_create(clients, proxied).await,
        (Backend::Aws, _) => check_owner(clients, proxied, request).await,
        (Backend::Kubernetes, "PATCH sequencestores" | "PUT sequencestores") => {
            check_finalizer(clients, proxied).await
        }
        (Backend::Kubernetes, _) => Ok(()),
    }
}

/// The operator saves the finalizer and the create intent before it sends a Create, which carries the object's uid.
async fn check_create(clients: &Clients, proxied: &ProxiedRequest) -> Result<(), String> {
    let object = clients.objects.get_opt(OBJECT_NAME).await.map_err(|e| e.to_string())?;
    let object = object.ok_or("the operator sends a Create for an object that no longer exists")?;
    if !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Err("the operator sends a Create before it has saved the finalizer".into());
    }
    if !object.annotations().contains_key(CREATE_INTENT) {
        return Err("the operator sends a Create before it has saved the create intent".into());
    }
    let uid = proxied.body["tags"][OWNER_TAG].as_str();
    if uid.is_none() || uid != object.uid().as_deref() {
        return Err(format!("the operator sends a Create with the owner tag {uid:?}"));
    }
    Ok(())
}

/// The operator neither changes nor deletes a store of another owner.
async fn check_owner(
    clients: &Clients,
    proxied: &ProxiedRequest,
    request: &MutatingRequest,
) -> Result<(), String> {
    let Some(id) = store_id(&proxied.path) else { return Ok(()) };
    let Some(store) = clients.aws.store(&id).await.map_err(|e| e.to_string())? else { return Ok(()) };
    let object = clients.objects.get_opt(OBJECT_NAME).await.map_err(|e| e.to_string())?;
    let uid = object.as_ref().and_then(ResourceExt::uid);
    let named = object.is_some_and(|object| object.data["spec"]["sequenceStoreId"] == id.as_str());
    match store.tags.get(OWNER_TAG) {
        Some(owner) if Some(owner) == uid.as_ref() => Ok(()),
        // An object may adopt a store without an owner if its spec contains the store's ID.
        None if named => Ok(()),
        owner => Err(format!("the operator sends {} for store {id}, whose owner is {owner:?}", request.name)),
    }
}

/// The operator removes the finalizer only after the store is gone.
async fn check_finalizer(clients: &Clients, proxied: &ProxiedRequest) -> Result<(), String> {
    let Some(finalizers) = proxied.body["metadata"]["finalizers"].as_array() else { return Ok(()) };
    if finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(());
    }
    let object = clients.objects.get_opt(OBJECT_NAME).await.map_err(|e| e.to_string())?;
    let Some(uid) = object.as_ref().and_then(ResourceExt::uid) else { return Ok(()) };
    let stores = clients.aws.stores().await.map_err(|e| e.to_string())?;
    match stores.iter().find(|store| store.tags.get(OWNER_TAG) == Some(&uid)) {
        Some(store) => {
            Err(format!("the operator removes the finalizer while store {} is {}", store.id, store.status))
        }
        None => Ok(()),
    }
}
