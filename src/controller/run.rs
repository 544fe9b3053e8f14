//! Wires watches to passes: what is queued that no watch has queued, how all of it stops. I/O: Kubernetes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use super::bindings::{report_bindings, watch_bindings};
use super::connection_checks::check_connections;
use super::context::Context;
use super::health::Health;
use super::pass_queue::PassQueue;
use super::queue::Workers;
use super::read_sets::count_read_sets;
use super::sweep::{Sight, give_way, sweep};
use super::watch::Watch;
use super::workers::WorkerLoop;
use crate::kubernetes::{Cache, Reference, Uid};

/// How often the cache is searched for objects that were overlooked.
const SEARCH_EVERY: Duration = Duration::from_secs(60);

/// Runs until `shutdown`. The watches fill the cache at all times; passes begin only while this process leads. Passes that have
/// begun by the end are finished; what is queued is dropped.
pub async fn run(context: Arc<Context>, health: &Health, concurrency: u16, shutdown: CancellationToken) {
    context.metrics.passes.at_most(concurrency);
    let namespaces = context.kubernetes.cache.watches.namespaces();
    let watching = join_all(
        namespaces
            .into_iter()
            .map(|(number, namespace)| Watch::new(Arc::clone(&context), number, namespace).run()),
    );
    let passes = async {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = first_lists(&context) => tracing::info!("the first lists are done"),
        }
        let workers = Workers(usize::from(concurrency));
        WorkerLoop::new(Arc::clone(&context), health, workers).run(shutdown.clone()).await;
    };
    tokio::select! {
        biased;
        () = passes => {}
        _ = watching => {}
        () = queue_overlooked(&context) => {}
        () = stop_waiting(&context, &shutdown) => {}
        () = sweep(&context) => {}
        () = watch_bindings(&context) => {}
        () = report_bindings(&context) => {}
        () = check_connections(&context) => {}
        () = count_read_sets(&context) => {}
    }
}

async fn first_lists(context: &Context) {
    tokio::join!(context.kubernetes.cache.watches.until_tried(), context.tenancy.until_tried());
}

/// A pass that has to wait for its turn to call AWS when the operator is told to stop does not get it.
async fn stop_waiting(context: &Context, shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    context.aws.stop();
    std::future::pending().await
}

/// The safety net: an object that is not in the queue gets a pass, whatever lost its trigger.
async fn queue_overlooked(context: &Context) {
    let mut missed = HashSet::new();
    loop {
        tokio::time::sleep(SEARCH_EVERY).await;
        let overlooked = overlooked(&context.kubernetes.cache, &context.queue, &mut missed);
        for (number, object) in overlooked.into_iter().enumerate() {
            give_way(number).await;
            if needs_pass(context, &object) {
                tracing::debug!(%object, "nothing has queued the object");
                context.queue.add(&object);
            }
        }
    }
}

/// Whether the object is in no queue although nobody looks after it. One that cannot be decoded gets no pass until it changes.
fn needs_pass(context: &Context, object: &Reference) -> bool {
    let Some(object) = context.kubernetes.cache.get(object) else { return false };
    let Ok(object) = &object.0 else { return false };
    let settled = context.sweeps.may_rest(object);
    // Listings tell what happens to its store.
    let rests = settled.is_some_and(|settled| context.sweeps.looks_after(settled.region, Instant::now()))
        && context.memory.sight(&Uid::of(object)) != Sight::Busy;
    !rests
}

/// Objects that two searches in a row did not find in the queue: while a list comes in, its objects are not queued yet.
/// `missed` is what each search leaves to the next one.
fn overlooked(cache: &Cache, queue: &PassQueue, missed: &mut HashSet<Reference>) -> Vec<Reference> {
    let missing = cache.references().into_iter().filter(|object| !queue.holds(object));
    let before = std::mem::replace(missed, missing.collect());
    missed.intersection(&before).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Urgency;
    use crate::crd::{SequenceStore, SequenceStoreSpec};
    use crate::kubernetes::WatchedObject;

    fn object(name: &str) -> WatchedObject {
        let mut object = SequenceStore::new(name, SequenceStoreSpec::default());
        object.metadata.namespace = Some("ns".into());
        object.metadata.uid = Some(name.into());
        WatchedObject(Ok(object))
    }

    #[test]
    fn an_object_whose_trigger_was_lost_gets_a_pass() {
        let (queue, mut missed) = (PassQueue::default(), HashSet::new());
        let cache = Cache::complete(&[object("polled"), object("never")]);
        let reference = |name| Reference::new("ns", name);
        queue.add_at(&reference("polled"), Instant::now() + Duration::from_secs(300), Urgency::Ordinary);
        let mut names = || -> Vec<String> {
            let found = overlooked(&cache, &queue, &mut missed);
            found.into_iter().map(|object| object.name().to_owned()).collect()
        };
        assert_eq!(names(), [""; 0], "its list may still be coming in");
        assert_eq!(names(), ["never"], "a poll that is due later is in the queue");
        queue.add(&reference("never"));
        assert_eq!(names(), [""; 0]);
        queue.remove(&reference("polled"));
        assert_eq!((names(), names()), (vec![], vec!["polled".to_owned()]));
    }
}
