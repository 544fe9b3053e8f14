//! Counts the read sets of the stores whose object asks for it, beside the passes: no pass waits for a count, and no count takes a
//! worker. Each object is counted once in an interval, by pages of the background share of the request budget; in each namespace
//! and region one after the other. I/O: AWS, read-only, and Kubernetes.
//!
//! | file | holds |
//! |---|---|
//! | `schedule` | when one object is counted next |
//! | `count` | one count, and what it leaves in the status |
//! | this file | the task that goes over the objects |

mod count;
mod schedule;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{Id, JoinSet};

use super::context::Context;
use super::sweep::give_way;
use crate::aws::Urgency;
use crate::kubernetes::Reference;
use crate::status::store_to_count;
use count::{count, prepared};
use schedule::{Ended, Lane, Moment, Schedule};

/// Between two looks at which objects ask for a count: the cache has an index of these, and only those that have changed are read.
const TICK: Duration = Duration::from_secs(1);
/// In one region of one account. Each waits for AWS or its turn most of the time.
const MOST_AT_ONCE: usize = 16;
/// For so long it is known when a namespace had its last turn.
const TURNS_KEPT: Duration = Duration::from_secs(3600);

/// Counts while this process leads. Runs until it is dropped.
pub async fn count_read_sets(context: &Arc<Context>) {
    let mut leading = context.leadership.leading();
    // So that the first look sees all objects before a pass has handled what is asked for by annotation.
    context.kubernetes.cache.watches.until_tried().await;
    loop {
        let is_leading = *leading.borrow_and_update();
        tokio::select! {
            // The sender lives as long as the context, so this cannot fail.
            _ = leading.changed() => {}
            () = Counter::of(context).run(), if is_leading => {}
        }
    }
}

/// Dropped, it ends the counts that run.
struct Counter<'a> {
    context: &'a Arc<Context>,
    /// With the number of the version for which each was made.
    objects: HashMap<Reference, (u64, Schedule)>,
    counts: JoinSet<Ended>,
    running: HashMap<Id, (Reference, Place)>,
    /// When a place had its last turn.
    turns: HashMap<Place, Instant>,
}

/// A lane and a namespace. Namespaces take turns, and what is slow for one account or in one region holds up no other.
type Place = (Lane, Box<str>);

impl<'a> Counter<'a> {
    fn of(context: &'a Arc<Context>) -> Self {
        let (objects, counts, running, turns) = Default::default();
        Self { context, objects, counts, running, turns }
    }

    async fn run(mut self) {
        loop {
            self.look().await;
            let next_look = tokio::time::Instant::now() + TICK;
            while tokio::time::Instant::now() < next_look {
                self.start();
                tokio::select! {
                    () = self.one_ended() => {}
                    () = tokio::time::sleep_until(next_look) => {}
                }
            }
        }
    }

    /// Brings the schedules of objects up to date that have changed, and forgets those that ask for no count any more.
    async fn look(&mut self) {
        let asking = self.context.kubernetes.cache.that_observe_read_sets();
        if asking.is_empty() {
            self.objects.clear();
            return;
        }
        let mut before = std::mem::take(&mut self.objects);
        let now = Instant::now();
        for (number, (reference, version)) in asking.into_iter().enumerate() {
            give_way(number).await;
            let known = before.remove(&reference);
            let schedule = match known {
                Some((seen, schedule)) if seen == version && !schedule.is_to_be_looked_at(now) => {
                    Some(schedule)
                }
                known => self.look_at(&reference, known.map(|(_, schedule)| schedule)),
            };
            if let Some(schedule) = schedule {
                self.objects.insert(reference, (version, schedule));
            }
        }
    }

    fn look_at(&self, reference: &Reference, known: Option<Schedule>) -> Option<Schedule> {
        let object = self.context.kubernetes.cache.get(reference)?;
        let object = Arc::new(Arc::unwrap_or_clone(object).0.ok()?);
        let prepared = prepared(self.context, object);
        let store = store_to_count(&prepared, self.context.settings.deletion);
        let account = prepared.access.bound().map(|bound| bound.account.as_str()).unwrap_or_default();
        let lane = store.map(|(region, _)| Lane { account: account.into(), region: region.into() });
        let (interval, at) = (self.context.read_set_poll_interval, Moment::now());
        Some(match known {
            Some(known) => known.again(&prepared.object, lane, interval, at),
            None => Schedule::of(&prepared.object, lane, interval, at),
        })
    }

    /// Starts what is due, as far as there is room: first what a person waits for, then namespaces by turns.
    fn start(&mut self) {
        let now = Instant::now();
        self.turns.retain(|_, turn| now.duration_since(*turn) < TURNS_KEPT);
        let mut busy: HashMap<Lane, BTreeSet<Box<str>>> = HashMap::new();
        for (_, (lane, namespace)) in self.running.values() {
            busy.entry(lane.clone()).or_default().insert(namespace.clone());
        }
        for (reference, place) in self.due(now) {
            let (lane, namespace) = &place;
            let namespaces = busy.entry(lane.clone()).or_default();
            if namespaces.len() >= MOST_AT_ONCE || !namespaces.insert(namespace.clone()) {
                continue;
            }
            let Some((_, schedule)) = self.objects.get_mut(&reference) else { continue };
            let urgency = if schedule.is_asked() { Urgency::Asked } else { Urgency::Background };
            let failures = schedule.failures();
            schedule.begin(now);
            let (context, counted) = (Arc::clone(self.context), reference.clone());
            let task = self.counts.spawn(async move { count(&context, &counted, urgency, failures).await });
            self.turns.insert(place.clone(), now);
            self.running.insert(task.id(), (reference, place));
        }
    }

    /// What is due, in the order in which it is to be counted.
    fn due(&self, now: Instant) -> Vec<(Reference, Place)> {
        let due = self.objects.iter().filter_map(|(reference, (_, schedule))| {
            let place: Place = (schedule.counts_in(now)?.clone(), reference.namespace().into());
            let turn = self.turns.get(&place).copied();
            Some(((!schedule.is_asked(), turn, schedule.due()), reference.clone(), place))
        });
        let mut due: Vec<_> = due.collect();
        due.sort();
        due.into_iter().map(|(_, reference, place)| (reference, place)).collect()
    }

    /// Ends when a count has ended, never while there is none.
    async fn one_ended(&mut self) {
        let Some(ended) = self.counts.join_next_with_id().await else { return std::future::pending().await };
        let (id, ended) = match ended {
            Ok((id, ended)) => (id, ended),
            Err(error) => {
                tracing::error!("a count of read sets ended: {error}");
                (error.id(), Ended::NotWritten)
            }
        };
        let Some((reference, _)) = self.running.remove(&id) else { return };
        if let Some((_, schedule)) = self.objects.get_mut(&reference) {
            schedule.ended(ended, self.context.read_set_poll_interval, Moment::now());
        }
    }
}
