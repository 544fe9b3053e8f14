//! What happens to the store when its object is deleted: the spec says it, and where it does not, the operator's defaults. No I/O.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{DeletionPolicy, ManagementPolicy, SequenceStore};

/// What happens to objects whose spec is silent. The operator never writes it into a spec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeletionDefaults {
    /// Of objects without `spec.deletionPolicy`.
    pub policy: DeletionPolicy,
    /// Of objects without `spec.deletionProtection`.
    pub protection: bool,
}

impl DeletionDefaults {
    /// The defaults of the operator that wrote the status of these objects, as far as they show them.
    #[must_use]
    pub fn shown_by<'a>(objects: impl Iterator<Item = &'a SequenceStore>) -> Self {
        let mut found = (None, None);
        // A paused object may show what held before.
        for object in objects.filter(|object| object.is_handled() && !object.is_paused()) {
            let Some(shown) = object.status.as_ref().and_then(|status| status.deletion) else { continue };
            if object.manages() && object.spec.deletion_policy.is_none() {
                found.0.get_or_insert(shown.policy);
            }
            if object.spec.deletion_protection.is_none() {
                found.1.get_or_insert(shown.protection);
            }
        }
        Self { policy: found.0.unwrap_or_default(), protection: found.1.unwrap_or_default() }
    }
}

/// What holds for an object: its spec, and the operator's defaults where the spec is silent.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    /// What the operator does with the store when the object is deleted. `Retain` also where managementPolicy is
    /// `Observe`.
    pub policy: DeletionPolicy,
    /// Whether the object is protected: the chart's admission policy refuses to delete it, and where its store would be
    /// deleted, the deletion waits.
    pub protection: bool,
}

impl SequenceStore {
    /// What happens to the store when the object is deleted.
    #[must_use]
    pub fn deletion(&self, defaults: DeletionDefaults) -> Deletion {
        let policy = match self.spec.management_policy.unwrap_or_default() {
            ManagementPolicy::Manage => self.spec.deletion_policy.unwrap_or(defaults.policy),
            ManagementPolicy::Observe => DeletionPolicy::Retain,
        };
        Deletion { policy, protection: self.spec.deletion_protection.unwrap_or(defaults.protection) }
    }

    /// Whether the operator deletes the store when the object is deleted.
    #[must_use]
    pub fn deletes_store(&self, defaults: DeletionDefaults) -> bool {
        self.deletion(defaults).policy == DeletionPolicy::Delete
    }

    /// Whether the status says what happens on deletion. A status without it is that of an operator without defaults.
    #[must_use]
    pub fn shows_deletion(&self, defaults: DeletionDefaults) -> bool {
        let shown = self.status.as_ref().and_then(|status| status.deletion);
        shown.unwrap_or_else(|| self.deletion(DeletionDefaults::default())) == self.deletion(defaults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{PAUSED_ANNOTATION, SequenceStoreSpec, SequenceStoreStatus};

    const SAFE: DeletionDefaults = DeletionDefaults { policy: DeletionPolicy::Retain, protection: true };

    fn of(
        management: Option<ManagementPolicy>,
        deletion_policy: Option<DeletionPolicy>,
        deletion_protection: Option<bool>,
    ) -> SequenceStore {
        let spec = SequenceStoreSpec {
            management_policy: management,
            deletion_policy,
            deletion_protection,
            ..SequenceStoreSpec::default()
        };
        SequenceStore::new("a", spec)
    }

    #[test]
    fn the_spec_decides_and_the_defaults_where_it_is_silent() {
        use DeletionPolicy::{Delete, Retain};
        for (spec, without, safe) in [
            ((None, None), (Delete, false), (Retain, true)),
            ((Some(Delete), None), (Delete, false), (Delete, true)),
            ((Some(Retain), None), (Retain, false), (Retain, true)),
            ((None, Some(false)), (Delete, false), (Retain, false)),
            ((None, Some(true)), (Delete, true), (Retain, true)),
            ((Some(Delete), Some(false)), (Delete, false), (Delete, false)),
        ] {
            let object = of(None, spec.0, spec.1);
            for (defaults, (policy, protection)) in [(DeletionDefaults::default(), without), (SAFE, safe)] {
                assert_eq!(
                    object.deletion(defaults),
                    Deletion { policy, protection },
                    "{spec:?} {defaults:?}"
                );
            }
        }
    }

    #[test]
    fn an_object_that_only_observes_never_deletes_its_store() {
        for policy in [None, Some(DeletionPolicy::Delete), Some(DeletionPolicy::Retain)] {
            let object = of(Some(ManagementPolicy::Observe), policy, None);
            assert!(!object.deletes_store(DeletionDefaults::default()) && !object.deletes_store(SAFE));
        }
    }

    #[test]
    fn the_objects_show_the_defaults_of_their_operator() {
        let showing = |mut object: SequenceStore| {
            object.metadata.generation = Some(1);
            let deletion = Some(object.deletion(SAFE));
            let status = SequenceStoreStatus { deletion, observed_generation: Some(1), ..Default::default() };
            SequenceStore { status: Some(status), ..object }
        };
        let shown = |objects: &[SequenceStore]| DeletionDefaults::shown_by(objects.iter());
        let unknown = DeletionDefaults::default();
        assert_eq!(shown(&[]), unknown);
        let explicit = showing(of(None, Some(DeletionPolicy::Retain), Some(true)));
        let observes = showing(of(Some(ManagementPolicy::Observe), None, Some(true)));
        assert_eq!(shown(&[explicit.clone(), observes]), unknown, "their specs say it");
        let silent = showing(of(None, None, None));
        let mut edited = silent.clone();
        edited.metadata.generation = Some(2);
        let mut paused = silent.clone();
        paused.metadata.annotations = Some([(PAUSED_ANNOTATION.to_owned(), "true".to_owned())].into());
        assert_eq!(shown(&[edited, paused]), unknown, "they show what was");
        assert_eq!(shown(&[explicit, silent]), SAFE);
    }

    #[test]
    fn a_status_without_it_is_out_of_date_only_where_a_default_decides() {
        let silent = of(None, None, None);
        assert!(silent.shows_deletion(DeletionDefaults::default()) && !silent.shows_deletion(SAFE));
        let explicit = of(None, Some(DeletionPolicy::Delete), Some(false));
        assert!(explicit.shows_deletion(SAFE));
    }
}
