//! How the stores of each region are observed at the moment, and which objects need no pass of their own because of it. Time
//! is passed in. No I/O.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::choice::Pace;
use crate::crd::{DeletionDefaults, SequenceStore, annotation_findings};
use crate::status::{Settled, settled};
use crate::store::desired::parse_duration;
use crate::store::identity;
use crate::tenancy::{Access, SharedBindings};

/// A sweeper that was not heard of for so long, beside two intervals, does not look after any object.
const SILENCE: Duration = Duration::from_secs(60);

/// What all passes and sweepers share.
#[derive(Debug)]
pub struct Sweeps {
    pub pace: Pace,
    /// What happens on deletion where the spec is silent.
    deletion: DeletionDefaults,
    /// Listings are made with the identity of the operator.
    bindings: Arc<SharedBindings>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When the task that starts the sweepers was heard of last.
    heard: Instant,
    /// Of a region that is not here it is not decided yet.
    regions: HashMap<String, Region>,
}

#[derive(Debug)]
struct Region {
    mode: Mode,
    heard: Instant,
    /// When the last complete listing began.
    last: Option<Instant>,
    /// Since when listings have been wanted; none while the objects are polled because they are few.
    wanted: Option<Instant>,
}

/// How the settled objects of a region learn of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The first listing since the start is on its way, and they wait for it.
    First,
    /// By one listing for all of them, and a look at each in the background.
    List,
    /// On the way from listings to polls: within one interval each of them gets a look.
    Spread,
    /// By polls, each object by itself.
    Get,
}

/// What can be read of one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    pub region: String,
    pub mode: Mode,
    /// Since the last complete listing began: what it showed may be as old as that. None where none is wanted.
    pub age: Option<Duration>,
}

impl Sweeps {
    #[must_use]
    pub fn of(pace: Pace, deletion: DeletionDefaults, bindings: Arc<SharedBindings>, now: Instant) -> Self {
        Self { pace, deletion, bindings, state: Mutex::new(State { heard: now, regions: HashMap::new() }) }
    }

    /// Whether a settled object that has had no pass since the start goes on without one: a listing will tell whether it
    /// needs one.
    #[must_use]
    pub fn holds_back(&self, object: &SequenceStore, now: Instant) -> bool {
        let Some(settled) = self.may_rest(object) else { return false };
        // A person is told of those in a pass.
        let annotations = object.metadata.annotations.as_ref();
        if annotations.is_some_and(|annotations| !annotation_findings(annotations).is_empty()) {
            return false;
        }
        self.looks_after(settled.region, now)
    }

    /// Whether this object, which may rest, needs no poll after its pass.
    #[must_use]
    pub fn takes_over(&self, object: &SequenceStore, now: Instant) -> bool {
        let Some(settled) = self.may_rest(object) else { return false };
        self.mode(settled.region) == Some(Mode::List) && self.looks_after(settled.region, now)
    }

    /// The store of an object for which a listing can do.
    #[must_use]
    pub fn may_rest<'a>(&self, object: &'a SequenceStore) -> Option<Settled<'a>> {
        let own = object.spec.poll_interval.as_deref().and_then(parse_duration);
        // It wants to be fresher than the listings are.
        let is_often = own.is_some_and(|own| own < self.pace.interval);
        let is_listed = || {
            let recorded = identity::recorded_binding(object);
            self.bindings.access(object, recorded.as_deref()) == Access::Operator
        };
        settled(object, self.deletion).filter(|_| !is_often && is_listed())
    }

    /// Whether settled objects of this region that are in no queue are not forgotten.
    #[must_use]
    pub fn looks_after(&self, region: &str, now: Instant) -> bool {
        let longest = self.longest_silence();
        let state = self.state();
        let (heard, mode) = match state.regions.get(region) {
            Some(region) => (region.heard, region.mode),
            None => (state.heard, Mode::First),
        };
        mode != Mode::Get && now.saturating_duration_since(heard) < longest
    }

    /// For how long a sweeper may be silent, and how long one listing may take.
    #[must_use]
    pub fn longest_silence(&self) -> Duration {
        2 * self.pace.interval + SILENCE
    }

    #[must_use]
    pub fn mode(&self, region: &str) -> Option<Mode> {
        self.state().regions.get(region).map(|region| region.mode)
    }

    /// For each region in which settled objects are or were.
    #[must_use]
    pub fn freshness(&self, now: Instant) -> Vec<Freshness> {
        let state = self.state();
        let mut all: Vec<Freshness> = state
            .regions
            .iter()
            .map(|(name, region)| Freshness {
                region: name.clone(),
                mode: region.mode,
                age: region.wanted.map(|wanted| {
                    let last = region.last.map_or(wanted, |last| last.max(wanted));
                    now.saturating_duration_since(last)
                }),
            })
            .collect();
        all.sort_by(|one, other| one.region.cmp(&other.region));
        all
    }

    /// The task that starts the sweepers goes on.
    pub(super) fn heard(&self, now: Instant) {
        self.state().heard = now;
    }

    /// The sweeper of this region goes on.
    pub(super) fn heard_of(&self, region: &str, now: Instant) {
        if let Some(region) = self.state().regions.get_mut(region) {
            region.heard = now;
        }
    }

    pub(super) fn set_mode(&self, region: &str, mode: Mode, now: Instant) {
        let mut state = self.state();
        let new = Region { mode, heard: now, last: None, wanted: None };
        let region = state.regions.entry(region.to_owned()).or_insert(new);
        (region.mode, region.heard) = (mode, now);
    }

    /// Whether the region is to be listed, from `now` on or still.
    pub(super) fn want_listings(&self, region: &str, are_wanted: bool, now: Instant) {
        if let Some(region) = self.state().regions.get_mut(region) {
            region.wanted = region.wanted.or(Some(now)).filter(|_| are_wanted);
        }
    }

    /// A listing that began then came to its end.
    pub(super) fn swept(&self, region: &str, began: Instant) {
        if let Some(region) = self.state().regions.get_mut(region) {
            region.last = Some(began);
        }
    }

    /// When the last complete listing began.
    pub(super) fn last(&self, region: &str) -> Option<Instant> {
        self.state().regions.get(region)?.last
    }

    /// Nothing is decided about this region any more.
    pub(super) fn forget(&self, region: &str) {
        self.state().regions.remove(region);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{REGION, settled_object};
    use crate::tenancy::Bindings;

    const INTERVAL: Duration = Duration::from_secs(300);

    fn sweeps(now: Instant) -> Sweeps {
        let (gets_each_second, policies_each_second) = (0.5, 0.1);
        Sweeps::of(
            Pace { interval: INTERVAL, gets_each_second, policies_each_second, least_objects: 50 },
            DeletionDefaults::default(),
            Arc::new(SharedBindings::new(Bindings::none())),
            now,
        )
    }

    fn polled_every(interval: &str) -> SequenceStore {
        let mut object = settled_object();
        object.spec.poll_interval = Some(interval.into());
        object
    }

    #[test]
    fn a_settled_object_waits_after_a_start_until_it_is_decided_how_it_is_observed() {
        let now = Instant::now();
        let sweeps = sweeps(now);
        assert!(sweeps.holds_back(&settled_object(), now) && !sweeps.takes_over(&settled_object(), now));
        for (mode, is_held_back, is_taken_over) in [
            (Mode::First, true, false),
            (Mode::List, true, true),
            (Mode::Spread, true, false),
            (Mode::Get, false, false),
        ] {
            sweeps.set_mode(REGION, mode, now);
            assert_eq!(sweeps.holds_back(&settled_object(), now), is_held_back, "{mode:?}");
            assert_eq!(sweeps.takes_over(&settled_object(), now), is_taken_over, "{mode:?}");
        }
    }

    #[test]
    fn nothing_rests_on_a_sweeper_that_is_silent() {
        let now = Instant::now();
        let sweeps = sweeps(now);
        let (before, after) = (now + Duration::from_secs(659), now + Duration::from_secs(660));
        let held_back = |at| sweeps.holds_back(&settled_object(), at);
        assert!(held_back(before) && !held_back(after), "nothing was decided");
        sweeps.set_mode(REGION, Mode::List, now);
        assert!(held_back(before) && !held_back(after) && !sweeps.takes_over(&settled_object(), after));
        sweeps.heard_of(REGION, after);
        assert!(held_back(after));
    }

    #[test]
    fn an_object_that_is_polled_more_often_than_is_listed_polls_by_itself() {
        let now = Instant::now();
        let sweeps = sweeps(now);
        sweeps.set_mode(REGION, Mode::List, now);
        for (interval, is_by_list) in [("299s", false), ("5m", true), ("1h", true)] {
            let object = polled_every(interval);
            assert_eq!(sweeps.holds_back(&object, now), is_by_list, "{interval}");
            assert_eq!(sweeps.takes_over(&object, now), is_by_list, "{interval}");
        }
    }

    #[test]
    fn an_annotation_without_effect_is_pointed_out_after_a_start() {
        let now = Instant::now();
        let mut object = settled_object();
        let annotations = object.metadata.annotations.get_or_insert_default();
        annotations.insert("healthomics.dev/puased".into(), "true".into());
        assert!(!sweeps(now).holds_back(&object, now));
    }

    #[test]
    fn the_age_of_a_listing_counts_from_its_beginning() {
        let now = Instant::now();
        let sweeps = sweeps(now);
        sweeps.set_mode(REGION, Mode::First, now);
        sweeps.swept(REGION, now);
        sweeps.set_mode(REGION, Mode::List, now);
        sweeps.want_listings(REGION, true, now);
        let freshness = sweeps.freshness(now + Duration::from_secs(30));
        assert_eq!(freshness[0].age, Some(Duration::from_secs(30)));
        assert_eq!(freshness[0].mode, Mode::List);
    }

    #[test]
    fn a_listing_ages_while_others_fail_and_not_where_none_is_wanted() {
        let start = Instant::now();
        let sweeps = sweeps(start);
        let at = |seconds| start + Duration::from_secs(seconds);
        let age = |seconds| sweeps.freshness(at(seconds))[0].age.map(|age| age.as_secs());
        sweeps.set_mode(REGION, Mode::First, start);
        sweeps.want_listings(REGION, true, start);
        assert_eq!(age(10), Some(10), "none was complete");
        sweeps.swept(REGION, at(10));
        sweeps.set_mode(REGION, Mode::Get, at(700));
        sweeps.want_listings(REGION, true, at(700));
        assert_eq!(age(1000), Some(990), "polled because the listings fail");
        sweeps.want_listings(REGION, false, at(1000));
        assert_eq!(age(1000), None, "polled because the objects are few");
        sweeps.want_listings(REGION, true, at(5000));
        assert_eq!(age(5001), Some(1), "that it was not listed meanwhile was no failure");
    }
}
