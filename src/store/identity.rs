//! Which store an object means, and where that store is. No I/O.

use crate::aws::StoreArn;
use crate::crd::{SequenceStore, Store};
use crate::store::Intent;

/// The id in the spec, else the one recorded in status, else the one recorded in the intent. An edited status never
/// overrules the spec.
pub fn store_id(object: &SequenceStore) -> Option<String> {
    let in_intent = || Intent::of(object).ok().flatten()?.id;
    object
        .spec
        .sequence_store_id
        .clone()
        .or_else(|| Some(recorded_store(object)?.id.clone()))
        .or_else(in_intent)
}

/// Whether status records a store: from then on identity, account and region are pinned.
pub fn is_recorded(object: &SequenceStore) -> bool {
    recorded_store(object).is_some()
}

/// Whether this object has managed the store with this id. A status that only mirrors a store, under `Observe` or while
/// its tags could not be read, does not say whose the store is.
pub fn has_managed(object: &SequenceStore, id: &str) -> bool {
    object.status.as_ref().and_then(|status| status.managed_store_id.as_deref()) == Some(id)
}

/// Whether status or the record of a creation says that this store was the object's own.
pub fn is_on_record(object: &SequenceStore, id: &str) -> bool {
    let intended = || {
        let intent = Intent::of(object).ok().flatten().filter(|_| !object.names_store())?;
        (intent.id.as_deref() == Some(id)).then_some(())
    };
    recorded_store(object).is_some_and(|store| store.id == id) || intended().is_some()
}

/// The region of the recorded store.
pub fn recorded_region(object: &SequenceStore) -> Option<String> {
    let store = recorded_store(object)?;
    // The ARN is AWS's own word. A region that somebody edited beside it must not send a deletion elsewhere.
    let in_arn = StoreArn::parse(&store.arn).map(|arn| arn.region.to_owned());
    in_arn.or_else(|| object.status.as_ref()?.region.clone())
}

/// The binding under which the store of this object got on record, or under which one may have been created or is
/// to take the place of a missing one.
pub fn recorded_binding(object: &SequenceStore) -> Option<String> {
    let in_status = || object.status.as_ref()?.binding.clone().filter(|_| is_recorded(object));
    let in_intent = || {
        let intent = Intent::of(object).ok().flatten().filter(|_| !object.names_store())?;
        let takes_a_place = intent.replaces.is_some();
        intent.binding.clone().filter(|_| takes_a_place || intent.may_have_a_store())
    };
    in_status().or_else(in_intent)
}

/// The store in status, unless it is missing and the annotation `recreate` allowed a new one in its place.
fn recorded_store(object: &SequenceStore) -> Option<&Store> {
    let store = object.status.as_ref()?.store.as_ref()?;
    let replaced = Intent::of(object).ok().flatten().and_then(|intent| intent.replaces);
    (replaced.as_ref() != Some(&store.id)).then_some(store)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{SequenceStoreSpec, SequenceStoreStatus};

    #[test]
    fn an_edited_status_does_not_overrule_the_spec() {
        let spec = SequenceStoreSpec { sequence_store_id: Some("1111111111".into()), ..Default::default() };
        let mut object = SequenceStore::new("a", spec);
        object.status = Some(SequenceStoreStatus {
            store: Some(Store { id: "2222222222".into(), ..Default::default() }),
            ..Default::default()
        });
        assert_eq!(store_id(&object).as_deref(), Some("1111111111"));
    }
}
