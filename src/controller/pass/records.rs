//! What a pass must see written on the object beside its status: the intent, the keys of tags, the finalizer. A webhook or a
//! person may remove it, and the API server may refuse it. I/O: Kubernetes.

use std::sync::Arc;
use std::time::Instant;

use kube::ResourceExt;

use super::Pass;
use crate::controller::error::Error;
use crate::controller::report::{Report, Reported, report};
use crate::crd::{INTENT_ANNOTATION, SequenceStore};
use crate::kubernetes;
use crate::observe::Observation;
use crate::plan::{FinalizerStep, NotKept, Plan, State};
use crate::status::event::{self, Event};
use crate::store::{AttemptOutcome, Intent, Observed, Prepared};

impl Pass<'_> {
    /// The object with its intent, if somebody removed it. Now and then the intent is written back; whatever comes of
    /// that, the pass goes on with what this process knows: nothing may be created twice, and the object must still be
    /// mirrored and deleted.
    pub(super) async fn with_lost_intent(&mut self, object: Arc<SequenceStore>) -> Arc<SequenceStore> {
        let now = Instant::now();
        let Some(lost) = self.record.lost_intent(&object, now) else { return object };
        let mut newest = object;
        if self.record.put_back_is_due(now) {
            tracing::warn!(
                "somebody removed the annotation create-intent, which the operator needs; it is put back"
            );
            match self.put_back(&newest, &lost).await {
                Ok(written) => newest = self.returned(written, newest),
                Err(error) => tracing::warn!("the annotation create-intent is not put back: {error}"),
            }
        }
        let mut known = newest.as_ref().clone();
        known.annotations_mut().insert(INTENT_ANNOTATION.into(), lost.render());
        Arc::new(known)
    }

    /// Tried before it is written: a write of which a policy strips everything is a new version all the same.
    async fn put_back(
        &self,
        object: &SequenceStore,
        lost: &Intent,
    ) -> Result<Option<Arc<SequenceStore>>, kubernetes::Error> {
        let (kubernetes, keep) = (&self.context.kubernetes, FinalizerStep::Keep);
        let tried = kubernetes.try_metadata(object, keep, Some(lost)).await?;
        let kept = tried.and_then(|tried| Intent::of(&tried).ok().flatten());
        if kept.as_ref() != Some(lost) {
            tracing::warn!("a webhook or policy of the cluster removes the annotation create-intent");
            return Ok(None);
        }
        kubernetes.patch_metadata(object, keep, Some(lost)).await
    }

    /// Writes to the intent that AWS created nothing, so that the attempt binds the object to nothing. If that fails, the
    /// outcome counts as unknown, which is safe.
    pub(super) async fn save_refusal(
        &mut self,
        object: Arc<SequenceStore>,
        attempt: Option<(Intent, Instant)>,
    ) -> Arc<SequenceStore> {
        let Some((intent, _)) = attempt.filter(|(intent, _)| self.record.is_refused(intent)) else {
            return object;
        };
        let refused = Intent { outcome: Some(AttemptOutcome::Refused), ..intent };
        let keep = FinalizerStep::Keep;
        match self.context.kubernetes.patch_metadata(&object, keep, Some(&refused)).await {
            Ok(written) => self.returned(written, object),
            Err(error) => {
                tracing::warn!("the refusal of the attempt to create a store is not on record: {error}");
                object
            }
        }
    }

    /// Tag keys are recorded before the call that writes them. After a crash in between they would count as set by
    /// somebody else, and would never be removed.
    pub(super) async fn save_tag_keys(
        &mut self,
        object: Arc<SequenceStore>,
        prepared: &Prepared,
        observation: &Observation,
        (plan, keys): (&Plan, &[String]),
    ) -> Result<Arc<SequenceStore>, Error> {
        if object.status.as_ref().is_some_and(|status| status.managed_tag_keys == keys) {
            return Ok(object);
        }
        if self.record.are_tag_keys_stripped()
            && !self.context.kubernetes.would_keep_tag_keys(&object, keys).await?
        {
            return Ok(object);
        }
        let recollection = self.record.recollection(prepared.poll_interval, Instant::now());
        let with_keys = Report {
            object: &object,
            observed: &observation.observed,
            state: &plan.state,
            region: observation.region(),
            binding: prepared.access.binding(),
            managed_tag_keys: Some(keys),
            recollection: &recollection,
            must_be_saved: false,
        };
        let Reported { written, events, .. } = report(self.context, with_keys).await?;
        let newest = self.returned(written, object.clone());
        self.context.kubernetes.publish(&*object, events).await;
        Ok(newest)
    }

    /// Tells once of a record that the API server does not keep, where the conditions show something else.
    pub(super) fn news_of_record(
        &mut self,
        not_kept: Option<NotKept>,
        state: &State,
        observed: &Observed,
    ) -> Option<Event> {
        let is_news = self.record.is_news(not_kept);
        let is_shown = matches!(state, State::RecordNotKept { .. });
        let what = not_kept.filter(|_| is_news && !is_shown)?;
        Some(event::record_not_kept(what, observed.present().is_some()))
    }

    /// Removes the finalizer. Returns whether it is still there.
    pub(super) async fn release(&mut self, object: &SequenceStore, plan: &Plan) -> Result<bool, Error> {
        let kubernetes = &self.context.kubernetes;
        match kubernetes.patch_metadata(object, plan.finalizer, plan.intent.as_deref()).await {
            Ok(removed) => {
                removed.iter().for_each(|object| self.record.returned(object));
                Ok(removed.is_some_and(|object| object.has_our_finalizer()))
            }
            Err(error) if error.is_refusal() => {
                tracing::warn!("the finalizer cannot be removed: {error}");
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) fn has_tag_keys(object: &SequenceStore, keys: &[String]) -> bool {
    let saved = object.status.as_ref().map(|status| status.managed_tag_keys.as_slice()).unwrap_or_default();
    keys.iter().all(|key| saved.contains(key))
}
