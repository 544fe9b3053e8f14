//! The objects that the watches have cached, and questions about all of them. No I/O of its own.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};

use super::objects::Objects;
use super::{Glance, Reference, Uid, WatchedObject, Watches};
use crate::crd::SequenceStore;
use crate::store::{Defaults, Desired, Prepared, identity};
use crate::tenancy::{Access, SharedBindings};

/// The objects of all watches.
pub struct Cache {
    objects: Mutex<Objects>,
    pub watches: Arc<Watches>,
    /// What waits until the objects of all namespaces are known.
    waiting: Mutex<HashSet<Reference>>,
}

impl Cache {
    #[must_use]
    pub fn of(watches: Arc<Watches>) -> Self {
        Self { objects: Mutex::default(), watches, waiting: Mutex::default() }
    }

    /// A cache that needs no watch.
    #[must_use]
    pub fn complete(objects: &[WatchedObject]) -> Self {
        let watches = Watches::of(&[]);
        watches.listed(0, Instant::now());
        let cache = Self::of(Arc::new(watches));
        for object in objects {
            cache.put(object.clone());
        }
        cache
    }

    /// Returns the reference of the object, whose text is shared with the cache.
    pub fn put(&self, object: WatchedObject) -> Reference {
        self.locked().put(object)
    }

    pub fn remove(&self, reference: &Reference) {
        self.locked().remove(reference);
    }

    /// The object as the watch showed it last. Decoded for the caller, so that nobody holds on to all objects.
    #[must_use]
    pub fn get(&self, reference: &Reference) -> Option<Arc<WatchedObject>> {
        self.locked().get(reference)
    }

    /// All references; the objects are got one by one.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        self.locked().references()
    }

    /// All objects, one at a time: those that are there when their turn comes.
    pub fn objects(&self) -> impl Iterator<Item = Arc<WatchedObject>> {
        self.references().into_iter().filter_map(|reference| self.get(&reference))
    }

    /// The objects that ask for a count of read sets, each with a number that is another one after every change of the object.
    #[must_use]
    pub fn that_observe_read_sets(&self) -> Vec<(Reference, u64)> {
        self.locked().that_observe_read_sets()
    }

    /// What metrics show of an object.
    #[must_use]
    pub fn glance(&self, reference: &Reference) -> Option<Glance> {
        self.locked().glance(reference)
    }

    /// Whether an object with this uid is cached under its name.
    #[must_use]
    pub fn holds(&self, object: &WatchedObject) -> bool {
        self.locked().is(&Reference::of(object), Uid::of(object))
    }

    /// Whether an object with this uid is cached.
    #[must_use]
    pub fn has(&self, uid: &Uid) -> bool {
        self.locked().has(uid)
    }

    /// Where older objects may exist that are not known. The object is queued again once they are.
    #[must_use]
    pub fn await_lists(&self, object: &SequenceStore) -> Vec<String> {
        // Noted first: the last list may come in between.
        let reference = Reference::of(object);
        self.waiting().insert(reference.clone());
        let unlisted = self.watches.unlisted();
        if unlisted.is_empty() {
            self.waiting().remove(&reference);
        }
        unlisted
    }

    /// What waited for the lists, if all of them are in.
    #[must_use]
    pub fn no_longer_waiting(&self) -> Vec<Reference> {
        if self.watches.unlisted().is_empty() { self.waiting().drain().collect() } else { Vec::new() }
    }

    /// Whether an object with this uid exists and manages its store, as far as it can be decoded.
    #[must_use]
    pub fn has_manager(&self, uid: &str) -> bool {
        let manages = |object: &WatchedObject| object.claim().is_none_or(SequenceStore::manages);
        self.locked().with_uid(&uid.into()).iter().any(|object| manages(object))
    }

    /// The oldest of the older objects that manage the same store, as `namespace/name`. `account` is that of the store.
    #[must_use]
    pub fn rival(
        &self,
        (prepared, account): (&Prepared, &str),
        defaults: &Defaults,
        bindings: &SharedBindings,
    ) -> Option<String> {
        let store = prepared.desired.as_ref().ok()?.id.as_ref()?;
        let objects = self.locked().that_may_manage(store);
        let may_have_it =
            |other: &SequenceStore| may_have_store_in(account, &prepared.access, other, bindings);
        oldest_rival(prepared, objects.iter().map(AsRef::as_ref), (defaults, &may_have_it))
    }

    fn locked(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, HashSet<Reference>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether another object may have a store in this account: a store id holds no account, so an object of another tenant may
/// name any.
fn may_have_store_in(account: &str, own: &Access, other: &SequenceStore, bindings: &SharedBindings) -> bool {
    let recorded = identity::recorded_binding(other);
    let pinned = other.status.as_ref().and_then(|status| status.account_id.as_deref());
    match (bindings.access(other, recorded.as_deref()), own) {
        (Access::Bound(bound), _) => {
            bound.account == account
                && (identity::is_recorded(other) || bound.limits.check_store(&other.spec).is_ok())
        }
        (Access::Operator, Access::Operator) => true,
        // The account of the operator is known only from what it has on record.
        (Access::Operator, _) => pinned.is_none_or(|pinned| pinned == account),
        // It has never acted, so that it has nothing.
        (Access::Refused(_), _) => pinned == Some(account),
    }
}

fn oldest_rival<'a>(
    prepared: &Prepared,
    others: impl Iterator<Item = &'a WatchedObject>,
    (defaults, may_have_it): (&Defaults, &dyn Fn(&SequenceStore) -> bool),
) -> Option<String> {
    let Prepared { object, desired: Ok(desired), .. } = prepared else { return None };
    desired.id.as_ref()?;
    let age = |metadata: &ObjectMeta| {
        (metadata.creation_timestamp.as_ref().map(|time| time.0), metadata.uid.clone())
    };
    // An object whose spec is invalid in other fields still names its store.
    let is_in_region = |other: &SequenceStore| {
        Desired::of(other, defaults, None).map_or(true, |other| other.region == desired.region)
    };
    let means_the_store = |other: &SequenceStore| {
        other.manages()
            && identity::store_id(other) == desired.id
            && is_in_region(other)
            && may_have_it(other)
    };
    others
        .filter(|other| other.uid() != object.uid() && age(other.meta()) < age(object.meta()))
        // One that cannot be read at all may mean this store.
        .filter(|other| other.claim().is_none_or(means_the_store))
        .min_by_key(|other| age(other.meta()))
        .map(|other| format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::crd::{ManagementPolicy, SequenceStoreSpec};
    use crate::store::prepare;
    use crate::tenancy::Bindings;

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
        let prepared = prepare(Arc::new(me.clone()), Access::Operator, &defaults, "cluster");
        let rival = |others: &[SequenceStore]| {
            let others: Vec<_> = others.iter().cloned().map(|other| WatchedObject(Ok(other))).collect();
            oldest_rival(&prepared, others.iter(), (&defaults, &|_| true))
        };
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

    /// An object whose spec cannot be decoded, as the API server sends it.
    fn undecodable(name: &str, second: i64, spec: &str) -> WatchedObject {
        let made = jiff::Timestamp::from_second(second).expect("a time");
        let object = WatchedObject::decode(&format!(
            r#"{{"metadata":{{"name":"{name}","namespace":"ns","uid":"{name}","creationTimestamp":"{made}"}},"spec":{spec}}}"#
        ));
        assert!(object.0.is_err(), "{spec}");
        object
    }

    fn deep(members: &str) -> String {
        format!(r#"{{{members},"s3AccessPolicy":{}{}}}"#, "[".repeat(200), "]".repeat(200))
    }

    #[test]
    fn an_older_object_that_became_undecodable_keeps_its_store() {
        let defaults = Defaults { region: Some("us-east-1".into()), poll_interval: Duration::from_secs(300) };
        let prepared =
            prepare(Arc::new(object("me", 10, "1111111111")), Access::Operator, &defaults, "cluster");
        let rival = |second: i64, spec: &str| {
            Cache::complete(&[undecodable("old", second, spec)]).rival(
                (&prepared, "111122223333"),
                &defaults,
                &SharedBindings::new(Bindings::none()),
            )
        };
        assert_eq!(rival(5, &deep(r#""sequenceStoreId":"1111111111""#)).as_deref(), Some("ns/old"));
        assert_eq!(rival(15, &deep(r#""sequenceStoreId":"1111111111""#)), None);
        assert_eq!(rival(5, &deep(r#""sequenceStoreId":"2222222222""#)), None);
        assert_eq!(rival(5, &deep(r#""sequenceStoreId":"1111111111","managementPolicy":"Observe""#)), None);
        assert_eq!(rival(5, &deep(r#""sequenceStoreId":"1111111111","region":"us-west-2""#)), None);
        assert_eq!(rival(5, "7"), None, "it names no store, and holds up nobody");
    }

    #[test]
    fn an_owner_that_became_undecodable_still_manages_its_store() {
        let manages = |spec: &str| Cache::complete(&[undecodable("owner", 5, spec)]).has_manager("owner");
        assert!(manages(&deep(r#""sequenceStoreId":"1111111111""#)) && manages("7"));
        assert!(!manages(&deep(r#""managementPolicy":"Observe""#)));
    }
}
