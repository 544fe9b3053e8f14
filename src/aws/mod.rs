//! The edge to AWS: HealthOmics and STS calls, each with a deadline and made once. I/O.

mod arn;
mod change;
mod credentials;
mod error;
mod host_prefix;
mod listing;
mod mirror;
mod read_sets;
pub(crate) mod request;
mod s3_access_policy;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_omics::config::Region;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use crate::crd::Store;
pub use arn::StoreArn;
pub use change::NamedStore;
use credentials::TrackedCredentials;
pub use error::{CallError, Class, Operation};
pub use listing::Page;
pub use read_sets::ReadSetCount;
pub use request::{CreateRequest, UpdateRequest};

/// A TCP and TLS connection is there within this time or the call fails.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest an AWS call may take, its answer read to the end.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Clients for every region in use, sharing one connection pool and one set of credentials.
#[derive(Debug)]
pub struct Aws {
    config: SdkConfig,
    clients: Mutex<HashMap<String, aws_sdk_omics::Client>>,
    credentials: TrackedCredentials,
    custom_endpoint: bool,
}

/// A successful GetSequenceStore, checked to be about the store that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The store without its tags.
    pub store: Store,
    /// Account in the store's ARN.
    pub account: String,
}

impl Aws {
    /// Reads the SDK's own environment: region, credentials chain, endpoints, proxies.
    pub async fn from_environment(region: Option<String>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(CALL_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            // One attempt: only the operator's own protocol knows whether a call may be made again.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        let loaded = loader.load().await;
        let provider = loaded.credentials_provider().unwrap_or_else(no_credentials);
        let credentials = TrackedCredentials::new(provider);
        let config = loaded
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            .build();
        let custom_endpoint = has_custom_endpoint(&config);
        Self { config, clients: Mutex::default(), credentials, custom_endpoint }
    }

    /// The region of the environment: `AWS_REGION`, the profile, or instance metadata.
    #[must_use]
    pub fn default_region(&self) -> Option<String> {
        self.config.region().map(ToString::to_string).filter(|region| !region.is_empty())
    }

    /// GetSequenceStore.
    ///
    /// # Errors
    /// [`Class::NotFound`] for a 404; [`Class::Unreadable`] for a 200 that is not about this store.
    pub async fn get(&self, region: &str, id: &str) -> Result<Answer, CallError> {
        let operation = Operation::GetSequenceStore;
        let key = self.credentials.access_key_id();
        let output = self
            .client(region)
            .get_sequence_store()
            .id(id)
            .send()
            .await
            .map_err(|e| CallError::of(operation, &e))?;
        let store = mirror::store(&output);
        // The SDK turns `200 {}` into a store with an empty id.
        let arn =
            StoreArn::parse(&store.arn).filter(|arn| store.id == id && arn.id == id && arn.region == region);
        let Some(arn) = arn else {
            let detail = format!("the answer is not about store {id} in {region}");
            return Err(CallError::unreadable(operation, detail));
        };
        let account = arn.account.to_owned();
        if let Some(now) =
            self.credentials.access_key_id().filter(|now| key.as_ref().is_none_or(|key| key == now))
        {
            self.credentials.remember(now, account.clone());
        }
        Ok(Answer { store, account })
    }

    /// ListTagsForResource.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn list_tags(&self, region: &str, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        let output = self
            .client(region)
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
            .await
            .map_err(|e| CallError::of(Operation::ListTagsForResource, &e))?;
        Ok(output.tags().iter().map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    /// DeleteSequenceStore. A success means accepted, not gone.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn delete(&self, region: &str, id: &str) -> Result<(), CallError> {
        let request = self.client(region).delete_sequence_store().id(id).send();
        request.await.map(drop).map_err(|e| CallError::of(Operation::DeleteSequenceStore, &e))
    }

    /// The account of the credentials in use. Asked from STS once for each access key; an answer of
    /// HealthOmics got with the same key serves as well.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn account(&self, region: &str) -> Result<String, CallError> {
        let operation = Operation::GetCallerIdentity;
        let key = self.credentials.access_key_id();
        if let Some(account) = key.as_deref().and_then(|key| self.credentials.account_of(key)) {
            return Ok(account);
        }
        let config =
            aws_sdk_sts::config::Builder::from(&self.config).region(Region::new(region.to_owned())).build();
        let output = aws_sdk_sts::Client::from_conf(config)
            .get_caller_identity()
            .send()
            .await
            .map_err(|e| CallError::of(operation, &e))?;
        let account = output
            .account()
            .filter(|account| account.len() == 12)
            .ok_or_else(|| CallError::unreadable(operation, "the answer names no account"))?
            .to_owned();
        // Credentials that rotated in the meantime are asked again next time.
        if let Some(key) = key.filter(|key| self.credentials.access_key_id().as_ref() == Some(key)) {
            self.credentials.remember(key, account.clone());
        }
        Ok(account)
    }

    fn client(&self, region: &str) -> aws_sdk_omics::Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(region) {
            return client.clone();
        }
        let mut config =
            aws_sdk_omics::config::Builder::from(&self.config).region(Region::new(region.to_owned()));
        if self.custom_endpoint {
            config = config.interceptor(host_prefix::NoHostPrefix);
        }
        let client = aws_sdk_omics::Client::from_conf(config.build());
        clients.insert(region.to_owned(), client.clone());
        client
    }
}

/// Whether `AWS_ENDPOINT_URL_OMICS`, `AWS_ENDPOINT_URL` or the profile names an endpoint: asked from
/// the same place, in the same order, as the SDK does.
fn has_custom_endpoint(config: &SdkConfig) -> bool {
    let key =
        ServiceConfigKey::builder().service_id("Aws").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let service = match (key, config.service_config()) {
        (Ok(key), Some(source)) => source.load_config(key).is_some(),
        _ => false,
    };
    service || config.endpoint_url().is_some()
}

fn no_credentials() -> SharedCredentialsProvider {
    #[derive(Debug)]
    struct None;
    impl aws_credential_types::provider::ProvideCredentials for None {
        fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let error =
                aws_credential_types::provider::error::CredentialsError::not_loaded("no credentials chain");
            aws_credential_types::provider::future::ProvideCredentials::ready(Err(error))
        }
    }
    SharedCredentialsProvider::new(None)
}
