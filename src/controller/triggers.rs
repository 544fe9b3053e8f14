//! What triggers a pass: changes by other people and controllers, told apart from the operator's own writes. No I/O.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use kube::Resource;
use kube::runtime::reflector::ObjectRef;

use crate::crd::{FINALIZER, INTENT_ANNOTATION, PREFIX};
use crate::kubernetes::WatchedObject;

pub type Reference = ObjectRef<WatchedObject>;

/// The last trigger of each object of one watch.
#[derive(Debug, Default)]
pub struct Triggers {
    last: HashMap<Reference, u64>,
}

impl Triggers {
    /// The object as the watch shows it now. True where that triggers a pass.
    pub fn changed(&mut self, object: &WatchedObject) -> bool {
        let now = trigger(object);
        self.last.insert(ObjectRef::from_obj(object), now) != Some(now)
    }

    pub fn forget(&mut self, object: &Reference) {
        self.last.remove(object);
    }

    /// A complete list takes the place of what was known before. Returns the objects that it triggers, and those of the
    /// cached ones that have vanished: a list that broke off has left objects in the cache too.
    pub fn relisted(
        &mut self,
        listed: Listed,
        cached: impl Iterator<Item = Reference>,
    ) -> (Vec<Reference>, Vec<Reference>) {
        let before = std::mem::replace(&mut self.last, listed.triggers);
        let changed = self.last.iter().filter(|(object, now)| before.get(*object) != Some(*now));
        let changed = changed.map(|(object, _)| object.clone()).collect();
        let vanished = cached.filter(|object| !self.last.contains_key(object)).collect();
        (changed, vanished)
    }
}

/// The objects of a list that is not complete yet. Their passes wait for the rest of it: they depend on other objects too.
#[derive(Debug, Default)]
pub struct Listed {
    triggers: HashMap<Reference, u64>,
}

impl Listed {
    pub fn add(&mut self, object: &WatchedObject) {
        self.triggers.insert(ObjectRef::from_obj(object), trigger(object));
    }
}

/// A hash of what other people and controllers change on an object. The operator's own writes (status, finalizer, intent)
/// must not trigger a pass.
fn trigger(object: &WatchedObject) -> u64 {
    let metadata = object.meta();
    let mut hasher = DefaultHasher::new();
    // Another object may have taken the name while the watch was interrupted.
    metadata.uid.hash(&mut hasher);
    metadata.generation.hash(&mut hasher);
    metadata.deletion_timestamp.as_ref().map(|time| time.0.as_second()).hash(&mut hasher);
    let foreign = metadata.finalizers.iter().flatten().filter(|finalizer| *finalizer != FINALIZER);
    foreign.for_each(|finalizer| finalizer.hash(&mut hasher));
    let ours = metadata
        .annotations
        .iter()
        .flatten()
        .filter(|(key, _)| key.starts_with(PREFIX) && *key != INTENT_ANNOTATION);
    ours.for_each(|annotation| annotation.hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{SequenceStore, SequenceStoreSpec};

    fn object(name: &str, uid: &str, generation: i64) -> WatchedObject {
        let mut object = SequenceStore::new(name, SequenceStoreSpec::default());
        object.metadata.namespace = Some("ns".into());
        object.metadata.uid = Some(uid.into());
        object.metadata.generation = Some(generation);
        WatchedObject(Ok(object))
    }

    fn names(objects: &[Reference]) -> Vec<&str> {
        let mut names: Vec<&str> = objects.iter().map(|object| object.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn only_changes_by_others_trigger_a_pass() {
        let mut triggers = Triggers::default();
        assert!(triggers.changed(&object("a", "1", 1)));
        let mut same = object("a", "1", 1);
        let metadata = same.meta_mut();
        metadata.finalizers = Some(vec![FINALIZER.into()]);
        metadata.annotations = Some([(INTENT_ANNOTATION.to_owned(), "{}".to_owned())].into());
        metadata.resource_version = Some("9".into());
        assert!(!triggers.changed(&same));
        assert!(triggers.changed(&object("a", "1", 2)));
        assert!(triggers.changed(&object("a", "2", 2)), "another object of the same name");
    }

    #[test]
    fn a_relist_triggers_what_changed_and_finds_what_vanished() {
        let mut triggers = Triggers::default();
        for object in [object("edited", "1", 1), object("gone", "2", 1), object("same", "3", 1)] {
            triggers.changed(&object);
        }
        let mut listed = Listed::default();
        for object in [object("edited", "1", 2), object("new", "4", 1), object("same", "3", 1)] {
            listed.add(&object);
        }
        // The last one came with a list that broke off.
        let cached = [object("edited", "1", 2), object("gone", "2", 1), object("broken-off", "5", 1)];
        let cached = cached.iter().map(ObjectRef::from_obj);
        let (changed, vanished) = triggers.relisted(listed, cached);
        assert_eq!((names(&changed), names(&vanished)), (vec!["edited", "new"], vec!["broken-off", "gone"]));
        assert!(!triggers.changed(&object("new", "4", 1)), "the watch after the list");
    }
}
