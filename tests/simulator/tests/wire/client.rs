//! Starts simulators and SDK clients for the tests.

use std::time::Duration;

use aws_sdk_omics::Client;
use aws_sdk_omics::config::interceptors::BeforeSerializationInterceptorContextMut;
use aws_sdk_omics::config::retry::RetryConfig;
use aws_sdk_omics::config::timeout::TimeoutConfig;
use aws_sdk_omics::config::{BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents};
use aws_sdk_omics::error::{BoxError, ProvideErrorMetadata};
use aws_smithy_runtime_api::client::endpoint::EndpointPrefix;
use healthomics_simulator::{Knobs, Options, Simulator};

/// Removes the host prefix of the operation; with it, the SDK would resolve `control-storage-127.0.0.1`.
#[derive(Debug)]
struct NoHostPrefix;

impl Intercept for NoHostPrefix {
    fn name(&self) -> &'static str {
        "NoHostPrefix"
    }

    fn modify_before_serialization(
        &self,
        _context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().unset::<EndpointPrefix>();
        Ok(())
    }
}

pub(crate) async fn simulator() -> Simulator {
    Simulator::start(Options::default()).await.unwrap()
}

pub(crate) async fn with_knobs(change: impl FnOnce(&mut Knobs)) -> Simulator {
    let mut options = Options::default();
    change(&mut options.knobs);
    Simulator::start(options).await.unwrap()
}

pub(crate) fn omics(simulator: &Simulator) -> Client {
    omics_as(simulator, Credentials::new("AKIATEST", "secret", None, None, "test"), "us-east-1")
}

pub(crate) fn omics_as(simulator: &Simulator, credentials: Credentials, region: &'static str) -> Client {
    Client::from_conf(config(simulator, credentials, region).build())
}

/// One attempt per call, with a timeout of five seconds.
pub(crate) fn config(
    simulator: &Simulator,
    credentials: Credentials,
    region: &'static str,
) -> aws_sdk_omics::config::Builder {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(5)).build();
    aws_sdk_omics::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region))
        .credentials_provider(credentials)
        .endpoint_url(simulator.url())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .interceptor(NoHostPrefix)
}

/// The error code of a failed call; panics on success.
pub(crate) fn code<T: std::fmt::Debug, E: ProvideErrorMetadata>(result: Result<T, E>) -> String {
    result.unwrap_err().code().unwrap_or("none").to_owned()
}

/// Keys that no session has.
pub(crate) fn key(id: &str) -> Credentials {
    Credentials::new(id, "secret", None, None, "test")
}

pub(crate) fn sts(simulator: &Simulator, credentials: Credentials) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_sts::config::Region::new("us-east-1"))
        .credentials_provider(credentials)
        .retry_config(aws_sdk_sts::config::retry::RetryConfig::disabled())
        .endpoint_url(simulator.url());
    aws_sdk_sts::Client::from_conf(config.build())
}

/// What STS has handed out.
pub(crate) fn session(credentials: &aws_sdk_sts::types::Credentials) -> Credentials {
    Credentials::new(
        credentials.access_key_id(),
        credentials.secret_access_key(),
        Some(credentials.session_token().to_owned()),
        None,
        "test",
    )
}
