//! The sweeper of one region: lists its stores, tells which objects need a full look, and goes through the others in the
//! background. I/O: AWS, read-only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::choice::{Choice, choose};
use super::give_way;
use super::next_look::{NextLook, Sight, next_look};
use super::pages::{NoSnapshot, list};
use super::policies::{self, POLICY_EVERY, Policies};
use super::regions::Mode;
use super::round::{self, Hand};
use super::snapshot::Snapshot;
use crate::aws::Urgency;
use crate::controller::backoff;
use crate::controller::context::Context;
use crate::crd::SequenceStore;
use crate::kubernetes::{Reference, Uid};

/// Between two steps of the background round.
const SHORTEST_STEP: Duration = Duration::from_millis(250);
const LONGEST_STEP: Duration = Duration::from_secs(10);
/// While there are few objects: until they are counted again.
const LONGEST_UNTIL_CHOICE: Duration = Duration::from_secs(60);
/// The longest wait after listings that failed, unless the interval is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// An object that is on record in the region.
struct Found {
    object: SequenceStore,
    uid: Uid,
    sight: Sight,
    /// It gets a pass whatever a listing shows.
    is_queued: bool,
}

/// Objects for which listings can do.
struct Count {
    settled: usize,
    /// Those of them that had no pass since the start.
    waiting: usize,
    /// Those whose policy is due before they are counted again.
    policies: Vec<(Instant, Reference)>,
}

pub struct Sweeper {
    context: Arc<Context>,
    region: String,
    /// Of the last listing, or how many it had at least.
    pages: Option<usize>,
    /// In a row.
    failures: u32,
    started: Instant,
    hand: Hand,
    /// When the hand was moved last, or until when it stands still.
    moved: Instant,
    policies: Policies,
    /// While its objects are spread: until when.
    spread_until: Instant,
}

impl Sweeper {
    pub fn of(context: Arc<Context>, region: String) -> Self {
        let (hand, now) = (Hand::starting_at(fastrand::f64()), Instant::now());
        let (pages, failures, policies) = (None, 0, Policies::default());
        Self { context, region, pages, failures, started: now, hand, moved: now, policies, spread_until: now }
    }

    /// Runs until no settled object is in the region.
    pub async fn run(mut self) {
        let mut is_first = true;
        loop {
            let began = Instant::now();
            let Count { settled, waiting, policies } = self.count().await;
            if settled == 0 {
                break;
            }
            self.policies = Policies::of(policies, &self.policies);
            let waiting = if is_first { waiting } else { 0 };
            let choice = choose(&self.context.sweeps.pace, settled, self.pages, waiting);
            let next_at = match choice {
                Choice::List { most_pages } => self.sweep(most_pages, settled).await,
                Choice::Get => {
                    self.go_over_to_polls();
                    began + self.interval().min(LONGEST_UNTIL_CHOICE)
                }
            };
            is_first = false;
            self.context.sweeps.want_listings(&self.region, choice != Choice::Get, began);
            self.until(next_at, settled).await;
        }
        self.context.sweeps.forget(&self.region);
    }

    /// One listing, and what follows from it. Returns when the next one is due.
    async fn sweep(&mut self, most_pages: usize, objects: usize) -> Instant {
        let began = Instant::now();
        if self.mode().is_none() {
            self.set_mode(Mode::First);
        }
        match self.listed(most_pages, objects, began).await {
            Ok(snapshot) => {
                (self.failures, self.pages) = (0, Some(snapshot.pages));
                let took = began.elapsed();
                tracing::debug!(region = self.region, pages = snapshot.pages, ?took, "all stores are listed");
                self.context.sweeps.swept(&self.region, began);
                let choice = choose(&self.context.sweeps.pace, objects, self.pages, 0);
                let takes_over = choice != Choice::Get;
                // Before it takes over what is polled: a pass that ends from here on leaves no poll behind.
                if takes_over {
                    self.set_mode(Mode::List);
                }
                self.judge(&snapshot, takes_over).await;
                if !takes_over {
                    self.go_over_to_polls();
                }
                began + self.interval()
            }
            Err(NoSnapshot::TooDear) => {
                // So many more objects must come before it is tried again.
                self.pages = Some(most_pages + 1 + most_pages / 4);
                self.go_over_to_polls();
                began + self.interval()
            }
            Err(NoSnapshot::Failed) => {
                self.failures = self.failures.saturating_add(1);
                let last = self.context.sweeps.last(&self.region);
                if last.is_none_or(|last| last.elapsed() > 2 * self.interval()) {
                    self.go_over_to_polls();
                }
                // From the end on: until then the objects get their looks, however long the listings take to fail.
                Instant::now() + self.wait_after_failure()
            }
        }
    }

    /// All stores. Meanwhile the looks at each object go on, and nobody waits for ever for a listing that takes for ever.
    async fn listed(
        &mut self,
        most_pages: usize,
        objects: usize,
        began: Instant,
    ) -> Result<Snapshot, NoSnapshot> {
        let (context, region) = (Arc::clone(&self.context), self.region.clone());
        let longest = context.sweeps.longest_silence();
        let listing = tokio::time::timeout(longest, list(&context, &region, most_pages, began));
        tokio::pin!(listing);
        loop {
            tokio::select! {
                biased;
                listed = &mut listing => return listed.unwrap_or_else(|_| {
                    tracing::warn!(region, "listing the stores takes too long, and was given up");
                    Err(NoSnapshot::Failed)
                }),
                () = tokio::time::sleep(self.between_steps()) => self.step(objects),
            }
        }
    }

    /// Queues the objects that need a full look because of this listing, and takes over those that have been polled so far.
    async fn judge(&self, snapshot: &Snapshot, takes_over: bool) {
        for (number, reference) in self.references().into_iter().enumerate() {
            give_way(number).await;
            let Some(found) = self.find(&reference) else { continue };
            let next = next_look(&found.object, &found.sight, snapshot, self.context.settings.deletion);
            if found.is_queued {
                if takes_over && !matches!(next, NextLook::Full(_)) {
                    self.take_over(&reference, &found);
                }
                continue;
            }
            let uid = found.uid;
            match next {
                NextLook::Nothing => {}
                NextLook::Equal => self.context.memory.listing_agrees(&uid),
                NextLook::Full(disagreement) => {
                    self.context.memory.expect_pass(&uid);
                    self.context.memory.listing_disagrees(&uid, disagreement);
                    self.context.queue.add(&reference);
                }
            }
        }
    }

    /// The object needs its next poll no more.
    fn take_over(&self, reference: &Reference, found: &Found) {
        let is_at_rest = matches!(found.sight, Sight::AtRest { .. });
        if is_at_rest && self.context.sweeps.may_rest(&found.object).is_some() {
            self.context.queue.remove_poll(reference);
        }
    }

    /// Goes over to polls. Objects that relied on a listing get a look within one interval; where there was to be none, they
    /// get it at once.
    fn go_over_to_polls(&mut self) {
        match self.mode() {
            None => {
                self.set_mode(Mode::Get);
                self.queue_all_idle();
            }
            Some(Mode::Get | Mode::Spread) => {}
            Some(Mode::First | Mode::List) => {
                self.set_mode(Mode::Spread);
                self.spread_until = self.moved + self.interval();
            }
        }
    }

    /// Goes on with the background round until then.
    async fn until(&mut self, then: Instant, objects: usize) {
        loop {
            let rest = then.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return;
            }
            tokio::time::sleep(rest.min(self.between_steps())).await;
            self.heard();
            self.step(objects);
        }
    }

    fn step(&mut self, objects: usize) {
        let now = Instant::now();
        let (round, urgency) = match self.mode() {
            Some(Mode::List) => {
                (round::length(&self.context.sweeps.pace, objects), Some(Urgency::Background))
            }
            Some(Mode::Spread) => (self.interval(), None),
            Some(Mode::First | Mode::Get) | None => return,
        };
        let policies_go_first = urgency.is_some() && policies::go_first(round);
        let look = round.div_f64(objects.max(1) as f64);
        if policies_go_first {
            // Meanwhile the hand stands still.
            let looks = self.queue_policies(now);
            self.moved += look.mul_f64(looks as f64);
        }
        let elapsed = now.saturating_duration_since(self.moved);
        let sector = self.hand.advance(elapsed, round);
        self.moved = self.moved.max(now);
        if policies_go_first {
            self.policies.earn(elapsed.div_duration_f64(look), look, &self.context.sweeps.pace);
        }
        for reference in self.references() {
            if sector.covers(&reference)
                && let Some(idle) = self.idle(&reference)
                && !(policies_go_first && self.goes_first(&idle, now))
            {
                self.queue(&reference, &idle.uid, urgency);
            }
        }
        if self.mode() == Some(Mode::Spread) && now >= self.spread_until {
            self.set_mode(Mode::Get);
            self.queue_all_idle();
        }
    }

    /// Queues the objects that go before the order of the round now. Returns how many.
    fn queue_policies(&mut self, now: Instant) -> usize {
        let mut policies = std::mem::take(&mut self.policies);
        let taken = policies.take(now, |reference| {
            let idle = self.idle(reference);
            let due = idle.filter(|idle| {
                self.policy_due(&idle.object, &idle.uid, &idle.sight).is_some_and(|due| due <= now)
            });
            due.inspect(|due| self.queue(reference, &due.uid, Some(Urgency::Background))).is_some()
        });
        self.policies = policies;
        taken.len()
    }

    /// When the policy of this object must be read; none where its spec has none, or a pass is coming.
    fn policy_due(&self, object: &SequenceStore, uid: &Uid, sight: &Sight) -> Option<Instant> {
        object.spec.s3_access_policy.as_ref()?;
        let memory = &self.context.memory;
        let looked = match sight {
            Sight::Busy => return None,
            Sight::Never if memory.knows(uid) => return None,
            Sight::Never => None,
            Sight::AtRest { looked, .. } => Some(*looked),
        };
        policies::due_at(memory.policy_read_at(uid), looked, self.started)
    }

    /// Whether the object was looked at so recently that its policy brings the next look, not the hand.
    fn goes_first(&self, found: &Found, now: Instant) -> bool {
        let Sight::AtRest { looked, .. } = found.sight else { return false };
        found.object.spec.s3_access_policy.is_some() && now.saturating_duration_since(looked) < POLICY_EVERY
    }

    fn queue_all_idle(&self) {
        for reference in self.references() {
            if let Some(idle) = self.idle(&reference) {
                self.queue(&reference, &idle.uid, None);
            }
        }
    }

    /// From here on the object is not held back.
    fn queue(&self, reference: &Reference, uid: &Uid, urgency: Option<Urgency>) {
        self.context.memory.expect_pass(uid);
        match urgency {
            Some(urgency) => self.context.queue.add_at(reference, Instant::now(), urgency),
            None => self.context.queue.add(reference),
        }
    }

    /// The object, if it is on record in this region and nobody else looks after it.
    fn idle(&self, reference: &Reference) -> Option<Found> {
        self.find(reference).filter(|found| !found.is_queued)
    }

    /// The object, if it is on record in this region.
    fn find(&self, reference: &Reference) -> Option<Found> {
        let object = self.context.kubernetes.cache.get(reference)?;
        // One that can be decoded was decoded just now, for nobody else.
        let object = Arc::unwrap_or_clone(object).0.ok()?;
        if object.status.as_ref()?.region.as_ref() != Some(&self.region) {
            return None;
        }
        let uid = Uid::of(&object);
        let sight = self.context.memory.sight(&uid);
        // One that had no pass yet may be in the queue only to be held back: that it waits there says nothing.
        let is_queued = sight != Sight::Never && self.context.queue.holds(reference);
        Some(Found { object, uid, sight, is_queued })
    }

    async fn count(&self) -> Count {
        let soon = Instant::now() + self.interval();
        let is_listed = self.mode() == Some(Mode::List);
        let mut count = Count { settled: 0, waiting: 0, policies: Vec::new() };
        for (number, object) in self.context.kubernetes.cache.objects().enumerate() {
            give_way(number).await;
            let Ok(object) = &object.0 else { continue };
            let settled = self.context.sweeps.may_rest(object);
            if settled.is_some_and(|settled| settled.region == self.region) {
                count.settled += 1;
                let uid = Uid::of(object);
                let sight = self.context.memory.sight(&uid);
                count.waiting += usize::from(sight == Sight::Never);
                if is_listed {
                    let due = self.policy_due(object, &uid, &sight).filter(|due| *due <= soon);
                    count.policies.extend(due.map(|due| (due, Reference::of(object))));
                }
            }
        }
        count
    }

    fn wait_after_failure(&self) -> Duration {
        let first = (self.interval() / 8).clamp(Duration::from_secs(1), Duration::from_secs(30));
        let longest = self.interval().max(LONGEST_WAIT);
        backoff::spread(backoff::growing(first, longest, self.failures), fastrand::f64())
    }

    fn references(&self) -> Vec<Reference> {
        self.context.kubernetes.cache.references()
    }

    fn interval(&self) -> Duration {
        self.context.sweeps.pace.interval
    }

    fn between_steps(&self) -> Duration {
        (self.interval() / 30).clamp(SHORTEST_STEP, LONGEST_STEP)
    }

    fn mode(&self) -> Option<Mode> {
        self.context.sweeps.mode(&self.region)
    }

    fn set_mode(&mut self, mode: Mode) {
        if self.mode() != Some(mode) {
            tracing::debug!(region = self.region, ?mode, "how the settled objects are observed");
            self.moved = Instant::now();
        }
        self.context.sweeps.set_mode(&self.region, mode, Instant::now());
    }

    fn heard(&self) {
        self.context.sweeps.heard_of(&self.region, Instant::now());
    }
}
