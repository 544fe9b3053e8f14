//! Runs passes so that neither a hang nor a panic in one harms other objects, and decides about the next one. I/O.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use kube::runtime::controller::Action as Requeue;

use super::backoff;
use super::context::Context;
use super::error::{Error, PassFailed};
use super::memory::Record;
use super::pass::{Ended, pass};
use crate::aws::CALL_TIMEOUT;
use crate::crd::{SequenceStore, SequenceStoreSpec};
use crate::kubernetes::{InvalidObject, Uid, WatchedObject};
use crate::status::event;
use crate::store::prepare;

/// The longest a pass may take. It is shorter than the time that a Pod is given to stop.
pub const PASS_DEADLINE: Duration = Duration::from_secs(45);

/// An API server that asks for more is asked again all the same.
const LONGEST_ASKED_WAIT: Duration = Duration::from_secs(300);

// Every request has its own timeout. The deadline leaves room for a few slow ones; the next pass takes up where a stopped
// one ended.
const _: () = assert!(PASS_DEADLINE.as_secs() >= 4 * CALL_TIMEOUT.as_secs());

/// Runs one pass over an object.
pub async fn reconcile(object: Arc<WatchedObject>, context: Arc<Context>) -> Result<Requeue, PassFailed> {
    let watched = object;
    if let Ok(object) = &watched.0
        && let Some(rest) = context.memory.rest(object, Instant::now())
    {
        return Ok(Requeue::requeue(rest));
    }
    let object = match &watched.0 {
        Ok(object) => Arc::new(object.clone()),
        Err(invalid) => {
            // Nothing is left to do, even if the Event could not be published.
            let _ = stop_after(PASS_DEADLINE, undecodable(&context, invalid)).await;
            return Ok(Requeue::await_change());
        }
    };
    let uid = Uid::of(object.as_ref());
    let mut record = context.memory.take(&uid);
    let ended = match stop_after(PASS_DEADLINE, pass(&context, object.clone(), &mut record)).await {
        Ok(ended) => Ok(ended),
        Err(error) => {
            let is_cached = || context.kubernetes.cache.holds(&watched);
            let retry_after = after_failure(&context, &object, &error, (&mut record, is_cached)).await;
            Err(PassFailed { retry_after, error })
        }
    };
    // A record of an object that vanished during the pass would never be forgotten.
    let is_gone = matches!(ended, Ok(Ended::Released)) || !context.kubernetes.cache.holds(&watched);
    match &ended {
        _ if is_gone => context.memory.forget(&uid),
        Ok(Ended::RequeueAfter(wait)) => context.memory.put_back(&uid, record, Some(Instant::now() + *wait)),
        Ok(Ended::Released) => {}
        Err(failed) => {
            let due = failed.retry_after.map(|wait| Instant::now() + wait);
            context.memory.put_back(&uid, record, due);
        }
    }
    match ended? {
        // A pass over an object that is gone by then is not run; one that is still there was not released after all.
        Ended::Released => Ok(Requeue::requeue(next_poll(&context, &object))),
        Ended::RequeueAfter(wait) => Ok(Requeue::requeue(wait)),
    }
}

/// When kube runs the next pass after one that failed.
pub fn after_error(_: Arc<WatchedObject>, failed: &PassFailed, _: Arc<Context>) -> Requeue {
    failed.retry_after.map_or_else(Requeue::await_change, Requeue::requeue)
}

fn next_poll(context: &Context, object: &Arc<SequenceStore>) -> Duration {
    let prepared = prepare(object.clone(), &context.defaults, &context.settings.cluster);
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

async fn stop_after(
    deadline: Duration,
    pass: impl Future<Output = Result<Ended, Error>>,
) -> Result<Ended, Error> {
    match tokio::time::timeout(deadline, AssertUnwindSafe(pass).catch_unwind()).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(Error::Panic(text))
        }
        Err(_) => Err(Error::Deadline(deadline)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_only_its_own_pass() {
        let ended = stop_after(Duration::from_secs(1), async { panic!("defect {}", 7) }).await;
        assert!(matches!(ended, Err(Error::Panic(text)) if text == "defect 7"));
    }

    #[tokio::test]
    async fn a_pass_that_hangs_is_stopped() {
        let ended = stop_after(Duration::from_millis(10), std::future::pending()).await;
        assert!(matches!(ended, Err(Error::Deadline(_))));
    }
}
