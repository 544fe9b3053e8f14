//! The request quotas of HealthOmics, and what they allow at best. No I/O.

use std::collections::BTreeMap;

use healthomics_simulator::{Knobs, default_quotas};

/// The default of the operator's `--quota-share`.
pub const SHARE: f64 = 0.8;
/// The default of the operator's `--background-share`.
const BACKGROUND_SHARE: f64 = 0.1;
pub const GETS_PER_SECOND: f64 = 5.0;
pub const CREATES_PER_SECOND: f64 = 1.0;
/// The default of the operator's `--poll-interval`, in seconds.
pub const POLL_SECONDS: f64 = 300.0;
const STORES_PER_PAGE: f64 = 100.0;
/// More than this machine can send, and the most that the operator accepts.
const OUT_OF_REACH: f64 = 10_000.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quotas {
    /// Those that AWS documents.
    Default,
    /// The default ones times this factor.
    Times(f64),
    /// AWS refuses nothing, and the operator limits itself to what no machine reaches.
    None,
}

impl Quotas {
    pub fn knobs(self) -> Knobs {
        let tps = match self {
            Self::Times(factor) => multiplied(factor),
            Self::Default | Self::None => BTreeMap::new(),
        };
        Knobs { quotas: self == Self::Default, tps, ..Knobs::default() }
    }

    /// The values of `--quota` that tell the operator of these quotas.
    pub fn flags(self) -> Vec<String> {
        let quotas = match self {
            Self::Default => return Vec::new(),
            Self::Times(factor) => multiplied(factor),
            Self::None => default_quotas().map(|(name, _)| (name.to_owned(), OUT_OF_REACH)).collect(),
        };
        quotas.into_iter().map(|(operation, tps)| format!("--quota={operation}={tps}")).collect()
    }
}

/// The default quotas times a factor.
fn multiplied(factor: f64) -> BTreeMap<String, f64> {
    default_quotas().map(|(name, tps)| (name.to_owned(), tps * factor)).collect()
}

/// The shortest time in which this many requests fit into a share of a quota.
pub fn floor_seconds(requests: usize, share: f64, per_second: f64) -> f64 {
    requests as f64 / (share * per_second)
}

/// Requests per hour that keep the stores of one account and region fresh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallsPerHour {
    pub lists: f64,
    pub gets_and_tags: f64,
}

/// What the operator sends by design: one listing for each poll interval, and a background round of one Get and one
/// read of the tags for each store.
pub fn by_design(stores: f64) -> CallsPerHour {
    let round_seconds = POLL_SECONDS.max(stores / (BACKGROUND_SHARE * GETS_PER_SECOND));
    CallsPerHour {
        lists: (stores / STORES_PER_PAGE).ceil() * 3600.0 / POLL_SECONDS,
        gets_and_tags: 2.0 * stores * 3600.0 / round_seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_requests_over_the_share_of_the_quota() {
        assert_eq!(floor_seconds(300, 0.8, 5.0), 75.0);
        assert_eq!(floor_seconds(1000, 0.8, 1.0), 1250.0);
    }

    #[test]
    fn a_listing_and_a_background_round_for_ten_thousand_stores() {
        let calls = by_design(10_000.0);
        assert_eq!(calls, CallsPerHour { lists: 1200.0, gets_and_tags: 3600.0 });
        // Few stores: the round is as long as the poll interval.
        assert_eq!(by_design(100.0), CallsPerHour { lists: 12.0, gets_and_tags: 2400.0 });
    }

    #[test]
    fn raised_quotas_are_the_same_for_the_simulator_and_the_operator() {
        assert!(Quotas::Default.flags().is_empty() && Quotas::Default.knobs().quotas);
        let raised = Quotas::Times(100.0);
        assert_eq!(raised.knobs().tps.get("CreateSequenceStore"), Some(&100.0));
        assert!(raised.flags().contains(&"--quota=GetSequenceStore=500".to_owned()));
        let none = Quotas::None;
        assert!(!none.knobs().quotas && none.knobs().tps.is_empty());
        assert!(none.flags().contains(&"--quota=TagResource=10000".to_owned()));
    }
}
