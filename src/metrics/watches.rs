//! The watches of the Kubernetes API server that fail, at the moment when somebody asks. No I/O.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::{Read, gauges};

/// How many watches fail for each reason.
pub(crate) type WatchSample = Vec<(&'static str, usize)>;

#[derive(Debug)]
pub(super) struct WatchSeries(pub(super) Read<WatchSample>);

impl Collector for WatchSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let failing = self.0.now();
        gauges(
            &mut encoder,
            (
                "sequencestore_watches_failing",
                "Watches of SequenceStores that fail, by reason: crd_missing, forbidden or error; 0 while all is well.",
            ),
            failing.iter().map(|(why, count)| ([("reason", *why)], *count)),
        )
    }
}
