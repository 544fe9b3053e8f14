//! The page /metrics: all registered figures, and those that are read when somebody asks. No I/O but what its figures
//! of the process need.

use std::fmt;
use std::sync::Arc;

pub(crate) use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::registry::Registry;

use super::account_bindings::{AccountBindingSample, AccountBindingSeries};
use super::budget::{BudgetSample, BudgetSeries};
use super::credentials::{CredentialsSample, CredentialsSeries};
use super::family::Read;
use super::objects::ObjectSeries;
use super::process::Process;
use super::regions::{RegionSample, RegionSeries};
use super::watches::{WatchSample, WatchSeries};
use super::workqueue::{QueueSample, QueueSeries};
use super::{Metrics, Objects, build_info};

/// Everything that the page shows.
#[derive(Debug)]
pub(crate) struct Page {
    metrics: Arc<Metrics>,
    /// What is read anew each time.
    read_each_time: Registry,
}

impl Page {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        let mut read_each_time = Registry::default();
        build_info::register(&mut read_each_time);
        read_each_time.register_collector(Box::new(Process));
        Self { metrics, read_each_time }
    }

    /// Adds the series about objects; `one_by_one`: those about each of them too.
    pub(crate) fn with_objects(mut self, objects: Arc<dyn Objects>, one_by_one: bool) -> Self {
        self.read_each_time.register_collector(Box::new(ObjectSeries { objects, one_by_one }));
        self
    }

    /// Adds the queue of passes.
    pub(crate) fn with_queue(mut self, read: impl Fn() -> QueueSample + Send + Sync + 'static) -> Self {
        self.read_each_time.register_collector(Box::new(QueueSeries(Read::new(read))));
        self
    }

    /// Adds the request budget.
    pub(crate) fn with_budget(
        mut self,
        read: impl Fn() -> Vec<BudgetSample> + Send + Sync + 'static,
    ) -> Self {
        let metrics = Arc::clone(&self.metrics);
        self.read_each_time.register_collector(Box::new(BudgetSeries { metrics, read: Read::new(read) }));
        self
    }

    /// Adds the credentials in use.
    pub(crate) fn with_credentials(
        mut self,
        read: impl Fn() -> Vec<CredentialsSample> + Send + Sync + 'static,
    ) -> Self {
        self.read_each_time.register_collector(Box::new(CredentialsSeries(Read::new(read))));
        self
    }

    /// Adds the AccountBindings; `one_by_one`: the series about each of them too.
    pub(crate) fn with_account_bindings(
        mut self,
        read: impl Fn() -> Vec<AccountBindingSample> + Send + Sync + 'static,
        one_by_one: bool,
    ) -> Self {
        let series = AccountBindingSeries { read: Read::new(read), one_by_one };
        self.read_each_time.register_collector(Box::new(series));
        self
    }

    /// Adds how the stores of each region are observed.
    pub(crate) fn with_regions(
        mut self,
        read: impl Fn() -> Vec<RegionSample> + Send + Sync + 'static,
    ) -> Self {
        self.read_each_time.register_collector(Box::new(RegionSeries(Read::new(read))));
        self
    }

    /// Adds the watches that fail.
    pub(crate) fn with_watches(mut self, read: impl Fn() -> WatchSample + Send + Sync + 'static) -> Self {
        self.read_each_time.register_collector(Box::new(WatchSeries(Read::new(read))));
        self
    }

    /// In the text format of Prometheus, version 0.0.4, which every Prometheus, promtool and `grep` read.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        encode(out, &self.metrics.registry)?;
        encode(out, &self.read_each_time)
    }
}
