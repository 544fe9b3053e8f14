//! Requests to AWS: how many, how long they take, what comes of them. No I/O.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Timings;
use super::bounded::Bounded;

/// More than AWS has regions with HealthOmics.
const MOST_REGIONS: usize = 32;
const MOST_ACCOUNTS: usize = 128;

/// The outcome of a request that nobody waited for to its end.
const ABANDONED: &str = "abandoned";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    operation: &'static str,
    region: Arc<str>,
    account: Arc<str>,
    outcome: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Timed {
    operation: &'static str,
    region: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Waited {
    operation: &'static str,
    urgency: &'static str,
}

/// Counters of all requests to AWS.
#[derive(Debug)]
pub(crate) struct AwsRequests {
    requests: Family<Request, Counter>,
    durations: Timings<Timed>,
    waits: Timings<Waited>,
    regions: Bounded,
    accounts: Bounded,
}

fn request_seconds() -> Histogram {
    // Up to the time-out of a request.
    Histogram::new([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

fn wait_seconds() -> Histogram {
    Histogram::new([0.01, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0])
}

impl AwsRequests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let aws = Self {
            requests: Family::default(),
            durations: Timings::new_with_constructor(request_seconds),
            waits: Timings::new_with_constructor(wait_seconds),
            regions: Bounded::to(MOST_REGIONS),
            accounts: Bounded::to(MOST_ACCOUNTS),
        };
        registry.register(
            "sequencestore_aws_requests",
            "Requests to AWS by operation, region, account and what came of them: outcome is success or the class of the \
             error, code is AWS's error code",
            aws.requests.clone(),
        );
        registry.register(
            "sequencestore_aws_request_duration_seconds",
            "Time from sending a request to AWS to its response or time-out, without the wait for the request budget",
            aws.durations.clone(),
        );
        registry.register(
            "sequencestore_aws_budget_wait_seconds",
            "Time that requests to AWS waited for their turn in the request budget, by operation and urgency",
            aws.waits.clone(),
        );
        aws
    }

    /// So long a request waited for its turn; also one that did not have to wait.
    pub(crate) fn waited(&self, operation: &'static str, urgency: &'static str, wait: Duration) {
        self.waits.get_or_create_owned(&Waited { operation, urgency }).observe(wait.as_secs_f64());
    }

    /// A region that has its name in labels.
    pub(crate) fn knows_region(&self, region: &str) -> bool {
        *self.regions.label(region, false) == *region
    }

    /// The region that the operator is configured for needs no answer of AWS to be named in labels.
    pub(crate) fn expect_region(&self, region: &str) {
        self.regions.label(region, true);
    }

    /// A request begins.
    pub(crate) fn begin<'a>(&'a self, operation: &'static str, region: &'a str) -> Begun<'a> {
        Begun {
            requests: self,
            operation,
            region,
            at: Instant::now(),
            account: "",
            outcome: ABANDONED,
            code: "",
            is_answered: false,
        }
    }
}

/// A request that is under way. It counts when it is dropped, also where nobody waited for its end: it may have reached AWS.
#[must_use]
#[derive(Debug)]
pub(crate) struct Begun<'a> {
    requests: &'a AwsRequests,
    operation: &'static str,
    region: &'a str,
    at: Instant,
    /// Account of the credentials; empty where it is not known.
    account: &'a str,
    /// `success`, or the class of the error.
    outcome: &'static str,
    /// Error code of AWS, if it is one of those that are documented.
    code: &'static str,
    /// AWS answered, so the region is there.
    is_answered: bool,
}

impl<'a> Begun<'a> {
    pub(crate) fn ended(
        mut self,
        account: &'a str,
        outcome: &'static str,
        code: &'static str,
        is_answered: bool,
    ) {
        self.account = account;
        self.outcome = outcome;
        self.code = code;
        self.is_answered = is_answered;
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let Self { requests, operation, outcome, code, is_answered, .. } = *self;
        let region = requests.regions.label(self.region, is_answered);
        let account = match self.account {
            "" => "".into(),
            account => requests.accounts.label(account, is_answered),
        };
        let request = Request { operation, region: Arc::clone(&region), account, outcome, code };
        requests.requests.get_or_create_owned(&request).inc();
        let timed = Timed { operation, region };
        requests.durations.get_or_create_owned(&timed).observe(self.at.elapsed().as_secs_f64());
    }
}
