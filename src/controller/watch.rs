//! Lists the objects of one namespace, or of all, follows their watch, and queues the objects that need a pass. I/O: reads
//! Kubernetes.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::api::WatchEvent;
use kube::{Api, ResourceExt};

use super::backoff;
use super::context::Context;
use super::triggers::{Listed, Triggers, trigger};
use crate::kubernetes::cluster::{self, Failure};
use crate::kubernetes::pages::{Events, LIST_TIMEOUT, Pages, start_watch};
use crate::kubernetes::{Error, Reference, Uid, WatchNumber, WatchedObject};

/// How much longer than the API server's own limit a watch may be silent before it counts as dead.
const MARGIN: Duration = Duration::from_secs(5);
/// A server or proxy that ends every watch at once must not be asked in a loop.
const SHORTEST_WATCH: Duration = Duration::from_secs(1);
/// A watch that lives so long, or shows an object, runs. One that breaks off sooner has repaired nothing.
const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// After so many failures in a row the watch is not resumed: its objects are listed again.
const FAILURES_BEFORE_LISTING: u32 = 5;
/// The longest wait between two attempts. A refusal costs little, and should be over soon after its cause.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT_AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// One watch.
pub struct Watch {
    context: Arc<Context>,
    number: WatchNumber,
    namespace: Option<String>,
    api: Api<WatchedObject>,
    triggers: Triggers,
    /// In a row.
    failures: u32,
}

/// Why a watch is over.
#[derive(Debug)]
enum Over {
    /// The API server ended it, or it was silent for too long: it goes on from the last version.
    Ended,
    /// Its version is too old.
    Expired,
    Failed(Failure),
}

impl Watch {
    pub fn new(context: Arc<Context>, number: WatchNumber, namespace: Option<String>) -> Self {
        let client = context.kubernetes.client.clone();
        let api = match &namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        };
        let (triggers, failures) = (Triggers::default(), 0);
        Self { context, number, namespace, api, triggers, failures }
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        self.heard();
        loop {
            match self.list().await {
                Ok(version) => self.follow(version).await,
                Err(error) => self.failed(&error.into()).await,
            }
        }
    }

    /// Lists all objects; returns the version of the list. The cache shows each page at once; what the list triggers waits
    /// for its end.
    async fn list(&mut self) -> Result<String, Error> {
        let (mut listed, mut pages) = (Listed::default(), Pages::of(&self.api, self.deadline()));
        let version = loop {
            let last = pages.next(|object| {
                let (reference, trigger) = self.cached(object);
                listed.add(reference, trigger);
            });
            let last = last.await?;
            self.heard();
            if let Some(version) = last {
                break version;
            }
        };
        self.look_for_the_namespace().await;
        let cache = &self.context.kubernetes.cache;
        let mut cached = cache.references();
        cached.retain(|object| self.namespace.as_ref().is_none_or(|own| object.namespace() == own));
        let (changed, vanished) = self.triggers.relisted(listed, cached);
        for object in &vanished {
            cache.remove(object);
            self.context.queue.remove(object);
        }
        cache.watches.listed(self.number, Instant::now());
        self.context.memory.keep_only(|uid| cache.has(uid));
        changed.into_iter().chain(cache.no_longer_waiting()).for_each(|object| self.queue(&object));
        Ok(version)
    }

    /// Mistyped, or not created yet: in both cases there is nothing to list, and nothing else would say so.
    async fn look_for_the_namespace(&self) {
        let Some(namespace) = &self.namespace else { return };
        let client = &self.context.kubernetes.client;
        let is_missing = cluster::is_namespace_missing(client, namespace).await;
        if self.context.kubernetes.cache.watches.namespace_is_missing(self.number, is_missing) {
            tracing::warn!("namespace {namespace} of --watch-namespace does not exist (yet)");
        }
    }

    /// Follows the watch from this version on, until the objects must be listed again.
    async fn follow(&mut self, mut version: String) {
        let mut is_behind = false;
        loop {
            if self.context.kubernetes.cache.watches.lacks_its_namespace(self.number) {
                self.look_for_the_namespace().await;
            }
            let began = Instant::now();
            let over = match self.start(&version).await {
                // Nobody knows for how long it was refused: only a list says what is there now.
                Ok(_) if is_behind => return,
                Ok(events) => self.read(events, &mut version).await,
                Err(error) => match error.status_code() {
                    Some(410) => Over::Expired,
                    _ => Over::Failed(error.into()),
                },
            };
            match over {
                Over::Ended => {
                    self.settled();
                    self.failures = 0;
                    tokio::time::sleep(SHORTEST_WATCH.saturating_sub(began.elapsed())).await;
                }
                Over::Expired => {
                    self.heard();
                    self.failures = self.failures.saturating_add(1);
                    return tokio::time::sleep(wait(self.failures, LONGEST_WAIT, fastrand::f64())).await;
                }
                Over::Failed(failure) => {
                    self.failed(&failure).await;
                    if lists_again(&failure, self.failures) {
                        return;
                    }
                    is_behind |= matches!(failure, Failure::Forbidden(_));
                }
            }
        }
    }

    async fn start(&self, version: &str) -> Result<Events, Error> {
        let timeout = self.context.watch_timeout;
        start_watch(self.deadline(), &self.api, version, timeout).await
    }

    /// The watch runs. What waited for it is queued.
    fn settled(&self) {
        let cache = &self.context.kubernetes.cache;
        if cache.watches.began(self.number, Instant::now()) {
            tracing::info!(namespace = self.namespace, "the SequenceStores are listed and watched again");
            cache.no_longer_waiting().iter().for_each(|object| self.queue(object));
        }
    }

    async fn read(&mut self, mut events: Events, version: &mut String) -> Over {
        let mut is_settled = false;
        loop {
            let longest = if is_settled { self.context.watch_timeout + MARGIN } else { SETTLED_AFTER };
            let event = match tokio::time::timeout(longest, events.next()).await {
                Ok(Some(event)) => event,
                Ok(None) => return Over::Ended,
                Err(_) if !is_settled => {
                    is_settled = true;
                    self.settled();
                    continue;
                }
                Err(_) => {
                    return Over::Failed(Failure::NoAnswer("the watch was silent for too long".into()));
                }
            };
            let event = match event {
                Ok(event) => event,
                Err(error) => return Over::Failed(Failure::from_watch(error)),
            };
            self.heard();
            if let ControlFlow::Break(over) = self.event(event, version) {
                return over;
            }
            // An error in the stream is no success: only now the failures are over.
            (self.failures, is_settled) = (0, true);
            self.settled();
        }
    }

    fn event(&mut self, event: WatchEvent<WatchedObject>, version: &mut String) -> ControlFlow<Over> {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                note_version(&object, version);
                let (reference, trigger) = self.cached(object);
                let is_changed = self.triggers.changed(&reference, trigger);
                // Where objects are, there is a namespace.
                self.context.kubernetes.cache.watches.namespace_is_missing(self.number, false);
                if is_changed {
                    self.queue(&reference);
                }
            }
            WatchEvent::Deleted(object) => {
                note_version(&object, version);
                let reference = Reference::of(&object);
                self.triggers.forget(&reference);
                self.context.kubernetes.cache.remove(&reference);
                self.context.queue.remove(&reference);
                self.context.memory.forget(&Uid::of(&object));
            }
            WatchEvent::Bookmark(bookmark) => *version = bookmark.metadata.resource_version,
            WatchEvent::Error(status) if status.code == 410 => return ControlFlow::Break(Over::Expired),
            WatchEvent::Error(status) => {
                return ControlFlow::Break(Over::Failed(Failure::from_watch(kube::Error::Api(status))));
            }
        }
        ControlFlow::Continue(())
    }

    /// The cache shows the object from now on. Returns how to refer to it, and its trigger.
    fn cached(&self, object: WatchedObject) -> (Reference, u64) {
        let (trigger, uid, version) = (trigger(&object), Uid::of(&object), object.resource_version());
        let reference = self.context.kubernetes.cache.put(object);
        self.context.memory.cached(&uid, version.as_deref());
        (reference, trigger)
    }

    /// Notes what is wrong, tells it once, and waits longer each time.
    async fn failed(&mut self, failure: &Failure) {
        let watches = &self.context.kubernetes.cache.watches;
        if let Some(news) = watches.failed(self.number, failure, Instant::now()) {
            tracing::warn!(namespace = self.namespace, "{news}; the operator tries again");
        }
        self.failures = self.failures.saturating_add(1);
        let longest = match failure {
            Failure::Forbidden(_) | Failure::NotFound(_) => LONGEST_WAIT_AFTER_REFUSAL,
            Failure::Invalid(_) | Failure::NoAnswer(_) | Failure::Other(_) => LONGEST_WAIT,
        };
        tokio::time::sleep(wait(self.failures, longest, fastrand::f64())).await;
    }

    fn heard(&self) {
        self.context.kubernetes.cache.watches.heard(self.number, Instant::now());
    }

    fn queue(&self, object: &Reference) {
        self.context.queue.add(object);
    }

    fn deadline(&self) -> Duration {
        deadline(self.context.watch_timeout)
    }
}

/// The version from which the watch goes on. An object without one changes nothing: the last version stays valid.
fn note_version(object: &WatchedObject, version: &mut String) {
    if let Some(new) = object.resource_version() {
        *version = new;
    }
}

/// How long a list or the start of a watch may take.
fn deadline(watch_timeout: Duration) -> Duration {
    LIST_TIMEOUT.min(watch_timeout)
}

/// A watch of which nothing was heard for longer than this does not recover by itself: it was given up as dead, and several
/// attempts to start it anew neither got an answer nor failed in time. An error, or a refused connection, is heard.
#[must_use]
pub fn longest_silence(watch_timeout: Duration) -> Duration {
    watch_timeout + MARGIN + 3 * deadline(watch_timeout)
}

/// Whether the watch is not resumed after so many failures in a row: its objects are listed again. While it alone is refused,
/// a list now and then shows what happens, and costs the API server much more than the attempts to watch.
fn lists_again(failure: &Failure, failures: u32) -> bool {
    match failure {
        Failure::NotFound(_) => true,
        Failure::Forbidden(_) => failures.is_power_of_two() || failures.is_multiple_of(64),
        Failure::Invalid(_) | Failure::NoAnswer(_) | Failure::Other(_) => failures >= FAILURES_BEFORE_LISTING,
    }
}

/// Half a second, then twice as long each time. `random` is in `0.0..1.0`.
fn wait(failures: u32, longest: Duration, random: f64) -> Duration {
    backoff::spread(backoff::growing(Duration::from_millis(500), longest, failures), random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_watch_is_tried_less_and_less_often() {
        let waits: Vec<u128> = [1, 2, 3, 9, u32::MAX].map(|n| wait(n, LONGEST_WAIT, 1.0).as_millis()).into();
        assert_eq!(waits, [500, 1000, 2000, 30_000, 30_000]);
        assert_eq!(wait(9, LONGEST_WAIT_AFTER_REFUSAL, 0.0), Duration::from_millis(2500));
    }

    #[test]
    fn a_watch_that_alone_is_refused_is_listed_less_and_less_often() {
        let refused = Failure::Forbidden("no".into());
        let lists: Vec<u32> = (1..300).filter(|failures| lists_again(&refused, *failures)).collect();
        assert_eq!(lists, [1, 2, 4, 8, 16, 32, 64, 128, 192, 256]);
        let error = Failure::Other("500".into());
        assert_eq!([1, 4, 5, 6].map(|failures| lists_again(&error, failures)), [false, false, true, true]);
    }

    #[test]
    fn a_restart_comes_only_after_the_watch_had_time_to_start_anew() {
        assert_eq!(longest_silence(Duration::from_secs(200)), Duration::from_secs(295));
    }
}
