//! The objects that the watches have cached, and questions about all of them. No I/O of its own.

use std::sync::{Arc, Mutex, PoisonError};

use kube::ResourceExt;
use kube::runtime::reflector;
use tokio::sync::watch;

use super::WatchedObject;
use crate::crd::SequenceStore;
use crate::store::{Defaults, Desired, Prepared, identity};

/// The caches of all watches.
pub struct Cache {
    stores: Mutex<Vec<reflector::Store<WatchedObject>>>,
    /// How many watches have completed their first list.
    listed: watch::Sender<usize>,
    watches: usize,
}

impl Cache {
    /// A cache that is complete once this many watches have listed their objects.
    #[must_use]
    pub fn of(watches: usize) -> Self {
        Self { stores: Mutex::default(), listed: watch::Sender::new(0), watches }
    }

    pub fn add(&self, store: reflector::Store<WatchedObject>) {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner).push(store);
    }

    /// One watch has completed its first list.
    pub fn listed(&self) {
        self.listed.send_modify(|listed| *listed += 1);
    }

    /// Whether every watch has completed its first list. Before, an older object may be missing here.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        *self.listed.borrow() >= self.watches
    }

    pub async fn until_complete(&self) {
        // The sender lives as long as the cache, so this cannot fail.
        let _ = self.listed.subscribe().wait_for(|listed| *listed >= self.watches).await;
    }

    /// Whether an object with this uid exists and manages its store.
    #[must_use]
    pub fn has_manager(&self, uid: &str) -> bool {
        let objects = self.objects();
        decoded(&objects).any(|object| object.uid_str() == uid && object.manages())
    }

    /// The oldest of the older objects that manage the same store, as `namespace/name`.
    #[must_use]
    pub fn rival(&self, prepared: &Prepared, defaults: &Defaults) -> Option<String> {
        let objects = self.objects();
        oldest_rival(prepared, decoded(&objects), defaults)
    }

    fn objects(&self) -> Vec<Arc<WatchedObject>> {
        let stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner).clone();
        stores.iter().flat_map(reflector::Store::state).collect()
    }
}

fn decoded(objects: &[Arc<WatchedObject>]) -> impl Iterator<Item = &SequenceStore> {
    objects.iter().filter_map(|object| object.0.as_ref().ok())
}

fn oldest_rival<'a>(
    prepared: &Prepared,
    others: impl Iterator<Item = &'a SequenceStore>,
    defaults: &Defaults,
) -> Option<String> {
    let Prepared { object, desired: Ok(desired), .. } = prepared else { return None };
    let age = |object: &SequenceStore| (object.creation_timestamp().map(|time| time.0), object.uid());
    others
        .filter(|other| other.uid() != object.uid() && age(other) < age(object) && other.manages())
        .filter(|other| desired.id.is_some() && identity::store_id(other) == desired.id)
        // An object whose spec is invalid in other fields still names its store.
        .filter(|other| Desired::of(other, defaults).map_or(true, |other| other.region == desired.region))
        .min_by_key(|other| age(other))
        .map(|other| format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::crd::{ManagementPolicy, SequenceStoreSpec};
    use crate::store::prepare;

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
        let prepared = prepare(Arc::new(me.clone()), &defaults, "cluster");
        let rival = |others: &[SequenceStore]| oldest_rival(&prepared, others.iter(), &defaults);
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
