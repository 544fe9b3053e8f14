//! How the stores of each region are observed, at the moment when somebody asks. No I/O.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::{Read, gauges};

/// One region.
#[derive(Clone, Debug, Default)]
pub(crate) struct RegionSample {
    pub(crate) region: String,
    /// Its settled objects are observed by one listing for all of them.
    pub(crate) is_listed: bool,
    /// Seconds since its last complete listing began, while it is to be listed.
    pub(crate) listing_age: Option<f64>,
    /// Seconds from one listing to the next, while it is to be listed.
    pub(crate) listing_interval: Option<f64>,
    /// AWS does not accept the credentials there, so that few requests are sent.
    pub(crate) is_breaker_open: bool,
}

impl RegionSample {
    fn labels(&self) -> [(&'static str, &str); 1] {
        [("region", &self.region)]
    }
}

#[derive(Debug)]
pub(super) struct RegionSeries(pub(super) Read<Vec<RegionSample>>);

impl Collector for RegionSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let regions = self.0.now();
        gauges(
            &mut encoder,
            (
                "sequencestore_region_listed",
                "Whether the stores of the region are observed by one listing for all: 1, or 0 while each is polled.",
            ),
            regions.iter().map(|region| (region.labels(), i64::from(region.is_listed))),
        )?;
        gauges(
            &mut encoder,
            (
                "sequencestore_region_listing_age_seconds",
                "Since the last complete listing of the region began: what it showed may be as old as that. Absent where \
                 there are so few objects that each is polled.",
            ),
            regions.iter().filter_map(|region| Some((region.labels(), region.listing_age?))),
        )?;
        gauges(
            &mut encoder,
            (
                "sequencestore_region_listing_interval_seconds",
                "How often the region is to be listed; absent where its listing age is.",
            ),
            regions.iter().filter_map(|region| Some((region.labels(), region.listing_interval?))),
        )?;
        gauges(
            &mut encoder,
            (
                "sequencestore_region_breaker_open",
                "Whether AWS refuses the credentials in the region, so that the operator sends few requests: 1, else 0.",
            ),
            regions.iter().map(|region| (region.labels(), i64::from(region.is_breaker_open))),
        )
    }
}
