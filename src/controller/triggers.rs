//! What triggers a pass: changes by other people and controllers, told apart from the operator's own writes. No I/O.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use kube::Resource;

use crate::crd::{FINALIZER, INTENT_ANNOTATION, PREFIX};
use crate::kubernetes::{Reference, WatchedObject};

/// The last trigger of each object of one watch.
#[derive(Debug, Default)]
pub struct Triggers {
    last: HashMap<Reference, u64>,
}

impl Triggers {
    /// The watch shows the object now, with this trigger. True where that needs a pass.
    pub fn changed(&mut self, object: &Reference, now: u64) -> bool {
        match self.last.get_mut(object) {
            Some(last) => std::mem::replace(last, now) != now,
            None => self.last.insert(object.clone(), now).is_none(),
        }
    }

    pub fn forget(&mut self, object: &Reference) {
        self.last.remove(object);
    }

    /// A complete list takes the place of what was known before. Returns the objects that it triggers, and those of the
    /// cached ones that have vanished: a list that broke off has left objects in the cache too.
    pub fn relisted(
        &mut self,
        listed: Listed,
        mut cached: Vec<Reference>,
    ) -> (Vec<Reference>, Vec<Reference>) {
        let before = std::mem::replace(&mut self.last, listed.triggers);
        let changed = self.last.iter().filter(|(object, now)| before.get(*object) != Some(*now));
        let changed = changed.map(|(object, _)| object.clone()).collect();
        cached.retain(|object| !self.last.contains_key(object));
        (changed, cached)
    }
}

/// The objects of a list that is not complete yet. Their passes wait for the rest of it: they depend on other objects too.
#[derive(Debug, Default)]
pub struct Listed {
    triggers: HashMap<Reference, u64>,
}

impl Listed {
    pub fn add(&mut self, object: Reference, trigger: u64) {
        self.triggers.insert(object, trigger);
    }
}

/// A hash of what other people and controllers change on an object. The operator's own writes (status, finalizer, intent)
/// must not trigger a pass.
pub fn trigger(object: &WatchedObject) -> u64 {
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

    fn is_changed(triggers: &mut Triggers, object: &WatchedObject) -> bool {
        triggers.changed(&Reference::of(object), trigger(object))
    }

    fn names(objects: &[Reference]) -> Vec<&str> {
        let mut names: Vec<&str> = objects.iter().map(Reference::name).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn only_changes_by_others_trigger_a_pass() {
        let mut triggers = Triggers::default();
        assert!(is_changed(&mut triggers, &object("a", "1", 1)));
        let mut same = object("a", "1", 1);
        let metadata = same.meta_mut();
        metadata.finalizers = Some(vec![FINALIZER.into()]);
        metadata.annotations = Some([(INTENT_ANNOTATION.to_owned(), "{}".to_owned())].into());
        metadata.resource_version = Some("9".into());
        assert!(!is_changed(&mut triggers, &same));
        assert!(is_changed(&mut triggers, &object("a", "1", 2)));
        assert!(is_changed(&mut triggers, &object("a", "2", 2)), "another object of the same name");
    }

    #[test]
    fn a_relist_triggers_what_changed_and_finds_what_vanished() {
        let mut triggers = Triggers::default();
        for object in [object("edited", "1", 1), object("gone", "2", 1), object("same", "3", 1)] {
            is_changed(&mut triggers, &object);
        }
        let mut listed = Listed::default();
        for object in [object("edited", "1", 2), object("new", "4", 1), object("same", "3", 1)] {
            listed.add(Reference::of(&object), trigger(&object));
        }
        // The last one came with a list that broke off.
        let cached = [object("edited", "1", 2), object("gone", "2", 1), object("broken-off", "5", 1)];
        let cached = cached.iter().map(Reference::of).collect();
        let (changed, vanished) = triggers.relisted(listed, cached);
        assert_eq!((names(&changed), names(&vanished)), (vec!["edited", "new"], vec!["broken-off", "gone"]));
        assert!(!is_changed(&mut triggers, &object("new", "4", 1)), "the watch after the list");
    }
}
