//! One pass over one object: prepare, observe, plan, apply, report. Each step takes what the one before returned. I/O.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::context::Context;
use super::error::Error;
use super::memory::Record;
use super::report::{Report, Reported, conclude, observed_after, report};
use super::requeue::{OVERTAKEN, requeue_after};
use crate::apply::{self, Effect, Outcome};
use crate::crd::{SequenceStore, annotation_findings};
use crate::observe::{Known, Observation};
use crate::plan::{self, Action, FinalizerStep, Plan, State};
use crate::status::event::{self, Event};
use crate::store::{Observed, Prepared, identity, prepare};

/// More denials than this do not fit in a pass: owner tags, fields, tags to set, tags to remove, policy.
const MOST_DENIALS: usize = 5;

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    RequeueAfter(Duration),
    /// The object was being deleted, and the operator has removed its finalizer.
    Released,
}

/// Runs the steps. `record` is what earlier passes of the process left behind; only this pass changes it.
pub async fn pass(
    context: &Context,
    cached: Arc<SequenceStore>,
    record: &mut Record,
) -> Result<Ended, Error> {
    let mut pass = Pass { context, record };

    // Prepare (no client required).
    let mut prepared = prepare(pass.record.newest(cached), &context.defaults, &context.settings.cluster);
    pass.record.begin(&prepared.object, Instant::now());

    // Mistakes of users in annotations (Kubernetes client required).
    pass.point_out_annotations(&prepared.object).await;
    if pass.put_back_intent(&prepared.object).await? {
        return Ok(Ended::RequeueAfter(OVERTAKEN));
    }

    // Observe (AWS and Kubernetes clients required, read-only).
    let known = pass.record.known(Instant::now());
    let observation = pass.observe(&prepared, &known).await;

    // Plan (no client required).
    let mut plan = pass.plan(&prepared, &observation);

    // Apply (AWS and Kubernetes clients required).
    let Some(mut applied) = pass.apply(&prepared, &observation, &plan, &known).await? else {
        return Ok(Ended::RequeueAfter(pass.record.unfinished(fastrand::f64())));
    };
    context.kubernetes.publish(&prepared.object, event::drift_found(&prepared.object, &plan.state)).await;
    // A denied call changed nothing, so whatever else there is to do is done in the same pass. The status then says what
    // all denials together mean, and not something else after each of them.
    for _ in 0..MOST_DENIALS {
        let Effect::Denied(_) = applied.outcome.effect else { break };
        prepared = prepare(applied.object.clone(), &context.defaults, &context.settings.cluster);
        let next = pass.plan(&prepared, &observation);
        if next.action == Action::None {
            break;
        }
        let Some(next_applied) = pass.apply(&prepared, &observation, &next, &known).await? else {
            return Ok(Ended::RequeueAfter(pass.record.unfinished(fastrand::f64())));
        };
        (plan, applied) = (next, next_applied);
    }

    // Report (Kubernetes client required).
    pass.report(&prepared, observation, &plan, applied).await
}

struct Pass<'a> {
    context: &'a Context,
    record: &'a mut Record,
}

/// What the apply step leaves to report.
struct Applied {
    /// The object as the API server has it now.
    object: Arc<SequenceStore>,
    outcome: Outcome,
}

impl Pass<'_> {
    /// An annotation without effect is pointed out once, not in every pass.
    async fn point_out_annotations(&mut self, object: &SequenceStore) {
        let findings = object.metadata.annotations.as_ref().map(annotation_findings).unwrap_or_default();
        let findings = self.record.new_findings(findings);
        self.context.kubernetes.publish(object, event::annotations_without_effect(&findings)).await;
    }

    /// Writes a lost intent back to the object. True where that ended the pass.
    async fn put_back_intent(&mut self, object: &SequenceStore) -> Result<bool, Error> {
        let Some(lost) = self.record.lost_intent(object, Instant::now()) else { return Ok(false) };
        tracing::warn!(
            "somebody removed the annotation create-intent, which the operator needs; it is put back"
        );
        let written =
            self.context.kubernetes.patch_metadata(object, FinalizerStep::Keep, Some(&lost)).await?;
        written.iter().for_each(|object| self.record.returned(object));
        Ok(true)
    }

    async fn observe(&mut self, prepared: &Prepared, known: &Known) -> Observation {
        let recollection = self.record.recollection(prepared.poll_interval, Instant::now());
        let observer = self.context.observer();
        let observation = observer.observe(prepared, &recollection, known, Timestamp::now()).await;
        self.record.observed(prepared, &observation, Instant::now());
        observation
    }

    fn plan(&self, prepared: &Prepared, observation: &Observation) -> Plan {
        let recollection = self.record.recollection(prepared.poll_interval, Instant::now());
        plan::plan(&observation.input(prepared, &recollection, &self.context.settings))
    }

    /// None where somebody changed the object since the plan was made: then nothing is changed in AWS.
    async fn apply(
        &mut self,
        prepared: &Prepared,
        observation: &Observation,
        plan: &Plan,
        known: &Known,
    ) -> Result<Option<Applied>, Error> {
        let Context { kubernetes, aws, .. } = self.context;
        if plan.action != Action::None && !self.is_current(&prepared.object).await? {
            return Ok(None);
        }
        let mut ahead = apply::write_ahead(kubernetes, &prepared.object, plan).await?;
        self.record.written_ahead(&ahead);
        if let Action::Tag { managed, .. } = &plan.action {
            ahead.object = self.save_tag_keys(ahead.object, prepared, observation, (plan, managed)).await?;
        }
        let outcome = apply::send(aws, &observation.observed, &plan.action, &ahead, known).await;
        self.record.applied(&plan.action, &outcome.effect, Instant::now(), fastrand::f64());
        Ok(Some(Applied { object: ahead.object, outcome }))
    }

    async fn is_current(&mut self, object: &SequenceStore) -> Result<bool, Error> {
        let live = self.context.kubernetes.read(object).await?;
        let is_same = live.uid_str() == object.uid_str();
        if is_same {
            self.record.returned(&live);
        }
        Ok(is_same && live.metadata.resource_version == object.metadata.resource_version)
    }

    /// Tag keys are recorded before the call that writes them. After a crash in between they would count as set by
    /// somebody else, and would never be removed.
    async fn save_tag_keys(
        &mut self,
        object: Arc<SequenceStore>,
        prepared: &Prepared,
        observation: &Observation,
        (plan, keys): (&Plan, &[String]),
    ) -> Result<Arc<SequenceStore>, Error> {
        if object.status.as_ref().is_some_and(|status| status.managed_tag_keys == keys) {
            return Ok(object);
        }
        let recollection = self.record.recollection(prepared.poll_interval, Instant::now());
        let with_keys = Report {
            object: &object,
            observed: &observation.observed,
            state: &plan.state,
            region: observation.region(),
            managed_tag_keys: Some(keys),
            recollection: &recollection,
            must_be_saved: false,
        };
        let Reported { written, events } = report(self.context, with_keys).await?;
        let newest = self.returned(written, object.clone());
        self.context.kubernetes.publish(&object, events).await;
        Ok(newest)
    }

    async fn report(
        &mut self,
        prepared: &Prepared,
        observation: Observation,
        plan: &Plan,
        Applied { object, outcome }: Applied,
    ) -> Result<Ended, Error> {
        let kubernetes = &self.context.kubernetes;
        let observation = match observed_after(&outcome.effect) {
            Some(observed) => observation.with(observed),
            None => observation,
        };
        let conclusion = conclude(plan, &outcome.effect, || self.plan(prepared, &observation));
        let now = Instant::now();
        let backoff = self.record.ended(conclusion.state.error(), now, fastrand::f64());
        let recollection = self.record.recollection(prepared.poll_interval, now);
        let result = Report {
            object: &object,
            observed: &observation.observed,
            state: &conclusion.state,
            region: observation.region(),
            managed_tag_keys: None,
            recollection: &recollection,
            must_be_saved: conclusion.must_be_saved,
        };
        let reported = report(self.context, result).await;
        let (newest, mut events, failed) = match reported {
            Ok(Reported { written, events }) => (self.returned(written, object.clone()), events, None),
            Err(error) => (object.clone(), Vec::new(), Some(error)),
        };
        // AWS was changed, whether or not the status could be written.
        events.extend(outcome.events);
        events.extend(duplicates(&object, &observation.observed));
        kubernetes.publish(&object, events).await;
        let (object, releases) = (newest, plan.finalizer == FinalizerStep::Remove);
        match failed {
            // An object that is about to go needs no status: a status that the API server refuses must not hold it.
            Some(error) if object.is_being_deleted() && releases => {
                tracing::warn!("the last status could not be written: {error}");
            }
            Some(error) => return Err(error.into()),
            None => {}
        }
        if releases {
            let removed = kubernetes.patch_metadata(&object, plan.finalizer, plan.intent.as_deref()).await?;
            removed.iter().for_each(|object| self.record.returned(object));
            if object.is_being_deleted() {
                return Ok(Ended::Released);
            }
        }
        let wait = requeue_after(plan, &conclusion, backoff, prepared.poll_interval, fastrand::f64());
        self.record.finished();
        let is_blocked = matches!(conclusion.state, State::DeletionBlocked(_));
        let sooner = self.record.delete_again_in(now).filter(|_| is_blocked);
        Ok(Ended::RequeueAfter(sooner.map_or(wait, |sooner| sooner.min(wait))))
    }

    /// The newest version of the object, after a write that may not have been necessary.
    fn returned(
        &mut self,
        written: Option<Arc<SequenceStore>>,
        before: Arc<SequenceStore>,
    ) -> Arc<SequenceStore> {
        let Some(written) = written else { return before };
        self.record.returned(&written);
        written
    }
}

/// A search finds duplicates of a store that is not recorded yet, or, where the spec names the store, stores that an
/// earlier attempt left. They are reported then, and not in every later pass.
fn duplicates(object: &SequenceStore, observed: &Observed) -> Vec<Event> {
    let Some(present) = observed.present().filter(|present| !present.duplicates.is_empty()) else {
        return Vec::new();
    };
    let was_searched = object.names_store() || !identity::is_recorded(object);
    was_searched
        .then(|| event::duplicate_stores(&present.store.id, &present.duplicates))
        .into_iter()
        .collect()
}
