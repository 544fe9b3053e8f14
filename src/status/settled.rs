//! Whether an object says that nothing is left to do for it. Such an object needs a look at its store only now and then, or
//! where something about the store has changed. Pure: no I/O.

use super::{Reason, find, shown_connection};
use crate::aws::StoreArn;
use crate::crd::{DeletionDefaults, SequenceStore, SequenceStoreStatus, Store, StoreStatus};
use crate::store::{Intent, identity};

/// The store of a settled object, as its status has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settled<'a> {
    pub store: &'a Store,
    pub region: &'a str,
    /// Account of the store.
    pub account: &'a str,
}

/// None for an object that has something left to do, or of which not all is known.
#[must_use]
pub fn settled(object: &SequenceStore, deletion: DeletionDefaults) -> Option<Settled<'_>> {
    let status = object.status.as_ref()?;
    let store = status.store.as_ref()?;
    let StoreArn { region, account, id } = StoreArn::parse(&store.arn)?;
    let is_on_record = id == store.id
        && status.region.as_deref() == Some(region)
        && status.account_id.as_deref() == Some(account)
        && identity::store_id(object).as_ref() == Some(&store.id);
    let is_quiet = is_on_record
        && !object.is_being_deleted()
        && !object.is_paused()
        && object.is_handled()
        && is_as_wanted(object, status)
        && store.is(StoreStatus::Active)
        && status.stray_stores.is_empty()
        && status.deletion_blocked_by.is_empty()
        && object.deletes_store(deletion) == object.has_our_finalizer()
        && object.shows_deletion(deletion)
        && is_creation_over(object, store);
    is_quiet.then_some(Settled { store, region, account })
}

/// Ready, and equal to the spec. An object that only observes its store may differ from it. A look at the store does not mend
/// a ConfigMap that the operator cannot write.
fn is_as_wanted(object: &SequenceStore, status: &SequenceStoreStatus) -> bool {
    let is = |kind: &str, value: &str| find(&status.conditions, kind).is_some_and(|c| c.status == value);
    let is_drifted = || {
        find(&status.conditions, "Synced").is_some_and(|synced| synced.reason == Reason::Drifted.as_str())
            && !object.manages()
    };
    shown_connection(status).is_some()
        && (is("Synced", "True") || is_drifted())
        && !is("Reconciling", "True")
        && is("Stalled", "True") != is("Ready", "True")
}

/// Whether no attempt to create a store is open.
fn is_creation_over(object: &SequenceStore, store: &Store) -> bool {
    match Intent::of(object) {
        Ok(intent) => intent.is_none_or(|intent| intent.id.as_ref() == Some(&store.id)),
        Err(_edited) => false,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

    use super::*;
    use crate::crd::{
        DeletionPolicy, INTENT_ANNOTATION, ManagementPolicy, PAUSED_ANNOTATION, RECONCILE_ANNOTATION,
    };
    use crate::samples::{ACCOUNT, OTHER_ACCOUNT, OTHER_ID, REGION, Scene, intent, settled_object};

    /// Whether an object is settled after this change.
    fn after(change: impl FnOnce(&mut SequenceStore)) -> bool {
        let mut object = settled_object();
        change(&mut object);
        settled(&object, DeletionDefaults::default()).is_some()
    }

    fn status(object: &mut SequenceStore) -> &mut SequenceStoreStatus {
        object.status.get_or_insert_default()
    }

    fn store(object: &mut SequenceStore) -> &mut Store {
        status(object).store.get_or_insert_default()
    }

    fn condition<'a>(object: &'a mut SequenceStore, kind: &str) -> &'a mut Condition {
        let conditions = &mut status(object).conditions;
        conditions.iter_mut().find(|condition| condition.type_ == kind).expect("a condition")
    }

    fn annotate(object: &mut SequenceStore, key: &str, value: &str) {
        object.metadata.annotations.get_or_insert_default().insert(key.into(), value.into());
    }

    #[test]
    fn an_object_that_equals_its_store_is_settled() {
        let object = settled_object();
        let found = settled(&object, DeletionDefaults::default()).expect("settled");
        assert_eq!((found.region, found.account), (REGION, ACCOUNT));
        assert!(after(|object| {
            annotate(object, RECONCILE_ANNOTATION, "1");
            status(object).last_handled_reconcile_at = Some("1".into());
        }));
    }

    #[test]
    fn another_default_of_the_operator_is_something_left_to_do() {
        let mut object = settled_object();
        let retain = DeletionDefaults { policy: DeletionPolicy::Retain, protection: false };
        assert_eq!(settled(&object, retain), None, "it has a finalizer");
        object.metadata.finalizers = None;
        assert_eq!(settled(&object, retain), None, "its status says that the store is deleted");
        status(&mut object).deletion = Some(object.deletion(retain));
        assert!(settled(&object, retain).is_some());
        let protected = DeletionDefaults { protection: true, ..retain };
        assert_eq!(settled(&object, protected), None, "its status says that it is not protected");
    }

    #[test]
    fn an_object_that_only_observes_may_differ_from_its_store() {
        let drift = |object: &mut SequenceStore| {
            let synced = condition(object, "Synced");
            (synced.status, synced.reason) = ("False".into(), "Drifted".into());
        };
        assert!(!after(drift), "one that manages its store corrects it");
        assert!(after(|object| {
            drift(object);
            object.spec.management_policy = Some(ManagementPolicy::Observe);
            object.metadata.finalizers = None;
        }));
    }

    #[test]
    fn whatever_is_left_to_do_keeps_an_object_from_being_settled() {
        type Change = fn(&mut SequenceStore);
        let changes: [(&str, Change); 20] = [
            ("edited", |o| o.metadata.generation = Some(3)),
            ("never observed", |o| status(o).observed_generation = None),
            ("deleted", |o| {
                o.metadata.deletion_timestamp = Scene::deleting().object.metadata.deletion_timestamp
            }),
            ("paused", |o| annotate(o, PAUSED_ANNOTATION, "true")),
            ("asked", |o| annotate(o, RECONCILE_ANNOTATION, "2")),
            ("open attempt", |o| annotate(o, INTENT_ANNOTATION, &intent(None).render())),
            ("edited attempt", |o| annotate(o, INTENT_ANNOTATION, "{")),
            ("no finalizer", |o| o.metadata.finalizers = None),
            ("a finalizer too many", |o| o.spec.deletion_policy = Some(DeletionPolicy::Retain)),
            ("not ready", |o| condition(o, "Ready").status = "False".into()),
            ("not synced", |o| condition(o, "Synced").status = "False".into()),
            ("reconciling", |o| condition(o, "Synced").type_ = "Reconciling".into()),
            ("no status", |o| o.status = None),
            ("no store", |o| status(o).store = None),
            ("in motion", |o| store(o).status = Some("UPDATING".into())),
            ("another store", |o| o.spec.sequence_store_id = Some(OTHER_ID.into())),
            ("another region", |o| status(o).region = Some("us-west-2".into())),
            ("another account", |o| status(o).account_id = Some(OTHER_ACCOUNT.into())),
            ("no ARN", |o| store(o).arn = String::new()),
            ("strays", |o| status(o).stray_stores = vec![OTHER_ID.into()]),
        ];
        for (what, change) in changes {
            assert!(!after(change), "{what}");
        }
    }
}
