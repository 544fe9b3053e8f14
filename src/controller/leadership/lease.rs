//! What to do with the Lease: take it, renew it, or leave it to another. Time is passed in. No I/O.
//!
//! The rules are those of client-go. Whether a holder has died is judged by how long the Lease has not changed under our own
//! eyes, never by the dates in it: the clocks of two machines may differ.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::aws::Moment;
use crate::kubernetes::{Lease, LeaseSpec};

/// No holder is believed to be alive for longer than this without a sign of life, whatever its Lease says.
pub const LONGEST_DURATION: Duration = Duration::from_secs(60);

/// How long the Lease of a holder that gave it up says that it lasts.
const RELEASED_SECONDS: i64 = 1;

#[derive(Clone, Debug)]
pub struct Timing {
    /// How long the others leave the Lease to a holder that does not renew it. Whole seconds.
    pub lease_duration: Duration,
    /// How long a holder leads after a renewal. Shorter, so that it stops before another begins.
    pub renew_deadline: Duration,
    /// Between two renewals.
    pub retry_period: Duration,
}

/// One process that stands for election.
#[derive(Debug)]
pub struct Candidate {
    /// Unique for each process.
    identity: String,
    timing: Timing,
    seen: Option<Seen>,
    /// When the request was sent with which this process took or renewed the Lease last. None: it does not lead.
    renewed: Option<Moment>,
}

/// The Lease as it was last seen.
#[derive(Clone, Debug)]
struct Seen {
    /// None where it has vanished. That is no sign that its holder is gone.
    lease: Option<Lease>,
    spec: LeaseSpec,
    /// When our own clock showed the first look at this spec, or at its absence.
    since: Instant,
}

/// What to do about the Lease now.
#[derive(Clone, Debug)]
pub enum Next {
    /// Another holds it, or may.
    Wait,
    Create(LeaseSpec),
    /// Replaces exactly the version that was seen.
    Replace(Box<Lease>),
}

impl Candidate {
    #[must_use]
    pub fn new(identity: String, timing: Timing) -> Self {
        Self { identity, timing, seen: None, renewed: None }
    }

    #[must_use]
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// When the last renewal was sent, if this process leads.
    #[must_use]
    pub fn leads_since(&self, now: Instant) -> Option<Moment> {
        let deadline = self.timing.renew_deadline;
        self.renewed.filter(|renewed| now.saturating_duration_since(renewed.clock) < deadline)
    }

    /// Who holds the Lease, for people to read.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        let seen = self.seen.as_ref().filter(|seen| seen.lease.is_some())?;
        seen.spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
    }

    /// The Lease as the API server has it. Whoever led leads no more if it is not theirs: another may have led since.
    pub fn read(&mut self, lease: Option<Lease>, now: Instant) {
        let Some(lease) = lease else {
            if let Some(seen) = &mut self.seen
                && seen.lease.take().is_some()
            {
                // Somebody may have held it that was never seen, up to this moment.
                seen.since = now;
            }
            return;
        };
        let spec = lease.spec.clone().unwrap_or_default();
        if spec.holder_identity.as_ref() != Some(&self.identity) {
            self.renewed = None;
        }
        // Metadata do not count: somebody who keeps labelling the Lease shows no life of its holder.
        let since = self.seen.as_ref().filter(|seen| seen.spec == spec).map_or(now, |seen| seen.since);
        self.seen = Some(Seen { lease: Some(lease), spec, since });
    }

    /// The API server's answer to our write, and when that was sent.
    pub fn written(&mut self, lease: Lease, sent: Moment, now: Instant) {
        let is_ours =
            lease.spec.as_ref().is_some_and(|spec| spec.holder_identity.as_ref() == Some(&self.identity));
        self.read(Some(lease), now);
        if is_ours {
            self.renewed = Some(sent);
        }
    }

    #[must_use]
    pub fn next(&self, now: Instant, date: Timestamp) -> Next {
        let Some(seen) = &self.seen else { return Next::Create(self.taken(&LeaseSpec::default(), date)) };
        let is_ours = seen.spec.holder_identity.as_ref() == Some(&self.identity);
        let may_take = match &seen.lease {
            Some(_) => is_ours || is_given_up(&seen.spec) || self.is_over(seen, now),
            None => is_ours && self.leads_since(now).is_some() || self.is_over(seen, now),
        };
        if !may_take {
            return Next::Wait;
        }
        let spec = self.taken(&seen.spec, date);
        match &seen.lease {
            Some(lease) => Next::Replace(Box::new(Lease { spec: Some(spec), ..lease.clone() })),
            None => Next::Create(spec),
        }
    }

    /// The Lease with which this process gives its own up; none if it is not its own.
    #[must_use]
    pub fn released(&self, date: Timestamp) -> Option<Lease> {
        let seen = self.seen.as_ref()?;
        let lease =
            seen.lease.clone().filter(|_| seen.spec.holder_identity.as_ref() == Some(&self.identity))?;
        let spec = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(RELEASED_SECONDS),
            renew_time: Some(text(date)),
            ..seen.spec.clone()
        };
        Some(Lease { spec: Some(spec), ..lease })
    }

    /// Whether the Lease has not changed for so long that its holder must have stopped.
    fn is_over(&self, seen: &Seen, now: Instant) -> bool {
        let seconds = seen.spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        // Not shorter than our own: an edit does not make the holder stop sooner.
        let shortest = self.timing.lease_duration.min(LONGEST_DURATION);
        let lasts = Duration::from_secs(seconds.unwrap_or_default()).clamp(shortest, LONGEST_DURATION);
        now.saturating_duration_since(seen.since) >= lasts
    }

    /// The spec that takes or renews the Lease.
    fn taken(&self, before: &LeaseSpec, date: Timestamp) -> LeaseSpec {
        let date = text(date);
        let is_renewal = before.holder_identity.as_ref() == Some(&self.identity);
        let transitions = before.lease_transitions.unwrap_or_default().max(0);
        let acquired = before.acquire_time.clone().filter(|_| is_renewal);
        let is_first = before.lease_transitions.is_none() && before.holder_identity.is_none();
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(self.timing.lease_duration.as_secs().try_into().unwrap_or(i64::MAX)),
            acquire_time: Some(acquired.unwrap_or_else(|| date.clone())),
            renew_time: Some(date),
            // The API server refuses more than 32 bits.
            lease_transitions: Some(match is_renewal || is_first {
                true => transitions,
                false => transitions.saturating_add(1).min(i32::MAX.into()),
            }),
            others: before.others.clone(),
        }
    }
}

/// A holder that gave the Lease up says so with both members. Where only the holder is missing, somebody else has removed it,
/// and the holder may not know.
fn is_given_up(spec: &LeaseSpec) -> bool {
    spec.holder_identity.as_deref().is_none_or(str::is_empty)
        && spec.lease_duration_seconds == Some(RELEASED_SECONDS)
}

/// The form of a `MicroTime`.
fn text(date: Timestamp) -> String {
    format!("{date:.6}")
}

#[cfg(test)]
mod tests;
