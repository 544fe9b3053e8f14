//! When the credentials in use are over, at the moment when somebody asks. No I/O.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::family::{Read, gauges};

/// Credentials that expire.
#[derive(Clone, Debug)]
pub(crate) struct CredentialsSample {
    /// The role that the operator assumes with its own credentials; empty for these.
    pub(crate) role_arn: String,
    /// In seconds since 1970.
    pub(crate) expiry: f64,
    /// Their source was asked for others, and has given none yet.
    pub(crate) is_renewal_failing: bool,
}

#[derive(Debug)]
pub(super) struct CredentialsSeries(pub(super) Read<Vec<CredentialsSample>>);

impl Collector for CredentialsSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = self.0.now();
        gauges(
            &mut encoder,
            (
                "sequencestore_aws_credentials_expiry_timestamp_seconds",
                "When the AWS credentials in use expire, in seconds since 1970: the operator renews them 5 minutes ahead. \
                 role_arn is empty for the operator's own. Absent where credentials do not expire, before the first call, and where nobody needs them any more.",
            ),
            all.iter().map(|one| ([("role_arn", one.role_arn.as_str())], one.expiry)),
        )?;
        gauges(
            &mut encoder,
            (
                "sequencestore_aws_credentials_renewal_failing",
                "Whether the operator has asked the source of these credentials for others, and has got none yet: 1 or 0. For a \
                 moment that is so with every renewal.",
            ),
            all.iter().map(|one| ([("role_arn", one.role_arn.as_str())], u32::from(one.is_renewal_failing))),
        )
    }
}
