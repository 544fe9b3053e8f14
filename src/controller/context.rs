//! What every pass shares: clients, memory, settings. No I/O of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector;
use kube::{Client, ResourceExt};
use tokio::sync::{Semaphore, watch};

use crate::aws::Aws;
use crate::controller::memory::Memory;
use crate::crd::SequenceStore;
use crate::kubernetes::{FIELD_MANAGER, WatchedObject};
use crate::plan::Settings;
use crate::store::desired::{self, Defaults, Desired};

/// Texts name stores and fields, so there is no end of them; forgotten ones start a new series.
const MOST_RECORDERS: usize = 500;

/// What every pass shares.
pub struct Context {
    /// Kubernetes.
    pub client: Client,
    /// AWS.
    pub aws: Aws,
    /// What earlier passes leave behind.
    pub memory: Memory,
    recorders: Mutex<HashMap<String, Recorder>>,
    /// What objects leave to the operator.
    pub defaults: Defaults,
    /// Settings that plans depend on.
    pub settings: Settings,
    /// How long a denial counts as IAM being slow.
    pub denied_grace: Duration,
    /// Bounds how many passes run at once, over all watches.
    pub slots: Semaphore,
    caches: Mutex<Vec<reflector::Store<WatchedObject>>>,
    lists: watch::Sender<usize>,
    watches: usize,
}

impl Context {
    /// A context without caches.
    #[must_use]
    pub fn new(
        client: Client,
        aws: Aws,
        defaults: Defaults,
        settings: Settings,
        denied_grace: Duration,
        concurrency: u16,
        watches: usize,
    ) -> Arc<Self> {
        Arc::new(Self {
            client,
            aws,
            memory: Memory::default(),
            recorders: Mutex::default(),
            defaults,
            settings,
            denied_grace,
            slots: Semaphore::new(usize::from(concurrency.max(1))),
            caches: Mutex::default(),
            lists: watch::Sender::new(0),
            watches,
        })
    }

    /// The first complete list of one watch is in.
    pub fn listed(&self) {
        self.lists.send_modify(|lists| *lists += 1);
    }

    /// Waits until every watch has its first complete list.
    pub async fn until_listed(&self) {
        // The sender lives as long as the context, so there is no error to come.
        let _ = self.lists.subscribe().wait_for(|lists| *lists >= self.watches).await;
    }

    /// Whether every watch has its first complete list: before, an older object may not be known.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        *self.lists.borrow() >= self.watches
    }

    /// Adds the cache of one watch.
    pub fn add_cache(&self, cache: reflector::Store<WatchedObject>) {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner).push(cache);
    }

    /// Publishes Events of one text. Repeats become a series, which kube tells apart by reason and object
    /// alone: with one recorder for all texts, the first one would stand for those that follow.
    #[must_use]
    pub fn recorder(&self, text: &str) -> Recorder {
        let mut recorders = self.recorders.lock().unwrap_or_else(PoisonError::into_inner);
        if recorders.len() >= MOST_RECORDERS {
            recorders.clear();
        }
        let new = || {
            let instance = std::env::var("POD_NAME").ok();
            Recorder::new(self.client.clone(), Reporter { controller: FIELD_MANAGER.into(), instance })
        };
        recorders.entry(text.to_owned()).or_insert_with(new).clone()
    }

    /// All objects that are watched.
    fn objects(&self) -> Vec<Arc<WatchedObject>> {
        let caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner).clone();
        caches.iter().flat_map(reflector::Store::state).collect()
    }

    /// Whether an object with this uid is in a cache and manages its store.
    #[must_use]
    pub fn is_live(&self, uid: &str) -> bool {
        self.objects()
            .iter()
            .filter_map(|object| object.0.as_ref().ok())
            .any(|object| object.uid().as_deref() == Some(uid) && object.manages())
    }

    /// An older object that manages the same store, as `namespace/name`.
    #[must_use]
    pub fn rival(&self, object: &SequenceStore, desired: &Desired) -> Option<String> {
        let others = self.objects();
        let others = others.iter().filter_map(|other| other.0.as_ref().ok());
        oldest_rival(object, desired, others, &self.defaults)
    }
}

fn oldest_rival<'a>(
    object: &SequenceStore,
    desired: &Desired,
    others: impl Iterator<Item = &'a SequenceStore>,
    defaults: &Defaults,
) -> Option<String> {
    let age = |object: &SequenceStore| (object.creation_timestamp().map(|time| time.0), object.uid());
    others
        .filter(|other| other.uid() != object.uid() && age(other) < age(object) && other.manages())
        .filter(|other| desired.id.is_some() && desired::store_id(other) == desired.id)
        // A spec that is invalid otherwise still names its store.
        .filter(|other| Desired::of(other, defaults).map_or(true, |other| other.region == desired.region))
        .min_by_key(|other| age(other))
        .map(|other| format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{ManagementPolicy, SequenceStoreSpec};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn object(name: &str, second: i64, id: &str) -> SequenceStore {
        let spec = SequenceStoreSpec { sequence_store_id: Some(id.into()), ..Default::default() };
        let mut object = SequenceStore::new(name, spec);
        object.metadata.namespace = Some("ns".into());
        object.metadata.uid = Some(name.into());
        object.metadata.creation_timestamp = jiff::Timestamp::from_second(second).ok().map(Time);
        object
    }

    #[test]
    fn only_an_older_managing_object_with_the_same_store_is_a_rival() {
        let defaults = Defaults { region: Some("us-east-1".into()), poll_interval: Duration::from_secs(300) };
        let me = object("me", 10, "1111111111");
        let desired = Desired::of(&me, &defaults).expect("valid");
        let rival = |others: &[SequenceStore]| oldest_rival(&me, &desired, others.iter(), &defaults);
        assert_eq!(rival(&[object("old", 5, "1111111111"), me.clone()]).as_deref(), Some("ns/old"));
        assert_eq!(rival(&[object("young", 15, "1111111111")]), None);
        assert_eq!(rival(&[object("other", 5, "2222222222")]), None);
        let mut observer = object("observer", 5, "1111111111");
        observer.spec.management_policy = Some(ManagementPolicy::Observe);
        assert_eq!(rival(&[observer]), None);
        let mut elsewhere = object("elsewhere", 5, "1111111111");
        elsewhere.spec.region = Some("us-west-2".into());
        assert_eq!(rival(&[elsewhere]), None);
    }
}
