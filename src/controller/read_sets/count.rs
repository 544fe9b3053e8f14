//! One count of the read sets of one object, with the identity of the object, and what it leaves in the status. Beside the report
//! step of a pass the only place that writes the status of a SequenceStore: one that differs from what is there in nothing but
//! `readSets`. I/O: AWS, read-only, and Kubernetes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;

use super::schedule::Ended;
use crate::aws::{CallError, Caller, ReadSetCount, Urgency};
use crate::controller::bindings::identify;
use crate::controller::context::Context;
use crate::crd::SequenceStore;
use crate::kubernetes::{Error, Precondition, Reference};
use crate::status::{store_to_count, with_read_sets};
use crate::store::{Prepared, prepare};
use crate::tenancy::Access;

/// A thousand read sets fit in ten pages; more are asked for only where DELETED ones are listed too.
const MOST_PAGES: usize = 11;
/// Somebody else may change the object at the same time.
const MOST_WRITES: u32 = 3;
const BETWEEN_WRITES: Duration = Duration::from_millis(200);

/// The object, and what follows from it and from its binding.
pub fn prepared(context: &Context, object: Arc<SequenceStore>) -> Prepared {
    let access = context.tenancy.access(&object);
    prepare(object, access, &context.defaults, &context.settings.cluster)
}

/// Counts. `failures` is how many counts failed in a row before.
pub async fn count(context: &Context, reference: &Reference, urgency: Urgency, failures: u32) -> Ended {
    let Some(object) = context.kubernetes.cache.get(reference) else { return Ended::NotWanted };
    // One that can be decoded was decoded just now, for nobody else.
    let Ok(object) = Arc::unwrap_or_clone(object).0 else { return Ended::NotWanted };
    let prepared = prepared(context, Arc::new(object));
    let Some(store) = store_to_count(&prepared, context.settings.deletion) else { return Ended::NotWanted };
    let (prepared, aws) = identify(context, prepared).await;
    // The conditions say that the role cannot be assumed.
    if prepared.access.refusal().is_some() {
        return Ended::NotWanted;
    }
    let (region, id) = &store;
    let aws = aws.acting_for(Caller::new(reference.namespace(), urgency));
    let recorded = prepared.object.status.as_ref().and_then(|status| status.account_id.as_deref());
    let counted = match aws.account(region).await {
        // The next pass says so.
        Ok(account) if recorded.is_some_and(|recorded| recorded != account) => return Ended::NotWanted,
        Ok(_) => aws.count_read_sets(region, id, Some(MOST_PAGES)).await,
        Err(error) => Err(error),
    };
    let failures = if counted.is_err() { failures.saturating_add(1) } else { 0 };
    let subject = Subject { object: &prepared.object, access: &prepared.access, store };
    match (write(context, &subject, counted.as_ref(), failures).await, counted) {
        (Ok(None), _) => Ended::NotWanted,
        (Ok(Some(_)), Err(error)) => Ended::Failed(error.class),
        // What the API server drops, as an admission webhook may make it, is not tried again at once.
        (Ok(Some(kept)), Ok(_)) if !has_count(&kept) => Ended::NotWritten,
        (Ok(Some(written)), Ok(_)) => Ended::Written { version: written.resource_version() },
        (Err(error), _) => {
            tracing::warn!(object = %reference, "the count of read sets is not written: {error}");
            Ended::NotWritten
        }
    }
}

fn has_count(object: &SequenceStore) -> bool {
    let read_sets = object.status.as_ref().and_then(|status| status.read_sets.as_ref());
    read_sets.is_some_and(|read_sets| read_sets.observed_time.is_some())
}

/// Of what the count is, and by whom.
struct Subject<'a> {
    object: &'a SequenceStore,
    access: &'a Access,
    /// Region and id.
    store: (String, String),
}

/// Writes the status if it differs. Returns the object as the API server has it now; none where the count is not wanted any more:
/// meanwhile the field, the store or the binding may have become another one, or the object was paused.
async fn write(
    context: &Context,
    subject: &Subject<'_>,
    counted: Result<&ReadSetCount, &CallError>,
    failures: u32,
) -> Result<Option<Arc<SequenceStore>>, Error> {
    let mut writes = 0;
    loop {
        let live = match context.kubernetes.read(subject.object).await {
            Err(error) if error.is_not_found() => return Ok(None),
            live => live?,
        };
        let now = prepared(context, live.clone());
        let is_same = live.uid_str() == subject.object.uid_str()
            && now.access == *subject.access
            && store_to_count(&now, context.settings.deletion).as_ref() == Some(&subject.store);
        if !is_same || !context.leadership.is_leading() {
            return Ok(None);
        }
        let old = live.status.clone().unwrap_or_default();
        let new = with_read_sets(&old, counted, failures, Timestamp::now());
        if new == old {
            return Ok(Some(live));
        }
        writes += 1;
        match context.kubernetes.patch_status(&live, &new, Precondition::SameVersion).await {
            Err(error) if error.is_conflict() && writes < MOST_WRITES => {
                tokio::time::sleep(BETWEEN_WRITES).await;
            }
            written => return written.map(Some),
        }
    }
}
