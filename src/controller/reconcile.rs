//! One pass over one object, as named steps: observe, plan, act, status, patch if changed. I/O.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::controller::Action as Requeue;
use kube::runtime::events::EventType;

use super::backoff;
use crate::aws::{CALL_TIMEOUT, Class};
use crate::controller::context::Context;
use crate::crd::{RECONCILE_ANNOTATION, SequenceStore, annotation_findings};
use crate::kubernetes::Error;
use crate::kubernetes::Guard;
use crate::kubernetes::WatchedObject;
use crate::observe::look::Look;
use crate::plan::{self, Action, FinalizerStep, Next, Plan, State};
use crate::status::event::{self, Event};
use crate::store::desired;
use crate::store::intent::Intent;
use crate::store::observed::Observed;
use crate::{apply, kubernetes, status};

/// The longest a pass may take; shorter than the time a Pod is given to end.
pub const PASS_DEADLINE: Duration = Duration::from_secs(45);
/// Between two looks at a store or a deletion in motion.
const QUICK: Duration = Duration::from_secs(2);

/// Runs a pass so that neither a hang nor a panic in it harms another object.
///
/// # Errors
/// See [`Error`]; AWS's errors are shown in status instead.
pub async fn reconcile(object: Arc<WatchedObject>, context: Arc<Context>) -> Result<Requeue, Error> {
    // Waiting for a slot is not part of the pass.
    let _slot = context.slots.acquire().await;
    let pass = async {
        match &object.0 {
            Ok(object) => pass(&context, context.memory.freshest(Arc::new(object.clone()))).await,
            Err(invalid) => undecodable(&context, invalid).await,
        }
    };
    guarded(PASS_DEADLINE, pass).await
}

/// How long to wait after an error that ended a pass early.
pub fn after_error(object: Arc<WatchedObject>, error: &Error, context: Arc<Context>) -> Requeue {
    if error.is_not_found() {
        return Requeue::await_change();
    }
    if error.is_conflict() {
        return Requeue::requeue(Duration::from_secs(1));
    }
    let uid = object.uid().unwrap_or_default();
    Requeue::requeue(context.memory.failed(&uid, Class::Transient, Instant::now()))
}

async fn pass(context: &Context, object: Arc<SequenceStore>) -> Result<Requeue, Error> {
    let uid = object.uid_str();
    let asked_for = object.annotations().get(RECONCILE_ANNOTATION).cloned();
    context.memory.begin(&uid, (object.metadata.generation, asked_for));
    point_out_annotations(context, &object).await;
    if put_back_intent(context, &object).await? {
        return Ok(Requeue::requeue(Duration::from_secs(1)));
    }
    let look = Look::at(context, &object).await;
    let poll = look.poll_interval(&context.defaults);
    if !look.rivals_are_known {
        return Ok(Requeue::requeue(Duration::from_secs(5)));
    }
    let plan_on = |observed: &Observed| {
        let recollection = context.memory.recollection(&uid, poll, Instant::now());
        plan::plan(&look.input(&object, observed, &recollection, &context.settings))
    };
    let observed = look.observed.clone();
    let plan = plan_on(&observed);

    if plan.action != Action::None && !is_current(context, &object).await? {
        return Ok(Requeue::requeue(Duration::from_secs(1)));
    }
    // A create writes finalizer and intent itself; a removal comes last of all.
    let early = matches!(plan.finalizer, FinalizerStep::Add | FinalizerStep::Keep);
    if early && !matches!(plan.action, Action::Create { .. }) {
        kubernetes::metadata(context, &object, plan.finalizer, plan.intent.as_deref()).await?;
    }
    kubernetes::publish(context, &object, event::drift_found(&object, &plan.state)).await;
    let object = context.memory.freshest(object.clone());
    let acted = apply::act(context, &object, &observed, &plan.action).await?;
    let object = context.memory.freshest(object);
    let observed = acted.observed.unwrap_or(observed);
    let (state, next) = match acted.replan.then(|| plan_on(&observed)) {
        Some(again) if again.action == Action::None => (again.state, again.next),
        _ => (acted.state.unwrap_or_else(|| plan.state.clone()), plan.next),
    };

    let wait = count_failures(context, &uid, &state);
    let region =
        acted.region.as_deref().or(look.desired.as_ref().ok().map(|desired| desired.region.as_str()));
    let saving = matches!((&plan.action, &observed), (Action::Create { .. }, Observed::Present(_)));
    let reported = report(context, &object, &observed, &state, region, saving).await;
    // What was done in AWS is done, whether or not the status could be written.
    kubernetes::publish(context, &object, acted.notes).await;
    kubernetes::publish(context, &object, duplicates(&object, &observed)).await;
    match reported {
        // What goes needs no status: one that the API server refuses must not hold the object.
        Err(error) if object.is_being_deleted() && plan.finalizer == FinalizerStep::Remove => {
            tracing::warn!("the last status is not written: {error}");
        }
        reported => reported?,
    }
    if plan.finalizer == FinalizerStep::Remove {
        let object = context.memory.freshest(object);
        kubernetes::metadata(context, &object, plan.finalizer, plan.intent.as_deref()).await?;
        if object.is_being_deleted() {
            context.memory.forget(&uid);
        }
    }
    Ok(Requeue::requeue(requeue_after(&plan, &state, next, wait, poll)))
}

/// Told when a look-up finds them, and only then; nothing deletes them.
fn duplicates(object: &SequenceStore, observed: &Observed) -> Vec<Event> {
    let Observed::Present(present) = observed else { return Vec::new() };
    let named = object.names_store();
    if present.duplicates.is_empty() || (desired::is_recorded(object) && !named) {
        return Vec::new();
    }
    let text = format!(
        "More than one sequence store carries the owner tags of this object: {} is kept, {} left alone.",
        present.store.id,
        present.duplicates.join(", ")
    );
    vec![Event { type_: EventType::Warning, reason: "DuplicateStores", action: "LookUp", note: text }]
}

/// An annotation that has no effect is told once, not on every pass.
async fn point_out_annotations(context: &Context, object: &SequenceStore) {
    let findings = annotation_findings(object.annotations());
    if context.memory.is_news(&object.uid_str(), &findings) {
        kubernetes::publish(context, object, event::annotations_without_effect(&findings)).await;
    }
}

/// Writes an intent back that somebody removed or replaced by an older one: `kubectl replace` drops annotations, and this one says
/// whether a store may already have been asked for. Keeps a record of it otherwise.
async fn put_back_intent(context: &Context, object: &SequenceStore) -> Result<bool, Error> {
    let uid = object.uid_str();
    let last = context.memory.last_intent(&uid);
    match Intent::of(object) {
        Ok(Some(intent)) if last.as_ref().is_none_or(|last| !last.is_after(&intent)) => {
            context.memory.intent(&uid, &intent, Instant::now());
        }
        // None, or one of an earlier attempt, as an old export brings it back.
        Ok(_) if !object.is_paused() => {
            let Some(lost) = last else { return Ok(false) };
            tracing::warn!("the record of the store's creation was removed from the object; it is put back");
            kubernetes::metadata(context, object, FinalizerStep::Keep, Some(&lost)).await?;
            return Ok(true);
        }
        // Unreadable: the plan says so.
        Ok(_) | Err(_) => {}
    }
    Ok(false)
}

/// Nothing in AWS is changed for an object that has changed since the plan was made.
async fn is_current(context: &Context, object: &SequenceStore) -> Result<bool, Error> {
    let live = kubernetes::read_live(context, object).await?;
    let current = live.uid() == object.uid() && live.resource_version() == object.resource_version();
    if live.uid() == object.uid() {
        context.memory.written(live);
    }
    Ok(current)
}

/// Counts the pass as failed or not; for a failed one, how long to wait.
fn count_failures(context: &Context, uid: &str, state: &State) -> Option<Duration> {
    let Some(error) = state.error() else {
        context.memory.succeeded(uid);
        return None;
    };
    Some(context.memory.failed(uid, error.class, Instant::now()))
}

/// Makes the next status and writes it if it says anything new. `saving`: it holds the id of a store
/// just made, and is written again and again until it is saved or the object is gone.
async fn report(
    context: &Context,
    object: &Arc<SequenceStore>,
    observed: &Observed,
    state: &State,
    region: Option<&str>,
    saving: bool,
) -> Result<(), Error> {
    let recollection = context.memory.recollection(&object.uid_str(), Duration::ZERO, Instant::now());
    let new = status::next(&status::Input {
        object,
        observed,
        state,
        region,
        failures: recollection.failures,
        denied_for: recollection.denied_for,
        denied_grace: context.denied_grace,
        managed_tag_keys: None,
        now: Timestamp::now(),
    });
    if object.status.as_ref() == Some(&new) {
        // An Event of its own: the deletion's end changes no condition.
        if *state == State::Deleted {
            kubernetes::publish(context, object, event::transitions(Some(&new), &new, state)).await;
        }
        return Ok(());
    }
    let guard = if saving { Guard::SameObject } else { Guard::Unchanged };
    let mut wait = Duration::from_millis(100);
    while let Err(error) = kubernetes::status(context, object, &new, guard).await {
        if !saving || error.is_not_found() {
            return Err(error);
        }
        // A conflict may be one of uid: then the object is another one.
        if error.is_conflict()
            && kubernetes::read_live(context, object).await.is_ok_and(|o| o.uid() != object.uid())
        {
            return Err(error);
        }
        tracing::warn!("the id of the new store is not saved yet: {error}");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(5));
    }
    kubernetes::publish(context, object, event::transitions(object.status.as_ref(), &new, state)).await;
    Ok(())
}

fn requeue_after(
    plan: &Plan,
    state: &State,
    next: Next,
    failed: Option<Duration>,
    poll: Duration,
) -> Duration {
    let random = fastrand::f64();
    if let Some(wait) = failed {
        // A spec that AWS refuses is tried again at the slow poll.
        let terminal = matches!(state, State::CallFailed(error) if error.class == Class::Terminal);
        return if terminal { backoff::jittered(poll, random) } else { wait };
    }
    let next = match state {
        State::DeletionBlocked(_) if plan.action != Action::None => Next::Poll,
        _ => next,
    };
    match next {
        Next::Quick => backoff::jittered(QUICK, random),
        Next::Confirm => plan::ABSENCE_CONFIRMED_AFTER + Duration::from_millis(200),
        Next::Within { rest, known_for } => {
            // Ever more slowly: an open attempt is looked for some ten times, not every other second.
            rest.min(backoff::jittered(QUICK.max(known_for / 2), random)) + Duration::from_millis(50)
        }
        Next::Poll | Next::Backoff => backoff::jittered(poll, random),
    }
}

/// An object that does not decode is left alone, and its owner is told.
async fn undecodable(context: &Context, invalid: &InvalidObject) -> Result<Requeue, Error> {
    let mut object = SequenceStore::new("", crate::crd::SequenceStoreSpec::default());
    object.metadata = invalid.metadata.clone();
    tracing::warn!(
        namespace = invalid.metadata.namespace.as_deref(),
        name = invalid.metadata.name.as_deref(),
        "the object does not decode: {}",
        invalid.error
    );
    let text =
        "This object does not have the form that this version of the operator knows; it is left alone.";
    let note =
        Event { type_: EventType::Warning, reason: "NotUnderstood", action: "Decode", note: text.into() };
    kubernetes::publish(context, &object, vec![note]).await;
    Ok(Requeue::await_change())
}

async fn guarded(
    deadline: Duration,
    pass: impl Future<Output = Result<Requeue, Error>>,
) -> Result<Requeue, Error> {
    match tokio::time::timeout(deadline, AssertUnwindSafe(pass).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(Error::Panic(text))
        }
        Err(_) => Err(Error::Deadline(deadline)),
    }
}

// Get, tags, a live read, an action, a look at what blocks it: each has its own time-out within the pass.
const _: () = assert!(PASS_DEADLINE.as_secs() >= 4 * CALL_TIMEOUT.as_secs());

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_only_its_own_pass() {
        let result = guarded(Duration::from_secs(1), async { panic!("defect {}", 7) }).await;
        assert!(matches!(result, Err(Error::Panic(text)) if text == "defect 7"));
    }

    #[tokio::test]
    async fn a_pass_that_hangs_is_cut_off() {
        let result = guarded(Duration::from_millis(10), std::future::pending()).await;
        assert!(matches!(result, Err(Error::Deadline(_))));
    }
}
