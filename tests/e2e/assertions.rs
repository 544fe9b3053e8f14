//! Facts that many tests check.

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

/// What blocks the deletion for this reason.
pub fn block(object: &SequenceStore, reason: DeletionBlockReason) -> Option<DeletionBlock> {
    status(object).deletion_blocked_by.into_iter().find(|block| block.reason == reason)
}

/// The object is stalled and does not claim to be working as well.
pub fn ensure_stalled(object: &SequenceStore) -> Result<(), Error> {
    let (stalled, reconciling) = (condition(object, "Stalled"), condition(object, "Reconciling"));
    ensure!(stalled.is_some() && reconciling.is_none(), "not stalled: {:?}", status(object).conditions);
    ensure_not_ready(object)
}

/// The object is being worked on and does not claim to be stalled as well.
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

/// Every version of an object since a watch on it began.
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
    /// Begins to note every version of an object; the present one is the first.
    pub async fn versions(&self, name: &str) -> Result<Versions, Error> {
        let seen: Arc<Mutex<Vec<SequenceStore>>> = Arc::default();
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let (noted, events) = (Arc::clone(&seen), watcher(self.api.clone(), config).applied_objects());
        let watch = async move {
            let note = |object| {
                noted.lock().unwrap_or_else(PoisonError::into_inner).push(object);
                std::future::ready(Ok(()))
            };
            // A watch that ends leaves what it saw, and a test that needs more of it fails.
            let _ = events.try_for_each(note).await;
        };
        let versions = Versions { seen, watch: tokio::spawn(watch) };
        let end = tokio::time::Instant::now() + crate::world::PATIENCE;
        while versions.seen().is_empty() {
            ensure!(tokio::time::Instant::now() < end, "the watch shows nothing");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(versions)
    }

    /// Waits until the watch has caught up with what the object is now.
    pub async fn caught_up(&self, name: &str, versions: &Versions) -> Result<Vec<SequenceStore>, Error> {
        let now = self.api.get(name).await?.resource_version();
        let end = tokio::time::Instant::now() + crate::world::PATIENCE;
        while !versions.seen().iter().any(|seen| seen.resource_version() == now) {
            ensure!(tokio::time::Instant::now() < end, "the watch does not catch up");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(versions.seen())
    }

    /// Calls of one operation on this store.
    pub async fn calls_on(&self, operation: &str, store: &StoreRecord) -> Result<Vec<LedgerEntry>, Error> {
        let calls = self.calls(operation).await?;
        Ok(calls.into_iter().filter(|call| call.store_id.as_ref() == Some(&store.id)).collect())
    }

    /// Asks for one pass after the other until the object is stalled; until then it has to be reconciling.
    pub async fn until_stalled(&self, name: &str) -> Result<SequenceStore, Error> {
        let end = tokio::time::Instant::now() + crate::world::PATIENCE;
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

    /// Asks for a pass and waits until it has been made; all it does to AWS is done then.
    pub async fn one_more_pass(&self, name: &str) -> Result<SequenceStore, Error> {
        let value = self.reconcile_now(name).await?;
        let handled =
            |object: &SequenceStore| status(object).last_handled_reconcile_at.as_deref() == Some(&*value);
        self.until(name, "another pass", handled).await
    }

    /// Waits until a deletion is said to be blocked for this reason.
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
        ensure!(has_finalizer(&object), "a deletion that waits lost its finalizer");
        block(&object, reason).ok_or_else(|| "no block".into())
    }

    /// Waits until the store was looked at so many more times.
    pub async fn until_more_gets(&self, store: &StoreRecord, more: usize) -> Result<(), Error> {
        let before = self.gets_of(store).await?.len();
        let end = tokio::time::Instant::now() + crate::world::PATIENCE;
        while self.gets_of(store).await?.len() < before + more {
            ensure!(
                tokio::time::Instant::now() < end,
                "the store is not looked at any more\n{}",
                self.logs()
            );
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Ok(())
    }

    pub async fn gets_of(&self, store: &StoreRecord) -> Result<Vec<LedgerEntry>, Error> {
        self.calls_on("GetSequenceStore", store).await
    }

    pub async fn deletes(&self) -> Result<usize, Error> {
        Ok(self.calls("DeleteSequenceStore").await?.len())
    }

    /// No store was made, changed or deleted, nor any read set; tags apart.
    pub async fn ensure_harmless(&self) -> Result<(), Error> {
        let calls = self.mutating_calls().await?.into_iter().map(|entry| entry.operation);
        let harmful: Vec<_> =
            calls.filter(|call| !["TagResource", "UntagResource"].contains(&&**call)).collect();
        ensure!(harmful.is_empty(), "calls that change stores: {harmful:?}");
        Ok(())
    }

    pub async fn ensure_gone_in_aws(&self, store: &StoreRecord) -> Result<(), Error> {
        let gone = self.aws.store(&store.arn).await?.is_none_or(|store| store.deleted);
        ensure!(gone, "store {} is still there", store.id);
        Ok(())
    }

    pub async fn ensure_there_in_aws(&self, store: &StoreRecord) -> Result<(), Error> {
        let there = self.aws.store(&store.arn).await?.filter(|store| !store.deleted);
        ensure!(there.is_some_and(|s| s.status == store.status), "store {} is not as it was", store.id);
        Ok(())
    }

    /// Creates an object of any spec in a dry run; the refusal, if any.
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
