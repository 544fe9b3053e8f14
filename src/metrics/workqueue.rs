//! The queue of passes, under the names of client-go. No I/O.

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::family::{Read, gauges};
use super::{CONTROLLER, Timings};

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    name: &'static str,
    controller: &'static str,
}

const OF: Of = Of { name: CONTROLLER, controller: CONTROLLER };

/// Counters of the queue.
#[derive(Clone, Debug)]
pub(crate) struct WorkQueue {
    retries: Family<Of, Counter>,
    waited: Timings<Of>,
    worked: Timings<Of>,
}

fn queue_seconds() -> Histogram {
    // The buckets of controller-runtime.
    Histogram::new(exponential_buckets(10e-9, 10.0, 12))
}

impl WorkQueue {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let queue = Self {
            retries: Family::default(),
            waited: Timings::new_with_constructor(queue_seconds),
            worked: Timings::new_with_constructor(queue_seconds),
        };
        registry.register(
            "workqueue_retries",
            "Objects that were queued again because their last pass failed",
            queue.retries.clone(),
        );
        registry.register(
            "workqueue_queue_duration_seconds",
            "Time between the moment when the pass of an object was due and its beginning",
            queue.waited.clone(),
        );
        registry.register(
            "workqueue_work_duration_seconds",
            "Time that an object was worked on",
            queue.worked.clone(),
        );
        queue.retries.get_or_create_owned(&OF);
        queue
    }

    pub(crate) fn retried(&self) {
        self.retries.get_or_create_owned(&OF).inc();
    }

    pub(crate) fn began(&self, waited: Duration) {
        self.waited.get_or_create_owned(&OF).observe(waited.as_secs_f64());
    }

    pub(crate) fn finished(&self, worked: Duration) {
        self.worked.get_or_create_owned(&OF).observe(worked.as_secs_f64());
    }
}

/// The queue at the moment when somebody asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueueSample {
    /// Objects that wait for a worker, by what their pass is for.
    pub(crate) ready: Vec<(&'static str, usize)>,
    pub(crate) added: u64,
    pub(crate) unfinished: Duration,
    pub(crate) longest_running: Duration,
}

#[derive(Debug)]
pub(super) struct QueueSeries(pub(super) Read<QueueSample>);

impl Collector for QueueSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let QueueSample { ready, added, unfinished, longest_running } = self.0.now();
        let labels = |priority| [("name", CONTROLLER), ("controller", CONTROLLER), ("priority", priority)];
        gauges(
            &mut encoder,
            (
                "workqueue_depth",
                "Objects whose pass is due and that wait for a worker, by what the pass is for.",
            ),
            ready.into_iter().map(|(priority, count)| (labels(priority), count)),
        )?;
        let mut adds = encoder.encode_descriptor(
            "workqueue_adds",
            "Objects that were queued for a pass; one that is queued already does not count again.",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(added).encode(adds.encode_family(&OF)?)?;
        let mut unfinished_work = encoder.encode_descriptor(
            "workqueue_unfinished_work_seconds",
            "For how long the passes that run now have run, all together.",
            None,
            MetricType::Gauge,
        )?;
        unfinished_work.encode_family(&OF)?.encode_gauge(&unfinished.as_secs_f64())?;
        let mut longest = encoder.encode_descriptor(
            "workqueue_longest_running_processor_seconds",
            "For how long the longest of the passes that run now has run.",
            None,
            MetricType::Gauge,
        )?;
        longest.encode_family(&OF)?.encode_gauge(&longest_running.as_secs_f64())
    }
}
