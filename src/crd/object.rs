//! Predicates and accessors of a `SequenceStore` object, shared by the other modules. No I/O.

use kube::ResourceExt;

use super::{FINALIZER, ManagementPolicy, PAUSED_ANNOTATION, RECONCILE_ANNOTATION, SequenceStore};

impl SequenceStore {
    /// `metadata.uid`; empty for an object that does not come from a cluster, such as a manifest.
    #[must_use]
    pub fn uid_str(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Whether the operator may change AWS for this object: `managementPolicy` is `Manage`, the default.
    #[must_use]
    pub fn manages(&self) -> bool {
        self.spec.management_policy.unwrap_or_default() == ManagementPolicy::Manage
    }

    /// Whether the spec names an existing store. The operator never creates a store for such an object.
    #[must_use]
    pub fn names_store(&self) -> bool {
        self.spec.sequence_store_id.is_some()
    }

    /// Whether the annotation `healthomics.dev/paused` is `true`; every other value has no effect.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.annotations().get(PAUSED_ANNOTATION).is_some_and(|value| value == "true")
    }

    /// Whether the object has a deletion timestamp.
    #[must_use]
    pub fn is_being_deleted(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Whether the object has this operator's finalizer.
    #[must_use]
    pub fn has_our_finalizer(&self) -> bool {
        self.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
    }

    /// The value of the annotation `healthomics.dev/reconcile-requested-at`.
    #[must_use]
    pub fn reconcile_request(&self) -> Option<&str> {
        self.annotations().get(RECONCILE_ANNOTATION).map(String::as_str)
    }

    /// Whether the read sets of the store are to be counted.
    #[must_use]
    pub fn observes_read_sets(&self) -> bool {
        self.spec.observe_read_sets.unwrap_or_default()
    }

    /// The ConfigMap that the spec asks for.
    #[must_use]
    pub fn wanted_config_map(&self) -> Option<&str> {
        self.spec.write_connection_to.as_ref().map(|target| target.config_map.as_str())
    }

    /// The ConfigMap that the operator keeps, or is about to make, as far as the status says.
    #[must_use]
    pub fn kept_config_map(&self) -> Option<&str> {
        Some(self.status.as_ref()?.connection.as_ref()?.config_map.as_str())
    }

    /// Whether the status is about the object as it is now: its generation, and what was requested.
    #[must_use]
    pub fn is_handled(&self) -> bool {
        let Some(status) = &self.status else { return false };
        let request = self.reconcile_request();
        status.observed_generation.is_some()
            && status.observed_generation == self.metadata.generation
            && (request.is_none() || request == status.last_handled_reconcile_at.as_deref())
    }
}
