//! The queue of passes as the tasks share it: watches and others add objects, the workers take them out. No I/O.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::queue::{Due, Numbers, Place, Queue, Started, Workers};
use crate::aws::Urgency;
use crate::kubernetes::Reference;

#[derive(Debug, Default)]
pub struct PassQueue {
    queue: Mutex<Queue>,
    changed: Notify,
}

impl PassQueue {
    /// The object needs a pass now; it says itself how urgent that is.
    pub fn add(&self, object: &Reference) {
        self.add_due(object, Due { at: Instant::now(), urgency: None, is_poll: false });
    }

    /// The object needs a pass at that time. Where it is queued already, the earlier time holds, and its own urgency unless
    /// both were given one.
    pub fn add_at(&self, object: &Reference, at: Instant, urgency: Urgency) {
        self.add_due(object, Due { at, urgency: Some(urgency), is_poll: false });
    }

    /// The object is gone.
    pub fn remove(&self, object: &Reference) {
        self.queue().remove(object);
    }

    /// The object needs its next poll no more.
    pub fn remove_poll(&self, object: &Reference) {
        self.queue().remove_poll(object);
    }

    /// Whether the object will get a pass, or has one now.
    #[must_use]
    pub fn holds(&self, object: &Reference) -> bool {
        self.queue().holds(object)
    }

    #[must_use]
    pub fn numbers(&self, now: Instant) -> Numbers {
        self.queue().numbers(now)
    }

    /// Waits until something was added since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// When the next object is due that is not yet.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.queue().next_due()
    }

    pub(super) fn advance(&self, now: Instant, place: impl Fn(&Reference) -> Option<Place>) {
        self.queue().advance(now, place);
    }

    /// The object that gets the next pass, if there is one and a worker for it.
    pub(super) fn start(&self, now: Instant, workers: Workers) -> Option<Started> {
        self.queue().start(now, workers)
    }

    pub(super) fn finish(&self, started: &Started, now: Instant, again: Option<Due>) -> std::time::Duration {
        self.queue().finish(started, now, again)
    }

    fn add_due(&self, object: &Reference, due: Due) {
        self.queue().add(object, due);
        self.changed.notify_one();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
