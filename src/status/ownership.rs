//! Messages about whose a store is, where it is, and what is on record of it. No I/O.

use crate::crd::{FINALIZER, INTENT_ANNOTATION, RECREATE_ANNOTATION, TAKE_OVER_ANNOTATION};
use crate::plan::{NotKept, PinnedBy, StoreOwner, TaggedOwner, TakeOver};

/// The annotation stands last, ready to copy.
pub(super) fn ownership_conflict(owner: &StoreOwner) -> String {
    match owner {
        StoreOwner::Tagged(owner) => tagged_owner(owner),
        StoreOwner::OlderObject(object) => format!(
            "The store belongs to the older object {object}, which names it too, so the operator neither changes nor \
             deletes it for this object: delete this object, or set its managementPolicy to Observe."
        ),
        StoreOwner::Untagged => "The store has no tag healthomics.dev/uid, so the operator cannot tell which object \
                                 owns it and neither changes nor deletes it. In AWS, add this tag to the store; its \
                                 value is the metadata.uid of the object that owns the store."
            .into(),
    }
}

fn tagged_owner(owner: &TaggedOwner) -> String {
    let TaggedOwner { uid, object, cluster, take_over } = owner;
    let object = object.as_ref().map(|object| format!(" {object}")).unwrap_or_default();
    let cluster = cluster.as_ref().map(|cluster| format!(" in cluster {cluster}")).unwrap_or_default();
    let belongs = format!(
        "The store belongs to the object{object}{cluster} with uid {uid}, so the operator neither changes nor deletes it \
         for this object."
    );
    match take_over {
        // An owner that only observes has been displaced by now.
        TakeOver::NotAskedFor | TakeOver::Allowed => format!(
            "{belongs} If the other object no longer exists, add this annotation to this object: \
             {TAKE_OVER_ANNOTATION}: \"{uid}\""
        ),
        TakeOver::OwnerManages => format!(
            "{belongs} The annotation {TAKE_OVER_ANNOTATION} has no effect, because the other object exists and manages \
             the store: first set its managementPolicy to Observe, or set its deletionPolicy to Retain and delete it."
        ),
        TakeOver::OwnerUnknown => format!(
            "{belongs} The annotation {TAKE_OVER_ANNOTATION} has no effect yet, because the operator cannot find out \
             whether the other object still exists: allow the operator to get SequenceStores in the namespace of the \
             other object."
        ),
    }
}

/// Names what is missing, and how to find out who removes it.
pub(super) fn record_not_kept(what: NotKept, has_store: bool) -> String {
    let remedy = "look for mutating webhooks and admission policies that apply to sequencestores.healthomics.dev, and \
                  let them leave it alone";
    match what {
        NotKept::Intent if has_store => format!(
            "Something in the cluster removes the annotation {INTENT_ANNOTATION}, in which the operator records the id of \
             the store that it created. Without this record the id is in the status alone, and if that is lost, the \
             operator must find the store by its name and owner tags: {remedy}."
        ),
        NotKept::Intent => format!(
            "Something in the cluster removes the annotation {INTENT_ANNOTATION}, in which the operator records what it \
             is about to create. Without this record it creates no store: {remedy}."
        ),
        NotKept::Finalizer => format!(
            "Something in the cluster removes the finalizer {FINALIZER}. Without it the operator creates no store, and a \
             store that exists would stay when the object is deleted: {remedy}."
        ),
        NotKept::TagKeys => format!(
            "Something in the cluster removes the field status.managedTagKeys, in which the operator records the tags \
             that it sets. Without this record it sets no tags: {remedy}, and check that the CRD has the version of the \
             operator."
        ),
        NotKept::Refused if has_store => format!(
            "The API server does not let the operator write the finalizer {FINALIZER} or the annotation \
             {INTENT_ANNOTATION}. Without the finalizer the store would stay when the object is deleted: look for \
             admission webhooks and policies that refuse them or fail (the operator's log has their message), and check \
             its RBAC permissions."
        ),
        NotKept::Refused => format!(
            "The API server refuses to let the operator write the finalizer {FINALIZER} or the annotation \
             {INTENT_ANNOTATION}. Without them the operator creates no store: look for admission webhooks and policies \
             that refuse them (the operator's log has their message), and check its RBAC permissions."
        ),
    }
}

pub(super) fn wrong_account(recorded: &str, credentials: &str, pinned_by: PinnedBy) -> String {
    if pinned_by == PinnedBy::Attempt {
        return format!(
            "The operator may have created the store of this object in AWS account {recorded}, but its credentials now \
             belong to account {credentials}: give the operator credentials for account {recorded}, so that it can find \
             out. Until then it changes nothing."
        );
    }
    if recorded.is_empty() || recorded == credentials {
        return "The ARN recorded in status.store and the ARN that AWS reports for the store differ, so the operator \
                changes nothing: check the account of the operator's credentials, and whether somebody edited the \
                status."
            .into();
    }
    format!(
        "The store of this object is in AWS account {recorded}, but the operator's credentials belong to account \
         {credentials}: give the operator credentials for account {recorded}. Until then it changes nothing."
    )
}

/// The annotation stands last, ready to copy.
pub(super) fn store_missing(id: &str, region: &str, named: bool) -> String {
    if named {
        return format!(
            "Store {id} no longer exists in {region}. The operator never replaces a store that spec.sequenceStoreId \
             names or that belongs to an object with managementPolicy Observe: delete this object."
        );
    }
    format!(
        "Store {id} no longer exists in {region}. Delete this object, or, to let the operator create one new, empty \
         store, add this annotation to this object: {RECREATE_ANNOTATION}: \"{id}\""
    )
}
