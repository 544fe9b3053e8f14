//! The SDK's credentials chain, built anew where it would not look again: it reads a profile only once. I/O: the environment,
//! the files of the profile, and the sources of credentials.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider, future};
use aws_sdk_omics::config::Region;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::call::CALL_TIMEOUT;

/// Limit for opening a connection, TCP and TLS together.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Limit for one attempt to get credentials from STS, so that there is time for a second one.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// What the SDK reads by itself, with retries and limits of the requests for credentials.
pub(super) fn loader(http: SharedHttpClient) -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(timeouts)
}

/// Keys that somebody writes into a profile, or a profile that somebody repairs, count without a restart.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    http: SharedHttpClient,
    /// For the STS of roles in profiles.
    region: Option<Region>,
    built: Arc<Mutex<Option<SharedCredentialsProvider>>>,
}

impl Chain {
    pub(super) fn new(http: SharedHttpClient, region: Option<Region>) -> Self {
        Self { http, region, built: Arc::default() }
    }

    fn built(&self) -> MutexGuard<'_, Option<SharedCredentialsProvider>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn load(&self) -> Result {
        let built = self.built().take();
        let chain = match built {
            Some(chain) => chain,
            None => {
                let loaded = loader(self.http.clone()).region(self.region.clone()).load().await;
                loaded
                    .credentials_provider()
                    .ok_or_else(|| CredentialsError::not_loaded("no credentials chain"))?
            }
        };
        let credentials = chain.provide_credentials().await?;
        // Sources of temporary credentials ask again by themselves, and remember what helps while instance metadata are down.
        if credentials.expiry().is_some() {
            *self.built() = Some(chain);
        }
        Ok(credentials)
    }
}

impl ProvideCredentials for Chain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}
