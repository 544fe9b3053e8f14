//! Wires watches to passes: what triggers a pass, how many run at once, how all of it stops. I/O: Kubernetes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use futures::future::join_all;
use kube::runtime::{Controller, PredicateConfig, WatchStreamExt, controller, reflector, watcher};
use kube::{Api, Resource, ResourceExt};
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::error::PassFailed;
use super::reconcile::{after_error, reconcile};
use crate::crd::{FINALIZER, INTENT_ANNOTATION, PREFIX};
use crate::kubernetes::WatchedObject;

/// Shorter than the 240 s after which load balancers in front of API servers drop idle connections.
const WATCH_TIMEOUT_SECONDS: u32 = 200;

/// Runs until `shutdown`. Passes that run at that time are finished.
pub async fn run(
    context: Arc<Context>,
    namespaces: &[String],
    concurrency: u16,
    shutdown: CancellationToken,
) {
    let apis: Vec<Api<WatchedObject>> = if namespaces.is_empty() {
        vec![Api::all(context.kubernetes.client.clone())]
    } else {
        namespaces
            .iter()
            .map(|namespace| Api::namespaced(context.kubernetes.client.clone(), namespace))
            .collect()
    };
    join_all(apis.into_iter().map(|api| watch(Arc::clone(&context), api, concurrency, shutdown.clone())))
        .await;
}

async fn watch(
    context: Arc<Context>,
    api: Api<WatchedObject>,
    concurrency: u16,
    shutdown: CancellationToken,
) {
    let (cache, writer) = reflector::store();
    context.kubernetes.cache.add(cache.clone());
    let (noting, listed) = (Arc::clone(&context), Arc::new(AtomicBool::new(false)));
    let has_listed = Arc::clone(&listed);
    let triggers = watcher(api, watcher::Config::default().timeout(WATCH_TIMEOUT_SECONDS).page_size(100))
        .default_backoff()
        .modify(|object| {
            if let Ok(object) = &mut object.0 {
                object.metadata.managed_fields = None;
            }
        })
        .reflect(writer)
        .inspect(move |event| match event {
            Ok(watcher::Event::Delete(object)) => noting.memory.forget(&object.uid().unwrap_or_default()),
            // `Store::wait_until_ready` would take the wake-up from the controller, which waits for the same.
            Ok(watcher::Event::InitDone) if !listed.swap(true, Ordering::Relaxed) => {
                noting.kubernetes.cache.listed()
            }
            _ => {}
        })
        .applied_objects()
        .predicate_filter(trigger, PredicateConfig::default());
    let passes = Controller::for_stream(triggers, cache)
        .with_config(controller::Config::default().concurrency(concurrency))
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
        .run(reconcile, after_error, context)
        .for_each(|result| async move { log(result) });
    // A controller that is stopped before its first list is complete would wait for that list for ever. No pass runs
    // at that time, so it can be dropped.
    let stopped_before_the_first_list = async {
        shutdown.cancelled().await;
        if has_listed.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = passes => {}
        () = stopped_before_the_first_list => {}
    }
}

/// A hash of what other people and controllers change on an object. The operator's own writes (status, finalizer, intent)
/// must not trigger a pass.
fn trigger(object: &WatchedObject) -> Option<u64> {
    let metadata = object.meta();
    let mut hasher = DefaultHasher::new();
    metadata.generation.hash(&mut hasher);
    metadata.deletion_timestamp.as_ref().map(|time| time.0.as_second()).hash(&mut hasher);
    let foreign = metadata.finalizers.iter().flatten().filter(|finalizer| *finalizer != FINALIZER);
    foreign.for_each(|finalizer| finalizer.hash(&mut hasher));
    let ours = metadata
        .annotations
        .iter()
        .flatten()
        .filter(|(key, _)| key.starts_with(PREFIX) && *key != INTENT_ANNOTATION);
    ours.for_each(|annotation| annotation.hash(&mut hasher));
    Some(hasher.finish())
}

type PassResult = Result<
    (reflector::ObjectRef<WatchedObject>, controller::Action),
    controller::Error<PassFailed, watcher::Error>,
>;

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
        Err(error) => tracing::warn!("watch failed: {error}"),
    }
}
