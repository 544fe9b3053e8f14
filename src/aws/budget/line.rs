//! Who waits for a token, and who is next: by urgency, then namespaces by turns, then by age. Pure. No I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Urgency;

/// Numbers of waiters; an older one has a lower number.
pub(super) type Ticket = u64;

#[derive(Debug, Default)]
pub(super) struct Line {
    last: Ticket,
    waiting: BTreeMap<Ticket, (Urgency, Arc<str>)>,
    ordered: BTreeMap<Urgency, HashMap<Arc<str>, BTreeSet<Ticket>>>,
    /// When each namespace had its last turn, counted in turns.
    served: HashMap<Arc<str>, u64>,
    turns: u64,
}

impl Line {
    pub(super) fn join(&mut self, urgency: Urgency, namespace: &Arc<str>) -> Ticket {
        self.last += 1;
        self.waiting.insert(self.last, (urgency, namespace.clone()));
        let namespaces = self.ordered.entry(urgency).or_default();
        namespaces.entry(namespace.clone()).or_default().insert(self.last);
        self.last
    }

    /// The waiter has gone. Returns what it waited with; none where it waits no more.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<(Urgency, Arc<str>)> {
        let (urgency, namespace) = self.waiting.remove(&ticket)?;
        if let Some(namespaces) = self.ordered.get_mut(&urgency) {
            if let Some(tickets) = namespaces.get_mut(&namespace) {
                tickets.remove(&ticket);
                if tickets.is_empty() {
                    namespaces.remove(&namespace);
                }
            }
            if namespaces.is_empty() {
                self.ordered.remove(&urgency);
            }
        }
        // Nobody is left to take turns with.
        if self.waiting.is_empty() {
            self.served.clear();
        }
        Some((urgency, namespace))
    }

    /// The waiter gets its token, and its namespace has had its turn.
    pub(super) fn serve(&mut self, ticket: Ticket) -> Option<Urgency> {
        let (urgency, namespace) = self.leave(ticket)?;
        self.turns += 1;
        if !self.waiting.is_empty() {
            self.served.insert(namespace, self.turns);
        }
        Some(urgency)
    }

    /// Who is next among those whose urgency may be served.
    pub(super) fn first(&self, may: impl Fn(Urgency) -> bool) -> Option<Ticket> {
        let namespaces =
            self.ordered.iter().find(|(urgency, _)| may(**urgency)).map(|(_, waiting)| waiting)?;
        let oldest = |tickets: &BTreeSet<Ticket>| tickets.first().copied();
        let turn = |namespace: &Arc<str>| self.served.get(namespace).copied().unwrap_or_default();
        namespaces
            .iter()
            .filter_map(|(namespace, tickets)| Some((turn(namespace), oldest(tickets)?)))
            .min()
            .map(|(_, ticket)| ticket)
    }

    /// Who waits for longest among those whose urgency may be served.
    pub(super) fn oldest(&self, may: impl Fn(Urgency) -> bool) -> Option<Ticket> {
        let mut waiting = self.waiting.iter();
        waiting.find(|(_, (urgency, _))| may(*urgency)).map(|(ticket, _)| *ticket)
    }

    /// The urgencies of those who wait.
    pub(super) fn urgencies(&self) -> impl Iterator<Item = Urgency> {
        self.ordered.keys().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(line: &mut Line) -> Vec<Ticket> {
        let next = || {
            let ticket = line.first(|_| true)?;
            line.serve(ticket).map(|_| ticket)
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn urgency_comes_first_and_then_age() {
        let mut line = Line::default();
        let namespace: Arc<str> = "lab".into();
        for urgency in [Urgency::Background, Urgency::Ordinary, Urgency::CreateOrDelete, Urgency::Ordinary] {
            line.join(urgency, &namespace);
        }
        assert_eq!(order(&mut line), [3, 2, 4, 1]);
    }

    #[test]
    fn a_namespace_with_thousands_delays_another_by_one_turn() {
        let mut line = Line::default();
        let (many, few): (Arc<str>, Arc<str>) = ("many".into(), "few".into());
        for _ in 0..1000 {
            line.join(Urgency::Ordinary, &many);
        }
        let first = line.first(|_| true).expect("somebody waits");
        line.serve(first);
        let late = [line.join(Urgency::Ordinary, &few), line.join(Urgency::Ordinary, &few)];
        assert_eq!(order(&mut line)[..4], [late[0], 2, late[1], 3]);
    }

    #[test]
    fn who_has_left_is_not_served() {
        let mut line = Line::default();
        let namespace: Arc<str> = "lab".into();
        let tickets: Vec<Ticket> = (0..3).map(|_| line.join(Urgency::Asked, &namespace)).collect();
        line.leave(tickets[0]);
        assert_eq!(line.leave(tickets[0]), None);
        assert_eq!(order(&mut line), tickets[1..]);
        assert!(line.is_empty() && line.ordered.is_empty() && line.served.is_empty());
    }
}
