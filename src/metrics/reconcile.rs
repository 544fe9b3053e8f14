//! Passes over objects, under the names of controller-runtime. No I/O.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{CONTROLLER, Timings};

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    controller: &'static str,
}

const OF: Of = Of { controller: CONTROLLER };

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Ended {
    controller: &'static str,
    result: &'static str,
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassResult {
    /// Nothing is left to do for the object until something changes.
    Success,
    /// The next pass follows at its time.
    RequeueAfter,
    /// It did not come to its end, or a call in it failed; it is tried again.
    Error,
    /// Trying again without a change repairs nothing.
    Terminal,
    /// It took too long and was stopped.
    TimedOut,
    /// A bug in the operator.
    Panicked,
}

impl PassResult {
    /// As a label of metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::RequeueAfter => "requeue_after",
            Self::Error | Self::Terminal | Self::TimedOut | Self::Panicked => "error",
        }
    }
}

/// Counters of passes.
#[derive(Debug)]
pub(crate) struct Passes {
    ended: Family<Ended, Counter>,
    errors: Family<Of, Counter>,
    terminal_errors: Family<Of, Counter>,
    panics: Family<Of, Counter>,
    timeouts: Family<Of, Counter>,
    seconds: Timings<Of>,
    most: Family<Of, Gauge>,
    active: Family<Of, Gauge>,
    drift_corrected: Counter,
}

fn pass_seconds() -> Histogram {
    // The buckets of controller-runtime.
    Histogram::new([
        0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0,
        1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0, 25.0, 30.0,
        40.0, 50.0, 60.0,
    ])
}

impl Passes {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let passes = Self {
            ended: Family::default(),
            errors: Family::default(),
            terminal_errors: Family::default(),
            panics: Family::default(),
            timeouts: Family::default(),
            seconds: Timings::new_with_constructor(pass_seconds),
            most: Family::default(),
            active: Family::default(),
            drift_corrected: Counter::default(),
        };
        passes.describe(registry);
        // Rates need a value before the first event.
        for result in ["success", "error", "requeue", "requeue_after"] {
            passes.ended.get_or_create_owned(&Ended { controller: CONTROLLER, result });
        }
        for family in [&passes.errors, &passes.terminal_errors, &passes.panics, &passes.timeouts] {
            family.get_or_create_owned(&OF);
        }
        passes.active.get_or_create_owned(&OF);
        passes
    }

    fn describe(&self, registry: &mut Registry) {
        registry.register(
            "controller_runtime_reconcile",
            "Passes over objects by result: success, error, requeue or requeue_after. A failed AWS call is an error too",
            self.ended.clone(),
        );
        let mut counter = |name: &str, help: &str, family: &Family<Of, Counter>| {
            registry.register(format!("controller_runtime_{name}"), help, family.clone());
        };
        counter("reconcile_errors", "Passes with an error, terminal ones included", &self.errors);
        counter(
            "terminal_reconcile_errors",
            "Passes with an error that only a change of the object can repair",
            &self.terminal_errors,
        );
        counter("reconcile_panics", "Passes that panicked: each is a bug in the operator", &self.panics);
        counter("reconcile_timeouts", "Passes that were stopped because they took too long", &self.timeouts);
        registry.register(
            "controller_runtime_reconcile_time_seconds",
            "Duration of passes, their waits for the AWS request budget included",
            self.seconds.clone(),
        );
        registry.register(
            "controller_runtime_max_concurrent_reconciles",
            "Passes that may run at the same time (--concurrency)",
            self.most.clone(),
        );
        registry.register("controller_runtime_active_workers", "Passes that run now", self.active.clone());
        registry.register(
            "sequencestore_drift_corrected",
            "Changes of a store that somebody made in AWS and that the operator reverted",
            self.drift_corrected.clone(),
        );
    }

    pub(crate) fn at_most(&self, concurrency: u16) {
        self.most.get_or_create_owned(&OF).set(concurrency.into());
    }

    /// A pass begins; it is over when the returned value is dropped.
    pub(crate) fn begin(&self) -> Active<'_> {
        self.active.get_or_create_owned(&OF).inc();
        Active(self)
    }

    pub(crate) fn ended(&self, result: PassResult, took: Duration) {
        let name = result.label();
        self.ended.get_or_create_owned(&Ended { controller: CONTROLLER, result: name }).inc();
        if name == "error" {
            self.errors.get_or_create_owned(&OF).inc();
        }
        let kind = match result {
            PassResult::Terminal => Some(&self.terminal_errors),
            PassResult::TimedOut => Some(&self.timeouts),
            PassResult::Panicked => Some(&self.panics),
            PassResult::Success | PassResult::RequeueAfter | PassResult::Error => None,
        };
        if let Some(kind) = kind {
            kind.get_or_create_owned(&OF).inc();
        }
        self.seconds.get_or_create_owned(&OF).observe(took.as_secs_f64());
    }

    /// AWS accepted a change that makes a store again what the spec says.
    pub(crate) fn drift_corrected(&self) {
        self.drift_corrected.inc();
    }
}

/// A pass that runs.
#[must_use]
#[derive(Debug)]
pub(crate) struct Active<'a>(&'a Passes);

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.active.get_or_create_owned(&OF).dec();
    }
}
