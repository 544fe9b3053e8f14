//! Which object gets the next pass, and when. Pure: time is passed in. No I/O.
//!
//! | file | holds |
//! |---|---|
//! | `mod` | [`Queue`]: each object at most once, and never two passes of one object at once |
//! | `place` | what of an object decides about its place: its kind of pass, and its region |
//! | `ready` | the objects whose time has come, and the order in which they get their turn |
//! | `limits` | how many workers one region, or one kind of pass, may take |
//! | `names` | small numbers for namespaces and regions |
//! | `slots` | places with small numbers, for entries and names |
//! | `numbers` | what can be read of the queue |

mod limits;
mod names;
mod numbers;
mod place;
mod ready;
mod slots;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

pub use limits::Workers;
use names::{Names, Number};
pub use numbers::Numbers;
pub use place::{Kind, Place};
use ready::{Ready, Waiting};
use slots::{Slot, Slots};

use crate::aws::Urgency;
use crate::kubernetes::Reference;

/// Each so many passes one goes to the object that waited longest, so that nothing waits for ever behind what is more urgent.
const LONGEST_WAITING_EVERY: u64 = 8;

/// The objects that are to get a pass, now or later, and the passes that run.
#[derive(Debug, Default)]
pub struct Queue {
    entries: Slots<Entry>,
    slots: HashMap<Reference, Slot>,
    /// Entries of which it is not known yet in which region they are.
    unplaced: BTreeSet<Slot>,
    /// Entries whose time has not come.
    delayed: BTreeSet<(Instant, Slot)>,
    ready: Ready,
    running: BTreeMap<Slot, Running>,
    regions: Names,
    namespaces: Names,
    started: u64,
    added: u64,
}

#[derive(Debug)]
struct Entry {
    object: Reference,
    namespace: Number,
    region: Option<Number>,
    /// None while a pass runs after which nothing else is to be done yet.
    due: Option<Due>,
    /// Where it stands among those whose time has come.
    ready: Option<Waiting>,
}

/// When a pass is due, and how urgent it is then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub at: Instant,
    /// None where the object itself says it.
    pub urgency: Option<Urgency>,
    /// Nothing asks for it but the time since the last pass.
    pub is_poll: bool,
}

#[derive(Debug)]
struct Running {
    since: Instant,
    kind: Kind,
    region: Number,
}

/// A pass that has begun. The queue must get it back.
#[derive(Debug)]
#[must_use]
pub struct Started {
    slot: Slot,
    pub object: Reference,
    pub kind: Kind,
    /// The urgency that somebody gave it when it was queued.
    pub given: Option<Urgency>,
    /// How long it waited after its time had come.
    pub waited: Duration,
}

impl Due {
    /// The pass that serves both.
    fn and(self, other: Self) -> Self {
        // What somebody called unimportant may have become important since.
        let urgency = self.urgency.zip(other.urgency).map(|(one, other)| one.min(other));
        Self { at: self.at.min(other.at), urgency, is_poll: self.is_poll && other.is_poll }
    }
}

impl Queue {
    /// Queues an object. One that is in the queue already keeps the earlier time. During a pass of the object, the next one
    /// waits for its end.
    pub fn add(&mut self, object: &Reference, due: Due) {
        let slot = match self.slots.get(object) {
            Some(slot) => *slot,
            None => self.insert(object),
        };
        self.due(slot, due);
    }

    /// The object is gone. A pass that runs comes to its end.
    pub fn remove(&mut self, object: &Reference) {
        let Some(slot) = self.slots.get(object).copied() else { return };
        self.take_out(slot);
        if let Some(entry) = self.entries.get_mut(slot) {
            entry.due = None;
        }
        self.drop_unused(slot);
    }

    /// Takes the object out, if its next pass is nothing but a poll, and none runs.
    pub fn remove_poll(&mut self, object: &Reference) {
        let Some(slot) = self.slots.get(object).copied() else { return };
        let is_running = self.running.contains_key(&slot);
        let due = self.entries.get_mut(slot).and_then(|entry| entry.due);
        if !is_running && due.is_some_and(|due| due.is_poll) {
            self.remove(object);
        }
    }

    /// Whether the object will get a pass, or has one now.
    #[must_use]
    pub fn holds(&self, object: &Reference) -> bool {
        self.slots.contains_key(object)
    }

    /// Finds out where the objects belong that were queued since, and which ones are due. `place` is none for an object that
    /// does not exist (any more).
    pub fn advance(&mut self, now: Instant, place: impl Fn(&Reference) -> Option<Place>) {
        while let Some((at, slot)) = self.delayed.first().copied()
            && at <= now
        {
            self.delayed.pop_first();
            self.unplaced.remove(&slot);
            if let Some(kind) = self.placed(slot, &place) {
                self.make_ready(slot, at, kind);
            }
        }
        for slot in std::mem::take(&mut self.unplaced) {
            let _ = self.placed(slot, &place);
        }
    }

    /// Takes out the object that gets the next pass. None where there is none, or no worker for it.
    pub fn start(&mut self, now: Instant, workers: Workers) -> Option<Started> {
        let room =
            workers.room(self.regions.len(), self.running.values().map(|pass| (pass.region, pass.kind)));
        let longest_waiting = self.started % LONGEST_WAITING_EVERY == LONGEST_WAITING_EVERY - 1;
        let slot = self.ready.next(longest_waiting, |kind, region| room.is_there(kind, region))?;
        self.started += 1;
        let turn = self.started;
        let entry = self.entries.get_mut(slot)?;
        let (waiting, due) = (entry.ready.take()?, entry.due.take()?);
        let started = Started {
            slot,
            object: entry.object.clone(),
            kind: waiting.kind,
            given: due.urgency,
            waited: now.saturating_duration_since(due.at),
        };
        self.ready.remove(slot, &waiting);
        self.ready.turn_taken(waiting.namespace, turn);
        self.regions.again(waiting.region);
        self.running.insert(slot, Running { since: now, kind: waiting.kind, region: waiting.region });
        Some(started)
    }

    /// A pass is over. `again` is when the next one is due, if the pass says so. Returns how long it took.
    pub fn finish(&mut self, started: &Started, now: Instant, again: Option<Due>) -> Duration {
        let slot = started.slot;
        let Some(pass) = self.running.remove(&slot) else { return Duration::ZERO };
        self.regions.release(pass.region);
        if let Some(due) = again.or_else(|| self.entries.get_mut(slot)?.due) {
            self.due(slot, due);
        }
        self.drop_unused(slot);
        now.saturating_duration_since(pass.since)
    }

    /// When the next object is due that is not yet.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.delayed.first().map(|(at, _)| *at)
    }

    #[must_use]
    pub fn numbers(&self, now: Instant) -> Numbers {
        let ages = self.running.values().map(|pass| now.saturating_duration_since(pass.since));
        Numbers {
            ready: self.ready.depths(),
            delayed: self.delayed.len(),
            added: self.added,
            active: self.running.len(),
            unfinished: ages.clone().sum(),
            longest_running: ages.max().unwrap_or_default(),
        }
    }

    fn insert(&mut self, object: &Reference) -> Slot {
        let namespace = self.namespaces.number(object.namespace());
        let entry = Entry { object: object.clone(), namespace, region: None, due: None, ready: None };
        let slot = self.entries.put(entry);
        self.slots.insert(object.clone(), slot);
        slot
    }

    /// Notes when a pass is due, beside what is noted already.
    fn due(&mut self, slot: Slot, due: Due) {
        self.take_out(slot);
        let is_running = self.running.contains_key(&slot);
        let Some(entry) = self.entries.get_mut(slot) else { return };
        let is_new = entry.due.is_none();
        let due = entry.due.map_or(due, |before| before.and(due));
        entry.due = Some(due);
        let has_region = entry.region.is_some();
        self.added += u64::from(is_new);
        // Even where it is ready: the object may have changed since, and belong somewhere else.
        if !is_running {
            self.delayed.insert((due.at, slot));
            // The region of what is due later counts too: it must find workers when its time comes.
            if !has_region {
                self.unplaced.insert(slot);
            }
        }
    }

    /// Out of all lists.
    fn take_out(&mut self, slot: Slot) {
        let Some(entry) = self.entries.get_mut(slot) else { return };
        self.unplaced.remove(&slot);
        if let Some(due) = entry.due {
            self.delayed.remove(&(due.at, slot));
        }
        if let Some(waiting) = entry.ready.take() {
            self.ready.remove(slot, &waiting);
        }
    }

    /// Finds out where an entry belongs, and drops one whose object does not exist.
    fn placed(&mut self, slot: Slot, place: impl Fn(&Reference) -> Option<Place>) -> Option<Kind> {
        let entry = self.entries.get_mut(slot)?;
        let Some(place) = place(&entry.object) else {
            self.take_out(slot);
            self.forget(slot);
            return None;
        };
        let region = self.regions.number(&place.region);
        if let Some(before) = entry.region.replace(region) {
            self.regions.release(before);
        }
        Some(place.kind(entry.due.and_then(|due| due.urgency)))
    }

    fn make_ready(&mut self, slot: Slot, since: Instant, kind: Kind) {
        let Some(entry) = self.entries.get_mut(slot) else { return };
        let Some(region) = entry.region else { return };
        let waiting = Waiting { since, kind, region, namespace: entry.namespace };
        entry.ready = Some(waiting);
        self.ready.insert(slot, &waiting);
    }

    /// Drops an entry with nothing to do.
    fn drop_unused(&mut self, slot: Slot) {
        let is_running = self.running.contains_key(&slot);
        if !is_running && self.entries.get_mut(slot).is_some_and(|entry| entry.due.is_none()) {
            self.forget(slot);
        }
    }

    fn forget(&mut self, slot: Slot) {
        let Some(entry) = self.entries.take(slot) else { return };
        self.slots.remove(&entry.object);
        if let Some(region) = entry.region {
            self.regions.release(region);
        }
        if self.namespaces.release(entry.namespace) {
            self.ready.forget_turns(entry.namespace);
        }
    }
}
