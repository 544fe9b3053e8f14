//! One pass over one object: prepare, observe, plan, apply, report. Each step takes what the one before returned. I/O.

mod records;
mod turns;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use records::has_tag_keys;

use super::bindings::identify;
use super::context::Context;
use super::error::Error;
use super::memory::Record;
use super::report::{Conclusion, Report, Reported, conclude, not_released, observed_after, report};
use super::requeue::{PollTiming, requeue_after};
use crate::apply::{self, Effect, Outcome};
use crate::aws::{Aws, Caller, Turn};
use crate::crd::{SequenceStore, annotation_findings};
use crate::kubernetes;
use crate::observe::{Known, Observation};
use crate::plan::{self, Action, FinalizerStep, Next, NotKept, Plan, State};
use crate::status::MOST_STRAYS;
use crate::status::event::{self, Event};
use crate::store::{Observed, Prepared, prepare};

/// More denials than this do not fit in a pass: owner tags, fields, tags to set, tags to remove, policy.
const MOST_DENIALS: usize = 5;

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    RequeueAfter(Duration),
    /// Nothing is left to do: the next pass is a poll.
    PollAfter(Duration),
    /// The object was being deleted, and the operator has removed its finalizer.
    Released,
}

/// Runs the steps. `caller` is this object; `record` is what earlier passes of the process left behind, and only this pass
/// changes it.
pub async fn pass(
    context: &Context,
    caller: Caller,
    cached: Arc<SequenceStore>,
    record: &mut Record,
) -> Result<Ended, Error> {
    // Until it is known who acts for the object, nobody does.
    let mut pass = Pass { context, aws: context.tenancy.nobody(), record };

    // Prepare (Kubernetes client required only to put back a record of a creation that somebody removed).
    let object = pass.with_lost_intent(pass.record.newest(cached)).await;
    let access = context.tenancy.access(&object);
    let prepared = prepare(object, access, &context.defaults, &context.settings.cluster);

    // Identify (AWS client required, only where the object acts with a role of its own).
    let (mut prepared, aws) = identify(context, prepared).await;
    pass.aws = aws.acting_for(caller);
    pass.record.begin(&prepared.object, Instant::now());

    // Mistakes of users in annotations (Kubernetes client required).
    pass.point_out_annotations(&prepared.object).await;

    // Observe (AWS and Kubernetes clients required, read-only).
    let known = pass.record.known(prepared.poll_interval, Instant::now());
    let observation = pass.observe(&prepared, &known).await;

    // Plan (no client required), and wait until the call of the plan may be sent.
    let plan = pass.plan(&prepared, &observation);
    let (mut observation, mut plan, turn) = pass.in_turn(&prepared, &known, observation, plan).await;

    // Apply (AWS and Kubernetes clients required).
    let Some(mut applied) = pass.apply(&prepared, &observation, (&plan, turn), &known).await? else {
        return Ok(Ended::RequeueAfter(pass.record.unfinished(fastrand::f64())));
    };
    let drift = event::drift_found(&prepared.object, &plan.state);
    if !drift.is_empty() && matches!(applied.outcome.effect, Effect::Accepted { .. }) {
        context.metrics.passes.drift_corrected();
    }
    context.kubernetes.publish(&*prepared.object, drift).await;
    // A denied call changed nothing, so whatever else there is to do is done in the same pass. The status then says what
    // all denials together mean, and not something else after each of them.
    for _ in 0..MOST_DENIALS {
        if !applied.outcome.effect.leaves_the_rest() {
            break;
        }
        prepared =
            prepare(applied.object.clone(), prepared.access, &context.defaults, &context.settings.cluster);
        let next = pass.plan(&prepared, &observation);
        if next.action == Action::None {
            break;
        }
        let (newest, next, turn) = pass.in_turn(&prepared, &known, observation, next).await;
        observation = newest;
        let Some(mut next_applied) = pass.apply(&prepared, &observation, (&next, turn), &known).await? else {
            return Ok(Ended::RequeueAfter(pass.record.unfinished(fastrand::f64())));
        };
        next_applied.not_kept = next_applied.not_kept.or(applied.not_kept);
        (plan, applied) = (next, next_applied);
    }

    // Report (Kubernetes client required).
    pass.report(&prepared, observation, &plan, applied).await
}

struct Pass<'a> {
    context: &'a Context,
    /// Acts for this object.
    aws: Aws,
    record: &'a mut Record,
}

/// What the apply step leaves to report.
struct Applied {
    /// The object as the API server has it now.
    object: Arc<SequenceStore>,
    outcome: Outcome,
    /// What of finalizer and intent the API server did not keep.
    not_kept: Option<NotKept>,
}

impl Pass<'_> {
    /// An annotation without effect is pointed out once, not in every pass.
    async fn point_out_annotations(&mut self, object: &SequenceStore) {
        let findings = object.metadata.annotations.as_ref().map(annotation_findings).unwrap_or_default();
        let findings = self.record.new_findings(findings);
        self.context.kubernetes.publish(object, event::annotations_without_effect(&findings)).await;
    }

    async fn observe(&mut self, prepared: &Prepared, known: &Known) -> Observation {
        let recollection = self.record.recollection(prepared.poll_interval, Instant::now());
        let observer = self.context.observer(&self.aws);
        let observation = observer.observe(prepared, &recollection, known, Timestamp::now()).await;
        self.record.observed(prepared, &observation, Instant::now(), fastrand::f64());
        observation
    }

    /// Ages are those at the time of the look, not of now: the look may have waited for its turns, and what is over by now
    /// may have gone on behind its back.
    fn plan(&self, prepared: &Prepared, observation: &Observation) -> Plan {
        let recollection = self.record.recollection(prepared.poll_interval, observation.looked_from);
        plan::plan(&observation.input(prepared, &recollection, &self.context.settings))
    }

    /// None where somebody changed the object since the plan was made, or another call is necessary by now than the one that
    /// waited for its turn, and where this process is about to end or leads no more: then nothing is changed in AWS.
    async fn apply(
        &mut self,
        prepared: &Prepared,
        observation: &Observation,
        (plan, turn): (&Plan, Option<Turn>),
        known: &Known,
    ) -> Result<Option<Applied>, Error> {
        let (kubernetes, aws) = (&self.context.kubernetes, self.aws.clone());
        let is_call = plan.action != Action::None;
        if is_call && (turn.is_none() || !self.may_begin(prepared).await?) {
            return Ok(None);
        }
        let try_first = self.record.is_record_stripped();
        let mut ahead = apply::write_ahead(kubernetes, &prepared.object, plan, try_first).await?;
        self.record.written_ahead(&ahead);
        let mut tag_keys_kept = true;
        if let Action::Tag { managed, .. } = &plan.action {
            ahead.object = self.save_tag_keys(ahead.object, prepared, observation, (plan, managed)).await?;
            tag_keys_kept = has_tag_keys(&ahead.object, managed);
        }
        let outcome = match tag_keys_kept {
            true => apply::send((&aws, turn), &observation.observed, &plan.action, &ahead, known).await,
            false => Outcome::from(Effect::NotRecorded { what: NotKept::TagKeys, attempt: None }),
        };
        self.record.applied(&plan.action, &outcome.effect, Instant::now(), fastrand::f64());
        let object = self.save_refusal(ahead.object, ahead.attempt).await;
        Ok(Some(Applied { object, outcome, not_kept: ahead.not_kept }))
    }

    /// Asked before anything is recorded, so that what is recorded is also sent.
    /// While the pass waited for its turn, the identity of the object may have become another one.
    async fn may_begin(&mut self, prepared: &Prepared) -> Result<bool, Error> {
        Ok(self.is_current(&prepared.object).await?
            && self.context.tenancy.access(&prepared.object) == prepared.access
            && self.context.leadership.may_begin_change())
    }

    async fn is_current(&mut self, object: &SequenceStore) -> Result<bool, Error> {
        let live = self.context.kubernetes.read(object).await?;
        let is_same = live.uid_str() == object.uid_str();
        if is_same {
            self.record.returned(&live);
        }
        Ok(is_same && live.metadata.resource_version == object.metadata.resource_version)
    }

    async fn report(
        &mut self,
        prepared: &Prepared,
        observation: Observation,
        plan: &Plan,
        Applied { object, outcome, not_kept }: Applied,
    ) -> Result<Ended, Error> {
        let observation = match observed_after(&outcome.effect) {
            Some(observed) => observation.with(observed),
            None => observation,
        };
        let releases = plan.finalizer == FinalizerStep::Remove;
        let conclusion = match releases && object.is_being_deleted() && self.record.is_release_stuck() {
            // What became of the store was told when the removal was tried first.
            true => not_released(),
            false => conclude(plan, &outcome.effect, || self.plan(prepared, &observation)),
        };
        let conclusion = conclusion.with_missing_record(not_kept);
        let now = Instant::now();
        let backoff = match &conclusion.state {
            State::RecordNotKept { is_ready: false, .. } => {
                Some(self.record.not_recorded(now, fastrand::f64()))
            }
            state => self.record.ended(&observation.observed, state.error(), now, fastrand::f64()),
        };
        let recollection = self.record.recollection(prepared.poll_interval, now);
        let result = Report {
            object: &object,
            observed: &observation.observed,
            state: &conclusion.state,
            region: observation.region(),
            binding: prepared.access.binding(),
            managed_tag_keys: None,
            recollection: &recollection,
            must_be_saved: conclusion.must_be_saved,
        };
        let (newest, mut events, failed) = self.reported(report(self.context, result).await, &object);
        // AWS was changed, whether or not the status could be written.
        events.extend(outcome.events);
        events.extend(self.news_of_record(not_kept, &conclusion.state, &observation.observed));
        if releases && object.is_being_deleted() {
            events.extend(event::store_kept(&conclusion.state, &observation.observed));
        }
        self.tell(&object, &newest, events, &observation).await;
        let object = newest;
        match failed {
            // An object that is about to go needs no status: a status that the API server refuses must not hold it.
            Some(error) if object.is_being_deleted() && releases => {
                tracing::warn!("the last status could not be written: {error}");
            }
            Some(error) => return Err(error.into()),
            None => {}
        }
        if releases {
            let is_stuck = self.release(&object, plan).await?;
            if object.is_being_deleted() && !is_stuck {
                return Ok(Ended::Released);
            }
            // The next pass tells.
            if self.record.release_tried(is_stuck) {
                return Ok(Ended::RequeueAfter(self.record.unfinished(fastrand::f64())));
            }
        }
        self.record.finished();
        Ok(self.ended(prepared, plan, &conclusion, backoff))
    }

    /// The newest version of the object, the Events of the change, and what failed. Where that is the ConfigMap, all else is
    /// done.
    fn reported(
        &mut self,
        reported: Result<Reported, kubernetes::Error>,
        before: &Arc<SequenceStore>,
    ) -> (Arc<SequenceStore>, Vec<Event>, Option<kubernetes::Error>) {
        match reported {
            Ok(Reported { written, events, connection_failed }) => {
                (self.returned(written, before.clone()), events, connection_failed)
            }
            Err(error) => (before.clone(), Vec::new(), Some(error)),
        }
    }

    /// When the next pass is due.
    fn ended(
        &mut self,
        prepared: &Prepared,
        plan: &Plan,
        conclusion: &Conclusion,
        backoff: Option<Duration>,
    ) -> Ended {
        let moving_for = self.record.in_motion_for(conclusion.next == Next::Quick, Instant::now());
        let pace = PollTiming { poll_interval: prepared.poll_interval, moving_for };
        let wait = requeue_after(plan, conclusion, backoff, pace, fastrand::f64());
        match self.deletes_again_in(&conclusion.state, Instant::now()) {
            Some(at) => Ended::RequeueAfter(at.min(wait)),
            None if conclusion.next == Next::Poll && backoff.is_none() => Ended::PollAfter(wait),
            None => Ended::RequeueAfter(wait),
        }
    }

    /// When a delete that AWS refused is sent again.
    fn deletes_again_in(&self, state: &State, now: Instant) -> Option<Duration> {
        let is_blocked = matches!(state, State::DeletionBlocked(_));
        self.record.delete_again_in(now).filter(|_| is_blocked)
    }

    /// Publishes the Events. Strays count as told once the status shows them.
    async fn tell(
        &mut self,
        before: &SequenceStore,
        newest: &SequenceStore,
        mut events: Vec<Event>,
        observation: &Observation,
    ) {
        events.extend(new_strays(before, &observation.observed));
        self.context.kubernetes.publish(before, events).await;
        if new_strays(newest, &observation.observed).is_none() {
            self.record.strays_told(observation);
        }
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

/// The Event of strays that the status does not show yet. It shows them for as long as they are there.
fn new_strays(object: &SequenceStore, observed: &Observed) -> Option<Event> {
    let present = observed.present()?;
    let strays = present.strays.as_ref()?;
    let told = object.status.as_ref().map(|status| status.stray_stores.as_slice()).unwrap_or_default();
    let shown = strays.iter().take(MOST_STRAYS);
    shown.clone().any(|id| !told.contains(id)).then(|| event::duplicate_stores(&present.store.id, strays))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{OTHER_ID, Scene};

    /// Where the status write fails, the next pass finds the strays again and tells of them again.
    #[test]
    fn strays_count_as_told_only_once_the_status_shows_them() {
        let mut scene = Scene::settled();
        if let Observed::Present(present) = &mut scene.observed {
            present.strays = Some(vec![OTHER_ID.into()]);
        }
        let event = new_strays(&scene.object, &scene.observed);
        assert!(event.is_some_and(|event| event.note.contains(OTHER_ID)));
        scene.object.status.get_or_insert_default().stray_stores = vec![OTHER_ID.into()];
        assert_eq!(new_strays(&scene.object, &scene.observed), None);
    }
}
