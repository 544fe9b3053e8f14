//! The SDK clients, one for each region in use, built from the process environment. No request leaves from here;
//! I/O only at start, where the SDK reads the environment, profiles and instance metadata.

use std::collections::VecDeque;
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

/// More than AWS has regions with HealthOmics. Specs may name any number of regions, also such as do not exist.
const MOST_REGIONS: usize = 32;

/// Clients for the regions in use. They share one connection pool and one set of credentials.
#[derive(Debug)]
pub struct Aws {
    config: SdkConfig,
    clients: Mutex<RegionClients<aws_sdk_omics::Client>>,
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
        clients.of(region, || {
            let mut config =
                aws_sdk_omics::config::Builder::from(&self.config).region(Region::new(region.to_owned()));
            if self.custom_endpoint {
                config = config.interceptor(endpoint::NoHostPrefix);
            }
            aws_sdk_omics::Client::from_conf(config.build())
        })
    }

    /// Builds a new client each time: STS is called once for each access key.
    pub(super) fn sts(&self, region: &str) -> aws_sdk_sts::Client {
        let config = aws_sdk_sts::config::Builder::from(&self.config).region(Region::new(region.to_owned()));
        aws_sdk_sts::Client::from_conf(config.build())
    }
}

/// A client for each of the regions used last; the latest stands at the end.
#[derive(Debug)]
struct RegionClients<C>(VecDeque<(String, C)>);

impl<C> Default for RegionClients<C> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<C: Clone> RegionClients<C> {
    /// The client of a region, made if there is none. The one that was not used for longest makes room.
    fn of(&mut self, region: &str, make: impl FnOnce() -> C) -> C {
        let known = self.0.iter().position(|(known, _)| known == region);
        let entry = known.and_then(|position| self.0.remove(position));
        let (region, client) = entry.unwrap_or_else(|| (region.to_owned(), make()));
        if self.0.len() >= MOST_REGIONS {
            self.0.pop_front();
        }
        self.0.push_back((region, client.clone()));
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_made_up_regions_do_not_pile_up() {
        let mut clients = RegionClients::default();
        for number in 0..1000 {
            clients.of("us-east-1", || 7);
            clients.of(&format!("xx-made-{number}"), || number);
        }
        assert_eq!(clients.0.len(), MOST_REGIONS);
        assert_eq!(clients.of("us-east-1", || 8), 7, "the client in use is kept");
    }
}
