//! What is known of each watch: whether its list is in, when it was last heard, and what is wrong with it. Time is passed
//! in. No I/O.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch::Sender;

use super::cluster::{CRD_NOT_INSTALLED, Failure};

/// One watch for each namespace, or one for all.
#[derive(Debug)]
pub struct Watches {
    states: Mutex<Vec<WatchState>>,
    changed: Sender<()>,
}

/// The number of a watch, in the order of the namespaces.
pub type WatchNumber = usize;

#[derive(Debug)]
struct WatchState {
    /// None for all namespaces.
    namespace: Option<String>,
    /// The list was tried: it is in, was refused, or failed twice.
    was_tried: bool,
    /// The objects are known.
    is_listed: bool,
    /// None until the watch begins: a start that waits for the API server is not a silent watch.
    heard: Option<Instant>,
    trouble: Option<Trouble>,
    namespace_is_missing: bool,
}

#[derive(Debug)]
struct Trouble {
    text: String,
    since: Instant,
    why: WatchFailure,
}

impl Trouble {
    /// A clear word of the API server, which no further attempt will change.
    fn is_refusal(&self) -> bool {
        self.why != WatchFailure::Error
    }

    /// It lasts.
    fn is_shown(&self, now: Instant) -> bool {
        self.is_refusal() || now.duration_since(self.since) > PASSING
    }
}

/// Why a watch fails, as metrics tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchFailure {
    /// The API server does not know the kind.
    CrdMissing,
    Forbidden,
    Error,
}

impl WatchFailure {
    pub const ALL: [Self; 3] = [Self::CrdMissing, Self::Forbidden, Self::Error];

    /// As a label of metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::CrdMissing => "crd_missing",
            Self::Forbidden => "forbidden",
            Self::Error => "error",
        }
    }

    fn of(failure: &Failure) -> Self {
        match failure {
            Failure::NotFound(_) => Self::CrdMissing,
            Failure::Forbidden(_) => Self::Forbidden,
            Failure::Invalid(_) | Failure::NoAnswer(_) | Failure::Other(_) => Self::Error,
        }
    }
}

/// A watch that breaks off is usually resumed at once, and is no reason to take the operator for not ready.
const PASSING: Duration = Duration::from_secs(30);

impl WatchState {
    fn place(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("namespace {namespace}"),
            None => "all namespaces".into(),
        }
    }

    /// What is wrong, unless the next attempt may be its end.
    fn shown(&self, now: Instant) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|trouble| !self.is_listed || trouble.is_shown(now))
    }
}

impl Watches {
    #[must_use]
    pub fn of(namespaces: &[String]) -> Self {
        let state = |namespace: Option<String>| WatchState {
            namespace,
            was_tried: false,
            is_listed: false,
            heard: None,
            trouble: None,
            namespace_is_missing: false,
        };
        let mut states: Vec<WatchState> = namespaces.iter().cloned().map(|name| state(Some(name))).collect();
        if states.is_empty() {
            states.push(state(None));
        }
        Self { states: Mutex::new(states), changed: Sender::new(()) }
    }

    /// The namespaces to watch, each with the number of its watch; none for all.
    #[must_use]
    pub fn namespaces(&self) -> Vec<(WatchNumber, Option<String>)> {
        self.states().iter().map(|state| state.namespace.clone()).enumerate().collect()
    }

    /// The names of the namespaces to watch; empty for all.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.states().iter().filter_map(|state| state.namespace.clone()).collect()
    }

    /// The watch makes progress: something came, or an attempt ended in time, if only with an error.
    pub fn heard(&self, number: WatchNumber, now: Instant) {
        self.change(number, |state| state.heard = Some(now));
    }

    /// The list is complete. After a refusal this is not enough: what may be listed may still not be watched, and the list
    /// would soon be untrue.
    pub fn listed(&self, number: WatchNumber, now: Instant) {
        self.change(number, |state| {
            let is_refused = state.trouble.as_ref().is_some_and(Trouble::is_refusal);
            (state.was_tried, state.heard) = (true, Some(now));
            state.is_listed |= !is_refused;
        });
    }

    /// The watch after the list runs: only now nothing is wrong any more. True where something was.
    pub fn began(&self, number: WatchNumber, now: Instant) -> bool {
        self.change(number, |state| {
            (state.is_listed, state.heard) = (true, Some(now));
            state.trouble.take().is_some()
        })
        .unwrap_or_default()
    }

    /// A list or a watch failed. Returns what is wrong, where that is news.
    pub fn failed(&self, number: WatchNumber, failure: &Failure, now: Instant) -> Option<String> {
        self.change(number, |state| {
            let why = WatchFailure::of(failure);
            let text = trouble(&state.place(), failure);
            let before = state.trouble.take();
            let is_news = before.as_ref().is_none_or(|before| before.text != text);
            let is_repeated = before.is_some();
            let since = before.map_or(now, |before| before.since);
            let found = Trouble { text: text.clone(), since, why };
            // A refusal makes what is cached untrue in the long run.
            state.is_listed &= !found.is_refusal();
            // Any other failure may be over with the next attempt, and no pass should see it.
            state.was_tried |= found.is_refusal() || is_repeated;
            state.trouble = Some(found);
            // A restart cannot help against an API server that answers with errors, or refuses connections.
            if !matches!(failure, Failure::NoAnswer(_)) {
                state.heard = Some(now);
            }
            is_news.then_some(text)
        })
        .flatten()
    }

    /// Whether the namespace does not exist. True where that is news.
    pub fn namespace_is_missing(&self, number: WatchNumber, is_missing: bool) -> bool {
        let before =
            self.change(number, |state| std::mem::replace(&mut state.namespace_is_missing, is_missing));
        is_missing && before == Some(false)
    }

    /// Whether the namespace did not exist when it was looked for last.
    #[must_use]
    pub fn lacks_its_namespace(&self, number: WatchNumber) -> bool {
        self.states().get(number).is_some_and(|state| state.namespace_is_missing)
    }

    /// Waits until every watch has tried its list, a second time where that may help. Before, an object may look alone that is not.
    pub async fn until_tried(&self) {
        let mut changed = self.changed.subscribe();
        while !self.states().iter().all(|state| state.was_tried) {
            // The sender lives as long as `self`, so this cannot fail.
            let _ = changed.changed().await;
        }
    }

    /// Where objects may exist that are not known.
    #[must_use]
    pub fn unlisted(&self) -> Vec<String> {
        self.states().iter().filter(|state| !state.is_listed).map(WatchState::place).collect()
    }

    /// What keeps the operator from its work, one line each; empty where it is ready.
    #[must_use]
    pub fn missing(&self, now: Instant) -> Vec<String> {
        let missing = |state: &WatchState| match state.shown(now) {
            Some(trouble) => Some(trouble.text.clone()),
            None if state.is_listed => None,
            None => Some(format!("the operator has not listed the SequenceStores of {} yet", state.place())),
        };
        let mut lines: Vec<String> = self.states().iter().filter_map(missing).collect();
        lines.dedup();
        lines
    }

    /// How many watches fail for this reason, without those that may be resumed at once.
    #[must_use]
    pub fn failing(&self, why: WatchFailure, now: Instant) -> usize {
        let fails = |state: &&WatchState| state.shown(now).is_some_and(|trouble| trouble.why == why);
        self.states().iter().filter(fails).count()
    }

    /// What a user should know although the operator is ready, one line each.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let missing = |state: &WatchState| {
            state.namespace_is_missing.then(|| format!("{} does not exist (yet)", state.place()))
        };
        self.states().iter().filter_map(missing).collect()
    }

    /// The watches that nothing was heard of for longer than this, one line each.
    #[must_use]
    pub fn unheard(&self, longest: Duration, now: Instant) -> Vec<String> {
        let is_unheard =
            |state: &&WatchState| state.heard.is_some_and(|heard| now.duration_since(heard) > longest);
        let line = |state: &WatchState| {
            format!("the watch of {} was not heard for more than {} s", state.place(), longest.as_secs())
        };
        self.states().iter().filter(is_unheard).map(line).collect()
    }

    fn change<T>(&self, number: WatchNumber, change: impl FnOnce(&mut WatchState) -> T) -> Option<T> {
        let changed = self.states().get_mut(number).map(change);
        self.changed.send_replace(());
        changed
    }

    fn states(&self) -> MutexGuard<'_, Vec<WatchState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn trouble(place: &str, failure: &Failure) -> String {
    match failure {
        Failure::NotFound(_) => CRD_NOT_INSTALLED.into(),
        Failure::Forbidden(_) => format!(
            "the operator is forbidden to list and watch SequenceStores in {place}: check its Role or ClusterRole, and \
             whether the namespace exists"
        ),
        Failure::Invalid(text) | Failure::NoAnswer(text) | Failure::Other(text) => {
            let text: String = text.chars().take(300).collect();
            format!("the SequenceStores of {place} cannot be listed and watched: {text}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watches() -> (Watches, Instant) {
        let now = Instant::now();
        (Watches::of(&["a".into(), "b".into()]), now)
    }

    #[test]
    fn readiness_needs_every_list_and_names_what_is_missing() {
        let (watches, now) = watches();
        assert_eq!(watches.missing(now).len(), 2);
        watches.listed(0, now);
        assert_eq!(
            watches.missing(now),
            ["the operator has not listed the SequenceStores of namespace b yet"]
        );
        watches.listed(1, now);
        assert!(watches.missing(now).is_empty() && watches.unlisted().is_empty());
    }

    #[test]
    fn a_lost_permission_is_news_once_and_is_forgotten_when_it_returns() {
        let (watches, now) = watches();
        watches.listed(0, now);
        watches.listed(1, now);
        let lost = Failure::Forbidden("no".into());
        assert!(watches.failed(1, &lost, now).is_some_and(|text| text.contains("namespace b")));
        assert_eq!(watches.failed(1, &lost, now), None);
        assert_eq!(watches.unlisted(), ["namespace b"]);
        assert_eq!(watches.missing(now).len(), 1);
        watches.listed(1, now);
        assert_eq!(watches.missing(now).len(), 1, "it may list, and perhaps not watch");
        assert_eq!(
            watches.unlisted(),
            ["namespace b"],
            "what waits for the list would be queued for nothing"
        );
        assert!(watches.began(1, now) && !watches.began(1, now));
        assert!(watches.missing(now).is_empty() && watches.unlisted().is_empty());
    }

    #[test]
    fn a_passing_failure_does_not_make_the_cache_untrue() {
        let (watches, now) = watches();
        watches.listed(0, now);
        watches.listed(1, now);
        assert!(watches.failed(0, &Failure::Other("connection refused".into()), now).is_some());
        assert!(watches.unlisted().is_empty() && watches.missing(now).is_empty());
        assert_eq!(watches.failing(WatchFailure::Error, now), 0);
        let later = now + PASSING + Duration::from_secs(1);
        assert_eq!(watches.failed(0, &Failure::Other("connection refused".into()), later), None);
        assert_eq!((watches.missing(later).len(), watches.failing(WatchFailure::Error, later)), (1, 1));
        watches.began(0, later);
        assert!(watches.missing(later).is_empty());
    }

    #[test]
    fn an_error_is_heard_and_silence_is_not() {
        let (watches, start) = watches();
        let (longest, later) = (Duration::from_secs(60), start + Duration::from_secs(61));
        assert_eq!(watches.unheard(longest, later), [""; 0], "no watch has begun");
        (0..2).for_each(|number| watches.heard(number, start));
        assert_eq!(watches.unheard(longest, start + Duration::from_secs(60)), [""; 0]);
        watches.failed(1, &Failure::NoAnswer("no response within 30 s".into()), later);
        for error in [Failure::Forbidden("no".into()), Failure::Other("connection refused".into())] {
            assert_eq!(watches.unheard(longest, later).len(), 2, "{error}");
            watches.failed(0, &error, later);
            assert_eq!(watches.unheard(longest, later).len(), 1, "{error}");
            watches.heard(0, start);
        }
        watches.heard(0, later);
        assert_eq!(
            watches.unheard(longest, later),
            ["the watch of namespace b was not heard for more than 60 s"]
        );
        watches.heard(1, later);
        assert!(watches.unheard(longest, later).is_empty());
    }

    #[test]
    fn a_missing_kind_is_named_once_for_all_namespaces() {
        let (watches, now) = watches();
        for number in 0..2 {
            watches.failed(number, &Failure::NotFound("404 page not found".into()), now);
        }
        assert_eq!(watches.missing(now), [CRD_NOT_INSTALLED]);
        assert_eq!(watches.failing(WatchFailure::CrdMissing, now), 2, "and counted for each");
        watches.failed(0, &Failure::Forbidden("no".into()), now);
        assert_eq!(WatchFailure::ALL.map(|why| watches.failing(why, now)), [1, 1, 0]);
        (0..2).for_each(|number| assert!(watches.began(number, now)));
        assert_eq!(WatchFailure::ALL.map(|why| watches.failing(why, now)), [0, 0, 0]);
    }

    #[tokio::test]
    async fn one_passing_failure_of_the_first_list_is_not_the_end_of_the_start() {
        let (watches, now) = watches();
        let is_tried = || futures::FutureExt::now_or_never(watches.until_tried()).is_some();
        watches.failed(0, &Failure::Forbidden("no".into()), now);
        watches.failed(1, &Failure::Other("connection reset".into()), now);
        assert!(!is_tried());
        watches.failed(1, &Failure::Other("connection reset".into()), now);
        assert!(is_tried(), "but it does not last for ever");
    }
}
