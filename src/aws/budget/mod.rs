//! The request budget: every request to AWS waits here for a token of its account, region and operation. I/O: waits.
//!
//! | file | holds |
//! |---|---|
//! | `caller` | for whom a call is made, how urgent it is, and how long it waited |
//! | `quotas` | what AWS allows, and the share of it that the process takes |
//! | `supply`, `line`, `bucket` | pure: tokens over time, who is next, and both together |
//! | `breaker` | pure: no calls with credentials that AWS does not accept |
//! | this file | callers that wait, and the one task that wakes them |
//!
//! A wait is no failure and has no limit of its own: whoever waits may give up by dropping the future. Roles of one account
//! share its buckets.

mod breaker;
mod bucket;
mod caller;
mod line;
#[cfg(test)]
mod properties;
mod quotas;
mod supply;
#[cfg(test)]
mod tests;
mod urgency;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::{CallError, Operation};
pub use bucket::Reading;
pub use caller::{Caller, Waits};
pub use quotas::Quotas;
pub use urgency::Urgency;

use breaker::Breaker;
use bucket::Bucket;
use line::Ticket;
use quotas::Rates;

/// A bucket that was not used for so long is full and has forgotten all refusals: it can be made anew.
const IDLE_AFTER: Duration = Duration::from_secs(300);
/// Rates grow while a call waits, so the next token may come earlier than it was announced.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// A request that is written down must leave soon after that.
const LONGEST_GAP: Duration = Duration::from_secs(2);
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// Account, region and operation, as AWS counts. The account is empty for that of the operator. Regions come from specs: any number
/// of them, also such as do not exist.
type Key = (Arc<str>, Arc<str>, Operation);

#[derive(Debug)]
pub(in crate::aws) struct Budget {
    quotas: Quotas,
    state: Mutex<State>,
    /// Somebody waits for something that may come earlier than what the task waits for.
    changed: Notify,
    closed: CancellationToken,
}

/// Sessions of roles have a key each; of more regions than this most are made up.
const MOST_BREAKERS: usize = 4096;

#[derive(Debug, Default)]
struct State {
    buckets: HashMap<Key, Waiters>,
    /// By access key and region: a region that is not enabled in the account does not know the key.
    breakers: HashMap<(String, Arc<str>), Breaker>,
    /// The task that hands out tokens was started. It ends when nobody waits, or when the budget is closed.
    is_handing_out: bool,
}

#[derive(Debug)]
struct Waiters {
    bucket: Bucket,
    /// No request that was written down first leaves before.
    next_departure: Instant,
    to: HashMap<Ticket, oneshot::Sender<Token>>,
}

impl Waiters {
    fn new(rates: Rates, now: Instant) -> Self {
        Self { bucket: Bucket::new(rates, now), next_departure: now, to: HashMap::new() }
    }
}

/// Tokens on their way. They are sent without the lock: one that nobody receives goes back to its bucket.
type Outgoing = Vec<(oneshot::Sender<Token>, Token)>;

/// The right to send one request. Dropped without [`Token::spend`], it goes back.
#[derive(Debug)]
pub(in crate::aws) struct Token(Option<(Weak<Budget>, Key, Urgency)>);

impl Token {
    /// The request is being sent.
    pub(super) fn spend(mut self) {
        self.0 = None;
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let Some((budget, key, urgency)) = self.0.take() else { return };
        if let Some(budget) = budget.upgrade() {
            budget.give_back(&key, urgency);
        }
    }
}

/// A place in the line. Dropped, it is free.
struct Place<'a> {
    budget: &'a Budget,
    key: Key,
    ticket: Ticket,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        if let Some(waiters) = state.buckets.get_mut(&self.key)
            && waiters.to.remove(&self.ticket).is_some()
        {
            waiters.bucket.leave(self.ticket);
        }
    }
}

impl Budget {
    pub(super) fn new(quotas: Quotas) -> Arc<Self> {
        let (state, changed, closed) = Default::default();
        Arc::new(Self { quotas, state, changed, closed })
    }

    /// Waits for a token. After [`Self::close`] it waits for ever, unless there is one at once.
    pub(super) async fn token(
        self: &Arc<Self>,
        (account, region, operation): (&str, &str, Operation),
        caller: &Caller,
    ) -> Token {
        let Some(rates) = self.quotas.rates(operation) else { return Token(None) };
        let key: Key = (account.into(), region.into(), operation);
        let now = Instant::now();
        let (sender, receiver) = oneshot::channel();
        let (_place, has_to_wait, outgoing) = {
            let mut state = self.state();
            if !state.buckets.contains_key(&key) {
                state.buckets.retain(|_, waiters| !waiters.bucket.is_idle(IDLE_AFTER, now));
            }
            let waiters = state.buckets.entry(key.clone()).or_insert_with(|| Waiters::new(rates, now));
            let ticket = waiters.bucket.join(caller.urgency, &caller.namespace, now);
            waiters.to.insert(ticket, sender);
            let outgoing = self.granted(&key, waiters, now);
            let has_to_wait = waiters.to.contains_key(&ticket);
            (Place { budget: self, key, ticket }, has_to_wait, outgoing)
        };
        send(outgoing);
        if has_to_wait {
            self.hand_out();
        }
        let _waiting = caller.waits.begin();
        tokio::select! {
            biased;
            // Without a token there is no request: nothing but a token ends the wait.
            Ok(token) = receiver => token,
            () = self.closed.cancelled() => std::future::pending().await,
        }
    }

    /// How long a request still waits whose token was taken a while ago. What is written down between token and request takes
    /// now longer and now shorter, and AWS allows no two at once where it allows one a second.
    pub(super) fn departs_in(&self, account: &str, region: &str, operation: Operation) -> Duration {
        let rate = self.quotas.rates(operation).map_or(f64::INFINITY, |rates| rates.all);
        let key: Key = (account.into(), region.into(), operation);
        let (now, mut state) = (Instant::now(), self.state());
        let Some(waiters) = state.buckets.get_mut(&key).filter(|_| rate <= 1.0) else {
            return Duration::ZERO;
        };
        let wait = waiters.next_departure.saturating_duration_since(now).min(LONGEST_GAP);
        // A little less than between two tokens, so that a delay does not last.
        let gap = Duration::from_secs_f64(0.97 / rate).min(LONGEST_GAP);
        waiters.next_departure = now + wait + gap;
        wait
    }

    /// AWS refused a request because there were too many.
    pub(super) fn refused(&self, account: &str, region: &str, operation: Operation) {
        let key: Key = (account.into(), region.into(), operation);
        if let Some(waiters) = self.state().buckets.get_mut(&key) {
            waiters.bucket.slow_down(Instant::now());
            let Reading { rate, waiting, .. } = waiters.bucket.reading();
            let operation = operation.iam_action();
            tracing::debug!(operation, region, rate, waiting, "AWS throttles: fewer requests per second");
        }
    }

    /// Whether a call with these credentials may be sent.
    ///
    /// # Errors
    /// AWS does not accept the credentials: what it said last.
    pub(super) fn admit(&self, identity: &str, region: &str, urgency: Urgency) -> Result<(), CallError> {
        let key = (identity.to_owned(), region.into());
        self.state().breakers.get_mut(&key).map_or(Ok(()), |breaker| breaker.admit(urgency, Instant::now()))
    }

    /// A call with this identity is over. `is_refusal`: the error is about the identity, not about what was asked for.
    pub(super) fn answered(
        &self,
        (identity, region): (&str, &str),
        error: Option<&CallError>,
        is_refusal: impl Fn(&CallError) -> bool,
    ) {
        let key = (identity.to_owned(), region.into());
        let mut state = self.state();
        let mut breaker = state.breakers.remove(&key).unwrap_or_default();
        breaker.answered(error, is_refusal, Instant::now());
        if !breaker.is_new() {
            if state.breakers.len() >= MOST_BREAKERS {
                state.breakers.clear();
            }
            state.breakers.insert(key, breaker);
        }
    }

    /// The regions in which AWS does not accept these credentials. Others are not in use any more.
    pub(super) fn open_breakers(&self, identity: &str) -> Vec<String> {
        let state = self.state();
        let open = state.breakers.iter().filter(|((of, _), breaker)| of == identity && breaker.is_open());
        open.map(|((_, region), _)| region.to_string()).collect()
    }

    /// From now on nobody is served who has to wait.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// All buckets in use at this moment: account, region, operation.
    pub(super) fn readings(&self) -> Vec<(String, String, Operation, Reading)> {
        let state = self.state();
        let readings = state.buckets.iter();
        readings
            .map(|((account, region, operation), waiters)| {
                (account.to_string(), region.to_string(), *operation, waiters.bucket.reading())
            })
            .collect()
    }

    /// Gives tokens to those who wait for this bucket, as far as there are any.
    fn granted(self: &Arc<Self>, key: &Key, waiters: &mut Waiters, now: Instant) -> Outgoing {
        let mut outgoing = Outgoing::new();
        while let Some((ticket, urgency)) = waiters.bucket.grant(now) {
            let token = Token(Some((Arc::downgrade(self), key.clone(), urgency)));
            match waiters.to.remove(&ticket) {
                Some(sender) => outgoing.push((sender, token)),
                // Every waiter has a sender until it leaves. The token must not come back while the bucket is locked.
                None => token.spend(),
            }
        }
        outgoing
    }

    fn give_back(self: &Arc<Self>, key: &Key, urgency: Urgency) {
        if let Some(waiters) = self.state().buckets.get_mut(key) {
            waiters.bucket.give_back(urgency, Instant::now());
        }
        self.hand_out();
    }

    /// Wakes the task that hands out tokens, or starts it, where somebody waits.
    fn hand_out(self: &Arc<Self>) {
        let mut state = self.state();
        if state.buckets.values().all(|waiters| waiters.to.is_empty()) {
            return;
        }
        if state.is_handing_out {
            self.changed.notify_one();
        } else if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            state.is_handing_out = true;
            runtime.spawn(hand_out(Arc::clone(self)));
        }
    }

    /// Gives out what is there; returns how long until there may be more, none where nobody waits.
    fn next(self: &Arc<Self>) -> Option<Duration> {
        let mut outgoing = Outgoing::new();
        let mut next = None;
        {
            let now = Instant::now();
            let mut state = self.state();
            for (key, waiters) in state.buckets.iter_mut().filter(|(_, waiters)| !waiters.to.is_empty()) {
                outgoing.extend(self.granted(key, waiters, now));
                next = next.into_iter().chain(waiters.bucket.next_in()).min();
            }
            state.is_handing_out = next.is_some();
        }
        send(outgoing);
        next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands out tokens for as long as somebody waits.
async fn hand_out(budget: Arc<Budget>) {
    while let Some(next) = budget.next() {
        tokio::select! {
            () = tokio::time::sleep(next.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)) => {}
            () = budget.changed.notified() => {}
            () = budget.closed.cancelled() => return,
        }
    }
}

/// A receiver that has gone leaves its token here, and the token goes back.
fn send(outgoing: Outgoing) {
    for (sender, token) in outgoing {
        drop(sender.send(token));
    }
}
