//! The SDK clients, one for each region, built from the process environment. No request leaves from here;
//! I/O only at start, where the SDK reads the environment, profiles and instance metadata.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_omics::config::Region;
use aws_types::SdkConfig;

use super::call::CALL_TIMEOUT;
use super::credentials::{NoCredentials, TrackedCredentials};
use super::endpoint;

/// Limit for opening a connection, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Clients for every region in use. They share one connection pool and one set of credentials.
#[derive(Debug)]
pub struct Aws {
    config: SdkConfig,
    clients: Mutex<HashMap<String, aws_sdk_omics::Client>>,
    custom_endpoint: bool,
    pub(super) credentials: TrackedCredentials,
}

impl Aws {
    /// Loads what the SDK reads by itself: region, credentials chain, endpoints, proxies. `region` overrides
    /// the region of the environment.
    pub(crate) async fn from_environment(region: Option<String>) -> Self {
        // `Aws::call` sets the same limit once more, around everything the SDK does.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(CALL_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            // The SDK must not retry: a second CreateSequenceStore after a lost response can make a second
            // store. Only the reconciler knows whether a request may be sent again.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        Self::new(loader.load().await)
    }

    pub(super) fn new(loaded: SdkConfig) -> Self {
        let provider =
            loaded.credentials_provider().unwrap_or_else(|| SharedCredentialsProvider::new(NoCredentials));
        let credentials = TrackedCredentials::new(provider);
        let config = loaded
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            .build();
        let custom_endpoint = endpoint::is_custom(&config);
        Self { config, clients: Mutex::default(), custom_endpoint, credentials }
    }

    /// The region of the environment: `AWS_REGION`, the profile, or instance metadata.
    #[must_use]
    pub(crate) fn default_region(&self) -> Option<String> {
        self.config.region().map(ToString::to_string).filter(|region| !region.is_empty())
    }

    pub(super) fn omics(&self, region: &str) -> aws_sdk_omics::Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(region) {
            return client.clone();
        }
        let mut config =
            aws_sdk_omics::config::Builder::from(&self.config).region(Region::new(region.to_owned()));
        if self.custom_endpoint {
            config = config.interceptor(endpoint::NoHostPrefix);
        }
        let client = aws_sdk_omics::Client::from_conf(config.build());
        clients.insert(region.to_owned(), client.clone());
        client
    }

    /// Builds a new client each time: STS is called once for each access key.
    pub(super) fn sts(&self, region: &str) -> aws_sdk_sts::Client {
        let config = aws_sdk_sts::config::Builder::from(&self.config).region(Region::new(region.to_owned()));
        aws_sdk_sts::Client::from_conf(config.build())
    }
}
