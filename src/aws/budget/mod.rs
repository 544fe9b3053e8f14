//! The request budget: every request to AWS waits here for a token of its region and operation. I/O: waits.
//!
//! | file | holds |
//! |---|---|
//! | `caller` | for whom a call is made, how urgent it is, and how long it waited |
//! | `quotas` | what AWS allows, and the share of it that the process takes |
//! | `supply`, `line`, `bucket` | pure: tokens over time, who is next, and both together |
//! | this file | callers that wait, and the one task that wakes them |
//!
//! A wait is no failure and has no limit of its own: whoever waits may give up by dropping the future. One set of
//! credentials belongs to one account, so the buckets of one [`Budget`] are those of one account.

mod bucket;
mod caller;
mod line;
#[cfg(test)]
mod properties;
mod quotas;
mod supply;
mod urgency;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::Operation;
pub use bucket::Reading;
pub use caller::{Caller, Waits};
pub use quotas::Quotas;
pub use urgency::Urgency;

use bucket::Bucket;
use line::Ticket;

/// A bucket that was not used for so long is full and has forgotten all refusals: it can be made anew.
const IDLE_AFTER: Duration = Duration::from_secs(300);
/// Rates grow while a call waits, so the next token may come earlier than it was announced.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// Region and operation. Regions come from specs: any number of them, also such as do not exist.
type Key = (Arc<str>, Operation);

#[derive(Debug)]
pub(in crate::aws) struct Budget {
    quotas: Quotas,
    state: Mutex<State>,
    /// Somebody waits for something that may come earlier than what the task waits for.
    changed: Notify,
    closed: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    buckets: HashMap<Key, Waiters>,
    /// The task that hands out tokens runs. It ends when nobody waits.
    is_handing_out: bool,
}

#[derive(Debug)]
struct Waiters {
    bucket: Bucket,
    to: HashMap<Ticket, oneshot::Sender<Token>>,
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

    /// Waits for a token. After [`Self::close`] it waits for ever.
    pub(super) async fn token(
        self: &Arc<Self>,
        region: &str,
        operation: Operation,
        caller: &Caller,
    ) -> Token {
        let Some(rates) = self.quotas.rates(operation) else { return Token(None) };
        let key: Key = (region.into(), operation);
        loop {
            let now = now();
            let (sender, receiver) = oneshot::channel();
            let (place, outgoing) = {
                let mut state = self.state();
                if !state.buckets.contains_key(&key) {
                    state.buckets.retain(|_, waiters| !waiters.bucket.is_idle(IDLE_AFTER, now));
                }
                let waiters = state
                    .buckets
                    .entry(key.clone())
                    .or_insert_with(|| Waiters { bucket: Bucket::new(rates, now), to: HashMap::new() });
                let ticket = waiters.bucket.join(caller.urgency, &caller.namespace, now);
                waiters.to.insert(ticket, sender);
                let outgoing = self.granted(&key, waiters, now);
                (Place { budget: self, key: key.clone(), ticket }, outgoing)
            };
            send(outgoing);
            self.hand_out();
            let _waiting = caller.waits.begin(self::now);
            let received = tokio::select! {
                biased;
                () = self.closed.cancelled() => std::future::pending().await,
                received = receiver => received,
            };
            drop(place);
            if let Ok(token) = received {
                return token;
            }
        }
    }

    /// AWS refused a request because there were too many.
    pub(super) fn refused(&self, region: &str, operation: Operation) {
        let key: Key = (region.into(), operation);
        if let Some(waiters) = self.state().buckets.get_mut(&key) {
            waiters.bucket.slow_down(now());
            let Reading { rate, waiting, .. } = waiters.bucket.reading();
            let operation = operation.iam_action();
            tracing::debug!(operation, region, rate, waiting, "AWS throttles: fewer requests per second");
        }
    }

    /// Gives out no more tokens.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// All buckets in use at this moment.
    pub(super) fn readings(&self) -> Vec<(String, Operation, Reading)> {
        let state = self.state();
        let readings = state.buckets.iter();
        readings
            .map(|((region, operation), waiters)| (region.to_string(), *operation, waiters.bucket.reading()))
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
            waiters.bucket.give_back(urgency, now());
        }
        self.hand_out();
    }

    /// Wakes the task that hands out tokens, or starts it.
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

    /// Gives out what is there; returns when there may be more, none where nobody waits.
    fn next(self: &Arc<Self>) -> Option<Duration> {
        let mut outgoing = Outgoing::new();
        let mut next = None;
        {
            let now = now();
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

/// The clock of the runtime, so that tests can turn it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Operation = Operation::GetSequenceStore;
    const DELETE: Operation = Operation::DeleteSequenceStore;

    /// So many requests per second of each of the two operations.
    fn budget(rate: f64) -> Arc<Budget> {
        let of_account = [(GET, rate), (DELETE, rate)].into();
        Budget::new(Quotas { share: 1.0, of_account, ..Quotas::default() })
    }

    #[tokio::test]
    async fn calls_are_paced_and_the_time_that_they_wait_is_counted() {
        let (budget, caller, start) = (budget(50.0), Caller::default(), now());
        for _ in 0..11 {
            budget.token("us-east-1", GET, &caller).await.spend();
        }
        let took = now() - start;
        assert!(took >= Duration::from_millis(199), "{took:?}");
        let waited = caller.waits.so_far(now());
        assert!(waited >= Duration::from_millis(100) && waited <= took, "{waited:?} of {took:?}");
        assert!(!caller.waits.is_waiting());
    }

    #[tokio::test]
    async fn one_region_and_one_operation_do_not_wait_for_another() {
        let (budget, caller) = (budget(1e-6), Caller::default());
        for region in ["us-east-1", "eu-west-1"] {
            for operation in [GET, DELETE, Operation::GetCallerIdentity] {
                budget.token(region, operation, &caller).await.spend();
            }
        }
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_takes_nothing() {
        let (budget, caller) = (budget(2.0), Caller::default());
        budget.token("us-east-1", DELETE, &caller).await.spend();
        for _ in 0..20 {
            let wait = budget.token("us-east-1", DELETE, &caller);
            assert!(tokio::time::timeout(Duration::from_millis(1), wait).await.is_err());
        }
        budget.token("us-east-1", DELETE, &caller).await.spend();
        let readings = budget.readings();
        let [(_, _, reading)] = readings.as_slice() else { panic!("{readings:?}") };
        assert_eq!((reading.granted, reading.waiting), (2, 0));
    }

    #[tokio::test]
    async fn a_token_that_is_not_used_goes_to_the_next_waiter() {
        let (budget, caller) = (budget(1e-6), Caller::default());
        let unused = budget.token("us-east-1", DELETE, &caller).await;
        let next = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.token("us-east-1", DELETE, &Caller::default()).await.spend() }
        });
        while budget.readings().iter().all(|(_, _, reading)| reading.waiting == 0) {
            tokio::task::yield_now().await;
        }
        drop(unused);
        let served = tokio::time::timeout(Duration::from_secs(30), next).await;
        assert!(served.is_ok(), "at this rate no other token comes");
    }

    #[tokio::test]
    async fn nothing_is_handed_out_after_the_end_and_no_task_stays_without_waiters() {
        let (budget, caller) = (budget(100.0), Caller::default());
        for _ in 0..3 {
            budget.token("us-east-1", DELETE, &caller).await.spend();
        }
        while budget.state().is_handing_out {
            tokio::task::yield_now().await;
        }
        budget.close();
        let wait = budget.token("us-east-1", GET, &caller);
        assert!(tokio::time::timeout(Duration::from_millis(50), wait).await.is_err());
    }

    #[tokio::test]
    async fn a_refusal_slows_its_bucket_down_and_no_other() {
        let (budget, caller) = (budget(5.0), Caller::default());
        for region in ["us-east-1", "eu-west-1"] {
            budget.token(region, GET, &caller).await.spend();
        }
        budget.refused("us-east-1", GET);
        for (region, _, reading) in budget.readings() {
            assert_eq!(reading.rate < 3.0, region == "us-east-1", "{region} {reading:?}");
        }
    }
}
