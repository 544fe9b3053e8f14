//! Runs passes so that neither a hang nor a panic in one harms other objects, and decides about the next one. I/O.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

use super::backoff;
use super::context::Context;
use super::error::{Error, PassFailed};
use super::leadership::Leadership;
use super::memory::Record;
use super::pass::{Ended, pass};
use crate::aws::{Aws, CALL_TIMEOUT, Caller, Class, Urgency};
use crate::crd::{SequenceStore, SequenceStoreSpec};
use crate::kubernetes::{InvalidObject, Reference, Uid, WatchedObject};
use crate::metrics::PassResult;
use crate::status::event;
use crate::store::prepare;
use crate::tenancy::Access;
use crate::traces;

/// The longest a pass may take, without the time that it waits for its turn to call AWS. It is shorter than the time that a Pod
/// is given to stop; a pass that waits then is stopped at once.
pub const PASS_DEADLINE: Duration = Duration::from_secs(45);

/// How often it is looked at whether a pass still waits.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// All objects are queued when this process begins to lead; this is for a term that ends at once.
const NOT_LEADING: Again = Again { after: Duration::from_secs(1), is_poll: false };

/// An API server that asks for more is asked again all the same.
const LONGEST_ASKED_WAIT: Duration = Duration::from_secs(300);

// Every request has its own timeout. The deadline leaves room for a few slow ones; the next pass takes up where a stopped
// one ended.
const _: () = assert!(PASS_DEADLINE.as_secs() >= 4 * CALL_TIMEOUT.as_secs());

/// When the next pass of an object is due.
#[derive(Clone, Copy, Debug)]
pub struct Again {
    pub after: Duration,
    /// Nothing is left to do but to see whether the store changes, which a listing may tell too.
    pub is_poll: bool,
}

/// Runs one pass over an object, whose calls to AWS are that urgent. Returns when the next one is due; none where the object
/// waits for a change.
pub async fn reconcile(
    watched: Arc<WatchedObject>,
    context: Arc<Context>,
    urgency: Urgency,
) -> Result<Option<Again>, PassFailed> {
    // Leadership may end between the queue and this line.
    let Some(_running) = context.leadership.begin_pass() else { return Ok(Some(NOT_LEADING)) };
    let traced = traces::Pass::begin(traced_object(watched.meta()));
    match &watched.0 {
        Ok(object) => {
            let object = Arc::new(object.clone());
            traced.of(reconcile_object(&watched, object, &context, urgency, &traced)).await
        }
        Err(invalid) => {
            // Nothing is left to do, even if the Event could not be published.
            let aws = context.aws.acting_for(Caller::default());
            let _ = stop_after(PASS_DEADLINE, &aws, aws.stopped(), undecodable(&context, invalid)).await;
            traced.ended(PassResult::Terminal.label(), Some("undecodable"));
            Ok(None)
        }
    }
}

fn traced_object(metadata: &ObjectMeta) -> traces::Object<'_> {
    traces::Object {
        kind: "SequenceStore",
        namespace: metadata.namespace.as_deref(),
        name: metadata.name.as_deref(),
        uid: metadata.uid.as_deref(),
        generation: metadata.generation,
    }
}

async fn reconcile_object(
    watched: &Arc<WatchedObject>,
    object: Arc<SequenceStore>,
    context: &Context,
    urgency: Urgency,
    traced: &traces::Pass,
) -> Result<Option<Again>, PassFailed> {
    let (uid, began) = (Uid::of(object.as_ref()), Instant::now());
    let _active = context.metrics.passes.begin();
    let mut record = context.memory.take(&uid);
    // What is left of a deletion that AWS has accepted is to see it end.
    let is_in_motion = object.is_being_deleted() && record.is_delete_accepted();
    let urgency = if is_in_motion { Urgency::InMotion } else { urgency };
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let caller = Caller::new(namespace, urgency);
    // For its waits: the pass itself may act with another identity.
    let aws = context.aws.acting_for(caller.clone());
    let running = Box::pin(pass(context, caller, object.clone(), &mut record));
    let ended = match stop_after(PASS_DEADLINE, &aws, stopped(&context.leadership, &aws), running).await {
        Ok(ended) => Ok(ended),
        Err(error) => {
            let is_cached = || context.kubernetes.cache.holds(watched);
            let retry_after = after_failure(context, &object, &error, (&mut record, is_cached)).await;
            Err(PassFailed { retry_after, error })
        }
    };
    let cached = context.kubernetes.cache.get(&Reference::of(object.as_ref()));
    let cached = cached.filter(|cached| Uid::of(cached.as_ref()) == uid);
    if let Some(cached) = &cached {
        record.cached(cached.meta().resource_version.as_deref());
    }
    let result = result(&ended, record.aws_failure());
    context.metrics.passes.ended(result, began.elapsed());
    traced.ended(result.label(), failure(&ended, record.aws_failure()));
    let is_gone = cached.is_none();
    let rests = match (&ended, cached) {
        (Ok(Ended::PollAfter(_)), Some(cached)) => may_rest(context, &record, cached),
        _ => false,
    };
    // A record of an object that vanished during the pass would never be forgotten.
    match matches!(ended, Ok(Ended::Released)) || is_gone {
        true => context.memory.forget(&uid),
        false => context.memory.put_back(&uid, record),
    }
    Ok(Some(match ended? {
        // A pass over an object that is gone by then is not run; one that is still there was not released after all.
        Ended::Released => Again { after: next_poll(context, &object), is_poll: false },
        Ended::PollAfter(_) if rests => return Ok(None),
        Ended::PollAfter(after) => Again { after, is_poll: true },
        Ended::RequeueAfter(after) => Again { after, is_poll: false },
    }))
}

/// Whether the object needs no poll, because listings tell what happens to its store.
fn may_rest(context: &Context, record: &Record, cached: Arc<WatchedObject>) -> bool {
    let Ok(object) = Arc::unwrap_or_clone(cached).0 else { return false };
    let newest = record.newest(Arc::new(object));
    record.is_at_rest() && context.sweeps.takes_over(&newest, Instant::now())
}

/// What the pass counts as. A failed AWS call is an error too, though it is shown in the status and does not end the pass.
fn result(ended: &Result<Ended, PassFailed>, aws_failure: Option<Class>) -> PassResult {
    match (ended, aws_failure) {
        (Err(PassFailed { error: Error::Panic(_), .. }), _) => PassResult::Panicked,
        (Err(PassFailed { error: Error::Deadline(_), .. }), _) => PassResult::TimedOut,
        // Somebody else changed the object first: nothing is wrong.
        (Err(failed), _) if failed.error.is_conflict() || failed.error.is_not_found() => {
            PassResult::RequeueAfter
        }
        (Err(_), _) => PassResult::Error,
        (Ok(_), Some(Class::Terminal)) => PassResult::Terminal,
        (Ok(_), Some(_)) => PassResult::Error,
        (Ok(Ended::Released), None) => PassResult::Success,
        (Ok(Ended::RequeueAfter(_) | Ended::PollAfter(_)), None) => PassResult::RequeueAfter,
    }
}

/// What kind of failure a trace shows.
fn failure(ended: &Result<Ended, PassFailed>, aws_failure: Option<Class>) -> Option<&'static str> {
    let kind = match ended {
        Ok(_) => return aws_failure.map(Class::label),
        Err(PassFailed { error, .. }) if error.is_conflict() || error.is_not_found() => return None,
        Err(PassFailed { error: Error::Kubernetes(_), .. }) => "kubernetes",
        Err(PassFailed { error: Error::Deadline(_), .. }) => "deadline",
        Err(PassFailed { error: Error::Stopping, .. }) => "stopping",
        Err(PassFailed { error: Error::Panic(_), .. }) => "panic",
    };
    Some(kind)
}

fn next_poll(context: &Context, object: &Arc<SequenceStore>) -> Duration {
    let prepared = prepare(object.clone(), Access::Operator, &context.defaults, &context.settings.cluster);
    backoff::jittered(prepared.poll_interval, fastrand::f64())
}

/// When to try again after a pass that did not come to its end; none where the object is gone. A "not found" or a conflict
/// may come from an old copy of the object, or from a proxy in between, so the object is read again first.
async fn after_failure(
    context: &Context,
    object: &Arc<SequenceStore>,
    error: &Error,
    (record, is_cached): (&mut Record, impl Fn() -> bool),
) -> Option<Duration> {
    let random = fastrand::f64();
    if error.is_not_found() || error.is_conflict() {
        let is_there = match context.kubernetes.read(object).await {
            Ok(live) if live.uid_str() == object.uid_str() => {
                record.returned(&live);
                Some(true)
            }
            Ok(_another) => Some(false),
            Err(error) if error.is_not_found() => Some(false),
            Err(_unknown) => None,
        };
        match is_there {
            Some(false) if !is_cached() => return None,
            // The watch shows it: it tells of the end of the object too, should it be gone.
            Some(false) => return Some(next_poll(context, object)),
            Some(true) | None => {}
        }
    }
    let wait = record.unfinished(random);
    Some(error.asks_to_wait().map_or(wait, |asked| asked.min(LONGEST_ASKED_WAIT).max(wait)))
}

/// Leaves an object alone that cannot be decoded, and tells its owner by an Event.
async fn undecodable(context: &Context, invalid: &InvalidObject) -> Result<Ended, Error> {
    let mut object = SequenceStore::new("", SequenceStoreSpec::default());
    object.metadata = invalid.metadata.clone();
    tracing::warn!(
        namespace = invalid.metadata.namespace.as_deref(),
        name = invalid.metadata.name.as_deref(),
        "the operator leaves the object alone: {}",
        invalid.why
    );
    context.kubernetes.publish(&object, vec![event::undecodable(&invalid.why.to_string())]).await;
    Ok(Ended::Released)
}

/// The operator stops, or this process leads no more.
async fn stopped(leadership: &Leadership, aws: &Aws) {
    tokio::select! {
        () = aws.stopped() => {}
        () = leadership.until_lost() => {}
    }
}

/// Stops a pass that takes too long, and after `stopped` one that waits for its turn: it would not get it, or not be allowed to
/// use it.
async fn stop_after(
    deadline: Duration,
    aws: &Aws,
    stopped: impl Future<Output = ()>,
    pass: impl Future<Output = Result<Ended, Error>>,
) -> Result<Ended, Error> {
    let stopped_while_waiting = async {
        stopped.await;
        while !aws.waits().is_waiting() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        biased;
        ended = AssertUnwindSafe(pass).catch_unwind() => ended.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            Err(Error::Panic(text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()))
        }),
        () = aws.waits().deadline(deadline) => Err(Error::Deadline(deadline)),
        () = stopped_while_waiting => Err(Error::Stopping),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Operation;

    fn aws() -> Aws {
        Aws::for_tests()
    }

    async fn stop_after(
        deadline: Duration,
        aws: &Aws,
        pass: impl Future<Output = Result<Ended, Error>>,
    ) -> Result<Ended, Error> {
        super::stop_after(deadline, aws, aws.stopped(), pass).await
    }

    #[tokio::test]
    async fn a_panic_ends_only_its_own_pass() {
        let ended = stop_after(Duration::from_secs(1), &aws(), async { panic!("defect {}", 7) }).await;
        assert!(matches!(ended, Err(Error::Panic(text)) if text == "defect 7"));
    }

    #[tokio::test]
    async fn a_pass_that_hangs_is_stopped() {
        let ended = stop_after(Duration::from_millis(10), &aws(), std::future::pending()).await;
        assert!(matches!(ended, Err(Error::Deadline(_))));
    }

    #[tokio::test]
    async fn the_deadline_does_not_run_while_a_pass_waits_for_its_turn_and_a_stop_ends_the_wait() {
        let (aws, create) = (aws(), Operation::CreateSequenceStore);
        aws.turn(create, "us-east-1").await.spend();
        let waits = async {
            // AWS allows less than one a second.
            aws.turn(create, "us-east-1").await.spend();
            Ok(Ended::Released)
        };
        assert_eq!(stop_after(Duration::from_millis(300), &aws, waits).await.ok(), Some(Ended::Released));
        let waits = async {
            aws.turn(create, "us-east-1").await.spend();
            Ok(Ended::Released)
        };
        aws.stop();
        let ended = stop_after(Duration::from_secs(30), &aws, waits).await;
        assert!(matches!(ended, Err(Error::Stopping)), "{ended:?}");
    }
}
