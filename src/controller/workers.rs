//! Runs the passes: takes objects out of the queue while workers are free, and puts them back with the time of their next
//! pass. I/O: what a pass does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::context::Context;
use super::error::{Error, PassFailed};
use super::health::Health;
use super::queue::{Due, Kind, Place, Started, Workers};
use super::reconcile::{Again, reconcile};
use crate::crd::{OwnerTags, SequenceStore};
use crate::kubernetes::{Reference, Uid, WatchedObject};

/// How often the loop shows that it turns.
const TURN_EVERY: Duration = Duration::from_secs(1);
/// After a panic outside of the pass itself, which nothing expects.
const AFTER_PANIC: Duration = Duration::from_secs(60);

/// When the next pass of an object is due; none where it waits for a change.
type PassResult = Result<Option<Again>, PassFailed>;

/// The loop that begins passes and sees them end.
pub struct WorkerLoop<'a> {
    context: Arc<Context>,
    health: &'a Health,
    workers: Workers,
    passes: JoinSet<PassResult>,
    running: HashMap<Id, Started>,
}

impl<'a> WorkerLoop<'a> {
    pub fn new(context: Arc<Context>, health: &'a Health, workers: Workers) -> Self {
        Self { context, health, workers, passes: JoinSet::new(), running: HashMap::new() }
    }

    /// Runs until `shutdown`. Passes begin only while this process leads. Those that have begun by the end are finished;
    /// what is queued is dropped.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut leading = self.context.leadership.leading();
        while !shutdown.is_cancelled() {
            self.health.turned(Instant::now());
            let is_leading = *leading.borrow_and_update();
            self.begin_passes(is_leading);
            let queue = &self.context.queue;
            let wait = queue.next_due().map(|due| due.saturating_duration_since(Instant::now()));
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {}
                ended = self.passes.join_next_with_id(), if !self.passes.is_empty() => self.ended(ended),
                // The sender lives as long as the context, so this cannot fail.
                _ = leading.changed() => {}
                () = queue.changed() => {}
                () = tokio::time::sleep(wait.unwrap_or(TURN_EVERY).min(TURN_EVERY)) => {}
            }
        }
        while !self.passes.is_empty() {
            self.health.turned(Instant::now());
            if let Ok(ended) = tokio::time::timeout(TURN_EVERY, self.passes.join_next_with_id()).await {
                self.ended(ended);
            }
        }
    }

    /// What is due is told apart from what is not, also while nothing may begin.
    fn begin_passes(&mut self, is_leading: bool) {
        let context = Arc::clone(&self.context);
        context.queue.advance(Instant::now(), |object| place(&context, object));
        while is_leading && let Some(started) = context.queue.start(Instant::now(), self.workers) {
            self.begin(started);
        }
    }

    fn begin(&mut self, started: Started) {
        let now = Instant::now();
        let Some(object) = self.context.kubernetes.cache.get(&started.object) else {
            // Its deletion was seen between its turn and this line.
            self.context.queue.finish(&started, now, None);
            return;
        };
        // One object must not take more than its share, whatever triggers its passes.
        if let Ok(live) = &object.0
            && let Some(rest) = self.context.memory.rest(live, now)
        {
            let again = Due { at: now + rest, urgency: started.given, is_poll: false };
            self.context.queue.finish(&started, now, Some(again));
            return;
        }
        if let Ok(live) = &object.0
            && is_held_back(&self.context, live, now)
        {
            self.context.queue.finish(&started, now, None);
            return;
        }
        self.context.metrics.workqueue.began(started.waited);
        let (namespace, name) = (started.object.namespace(), started.object.name());
        let span = tracing::info_span!("pass", namespace, name);
        let pass = reconcile(object, Arc::clone(&self.context), started.kind.urgency()).instrument(span);
        let id = self.passes.spawn(pass).id();
        self.running.insert(id, started);
    }

    fn ended(&mut self, ended: Option<Result<(Id, PassResult), JoinError>>) {
        let (id, result) = match ended {
            Some(Ok(ended)) => ended,
            Some(Err(error)) => (error.id(), Err(panicked(&error))),
            None => return,
        };
        let Some(started) = self.running.remove(&id) else { return };
        let now = Instant::now();
        let after = match &result {
            Ok(after) => *after,
            Err(failed) => failed.retry_after.map(|after| Again { after, is_poll: false }),
        };
        let again = after.map(|Again { after, is_poll }| Due { at: now + after, urgency: None, is_poll });
        let took = self.context.queue.finish(&started, now, again);
        let metrics = &self.context.metrics.workqueue;
        metrics.finished(took);
        if result.is_err() && again.is_some() {
            metrics.retried();
        }
        log(&started, took, &result);
    }
}

/// Whether a listing will tell if the object needs a pass at all: it is settled, and nothing has happened since the start.
fn is_held_back(context: &Context, object: &SequenceStore, now: Instant) -> bool {
    !context.memory.knows(&Uid::of(object))
        && has_owner_tags(context, object)
        && context.sweeps.holds_back(object, now)
}

/// Whether the store, as the object has it, carries the owner tags. It does not where the name of the cluster has changed since.
fn has_owner_tags(context: &Context, object: &SequenceStore) -> bool {
    let store = object.status.as_ref().and_then(|status| status.store.as_ref());
    let tags = store.and_then(|store| store.tags.as_ref());
    let owner = OwnerTags::of(object, &context.settings.cluster);
    !object.manages() || tags.is_some_and(|tags| owner.missing_from(tags).is_empty())
}

/// Where an object belongs in the queue; none for one that does not exist.
fn place(context: &Context, object: &Reference) -> Option<Place> {
    let cached = context.kubernetes.cache.get(object)?;
    let default_region = context.defaults.region.as_deref();
    Some(match &*cached {
        WatchedObject(Ok(live)) => {
            Place::of(live, default_region, context.tenancy.account(object.namespace()).as_deref())
        }
        // Its pass asks AWS nothing.
        WatchedObject(Err(_)) => {
            Place { kind: Kind::Ordinary, region: default_region.unwrap_or_default().to_owned() }
        }
    })
}

fn panicked(error: &JoinError) -> PassFailed {
    PassFailed { error: Error::Panic(error.to_string()), retry_after: Some(AFTER_PANIC) }
}

fn log(Started { object, kind, waited, .. }: &Started, took: Duration, result: &PassResult) {
    match result {
        Ok(_) => tracing::debug!(%object, ?kind, ?waited, ?took, "pass finished"),
        Err(PassFailed { error, .. }) if error.is_conflict() || error.is_not_found() => {
            tracing::debug!(%object, ?kind, ?waited, ?took, "the object changed during the pass: {error}");
        }
        Err(PassFailed { error, .. }) => {
            tracing::warn!(%object, ?kind, ?waited, ?took, "pass failed: {error}");
        }
    }
}
