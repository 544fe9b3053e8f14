//! Owner tags: the tags on a store that name the object it belongs to. No I/O.

use std::collections::BTreeMap;

use kube::ResourceExt;

use super::SequenceStore;

/// Tag on a store that names its owner: the `metadata.uid` of one object.
pub const OWNER_UID_TAG: &str = "healthomics.dev/uid";
/// Tag on a store that names the cluster of its owner.
pub const CLUSTER_TAG: &str = "healthomics.dev/cluster";
pub(crate) const NAMESPACE_TAG: &str = "healthomics.dev/namespace";
pub(crate) const NAME_TAG: &str = "healthomics.dev/name";

/// The four owner tags of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerTags {
    /// `metadata.uid`: the object with this uid owns the store.
    pub uid: String,
    /// Name of the cluster. Only re-adoption uses it, together with `namespace` and `name`.
    pub cluster: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
}

impl OwnerTags {
    /// The tags that the operator writes to a store of this object.
    #[must_use]
    pub fn of(object: &SequenceStore, cluster: &str) -> Self {
        Self {
            uid: object.uid_str().to_owned(),
            cluster: cluster.to_owned(),
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        }
    }

    /// Reads the owner tags of a store; `None` if one of the four is missing.
    #[must_use]
    pub fn read(tags: &BTreeMap<String, String>) -> Option<Self> {
        Some(Self {
            uid: tags.get(OWNER_UID_TAG)?.clone(),
            cluster: tags.get(CLUSTER_TAG)?.clone(),
            namespace: tags.get(NAMESPACE_TAG)?.clone(),
            name: tags.get(NAME_TAG)?.clone(),
        })
    }

    /// The owner tags as a map from tag key to tag value.
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

    /// Whether the tags of a store name this object as the owner.
    #[must_use]
    pub fn own(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.get(OWNER_UID_TAG) == Some(&self.uid)
    }

    /// Whether the tags of a store name an owner of the same cluster, namespace and name. The uid may
    /// differ: a restored or re-applied object has a new one.
    #[must_use]
    pub fn owned_before(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.contains_key(OWNER_UID_TAG)
            && tags.get(CLUSTER_TAG) == Some(&self.cluster)
            && tags.get(NAMESPACE_TAG) == Some(&self.namespace)
            && tags.get(NAME_TAG) == Some(&self.name)
    }

    /// The owner tags that the store lacks or carries with another value.
    #[must_use]
    pub fn missing_from(&self, tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        self.tags().into_iter().filter(|(key, value)| tags.get(key) != Some(value)).collect()
    }
}
