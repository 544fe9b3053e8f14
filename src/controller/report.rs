//! The report step: makes the next status and writes it if it differs. The only place that writes a status. I/O:
//! Kubernetes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::context::Context;
use crate::crd::{SequenceStore, SequenceStoreStatus};
use crate::kubernetes::{Error, Kubernetes, Precondition};
use crate::plan::{Recollection, State};
use crate::status::{
    self,
    event::{self, Event},
};
use crate::store::Observed;

/// What to report about which object.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    pub object: &'a Arc<SequenceStore>,
    pub observed: &'a Observed,
    pub state: &'a State,
    pub region: Option<&'a str>,
    /// Keys of tags that the operator is about to write.
    pub managed_tag_keys: Option<&'a [String]>,
    /// Failures, this pass counted.
    pub recollection: &'a Recollection,
    /// The status holds the id of a new store. It is written until the API server accepts it or the pass is stopped; then
    /// the intent leads the next pass to the store.
    pub must_be_saved: bool,
}

/// What the report step wrote.
#[derive(Debug, Default)]
pub struct Reported {
    /// The object as the API server returned it; none where the status has not changed.
    pub written: Option<Arc<SequenceStore>>,
    /// The Events of the change.
    pub events: Vec<Event>,
}

/// Writes the status if it differs.
///
/// # Errors
/// The API server's, a conflict included.
pub async fn report(context: &Context, report: Report<'_>) -> Result<Reported, Error> {
    let Report { object, observed, state, region, managed_tag_keys, recollection, must_be_saved } = report;
    let new = status::next(&status::Input {
        object,
        observed,
        state,
        region,
        failures: recollection.failures,
        denied_for: recollection.denied_for,
        denied_grace: context.denied_grace,
        managed_tag_keys,
        now: Timestamp::now(),
    });
    if object.status.as_ref() == Some(&new) {
        // The end of a deletion changes no condition and is an Event all the same.
        let is_end = *state == State::Deleted;
        let events = if is_end { event::transitions(Some(&new), &new, state) } else { Vec::new() };
        return Ok(Reported { written: None, events });
    }
    let written = match must_be_saved {
        true => save(&context.kubernetes, object, &new).await?,
        false => context.kubernetes.patch_status(object, &new, Precondition::SameVersion).await?,
    };
    Ok(Reported { written: Some(written), events: event::transitions(object.status.as_ref(), &new, state) })
}

/// Writes the status until the API server accepts it or the object is gone.
async fn save(
    kubernetes: &Kubernetes,
    object: &SequenceStore,
    status: &SequenceStoreStatus,
) -> Result<Arc<SequenceStore>, Error> {
    let mut wait = Duration::from_millis(100);
    loop {
        let error = match kubernetes.patch_status(object, status, Precondition::SameObject).await {
            Ok(written) => return Ok(written),
            Err(error) if error.is_not_found() => return Err(error),
            Err(error) => error,
        };
        // The object may have been deleted and created again under the same name.
        let is_another =
            || async { kubernetes.read(object).await.is_ok_and(|live| live.uid_str() != object.uid_str()) };
        if error.is_conflict() && is_another().await {
            return Err(error);
        }
        tracing::warn!("the id of the new store is not saved yet: {error}");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(5));
    }
}
