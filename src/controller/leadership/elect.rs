//! Stands for election: reads, takes, renews and releases the Lease, and says whether this process leads. I/O: Kubernetes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Leadership;
use super::lease::{Candidate, Next, Timing};
use crate::aws::Moment;
use crate::controller::context::Context;
use crate::kubernetes::{Error, Lease, LeaseApi};

/// How often a write is tried in one attempt: once more after somebody else was first.
const WRITES: usize = 2;
/// A standby looks this much more often than the holder renews, so that it soon sees a Lease that was given up.
const STANDBY_LOOKS: f64 = 0.5;
/// The looks of several standbys are spread by this share.
const SPREAD: f64 = 0.2;
/// A failure that may pass by itself is told after this time.
const PASSING: Duration = Duration::from_secs(30);
/// Limit for giving the Lease up. The process ends afterwards in any case.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);

/// The election of one process.
pub struct Election {
    context: Arc<Context>,
    api: LeaseApi,
    candidate: Candidate,
    /// The API server's last answer shows the Lease as it is, so that a renewal needs no read.
    is_current: bool,
    failing_since: Option<Instant>,
}

/// Where the Lease is, and who stands for election.
pub struct LeasePlace {
    pub namespace: String,
    pub name: String,
    /// Unique for each process.
    pub identity: String,
}

impl Election {
    #[must_use]
    pub fn new(context: Arc<Context>, place: LeasePlace, timing: Timing) -> Self {
        // So that a second request fits into the deadline if the first gets no answer.
        let deadline = timing.renew_deadline / 2;
        let client = context.kubernetes.client.clone();
        let api = LeaseApi::new(client, place.namespace, place.name, deadline);
        let candidate = Candidate::new(place.identity, timing);
        Self { context, api, candidate, is_current: false, failing_since: None }
    }

    /// Runs until `drained`: no pass runs any more, and none begins. Only then is the Lease given up.
    pub async fn run(mut self, shutdown: CancellationToken, drained: CancellationToken) {
        while !drained.is_cancelled() {
            let was_leading = self.leadership().is_leading();
            // The process, or its whole machine, may have stood still since.
            let is_over = was_leading && self.candidate.leads_since(Instant::now()).is_none();
            if is_over {
                self.tell(None, Ok(()));
            } else if was_leading || !shutdown.is_cancelled() {
                tokio::select! {
                    () = self.stand() => {}
                    () = drained.cancelled() => break,
                }
            }
            if was_leading && !self.leadership().is_leading() {
                self.end_term(&drained).await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(self.pause(fastrand::f64())) => {}
                () = drained.cancelled() => {}
            }
        }
        self.leadership().leading.send_replace(false);
        self.leadership().fence.close();
        self.release().await;
    }

    fn leadership(&self) -> &Leadership {
        &self.context.leadership
    }

    /// One attempt to take or renew the Lease, and what it means for this process.
    async fn stand(&mut self) {
        // Leadership ends with the deadline even while a request hangs.
        let left = self.left().unwrap_or(self.candidate.timing().renew_deadline);
        let tried = tokio::time::timeout(left, self.attempt()).await;
        self.is_current = matches!(tried, Ok(Ok(())));
        let renewed = self.candidate.leads_since(Instant::now());
        self.tell(
            renewed,
            tried.unwrap_or_else(|_| Err(Error::NoAnswer { step: "renew the Lease", after: left })),
        );
    }

    /// How long this process still leads without another renewal; none if it does not lead.
    fn left(&self) -> Option<Duration> {
        let now = Instant::now();
        let end = self.candidate.leads_since(now)?.clock + self.candidate.timing().renew_deadline;
        Some(end.saturating_duration_since(now))
    }

    async fn attempt(&mut self) -> Result<(), Error> {
        if !self.is_current || self.candidate.leads_since(Instant::now()).is_none() {
            self.look().await?;
        }
        for _ in 0..WRITES {
            let lease = match self.candidate.next(Instant::now(), Timestamp::now()) {
                Next::Wait => return Ok(()),
                Next::Create(spec) => Lease { spec: Some(spec), ..self.api.absent() },
                Next::Replace(lease) => *lease,
            };
            let sent = Moment::now();
            match self.api.write(&lease).await {
                Ok(written) => {
                    self.candidate.written(written, sent, Instant::now());
                    return Ok(());
                }
                Err(error) if is_overtaken(&error) => self.look().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), Error> {
        let lease = self.api.read().await?;
        self.candidate.read(lease, Instant::now());
        Ok(())
    }

    /// Opens or closes the fence, and tells everybody who asks.
    fn tell(&mut self, renewed: Option<Moment>, tried: Result<(), Error>) {
        let leadership = &self.context.leadership;
        match renewed {
            Some(renewed) => leadership.fence.open_for(renewed, self.candidate.timing().renew_deadline),
            None => leadership.fence.close(),
        }
        let before = leadership.leading.send_replace(renewed.is_some());
        self.context.metrics.leadership.set(&self.api.name, renewed.is_some());
        let lease = format!("{}/{}", self.api.namespace, self.api.name);
        match (before, renewed.is_some()) {
            (false, true) => {
                tracing::info!(lease, "this replica leads");
                self.queue_all();
            }
            (true, false) => {
                let holder = self.candidate.holder().unwrap_or("nobody known");
                tracing::warn!(
                    lease,
                    holder,
                    "this replica leads no more: it lost the Lease, or could not renew it"
                );
            }
            _ => {}
        }
        let trouble = self.trouble(tried).filter(|_| renewed.is_none());
        if self.context.leadership.set_trouble(trouble.clone())
            && let Some(text) = trouble
        {
            tracing::warn!(lease, "this replica runs no passes: {text}");
        }
    }

    /// Where an earlier term ended, its passes have left objects in the queue that are due only with their next poll.
    fn queue_all(&self) {
        let Context { kubernetes, queue, .. } = self.context.as_ref();
        for object in kubernetes.cache.references() {
            queue.add(&object);
        }
    }

    /// What somebody has to mend, as far as an attempt shows it.
    fn trouble(&mut self, tried: Result<(), Error>) -> Option<String> {
        let Err(error) = tried else {
            self.failing_since = None;
            return None;
        };
        tracing::debug!("{error}");
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let is_refused = matches!(error.status_code(), Some(403 | 404));
        (is_refused || since.elapsed() >= PASSING).then(|| self.words(&error))
    }

    fn words(&self, error: &Error) -> String {
        let LeaseApi { namespace, name, .. } = &self.api;
        match error.status_code() {
            Some(403) => format!(
                "the operator may not use the Lease {name} in namespace {namespace} for its leader election: it needs \
                 create on leases.coordination.k8s.io there, and get and update on this one: {error}"
            ),
            _ => format!("leader election with the Lease {name} in namespace {namespace}: {error}"),
        }
    }

    /// What makes this process like a new one, before it stands for election again.
    async fn end_term(&mut self, drained: &CancellationToken) {
        tokio::select! {
            () = self.context.leadership.until_no_pass_runs() => {
                self.context.memory.forget_all();
                self.context.aws.forget_owners();
                self.context.tenancy.sessions.forget_owners();
            }
            () = drained.cancelled() => {}
        }
    }

    /// Until the next attempt. `random` is between 0 and 1.
    fn pause(&self, random: f64) -> Duration {
        let Timing { retry_period, .. } = *self.candidate.timing();
        match self.left() {
            Some(left) => retry_period.min(left),
            None => retry_period.mul_f64(STANDBY_LOOKS * (1.0 + SPREAD * (2.0 * random - 1.0))),
        }
    }

    /// Gives the Lease up, if it is still ours, so that another replica need not wait for its end.
    async fn release(&mut self) {
        let released = async {
            for _ in 0..WRITES {
                let Some(lease) = self.candidate.released(Timestamp::now()) else { return Ok(()) };
                match self.api.write(&lease).await {
                    Err(error) if is_overtaken(&error) => self.look().await?,
                    other => return other.map(|_| ()),
                }
            }
            Ok(())
        };
        let result = tokio::time::timeout(RELEASE_WITHIN, released).await;
        let result =
            result.unwrap_or(Err(Error::NoAnswer { step: "release the Lease", after: RELEASE_WITHIN }));
        if let Err(error) = result {
            tracing::warn!("the Lease was not given up, and another replica takes it when it ends: {error}");
        }
    }
}

/// Somebody else wrote, created or deleted the Lease first.
fn is_overtaken(error: &Error) -> bool {
    matches!(error.status_code(), Some(404 | 409))
}
