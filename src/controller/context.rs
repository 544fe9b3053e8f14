//! What all passes share. No I/O of its own.

use std::sync::Arc;
use std::time::Duration;

use super::bindings::Tenancy;
use super::leadership::Leadership;
use super::memory::Memory;
use super::pass_queue::PassQueue;
use super::sweep::Sweeps;
use crate::aws::Aws;
use crate::kubernetes::Kubernetes;
use crate::metrics::Metrics;
use crate::observe::Observer;
use crate::plan::Settings;
use crate::store::Defaults;

pub struct Context {
    pub kubernetes: Kubernetes,
    /// Acts with the identity of the operator.
    pub aws: Aws,
    /// Whose identity each namespace acts with.
    pub tenancy: Tenancy,
    pub memory: Memory,
    pub sweeps: Sweeps,
    pub queue: PassQueue,
    pub leadership: Arc<Leadership>,
    pub metrics: Arc<Metrics>,
    pub defaults: Defaults,
    pub settings: Settings,
    /// Between two counts of the read sets of one store.
    pub read_set_poll_interval: Duration,
    /// How long a denial may come from IAM being eventually consistent, before the object counts as stalled.
    pub denied_grace: Duration,
    /// How long AWS may throttle the calls for an object before that is shown.
    pub throttled_grace: Duration,
    /// How long the API server lets a watch run before it ends it.
    pub watch_timeout: Duration,
}

impl Context {
    /// `aws` acts for the object that is observed.
    pub fn observer<'a>(&'a self, aws: &'a Aws) -> Observer<'a> {
        let Self { kubernetes, defaults, settings, tenancy, .. } = self;
        Observer { aws, kubernetes, defaults, settings, bindings: &tenancy.bindings }
    }
}
