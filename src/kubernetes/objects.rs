//! All objects, each as a short text, and indexes over them: by uid, by the store that they manage, and which ask for a count of
//! read sets. A pass looks at one object or at those of one store, never at all of them. No I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use kube::Resource;

use super::{Glance, Reference, Uid, WatchedObject};
use crate::crd::SequenceStore;
use crate::store::identity;

/// Objects by reference.
#[derive(Default)]
pub(super) struct Objects {
    packed: HashMap<Reference, Packed>,
    uids: Index<Uid>,
    /// What an object means under `Manage`. Those that may mean any store stand under "".
    stores: Index<Box<str>>,
    /// Those that ask for a count of read sets, each with a hash of its uid and version.
    counted: BTreeMap<Reference, u64>,
}

/// An object as it is kept between passes. Its text takes a third of the memory that the decoded object takes, and is
/// decoded in microseconds.
enum Packed {
    Text(Box<str>),
    Invalid(Arc<WatchedObject>),
}

impl Packed {
    fn of(object: WatchedObject) -> Self {
        match object.0.as_ref().ok().and_then(|object| serde_json::to_string(object).ok()) {
            Some(text) => Self::Text(text.into()),
            None => Self::Invalid(Arc::new(object)),
        }
    }

    fn unpack(&self) -> Arc<WatchedObject> {
        match self {
            // The text is the operator's own, so the checks of what comes from outside are not repeated.
            Self::Text(text) => Arc::new(match serde_json::from_str(text) {
                Ok(object) => WatchedObject(Ok(object)),
                Err(_) => WatchedObject::decode(text),
            }),
            Self::Invalid(object) => Arc::clone(object),
        }
    }
}

impl Objects {
    /// Returns the reference under which the object stands.
    pub(super) fn put(&mut self, object: WatchedObject) -> Reference {
        let reference = Reference::of(&object);
        let reference = match self.packed.get_key_value(&reference) {
            // All who refer to the object share one text.
            Some((known, before)) => {
                let (known, before) = (known.clone(), before.unpack());
                self.remove_from_indexes(&known, &before);
                known
            }
            None => reference,
        };
        self.uids.insert(Uid::of(&object), reference.clone());
        if let Some(store) = store_key(&object) {
            self.stores.insert(store, reference.clone());
        }
        if object.0.as_ref().is_ok_and(SequenceStore::observes_read_sets) {
            self.counted.insert(reference.clone(), version(&object));
        }
        self.packed.insert(reference.clone(), Packed::of(object));
        reference
    }

    pub(super) fn remove(&mut self, reference: &Reference) {
        if let Some(packed) = self.packed.remove(reference) {
            self.remove_from_indexes(reference, &packed.unpack());
        }
    }

    fn remove_from_indexes(&mut self, reference: &Reference, object: &WatchedObject) {
        self.uids.remove(Uid::of(object), reference);
        if let Some(store) = store_key(object) {
            self.stores.remove(store, reference);
        }
        self.counted.remove(reference);
    }

    pub(super) fn get(&self, reference: &Reference) -> Option<Arc<WatchedObject>> {
        self.packed.get(reference).map(Packed::unpack)
    }

    pub(super) fn glance(&self, reference: &Reference) -> Option<Glance> {
        self.packed.get(reference).map(|packed| match packed {
            Packed::Text(text) => Glance::at_text(text),
            Packed::Invalid(object) => Glance::at_invalid(object),
        })
    }

    pub(super) fn references(&self) -> Vec<Reference> {
        self.packed.keys().cloned().collect()
    }

    /// Whether an object with this uid stands under this reference.
    pub(super) fn is(&self, reference: &Reference, uid: Uid) -> bool {
        self.uids.holds(uid, reference)
    }

    pub(super) fn has(&self, uid: &Uid) -> bool {
        self.uids.of(uid).next().is_some()
    }

    pub(super) fn with_uid(&self, uid: &Uid) -> Vec<Arc<WatchedObject>> {
        self.uids.of(uid).filter_map(|reference| self.get(reference)).collect()
    }

    /// The objects that ask for a count of read sets, each with a number that is another one after every change of the object.
    pub(super) fn that_observe_read_sets(&self) -> Vec<(Reference, u64)> {
        self.counted.iter().map(|(reference, version)| (reference.clone(), *version)).collect()
    }

    /// The objects that manage this store, and those of which nobody can tell which store they mean.
    pub(super) fn that_may_manage(&self, store: &str) -> Vec<Arc<WatchedObject>> {
        let (this, any) = (store.into(), "".into());
        self.stores
            .of(&this)
            .chain(self.stores.of(&any))
            .filter_map(|reference| self.get(reference))
            .collect()
    }
}

fn version(object: &WatchedObject) -> u64 {
    let mut hasher = DefaultHasher::new();
    (Uid::of(object), &object.meta().resource_version).hash(&mut hasher);
    hasher.finish()
}

/// None for an object that manages no store, as far as it says.
fn store_key(object: &WatchedObject) -> Option<Box<str>> {
    match object.claim() {
        Some(claim) if !claim.manages() => None,
        Some(claim) => identity::store_id(claim).map(Into::into),
        None => Some("".into()),
    }
}

/// References by a key. A set of pairs, since a list for each key would cost more than the rest of it.
struct Index<K>(BTreeSet<(K, Reference)>);

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<K: Clone + Ord> Index<K> {
    fn insert(&mut self, key: K, reference: Reference) {
        self.0.insert((key, reference));
    }

    fn remove(&mut self, key: K, reference: &Reference) {
        self.0.remove(&(key, reference.clone()));
    }

    fn holds(&self, key: K, reference: &Reference) -> bool {
        self.0.contains(&(key, reference.clone()))
    }

    fn of(&self, key: &K) -> impl Iterator<Item = &Reference> {
        let from = (key.clone(), Reference::least());
        self.0.range(from..).take_while(move |(found, _)| found == key).map(|(_, reference)| reference)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;
    use crate::samples::{Scene, any_scene};

    /// Those of uid 1 ask for a count of read sets.
    fn object(name: &str, uid: &str, store: &str, policy: &str) -> WatchedObject {
        let metadata = json!({"name": name, "namespace": "ns", "uid": uid});
        let asks = uid == "1";
        let spec = json!({"sequenceStoreId": store, "managementPolicy": policy, "observeReadSets": asks});
        WatchedObject::decode(&json!({"metadata": metadata, "spec": spec}).to_string())
    }

    /// Only its name, namespace and uid can be read.
    fn unreadable(name: &str, uid: &str) -> WatchedObject {
        let object = WatchedObject::decode(&format!(
            r#"{{"metadata":{{"name":"{name}","namespace":"ns","uid":"{uid}","labels":7}},"spec":{{}},"spec":{{}}}}"#
        ));
        assert!(object.0.is_err() && object.claim().is_none());
        object
    }

    /// What happens to the cache: an object is put under a name, or the name is removed.
    #[derive(Clone, Debug)]
    enum Change {
        Put { name: &'static str, uid: &'static str, store: &'static str, policy: &'static str },
        PutUnreadable { name: &'static str, uid: &'static str },
        Remove { name: &'static str },
    }

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];
    const UIDS: [&str; 5] = ["1", "2", "0b6f3c2e-8a51-4a0e-9a55-0d2f6f0c7f11", "4", ""];
    const STORES: [&str; 3] = ["1111111111", "2222222222", "3333333333"];

    fn any_change() -> impl Strategy<Value = Change> {
        let (name, uid, store) = (select(&NAMES[..]), select(&UIDS[..]), select(&STORES[..]));
        let policy = select(vec!["Manage", "Manage", "Observe"]);
        prop_oneof![
            5 => (name.clone(), uid.clone(), store, policy)
                .prop_map(|(name, uid, store, policy)| Change::Put { name, uid, store, policy }),
            1 => (name.clone(), uid).prop_map(|(name, uid)| Change::PutUnreadable { name, uid }),
            2 => name.prop_map(|name| Change::Remove { name }),
        ]
    }

    /// The answer of the scan that the index takes the place of.
    fn scan(
        objects: &HashMap<&str, WatchedObject>,
        is_meant: impl Fn(&WatchedObject) -> bool,
    ) -> Vec<String> {
        let mut names: Vec<String> =
            objects.iter().filter(|(_, object)| is_meant(object)).map(|(name, _)| (*name).into()).collect();
        names.sort_unstable();
        names
    }

    fn names(found: &[Arc<WatchedObject>]) -> Vec<String> {
        let mut names: Vec<String> = found.iter().map(|o| Reference::of(o.as_ref()).name().into()).collect();
        names.sort_unstable();
        names
    }

    proptest! {
        #[test]
        fn the_indexes_answer_as_a_scan_of_all_objects(changes in prop::collection::vec(any_change(), 0..40)) {
            let (mut objects, mut all) = (Objects::default(), HashMap::new());
            for change in changes {
                let (name, put) = match change {
                    Change::Put { name, uid, store, policy } => (name, Some(object(name, uid, store, policy))),
                    Change::PutUnreadable { name, uid } => (name, Some(unreadable(name, uid))),
                    Change::Remove { name } => (name, None),
                };
                match put {
                    Some(object) => {
                        objects.put(object.clone());
                        all.insert(name, object);
                    }
                    None => {
                        objects.remove(&Reference::new("ns", name));
                        all.remove(name);
                    }
                }
            }
            prop_assert_eq!(objects.references().len(), all.len());
            for uid in UIDS.map(Uid::from) {
                let found = scan(&all, |object| Uid::of(object) == uid);
                prop_assert_eq!(objects.has(&uid), !found.is_empty());
                prop_assert_eq!(names(&objects.with_uid(&uid)), found);
                for (name, object) in &all {
                    let is_same = Uid::of(object) == uid;
                    prop_assert_eq!(objects.is(&Reference::new("ns", name), uid.clone()), is_same);
                }
            }
            let asking = objects.that_observe_read_sets();
            let asking: Vec<String> = asking.iter().map(|(asking, _)| asking.name().to_owned()).collect();
            prop_assert_eq!(asking, scan(&all, |o| o.0.as_ref().is_ok_and(SequenceStore::observes_read_sets)));
            for store in STORES {
                let means = |object: &WatchedObject| {
                    object.claim().is_none_or(|o| o.manages() && identity::store_id(o).as_deref() == Some(store))
                };
                prop_assert_eq!(names(&objects.that_may_manage(store)), scan(&all, means));
            }
        }

        #[test]
        fn an_object_comes_out_of_the_cache_as_it_went_in(scene in any_scene()) {
            let mut objects = Objects::default();
            let reference = objects.put(WatchedObject(Ok(scene.object.clone())));
            let found = objects.get(&reference);
            let found = found.as_ref().and_then(|found| found.0.as_ref().ok()).map(|o| serde_json::to_value(o).ok());
            prop_assert_eq!(found, Some(serde_json::to_value(&scene.object).ok()));
        }
    }

    #[test]
    fn every_change_of_an_object_that_asks_for_a_count_shows() {
        let mut objects = Objects::default();
        let mut shown = |version: &str, uid: &str| {
            let mut object = Scene::settled().object;
            object.spec.observe_read_sets = Some(true);
            (object.metadata.resource_version, object.metadata.uid) =
                (Some(version.into()), Some(uid.into()));
            objects.put(WatchedObject(Ok(object)));
            objects.that_observe_read_sets().first().map(|(_, version)| *version).expect("it asks")
        };
        let first = shown("1", "a");
        assert_eq!(shown("1", "a"), first);
        assert!(shown("2", "a") != first && shown("1", "b") != first);
    }

    #[test]
    fn all_who_refer_to_an_object_share_one_text() {
        let mut objects = Objects::default();
        let first = objects.put(WatchedObject(Ok(Scene::settled().object)));
        let second = objects.put(WatchedObject(Ok(Scene::deleting().object)));
        assert!(std::ptr::eq(first.name(), second.name()));
        objects.remove(&first);
        assert!(objects.get(&second).is_none());
    }
}
