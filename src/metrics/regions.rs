//! How the stores of each region are observed, at the moment when somebody asks. No I/O.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue};
use prometheus_client::metrics::MetricType;

use super::budget::Read;

/// One region.
#[derive(Clone, Debug, Default)]
pub(crate) struct RegionSample {
    pub(crate) region: String,
    /// Its settled objects are observed by one listing for all of them.
    pub(crate) is_listed: bool,
    /// Seconds since its last complete listing began, if there was one.
    pub(crate) listing_age: Option<f64>,
    /// AWS does not accept the credentials there, so that few requests are sent.
    pub(crate) is_breaker_open: bool,
}

pub(super) struct RegionSeries(pub(super) Read<RegionSample>);

impl fmt::Debug for RegionSeries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RegionSeries")
    }
}

impl Collector for RegionSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let regions = (self.0)();
        family(
            &mut encoder,
            (
                "listed",
                "Whether the stores of the region are observed by one listing for all: 1, or 0 while each is polled.",
            ),
            &regions,
            |region| Some(i64::from(region.is_listed)),
        )?;
        family(
            &mut encoder,
            (
                "listing_age_seconds",
                "Since the last complete listing of the region began: what it showed may be as old as that.",
            ),
            &regions,
            |region| region.listing_age,
        )?;
        family(
            &mut encoder,
            (
                "breaker_open",
                "Whether AWS refuses the credentials in the region, so that the operator sends few requests: 1, else 0.",
            ),
            &regions,
            |region| Some(i64::from(region.is_breaker_open)),
        )
    }
}

fn family<V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    regions: &[RegionSample],
    value: impl Fn(&RegionSample) -> Option<V>,
) -> fmt::Result {
    let samples: Vec<_> =
        regions.iter().filter_map(|region| Some((&region.region, value(region)?))).collect();
    if samples.is_empty() {
        return Ok(());
    }
    let name = format!("sequencestore_region_{name}");
    let mut family = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
    for (region, value) in samples {
        family.encode_family(&[("region", region.as_str())])?.encode_gauge(&value)?;
    }
    Ok(())
}
