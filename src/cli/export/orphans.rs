//! Stores whose object is gone: they carry owner tags of this cluster, and no object has that uid. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use kube::{Resource, ResourceExt};

use super::inventory::Entry;
use crate::crd::OwnerTags;
use crate::kubernetes::WatchedObject;

/// A store whose object is gone.
#[derive(Clone, Debug)]
pub struct Orphan {
    /// The store.
    pub entry: Entry,
    /// Who owned it.
    pub owner: OwnerTags,
    /// An object of the same namespace and name is there, with another uid.
    pub has_successor: bool,
}

/// What the stores and the objects of a cluster tell together.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Stores of this cluster without an object.
    pub orphans: Vec<Orphan>,
    /// How many stores carry owner tags of this cluster.
    pub ours: usize,
    /// How many stores carry owner tags of other clusters, by the cluster's name.
    pub others: BTreeMap<String, usize>,
}

/// Compares. A store that is on its way out is no orphan, and one whose owner tags are not complete is
/// nobody's.
#[must_use]
pub fn find(entries: Vec<Entry>, objects: &[WatchedObject], cluster: &str) -> Found {
    let uids: BTreeSet<String> = objects.iter().filter_map(ResourceExt::uid).collect();
    let names: BTreeSet<(String, String)> = objects
        .iter()
        .map(|object| {
            let metadata = object.meta();
            (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
        })
        .collect();
    let mut found = Found::default();
    for entry in entries {
        let Some(owner) = entry.tags.as_ref().and_then(OwnerTags::read) else { continue };
        if owner.cluster != cluster {
            *found.others.entry(owner.cluster).or_default() += 1;
            continue;
        }
        found.ours += 1;
        if !uids.contains(&owner.uid) && entry.store.status.as_deref() != Some("DELETING") {
            let has_successor = names.contains(&(owner.namespace.clone(), owner.name.clone()));
            found.orphans.push(Orphan { entry, owner, has_successor });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{SequenceStore, SequenceStoreSpec, Store};
    use kube::core::DeserializeGuard;

    fn entry(id: &str, owner: Option<(&str, &str, &str)>, status: &str) -> Entry {
        let tags = owner.map(|(uid, cluster, name)| {
            let (uid, cluster, namespace, name) = (uid.into(), cluster.into(), "lab".into(), name.into());
            OwnerTags { uid, cluster, namespace, name }.tags()
        });
        let store = Store { id: id.into(), status: Some(status.into()), ..Store::default() };
        Entry { store, tags: Some(tags.unwrap_or_default()), name: id.into() }
    }

    #[test]
    fn only_stores_of_this_cluster_without_their_object_are_orphans() {
        let mut object = SequenceStore::new("a", SequenceStoreSpec::default());
        object.metadata.uid = Some("u1".into());
        object.metadata.namespace = Some("lab".into());
        let entries = vec![
            entry("1", Some(("u1", "c", "a")), "ACTIVE"),
            entry("2", Some(("gone", "c", "b")), "ACTIVE"),
            entry("3", Some(("former", "c", "a")), "FAILED"),
            entry("4", Some(("gone", "c", "d")), "DELETING"),
            entry("5", Some(("gone", "other", "e")), "ACTIVE"),
            entry("6", None, "ACTIVE"),
        ];
        let found = find(entries, &[DeserializeGuard(Ok(object))], "c");
        let orphans: Vec<(&str, bool)> = found
            .orphans
            .iter()
            .map(|orphan| (orphan.entry.store.id.as_str(), orphan.has_successor))
            .collect();
        assert_eq!(orphans, [("2", false), ("3", true)]);
        assert_eq!((found.ours, found.others), (4, BTreeMap::from([("other".to_owned(), 1)])));
    }
}
