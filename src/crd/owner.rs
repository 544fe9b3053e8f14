//! Owner tags: how a store says which object it belongs to. No I/O.

use std::collections::BTreeMap;

use kube::ResourceExt;

use super::{OWNER_UID_TAG, SequenceStore};

pub(crate) const CLUSTER_TAG: &str = "healthomics.dev/cluster";
const NAMESPACE_TAG: &str = "healthomics.dev/namespace";
const NAME_TAG: &str = "healthomics.dev/name";

/// The four owner tags of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerTags {
    /// `metadata.uid`; the owner is the object with this uid.
    pub uid: String,
    /// Name of the cluster; serves re-adoption alone, like the two that follow.
    pub cluster: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
}

impl OwnerTags {
    /// The tags that a store of this object carries.
    #[must_use]
    pub fn of(object: &SequenceStore, cluster: &str) -> Self {
        Self {
            uid: object.uid_str().to_owned(),
            cluster: cluster.to_owned(),
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        }
    }

    /// Reads the owner tags of a store; none where one of them is missing.
    #[must_use]
    pub fn read(tags: &BTreeMap<String, String>) -> Option<Self> {
        Some(Self {
            uid: tags.get(OWNER_UID_TAG)?.clone(),
            cluster: tags.get(CLUSTER_TAG)?.clone(),
            namespace: tags.get(NAMESPACE_TAG)?.clone(),
            name: tags.get(NAME_TAG)?.clone(),
        })
    }

    /// As tags.
    #[must_use]
    pub fn tags(&self) -> BTreeMap<String, String> {
        let pairs = [
            (OWNER_UID_TAG, &self.uid),
            (CLUSTER_TAG, &self.cluster),
            (NAMESPACE_TAG, &self.namespace),
            (NAME_TAG, &self.name),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect()
    }

    /// Whether tags say that this object owns the store.
    #[must_use]
    pub fn own(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.get(OWNER_UID_TAG) == Some(&self.uid)
    }

    /// Whether tags say that a former object of the same cluster, namespace and name owned the store.
    #[must_use]
    pub fn owned_before(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.contains_key(OWNER_UID_TAG)
            && tags.get(CLUSTER_TAG) == Some(&self.cluster)
            && tags.get(NAMESPACE_TAG) == Some(&self.namespace)
            && tags.get(NAME_TAG) == Some(&self.name)
    }

    /// The owner tags that are missing or different.
    #[must_use]
    pub fn missing_from(&self, tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        self.tags().into_iter().filter(|(key, value)| tags.get(key) != Some(value)).collect()
    }
}
