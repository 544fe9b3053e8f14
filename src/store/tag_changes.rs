//! What becomes of a store's tags: which to set, which to remove, and which keys are this operator's. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::crd::SequenceStore;

/// What becomes of the tags of the spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagChanges {
    /// Tags to set.
    pub set: BTreeMap<String, String>,
    /// Keys to remove.
    pub remove: BTreeSet<String>,
    /// Keys that are ours once the call is made; saved before it.
    pub managed: Vec<String>,
}

impl TagChanges {
    /// The smallest change: keys of the spec are ensured, keys this operator once set and the spec
    /// dropped are removed, all others are left alone. An absent `spec.tags` manages nothing.
    #[must_use]
    pub fn of(object: &SequenceStore, shown: &BTreeMap<String, String>) -> Self {
        let once_set = object.status.iter().flat_map(|status| status.managed_tag_keys.iter());
        let once_set: BTreeSet<&String> = once_set.collect();
        let Some(wanted) = &object.spec.tags else {
            return Self { managed: once_set.into_iter().cloned().collect(), ..Self::default() };
        };
        let set: BTreeMap<_, _> =
            wanted.iter().filter(|(key, value)| shown.get(*key) != Some(*value)).map(own).collect();
        let dropped = once_set.iter().filter(|key| !wanted.contains_key(**key));
        let remove: BTreeSet<String> =
            dropped.filter(|key| shown.contains_key(**key)).map(|key| (*key).clone()).collect();
        // A key found with the wanted value was somebody else's doing and stays theirs.
        let managed = once_set.iter().filter(|key| wanted.contains_key(**key) || shown.contains_key(**key));
        let managed: BTreeSet<String> =
            managed.map(|key| (*key).clone()).chain(set.keys().cloned()).collect();
        Self { set, remove, managed: managed.into_iter().collect() }
    }
}

fn own((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{SequenceStoreSpec, SequenceStoreStatus};

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn tags_are_managed_key_by_key() {
        let spec = SequenceStoreSpec { tags: Some(tags(&[("a", "1"), ("b", "2")])), ..Default::default() };
        let mut object = SequenceStore::new("a", spec);
        object.status = Some(SequenceStoreStatus {
            managed_tag_keys: vec!["a".into(), "old".into()],
            ..Default::default()
        });
        let changes =
            TagChanges::of(&object, &tags(&[("a", "0"), ("b", "2"), ("old", "x"), ("foreign", "y")]));
        assert_eq!(changes.set, tags(&[("a", "1")]));
        assert_eq!(changes.remove, BTreeSet::from(["old".to_owned()]));
        assert_eq!(changes.managed, ["a", "old"]);
        let after = TagChanges::of(&object, &tags(&[("a", "1"), ("b", "2"), ("foreign", "y")]));
        assert_eq!((after.set.len(), after.remove.len()), (0, 0));
        assert_eq!(after.managed, ["a"]);
        object.spec.tags = None;
        let unmanaged = TagChanges::of(&object, &tags(&[("a", "0")]));
        assert_eq!((unmanaged.set.len(), unmanaged.remove.len()), (0, 0));
    }
}
