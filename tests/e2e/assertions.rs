//! Assertions and waits that several tests use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::TryStreamExt;
use healthomics_simulator::{LedgerEntry, StoreRecord};
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use sequencestore_operator::crd::{DeletionBlock, DeletionBlockReason, FINALIZER, SequenceStore};
use serde_json::{Value, json};

use crate::world::{Error, World, condition, ensure, status};

pub fn has_finalizer(object: &SequenceStore) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// The entry of `status.deletionBlockedBy` with this reason.
pub fn block(object: &SequenceStore, reason: DeletionBlockReason) -> Option<DeletionBlock> {
    status(object).deletion_blocked_by.into_iter().find(|block| block.reason == reason)
}

/// The object is Stalled, not Reconciling, and neither Ready nor Synced.
pub fn ensure_stalled(object: &SequenceStore) -> Result<(), Error> {
    let (stalled, reconciling) = (condition(object, "Stalled"), condition(object, "Reconciling"));
    ensure!(stalled.is_some() && reconciling.is_none(), "not stalled: {:?}", status(object).conditions);
    ensure_not_ready(object)
}

/// The object is Reconciling, not Stalled, and neither Ready nor Synced.
pub fn ensure_reconciling(object: &SequenceStore) -> Result<(), Error> {
    let (stalled, reconciling) = (condition(object, "Stalled"), condition(object, "Reconciling"));
    ensure!(stalled.is_none() && reconciling.is_some(), "not reconciling: {:?}", status(object).conditions);
    ensure_not_ready(object)
}

fn ensure_not_ready(object: &SequenceStore) -> Result<(), Error> {
    for kind in ["Ready", "Synced"] {
        let found = condition(object, kind);
        ensure!(found.is_some_and(|c| c.status == "False"), "{kind} is {found:?}");
    }
    Ok(())
}

/// Collects every version of an object from a watch.
pub struct Versions {
    seen: Arc<Mutex<Vec<SequenceStore>>>,
    watch: tokio::task::JoinHandle<()>,
}

impl Versions {
    pub fn seen(&self) -> Vec<SequenceStore> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Versions {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl World {
    /// Starts to collect the versions of an object, and returns once it has the current one.
    pub async fn versions(&self, name: &str) -> Result<Versions, Error> {
        let seen: Arc<Mutex<Vec<SequenceStore>>> = Arc::default();
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let (collected, events) = (Arc::clone(&seen), watcher(self.api.clone(), config).applied_objects());
        let watch = async move {
            let collect = |object| {
                collected.lock().unwrap_or_else(PoisonError::into_inner).push(object);
                std::future::ready(Ok(()))
            };
            // If the watch fails, its versions stay; a test that needs later ones fails in `until_caught_up`.
            let _ = events.try_for_each(collect).await;
        };
        let versions = Versions { seen, watch: tokio::spawn(watch) };
        let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
        while versions.seen().is_empty() {
            ensure!(tokio::time::Instant::now() < end, "the watch shows nothing");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(versions)
    }

    /// Waits until the watch has delivered the current version of the object; returns all versions.
    pub async fn until_caught_up(
        &self,
        name: &str,
        versions: &Versions,
    ) -> Result<Vec<SequenceStore>, Error> {
        let now = self.api.get(name).await?.resource_version();
        let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
        while !versions.seen().iter().any(|seen| seen.resource_version() == now) {
            ensure!(tokio::time::Instant::now() < end, "the watch does not catch up");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(versions.seen())
    }

    pub async fn calls_on(&self, operation: &str, store: &StoreRecord) -> Result<Vec<LedgerEntry>, Error> {
        let calls = self.calls(operation).await?;
        Ok(calls.into_iter().filter(|call| call.store_id.as_ref() == Some(&store.id)).collect())
    }

    /// Requests passes until the object is Stalled; before that it has to be Reconciling.
    pub async fn until_stalled(&self, name: &str) -> Result<SequenceStore, Error> {
        let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
        loop {
            let object = self.one_more_pass(name).await?;
            if condition(&object, "Stalled").is_some() {
                ensure_stalled(&object)?;
                return Ok(object);
            }
            ensure_reconciling(&object)?;
            ensure!(
                tokio::time::Instant::now() < end,
                "{name} never stalls: {:?}",
                status(&object).conditions
            );
        }
    }

    /// Requests a pass and waits until it is over: all its calls to AWS have been made by then.
    pub async fn one_more_pass(&self, name: &str) -> Result<SequenceStore, Error> {
        let value = self.reconcile_now(name).await?;
        let handled =
            |object: &SequenceStore| status(object).last_handled_reconcile_at.as_deref() == Some(&*value);
        self.until(name, "another pass", handled).await
    }

    /// Waits until the status reports that this reason blocks the deletion.
    pub async fn until_blocked(
        &self,
        name: &str,
        reason: DeletionBlockReason,
    ) -> Result<DeletionBlock, Error> {
        let what = format!("a deletion blocked by {reason:?}");
        let object = self.until(name, &what, |object| block(object, reason).is_some()).await?;
        let ready = condition(&object, "Ready").ok_or("no condition Ready")?;
        ensure!(ready.reason == "DeletionBlocked", "Ready has the reason {}", ready.reason);
        ensure_reconciling(&object)?;
        ensure!(has_finalizer(&object), "a blocked deletion lost its finalizer");
        block(&object, reason).ok_or_else(|| "no block".into())
    }

    /// Waits until GetSequenceStore was called for the store this many more times.
    pub async fn until_more_gets(&self, store: &StoreRecord, more: usize) -> Result<(), Error> {
        let before = self.gets_of(store).await?.len();
        let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
        while self.gets_of(store).await?.len() < before + more {
            ensure!(
                tokio::time::Instant::now() < end,
                "GetSequenceStore is not called any more\n{}",
                self.logs()
            );
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Waits until the simulator holds a request, as a fault says.
    pub async fn until_held(&self) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
        while self.aws.held().await?.is_empty() {
            ensure!(tokio::time::Instant::now() < end, "no request is held\n{}", self.logs());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(())
    }

    pub async fn gets_of(&self, store: &StoreRecord) -> Result<Vec<LedgerEntry>, Error> {
        self.calls_on("GetSequenceStore", store).await
    }

    /// How often GetSequenceStore was called for each store since this request.
    pub async fn gets_since(&self, seq: u64) -> Result<BTreeMap<String, usize>, Error> {
        let mut gets = BTreeMap::new();
        let calls = self.aws.ledger_since(seq).await?.into_iter();
        for call in calls.filter(|call| call.operation == "GetSequenceStore") {
            *gets.entry(call.store_id.unwrap_or_default()).or_default() += 1;
        }
        Ok(gets)
    }

    /// By the names of the objects. They stay the same unless something is written.
    pub async fn resource_versions(&self) -> Result<BTreeMap<String, Option<String>>, Error> {
        let objects = self.api.list(&Default::default()).await?.items;
        Ok(objects.iter().map(|object| (object.name_any(), object.resource_version())).collect())
    }

    pub async fn deletes(&self) -> Result<usize, Error> {
        Ok(self.calls("DeleteSequenceStore").await?.len())
    }

    /// Fails if a mutating call was made, other than to tag or untag a store.
    pub async fn ensure_no_store_changed(&self) -> Result<(), Error> {
        let calls = self.mutating_calls().await?.into_iter().map(|entry| entry.operation);
        let changing: Vec<_> =
            calls.filter(|call| !["TagResource", "UntagResource"].contains(&&**call)).collect();
        ensure!(changing.is_empty(), "calls that change stores: {changing:?}");
        Ok(())
    }

    pub async fn ensure_gone_in_aws(&self, store: &StoreRecord) -> Result<(), Error> {
        let gone = self.aws.store(&store.arn).await?.is_none_or(|store| store.deleted);
        ensure!(gone, "store {} is still there", store.id);
        Ok(())
    }

    pub async fn ensure_there_in_aws(&self, store: &StoreRecord) -> Result<(), Error> {
        let there = self.aws.store(&store.arn).await?.filter(|store| !store.deleted);
        ensure!(
            there.is_some_and(|s| s.status == store.status),
            "store {} is deleted or changed its status",
            store.id
        );
        Ok(())
    }

    /// Creates an object with any spec in a dry run; returns the API server's refusal, if any.
    pub async fn refusal(&self, name: &str, spec: &Value) -> Result<Option<String>, Error> {
        let resource = ApiResource::erase::<SequenceStore>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.namespace, &resource);
        let object: DynamicObject = serde_json::from_value(crate::admission::examples::object(name, spec))?;
        match api.create(&PostParams { dry_run: true, ..PostParams::default() }, &object).await {
            Ok(_) => Ok(None),
            Err(kube::Error::Api(refusal)) => Ok(Some(refusal.message.clone())),
            Err(error) => Err(error.into()),
        }
    }

    pub async fn annotate(&self, name: &str, key: &str, value: Option<&str>) -> Result<(), Error> {
        self.patch(name, json!({"metadata": {"annotations": {key: value}}})).await?;
        Ok(())
    }
}
