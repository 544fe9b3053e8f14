//! How many requests AWS allows, and which part of them the process takes. No I/O.

use std::collections::BTreeMap;

use crate::aws::Operation;

/// Polls of stores that AWS is changing take at most this part of the rate.
const IN_MOTION_SHARE: f64 = 0.2;

impl Operation {
    /// The default quota of AWS in requests per second, for each account and region. None for STS, which allows hundreds:
    /// it is called once for each access key, and about hourly for each session of a role.
    #[must_use]
    pub fn default_quota(self) -> Option<f64> {
        match self {
            Self::GetSequenceStore
            | Self::ListSequenceStores
            | Self::ListReadSets
            | Self::ListTagsForResource
            | Self::TagResource
            | Self::UntagResource => Some(5.0),
            Self::CreateSequenceStore
            | Self::UpdateSequenceStore
            | Self::DeleteSequenceStore
            | Self::GetS3AccessPolicy
            | Self::PutS3AccessPolicy
            | Self::DeleteS3AccessPolicy => Some(1.0),
            Self::GetCallerIdentity | Self::AssumeRole => None,
        }
    }
}

/// What a user says about the quotas.
#[derive(Clone, Debug, PartialEq)]
pub struct Quotas {
    /// The part of each quota that the process takes, above 0 and at most 1.
    pub share: f64,
    /// The part of each quota that goes to what nobody waits for.
    pub background_share: f64,
    /// Quotas of the account that are not AWS's defaults, in requests per second.
    pub of_account: BTreeMap<Operation, f64>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { share: 0.8, background_share: 0.1, of_account: BTreeMap::new() }
    }
}

/// The rates of one bucket, in requests per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rates {
    pub(super) all: f64,
    pub(super) in_motion: f64,
    pub(super) background: f64,
}

impl Quotas {
    /// Requests per second that may be sent although nobody waits for them.
    #[must_use]
    pub fn in_background(&self, operation: Operation) -> f64 {
        self.rates(operation).map_or(f64::INFINITY, |rates| rates.background)
    }

    /// None where the operation is not limited.
    pub(super) fn rates(&self, operation: Operation) -> Option<Rates> {
        let quota = self.of_account.get(&operation).copied().or(operation.default_quota())?;
        let all = quota * self.share;
        let background = (quota * self.background_share).min(all);
        Some(Rates { all, in_motion: all * IN_MOTION_SHARE, background })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_omics_has_a_quota_and_the_share_is_taken_of_it() {
        for operation in Operation::ALL {
            assert_eq!(operation.default_quota().is_some(), operation.service() != "STS");
        }
        let rates = Quotas::default().rates(Operation::GetSequenceStore);
        assert_eq!(rates, Some(Rates { all: 4.0, in_motion: 0.8, background: 0.5 }));
    }

    #[test]
    fn the_background_never_has_more_than_everything() {
        let quotas = Quotas { share: 0.05, ..Quotas::default() };
        let rates = quotas.rates(Operation::GetSequenceStore).expect("a limit");
        assert!((rates.background - rates.all).abs() < 1e-9, "{rates:?}");
    }

    #[test]
    fn a_quota_of_the_account_replaces_the_default() {
        let of_account = BTreeMap::from([(Operation::CreateSequenceStore, 10.0)]);
        let quotas = Quotas { share: 0.5, of_account, ..Quotas::default() };
        assert_eq!(quotas.rates(Operation::CreateSequenceStore).map(|rates| rates.all), Some(5.0));
        assert_eq!(quotas.rates(Operation::DeleteSequenceStore).map(|rates| rates.all), Some(0.5));
        assert_eq!(quotas.rates(Operation::GetCallerIdentity), None);
    }
}
