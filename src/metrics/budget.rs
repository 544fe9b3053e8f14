//! The request budget at the moment when somebody asks. No I/O.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue};
use prometheus_client::metrics::MetricType;

use super::Metrics;

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

pub(super) type Read<T> = Box<dyn Fn() -> Vec<T> + Send + Sync>;

pub(super) struct BudgetSeries {
    pub(super) metrics: Arc<Metrics>,
    pub(super) read: Read<BudgetSample>,
}

impl fmt::Debug for BudgetSeries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BudgetSeries")
    }
}

impl Collector for BudgetSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut buckets = (self.read)();
        // A made-up region has buckets too, and must not add labels.
        buckets.retain(|bucket| self.metrics.aws.knows_region(&bucket.region));
        let buckets = &buckets;
        family(
            &mut encoder,
            (
                "rate",
                "Requests per second that the operator allows itself now; less than the full rate after AWS refused some.",
            ),
            buckets,
            |bucket| bucket.rate,
        )?;
        family(
            &mut encoder,
            (
                "full_rate",
                "Requests per second that the operator allows itself at most: its share of AWS's quota.",
            ),
            buckets,
            |bucket| bucket.full_rate,
        )?;
        family(&mut encoder, ("waiting", "Requests that wait for their turn."), buckets, |bucket| {
            u32::try_from(bucket.waiting).unwrap_or(u32::MAX)
        })
    }
}

fn family<V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    buckets: &[BudgetSample],
    value: impl Fn(&BudgetSample) -> V,
) -> fmt::Result {
    if buckets.is_empty() {
        return Ok(());
    }
    let name = format!("sequencestore_aws_budget_{name}");
    let mut family = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
    for bucket in buckets {
        let BudgetSample { account, region, operation, .. } = bucket;
        let labels = [("operation", *operation), ("region", region), ("account", account)];
        family.encode_family(&labels)?.encode_gauge(&value(bucket))?;
    }
    Ok(())
}
