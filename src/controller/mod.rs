//! Wires watches to passes: what triggers one, how many run, how it all ends. I/O.

pub mod backoff;
pub mod context;
pub mod health;
pub mod memory;
pub mod reconcile;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use futures::future::join_all;
use kube::runtime::{Controller, PredicateConfig, WatchStreamExt, controller, reflector, watcher};
use kube::{Api, Resource, ResourceExt};
use tokio_util::sync::CancellationToken;

use crate::controller::context::Context;
use crate::controller::reconcile::{after_error, reconcile};
use crate::crd::{FINALIZER, INTENT_ANNOTATION, PREFIX, SequenceStore};
use crate::kubernetes;
use crate::kubernetes::Error;
use crate::kubernetes::WatchedObject;

/// Load balancers in front of API servers drop idle connections after 240 s or more.
const WATCH_TIMEOUT_SECONDS: u32 = 200;

/// Runs until `shutdown`; passes that are under way then come to their end.
pub async fn run(
    context: Arc<Context>,
    namespaces: &[String],
    concurrency: u16,
    shutdown: CancellationToken,
) {
    let apis: Vec<Api<WatchedObject>> = if namespaces.is_empty() {
        vec![Api::all(context.client.clone())]
    } else {
        namespaces.iter().map(|namespace| Api::namespaced(context.client.clone(), namespace)).collect()
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
    context.add_cache(cache.clone());
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
            // Asking the cache for it would take the wake-up from the controller, which asks as well.
            Ok(watcher::Event::InitDone) if !listed.swap(true, Ordering::Relaxed) => noting.listed(),
            _ => {}
        })
        .applied_objects()
        .predicate_filter(trigger, PredicateConfig::default());
    let passes = Controller::for_stream(triggers, cache)
        .with_config(controller::Config::default().concurrency(concurrency))
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
        .run(reconcile, after_error, context)
        .for_each(|result| async move { log(result) });
    // Told to stop before the first list is in, a controller waits for that list for ever. No pass has
    // begun then.
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

/// What a person can change that matters to us. Our own writes are left out: status, finalizer, intent.
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

type Outcome = Result<
    (reflector::ObjectRef<WatchedObject>, controller::Action),
    controller::Error<Error, watcher::Error>,
>;

fn log(result: Outcome) {
    match result {
        Ok((object, _)) => tracing::debug!(%object, "pass finished"),
        // The object went away between its trigger and its pass.
        Err(controller::Error::ObjectNotFound(object)) => tracing::debug!(%object, "object is gone"),
        Err(controller::Error::ReconcilerFailed(error, object))
            if error.is_conflict() || error.is_not_found() =>
        {
            tracing::debug!(%object, "pass was overtaken: {error}");
        }
        Err(controller::Error::ReconcilerFailed(error, object)) => {
            tracing::warn!(%object, "pass failed: {error}")
        }
        Err(error) => tracing::warn!("watch trouble: {error}"),
    }
}

/// Whether the cluster knows the kind; without its definition there is nothing to watch.
///
/// # Errors
/// Where the API server does not answer.
pub async fn kind_is_known(client: &kube::Client) -> Result<bool, Error> {
    let group_version = SequenceStore::api_version(&()).into_owned();
    match kubernetes::answered("look for the kind", client.list_api_group_resources(&group_version)).await {
        Ok(resources) => {
            Ok(resources.resources.iter().any(|resource| resource.kind == SequenceStore::kind(&())))
        }
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}
