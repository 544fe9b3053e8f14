//! Finds orphans: stores with owner tags of this cluster whose uid no object has. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use kube::{Resource, ResourceExt};

use super::store_reader::Entry;
use crate::crd::{OwnerTags, StoreStatus};
use crate::kubernetes::WatchedObject;

/// A store whose object no longer exists.
#[derive(Clone, Debug)]
pub(super) struct Orphan {
    pub(super) entry: Entry,
    /// The owner tags of the store, which name the former object.
    pub(super) owner: OwnerTags,
    /// An object with the namespace and name of the former object exists, with another uid.
    pub(super) has_successor: bool,
}

/// The result of comparing stores with the objects of a cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct OrphanSearch {
    pub(super) orphans: Vec<Orphan>,
    /// Number of stores with owner tags of this cluster.
    pub(super) owned_here: usize,
    /// Number of stores with owner tags of other clusters, by cluster name.
    pub(super) owned_elsewhere: BTreeMap<String, usize>,
}

impl OrphanSearch {
    /// Stores that are being deleted, and stores with incomplete owner tags, are not orphans.
    pub(super) fn of(entries: Vec<Entry>, objects: &[WatchedObject], cluster: &str) -> Self {
        let uids: BTreeSet<String> = objects.iter().filter_map(ResourceExt::uid).collect();
        let names: BTreeSet<(String, String)> = objects
            .iter()
            .map(|object| {
                let metadata = object.meta();
                (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
            })
            .collect();
        let mut found = Self::default();
        for entry in entries {
            let Some(owner) = entry.tags.as_ref().and_then(OwnerTags::read) else { continue };
            if owner.cluster != cluster {
                *found.owned_elsewhere.entry(owner.cluster).or_default() += 1;
                continue;
            }
            found.owned_here += 1;
            if !uids.contains(&owner.uid) && !entry.store.is(StoreStatus::Deleting) {
                let has_successor = names.contains(&(owner.namespace.clone(), owner.name.clone()));
                found.orphans.push(Orphan { entry, owner, has_successor });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{SequenceStore, SequenceStoreSpec, Store};

    fn entry(id: &str, owner: Option<(&str, &str, &str)>, status: &str) -> Entry {
        let tags = owner.map(|(uid, cluster, name)| {
            let (uid, cluster, namespace, name) = (uid.into(), cluster.into(), "lab".into(), name.into());
            OwnerTags { uid, cluster, namespace, name }.tags()
        });
        let store = Store { id: id.into(), status: Some(status.into()), ..Store::default() };
        Entry { store, tags: Some(tags.unwrap_or_default()), object_name: id.into() }
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
        let found = OrphanSearch::of(entries, &[WatchedObject(Ok(object))], "c");
        let orphans: Vec<(&str, bool)> = found
            .orphans
            .iter()
            .map(|orphan| (orphan.entry.store.id.as_str(), orphan.has_successor))
            .collect();
        assert_eq!(orphans, [("2", false), ("3", true)]);
        assert_eq!((found.owned_here, found.owned_elsewhere), (4, BTreeMap::from([("other".to_owned(), 1)])));
    }
}
