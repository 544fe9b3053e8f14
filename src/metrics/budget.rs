//! The request budget at the moment when somebody asks. No I/O.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::Metrics;
use super::family::{Read, gauges};

/// One bucket.
#[derive(Clone, Debug)]
pub(crate) struct BudgetSample {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) operation: &'static str,
    pub(crate) rate: f64,
    pub(crate) full_rate: f64,
    pub(crate) waiting: usize,
}

impl BudgetSample {
    fn labels(&self) -> [(&'static str, &str); 3] {
        [("operation", self.operation), ("region", &self.region), ("account", &self.account)]
    }
}

#[derive(Debug)]
pub(super) struct BudgetSeries {
    pub(super) metrics: Arc<Metrics>,
    pub(super) read: Read<Vec<BudgetSample>>,
}

impl Collector for BudgetSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut buckets = self.read.now();
        // A made-up region has buckets too, and must not add labels.
        buckets.retain(|bucket| self.metrics.aws.knows_region(&bucket.region));
        gauges(
            &mut encoder,
            (
                "sequencestore_aws_budget_rate",
                "Requests per second that the operator allows itself now; less than the full rate after AWS refused some.",
            ),
            buckets.iter().map(|bucket| (bucket.labels(), bucket.rate)),
        )?;
        gauges(
            &mut encoder,
            (
                "sequencestore_aws_budget_full_rate",
                "Requests per second that the operator allows itself at most: its share of AWS's quota.",
            ),
            buckets.iter().map(|bucket| (bucket.labels(), bucket.full_rate)),
        )?;
        gauges(
            &mut encoder,
            ("sequencestore_aws_budget_waiting", "Requests that wait for their turn."),
            buckets.iter().map(|bucket| (bucket.labels(), bucket.waiting)),
        )
    }
}
