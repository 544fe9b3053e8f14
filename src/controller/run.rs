//! Wires watches to passes: how many passes run at once, what is queued that no watch has queued, how all of it stops.
//! I/O: Kubernetes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::channel::mpsc;
use futures::future::join_all;
use futures::{StreamExt, stream};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Controller, controller, watcher};
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::error::PassFailed;
use super::health::Health;
use super::memory::Memory;
use super::reconcile::{after_error, reconcile};
use super::triggers::Reference;
use super::watch::{Queue, Watch};
use crate::kubernetes::{Uid, WatchedObject};

/// How often the cache is searched for objects that were overlooked.
const SEARCH_EVERY: Duration = Duration::from_secs(60);
/// How often the loop shows that it turns.
const TURN_EVERY: Duration = Duration::from_secs(1);

/// Runs until `shutdown`. Passes that have begun by then are finished; what is queued is dropped.
pub async fn run(context: Arc<Context>, health: &Health, concurrency: u16, shutdown: CancellationToken) {
    let (queue, triggers) = mpsc::unbounded();
    let namespaces = context.kubernetes.cache.watches.namespaces();
    let watching =
        join_all(namespaces.into_iter().map(|(number, namespace)| {
            Watch::new(Arc::clone(&context), number, namespace, queue.clone()).run()
        }));
    let passes = Controller::for_stream(stream::pending(), context.kubernetes.cache.reader())
        .with_config(controller::Config::default().concurrency(concurrency))
        .reconcile_on(
            triggers.map(|object: Reference| ObjectRef::new(object.name()).within(object.namespace())),
        )
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
        .run(reconcile, after_error, Arc::clone(&context))
        .for_each(|result| async move { log(result) });
    let passes = async {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = context.kubernetes.cache.watches.until_tried() => tracing::info!("the first lists are done"),
        }
        passes.await;
    };
    tokio::select! {
        biased;
        () = passes => {}
        _ = watching => {}
        () = queue_overlooked(&context, &queue) => {}
        () = turn(health) => {}
        () = stop_waiting(&context, &shutdown) => {}
    }
}

/// A pass that waits for its turn to call AWS when the operator is told to stop does not get it.
async fn stop_waiting(context: &Context, shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    context.aws.stop();
    std::future::pending().await
}

/// Shows that this task is not blocked.
async fn turn(health: &Health) {
    loop {
        health.turned(Instant::now());
        tokio::time::sleep(TURN_EVERY).await;
    }
}

/// The safety net: whatever lost the trigger of an object, it gets a pass.
async fn queue_overlooked(context: &Context, queue: &Queue) {
    let mut new = HashSet::new();
    loop {
        tokio::time::sleep(SEARCH_EVERY).await;
        let objects = context.kubernetes.cache.objects();
        let overlooked = overlooked(objects, &context.memory, &mut new, Instant::now());
        for object in overlooked {
            tracing::debug!(%object, "no pass for longer than its poll interval");
            let _ = queue.unbounded_send(object);
        }
    }
}

/// Objects whose pass is long due, and those that the search before found without any pass. `new` is what each search leaves
/// to the next one.
fn overlooked(
    objects: impl Iterator<Item = Arc<WatchedObject>>,
    memory: &Memory,
    new: &mut HashSet<Uid>,
    now: Instant,
) -> Vec<Reference> {
    let mut unknown = HashSet::new();
    let mut found = Vec::new();
    // One that cannot be decoded gets no pass until it changes.
    for object in objects.filter(|object| object.0.is_ok()) {
        let uid = Uid::of(object.as_ref());
        let is_overlooked = match memory.is_overdue(&uid, now) {
            Some(is_overdue) => is_overdue,
            None => {
                let was_unknown = new.contains(&uid);
                unknown.insert(uid);
                was_unknown
            }
        };
        if is_overlooked {
            found.push(Reference::of(object.as_ref()));
        }
    }
    *new = unknown;
    found
}

type PassResult =
    Result<(ObjectRef<WatchedObject>, controller::Action), controller::Error<PassFailed, watcher::Error>>;

fn log(result: PassResult) {
    match result {
        Ok((object, _)) => tracing::debug!(%object, "pass finished"),
        // The object was deleted between its trigger and its pass.
        Err(controller::Error::ObjectNotFound(object)) => tracing::debug!(%object, "object is gone"),
        Err(controller::Error::ReconcilerFailed(PassFailed { error, .. }, object))
            if error.is_conflict() || error.is_not_found() =>
        {
            tracing::debug!(%object, "the object changed during the pass: {error}");
        }
        Err(controller::Error::ReconcilerFailed(PassFailed { error, .. }, object)) => {
            tracing::warn!(%object, "pass failed: {error}")
        }
        Err(error) => tracing::warn!("the queue of passes failed: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{SequenceStore, SequenceStoreSpec};

    fn object(uid: &str) -> Arc<WatchedObject> {
        let mut object = SequenceStore::new(uid, SequenceStoreSpec::default());
        object.metadata.namespace = Some("ns".into());
        object.metadata.uid = Some(uid.into());
        Arc::new(WatchedObject(Ok(object)))
    }

    #[test]
    fn an_object_whose_trigger_was_lost_gets_a_pass() {
        let (memory, now, mut new) = (Memory::default(), Instant::now(), HashSet::new());
        let uid = Uid::from("polled");
        let polled = memory.take(&uid);
        memory.put_back(&uid, polled, Some(now + Duration::from_secs(300)));
        let objects = [object("polled"), object("never")];
        let mut names = |after: u64| -> Vec<String> {
            let found =
                overlooked(objects.iter().cloned(), &memory, &mut new, now + Duration::from_secs(after));
            found.into_iter().map(|object| object.name().to_owned()).collect()
        };
        assert_eq!(names(0), [""; 0], "a new object is queued already");
        assert_eq!(names(60), ["never"]);
        assert_eq!(names(330), ["never"], "a poll that is a little late is in the queue");
        assert_eq!(names(1000), ["polled", "never"]);
    }
}
