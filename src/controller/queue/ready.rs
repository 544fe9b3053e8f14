//! The objects whose time has come, and the order in which they get their turn. Pure: no I/O.
//!
//! The most urgent kind of pass comes first. Within it namespaces take turns, so that one with thousands of objects delays
//! another one by at most one pass, and within a namespace the object that waited longest comes first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use super::Slot;
use super::names::Number;
use super::place::Kind;

/// Where an object stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) since: Instant,
    pub(super) kind: Kind,
    pub(super) region: Number,
    pub(super) namespace: Number,
}

#[derive(Debug, Default)]
pub(super) struct Ready {
    lanes: BTreeMap<(Kind, Number), Lane>,
    /// When each namespace had its last turn, as the number of the pass.
    turns: HashMap<Number, u64>,
}

/// The objects of one kind and region.
#[derive(Debug, Default)]
struct Lane {
    by_age: BTreeSet<(Instant, Slot)>,
    by_namespace: BTreeSet<(Number, Instant, Slot)>,
    /// The namespaces of these objects; first the one whose last turn is longest ago.
    turns: BTreeSet<(u64, Number)>,
}

impl Ready {
    pub(super) fn insert(&mut self, slot: Slot, waiting: &Waiting) {
        let Waiting { since, kind, region, namespace } = *waiting;
        let turn = self.turn(namespace);
        let lane = self.lanes.entry((kind, region)).or_default();
        lane.by_age.insert((since, slot));
        lane.by_namespace.insert((namespace, since, slot));
        lane.turns.insert((turn, namespace));
    }

    pub(super) fn remove(&mut self, slot: Slot, waiting: &Waiting) {
        let Waiting { since, kind, region, namespace } = *waiting;
        let turn = self.turn(namespace);
        let Some(lane) = self.lanes.get_mut(&(kind, region)) else { return };
        lane.by_age.remove(&(since, slot));
        lane.by_namespace.remove(&(namespace, since, slot));
        if lane.first_of(namespace).is_none() {
            lane.turns.remove(&(turn, namespace));
        }
        if lane.by_age.is_empty() {
            self.lanes.remove(&(kind, region));
        }
    }

    /// The object that comes next among the kinds and regions that have room. `longest_waiting`: whatever its urgency, and
    /// whatever turns its namespace had.
    pub(super) fn next(
        &self,
        longest_waiting: bool,
        has_room: impl Fn(Kind, Number) -> bool,
    ) -> Option<Slot> {
        let mut open = self.lanes.iter().filter(|((kind, region), _)| has_room(*kind, *region)).peekable();
        if longest_waiting {
            return open.filter_map(|(_, lane)| lane.by_age.first()).min().map(|(_, slot)| *slot);
        }
        let ((most_urgent, _), _) = open.peek()?;
        let lanes = open.take_while(|((kind, _), _)| kind == most_urgent);
        let (_, _, slot) = lanes.filter_map(|(_, lane)| lane.next()).min()?;
        Some(slot)
    }

    /// A pass of this namespace begins.
    pub(super) fn turn_taken(&mut self, namespace: Number, turn: u64) {
        let before = self.turn(namespace);
        self.turns.insert(namespace, turn);
        for lane in self.lanes.values_mut() {
            if lane.turns.remove(&(before, namespace)) {
                lane.turns.insert((turn, namespace));
            }
        }
    }

    /// Nothing of this namespace is in the queue any more.
    pub(super) fn forget_turns(&mut self, namespace: Number) {
        self.turns.remove(&namespace);
    }

    /// How many objects are ready, of each kind.
    pub(super) fn depths(&self) -> BTreeMap<Kind, usize> {
        let mut depths = BTreeMap::from(Kind::ALL.map(|kind| (kind, 0)));
        for ((kind, _), lane) in &self.lanes {
            *depths.entry(*kind).or_default() += lane.by_age.len();
        }
        depths
    }

    fn turn(&self, namespace: Number) -> u64 {
        self.turns.get(&namespace).copied().unwrap_or_default()
    }
}

impl Lane {
    /// With what lanes are compared: the last turn of the namespace, and how long the object has waited.
    fn next(&self) -> Option<(u64, Instant, Slot)> {
        let (turn, namespace) = *self.turns.first()?;
        let (since, slot) = self.first_of(namespace)?;
        Some((turn, since, slot))
    }

    fn first_of(&self, namespace: Number) -> Option<(Instant, Slot)> {
        let from = self.by_namespace.range((namespace, self.by_age.first()?.0, 0)..);
        let (found, since, slot) = from.into_iter().next()?;
        (*found == namespace).then_some((*since, *slot))
    }
}
