//! Which tags of a store to set, which to remove, and which keys this operator manages. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::crd::SequenceStore;

/// AWS's limit for the tags of a store. Tags of AWS itself do not count.
pub const MOST_TAGS: usize = 50;

/// How many of the tags count against the limit.
pub fn counted(tags: &BTreeMap<String, String>) -> usize {
    tags.keys().filter(|key| !key.starts_with("aws:")).count()
}

/// The keys that a store with these tags has no room for, if `set` is to be set: all new ones or none.
pub fn without_room(tags: &BTreeMap<String, String>, set: &BTreeMap<String, String>) -> Vec<String> {
    let new: Vec<String> = set.keys().filter(|key| !tags.contains_key(*key)).cloned().collect();
    if counted(tags) + new.len() > MOST_TAGS { new } else { Vec::new() }
}

/// The smallest change that makes the tags of a store match the spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagChanges {
    pub set: BTreeMap<String, String>,
    pub remove: BTreeSet<String>,
    /// Keys that this operator manages once the change is made. They are saved to status before the call.
    pub managed: Vec<String>,
}

impl TagChanges {
    /// Sets the keys in the spec, removes keys that this operator set and the spec no longer has, and leaves all other
    /// keys alone. An absent `spec.tags` manages nothing.
    pub fn of(object: &SequenceStore, shown: &BTreeMap<String, String>) -> Self {
        let once_set = object.status.iter().flat_map(|status| status.managed_tag_keys.iter());
        let once_set: BTreeSet<&String> = once_set.collect();
        let Some(wanted) = &object.spec.tags else {
            return Self { managed: once_set.into_iter().cloned().collect(), ..Self::default() };
        };
        let set: BTreeMap<_, _> = wanted
            .iter()
            .filter(|(key, value)| shown.get(*key) != Some(*value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let dropped = once_set.iter().filter(|key| !wanted.contains_key(**key));
        let remove: BTreeSet<String> =
            dropped.filter(|key| shown.contains_key(**key)).map(|key| (*key).clone()).collect();
        // A key that already has the wanted value was set by somebody else and stays theirs. A key that is not shown may
        // only lag: the report step lets it go when its absence is certain.
        let managed: BTreeSet<String> = once_set.into_iter().cloned().chain(set.keys().cloned()).collect();
        Self { set, remove, managed: managed.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{SequenceStoreSpec, SequenceStoreStatus};

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn new_keys_need_room_and_known_ones_do_not() {
        let many = |count: usize, prefix: &str| -> BTreeMap<String, String> {
            (0..count).map(|number| (format!("{prefix}{number}"), "x".to_owned())).collect()
        };
        let set = many(3, "key-");
        assert_eq!(without_room(&many(47, "other-"), &set), [""; 0]);
        assert_eq!(without_room(&many(48, "other-"), &set), ["key-0", "key-1", "key-2"]);
        assert_eq!(without_room(&many(50, "key-"), &set), [""; 0]);
        let mut tags = many(47, "other-");
        tags.extend(many(9, "aws:"));
        assert_eq!(without_room(&tags, &set), [""; 0]);
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
        assert_eq!(after.managed, ["a", "old"]);
        object.spec.tags = None;
        let unmanaged = TagChanges::of(&object, &tags(&[("a", "0")]));
        assert_eq!((unmanaged.set.len(), unmanaged.remove.len()), (0, 0));
    }
}
