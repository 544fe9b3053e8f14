//! How urgent the calls for an object are. No I/O.

use crate::aws::Urgency;
use crate::crd::{SequenceStore, StoreStatus};

/// `is_delete_accepted`: AWS has accepted the delete of its store.
pub fn of(object: &SequenceStore, is_delete_accepted: bool) -> Urgency {
    let status = object.status.as_ref();
    let store = status.and_then(|status| status.store.as_ref());
    let is_new = status.and_then(|status| status.observed_generation) != object.metadata.generation;
    let handled = status.and_then(|status| status.last_handled_reconcile_at.as_deref());
    let in_motion = [StoreStatus::Creating, StoreStatus::Updating, StoreStatus::Deleting];
    match store {
        _ if object.is_being_deleted() && is_delete_accepted => Urgency::InMotion,
        _ if object.is_being_deleted() => Urgency::CreateOrDelete,
        None if object.manages() && !object.is_paused() => Urgency::CreateOrDelete,
        _ if is_new || object.reconcile_request() != handled => Urgency::Asked,
        Some(store) if in_motion.into_iter().any(|status| store.is(status)) => Urgency::InMotion,
        _ => Urgency::Ordinary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::RECONCILE_ANNOTATION;
    use crate::samples::Scene;
    use kube::ResourceExt;

    fn object(change: impl FnOnce(&mut SequenceStore)) -> SequenceStore {
        let mut object = Scene::settled().object;
        let status = object.status.get_or_insert_default();
        status.observed_generation = object.metadata.generation;
        change(&mut object);
        object
    }

    fn in_aws(object: &mut SequenceStore, in_aws: &str) {
        if let Some(store) = object.status.get_or_insert_default().store.as_mut() {
            store.status = Some(in_aws.into());
        }
    }

    #[test]
    fn creations_and_deletions_come_first_and_polls_of_what_aws_does_last() {
        let deleted = |object: &mut SequenceStore| {
            object.metadata.deletion_timestamp = serde_json::from_str("\"2026-01-01T00:00:00Z\"").ok();
        };
        assert_eq!(of(&object(|_| {}), false), Urgency::Ordinary);
        assert_eq!(of(&object(|o| o.metadata.generation = Some(77)), false), Urgency::Asked);
        let asks = |o: &mut SequenceStore| {
            o.annotations_mut().insert(RECONCILE_ANNOTATION.into(), "now".into());
        };
        assert_eq!(of(&object(asks), false), Urgency::Asked);
        assert_eq!(of(&object(|o| in_aws(o, "UPDATING")), false), Urgency::InMotion);
        assert_eq!(
            of(&object(|o| o.status.get_or_insert_default().store = None), false),
            Urgency::CreateOrDelete
        );
        assert_eq!(of(&object(deleted), false), Urgency::CreateOrDelete);
        assert_eq!(of(&object(deleted), true), Urgency::InMotion);
    }
}
