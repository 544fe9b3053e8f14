//! The SDK clients, one for each region in use, built from the process environment. No request leaves from here;
//! I/O only at start, where the environment, profiles, certificates and instance metadata are read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_omics::config::Region;
use aws_types::SdkConfig;

use super::budget::{Budget, Caller, Quotas, Reading, Waits};
use super::call::CALL_TIMEOUT;
use super::chain::{self, CONNECT_TIMEOUT, Chain};
use super::credentials::{NoCredentials, TrackedCredentials};
use super::other_owners::OtherOwners;
use super::required_members::RequiredMembers;
use super::role_session::{RoleSession, SessionCredentials};
use super::{Fence, Operation, endpoint, host, http};
use crate::crd::account_of_arn;
use crate::metrics::{BudgetSample, CredentialsSample, Metrics};
use crate::network::{Proxies, added_certificates};

/// More than AWS has regions with HealthOmics. Specs may name any number of regions, also such as do not exist.
const MOST_REGIONS: usize = 32;

/// Clients for the regions in use, on behalf of one caller. Clones share everything but the caller: one connection pool,
/// one set of credentials, one request budget.
#[derive(Clone, Debug)]
pub struct Aws {
    pub(super) shared: Arc<Shared>,
    pub(super) caller: Caller,
    pub(super) metrics: Arc<Metrics>,
}

#[derive(Debug)]
pub(super) struct Shared {
    config: SdkConfig,
    clients: Mutex<RegionClients<aws_sdk_omics::Client>>,
    /// In use where the tag operations have an endpoint of their own.
    tag_clients: Mutex<RegionClients<aws_sdk_omics::Client>>,
    sts_clients: Mutex<RegionClients<aws_sdk_sts::Client>>,
    custom_endpoint: bool,
    /// Endpoint of the tag operations, where it is not that of the others.
    tags_endpoint: Option<String>,
    pub(super) credentials: TrackedCredentials,
    pub(super) budget: Arc<Budget>,
    fence: Fence,
    other_owners: Mutex<OtherOwners>,
    /// In use where the clients act with the role of a binding.
    pub(super) session: Option<Arc<RoleSession>>,
}

impl Aws {
    /// The fence that every request passes.
    #[must_use]
    pub(crate) fn fence(&self) -> Fence {
        self.shared.fence.clone()
    }

    /// Loads what the SDK reads by itself: region, credentials chain and endpoints; and how to reach them: proxies and
    /// certificate authorities. `region` overrides the region of the environment. `quotas` are those that the process keeps
    /// to.
    ///
    /// # Errors
    /// Settings with which no request could be sent: one line, with what to correct.
    pub(crate) async fn from_environment(region: Option<String>, quotas: Quotas) -> Result<Self, String> {
        let http = http::client(Proxies::from_environment()?, &added_certificates()?)?;
        let mut loader = chain::loader(http.clone());
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        let loaded = loader.load().await;
        let source = Chain::new(http, loaded.region().cloned());
        let loaded =
            loaded.into_builder().credentials_provider(SharedCredentialsProvider::new(source)).build();
        let tags_endpoint = endpoint::of_tags()?;
        endpoint::check(&loaded, tags_endpoint.is_some())?;
        let shared = Shared::new(loaded, endpoint::configured_role().await, quotas);
        Ok(Self::of(Shared { tags_endpoint, ..shared }))
    }

    fn of(shared: Shared) -> Self {
        Self { shared: Arc::new(shared), caller: Caller::default(), metrics: Arc::default() }
    }

    /// Counts its requests in `metrics`.
    #[must_use]
    pub(crate) fn counted_in(self, metrics: Arc<Metrics>) -> Self {
        if let Some(region) = self.default_region() {
            metrics.aws.expect_region(&region);
        }
        Self { metrics, ..self }
    }

    /// The regions in which AWS does not accept the credentials, so that few calls are sent.
    pub(crate) fn open_breakers(&self) -> Vec<String> {
        self.shared.budget.open_breakers(&self.shared.credentials.access_key_id().unwrap_or_default())
    }

    /// What other processes may change from now on is not believed from memory.
    pub(crate) fn forget_owners(&self) {
        self.shared.other_owners().forget_all();
    }

    /// How long the caller has waited for the request budget.
    #[must_use]
    pub(crate) fn waits(&self) -> &Waits {
        &self.caller.waits
    }

    /// Without credentials and region.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self::new(SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::v2026_01_12()).build())
    }

    /// With AWS's default quotas.
    #[cfg(test)]
    pub(super) fn new(loaded: SdkConfig) -> Self {
        Self::of(Shared::new(loaded, None, Quotas::default()))
    }

    #[cfg(feature = "fuzzing")]
    pub(crate) fn with_quotas(loaded: SdkConfig, quotas: Quotas) -> Self {
        Self::of(Shared::new(loaded, None, quotas))
    }

    /// The same clients on behalf of this caller.
    #[must_use]
    pub(crate) fn acting_for(&self, caller: Caller) -> Self {
        Self { caller, ..self.clone() }
    }

    /// The same with the credentials of this session.
    pub(super) fn in_session(&self, session: Arc<RoleSession>) -> Self {
        let provider = SharedCredentialsProvider::new(SessionCredentials(Arc::clone(&session)));
        let role = Some(session.request().role_arn.clone());
        let credentials = TrackedCredentials::new(provider, role);
        let shared = Arc::new(self.shared.with_credentials(credentials, Some(session)));
        Self { shared, ..self.clone() }
    }

    /// The same for whoever must not call AWS: no request can be signed.
    #[must_use]
    pub(crate) fn without_credentials(&self) -> Self {
        let credentials = TrackedCredentials::new(SharedCredentialsProvider::new(NoCredentials), None);
        Self { shared: Arc::new(self.shared.with_credentials(credentials, None)), ..self.clone() }
    }

    /// The operator stops: a call that has to wait for its turn waits for ever, and so does one that changes something.
    pub(crate) fn stop(&self) {
        self.shared.budget.close();
    }

    pub(crate) async fn stopped(&self) {
        self.shared.budget.closed().await;
    }

    /// The buckets of the request budget in use at this moment.
    pub(crate) fn budget_readings(&self) -> Vec<BudgetSample> {
        let own = self.shared.account();
        let readings = self.shared.budget.readings().into_iter();
        let sample =
            |(account, region, operation, reading): (String, String, Operation, Reading)| BudgetSample {
                account: if account.is_empty() { own.clone() } else { account },
                region,
                operation: operation.name(),
                rate: reading.rate,
                full_rate: reading.full_rate,
                waiting: reading.waiting,
            };
        readings.map(sample).collect()
    }

    /// The credentials in use that expire.
    pub(crate) fn credentials_expiry(&self) -> Option<CredentialsSample> {
        let expiry = self.shared.credentials.expiry()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let of_role = |session: &Arc<RoleSession>| session.request().role_arn.clone();
        let role_arn = self.shared.session.as_ref().map(of_role).unwrap_or_default();
        Some(CredentialsSample { role_arn, expiry: expiry.as_secs_f64() })
    }

    /// The region of the environment: `AWS_REGION`, the profile, or instance metadata.
    #[must_use]
    pub(crate) fn default_region(&self) -> Option<String> {
        self.shared.config.region().map(ToString::to_string).filter(|region| !region.is_empty())
    }

    /// For all operations but those about tags.
    pub(super) fn omics(&self, region: &str) -> aws_sdk_omics::Client {
        self.shared.omics(region)
    }

    /// For the operations about tags, which AWS serves from a host of their own.
    pub(super) fn omics_tags(&self, region: &str) -> aws_sdk_omics::Client {
        let Some(endpoint) = &self.shared.tags_endpoint else { return self.omics(region) };
        let mut clients = self.shared.tag_clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.of(region, || self.shared.make_client(region, Some(endpoint)))
    }

    /// Where the calls about stores, those about tags and those of STS go, for a person to read.
    pub(crate) fn endpoints(&self, region: &str) -> [String; 3] {
        let Shared { config, tags_endpoint, .. } = self.shared.as_ref();
        let omics = endpoint::url(config, "Omics");
        let tags = tags_endpoint.clone().or_else(|| omics.clone());
        let of_aws = |prefix: &str, service: &str| endpoint::of_aws(config, region, prefix, service);
        [
            omics.unwrap_or_else(|| of_aws("control-storage-", "omics")),
            tags.unwrap_or_else(|| of_aws("tags-", "omics")),
            endpoint::url(config, "STS").unwrap_or_else(|| of_aws("", "sts")),
        ]
    }

    /// Kept like the others: a client knows how far this clock is from that of AWS.
    pub(super) fn sts(&self, region: &str) -> aws_sdk_sts::Client {
        let mut clients = self.shared.sts_clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.of(region, || {
            let config = aws_sdk_sts::config::Builder::from(&self.shared.config)
                .region(Region::new(region.to_owned()))
                .interceptor(host::NoteHost)
                .interceptor(RequiredMembers);
            aws_sdk_sts::Client::from_conf(config.build())
        })
    }
}

impl Shared {
    pub(super) fn other_owners(&self) -> MutexGuard<'_, OtherOwners> {
        self.other_owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `role` is the one that the credentials are to assume, if any.
    fn new(loaded: SdkConfig, role: Option<String>, quotas: Quotas) -> Self {
        let provider =
            loaded.credentials_provider().unwrap_or_else(|| SharedCredentialsProvider::new(NoCredentials));
        let credentials = TrackedCredentials::new(provider, role);
        // `Aws::call` sets the same limit once more, around everything the SDK does.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(CALL_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let config = loaded
            .into_builder()
            // The SDK must not retry: a second CreateSequenceStore after a lost response can make a second
            // store. Only the reconciler knows whether a request may be sent again.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            // They are kept and renewed by `TrackedCredentials`.
            .identity_cache(IdentityCache::no_cache())
            .build();
        let custom_endpoint = endpoint::is_custom(&config);
        Self {
            config,
            clients: Mutex::default(),
            tag_clients: Mutex::default(),
            sts_clients: Mutex::default(),
            custom_endpoint,
            tags_endpoint: None,
            credentials,
            budget: Budget::new(quotas),
            fence: Fence::default(),
            other_owners: Mutex::default(),
            session: None,
        }
    }

    /// The same connections, endpoints, budget and fence with other credentials.
    fn with_credentials(&self, credentials: TrackedCredentials, session: Option<Arc<RoleSession>>) -> Self {
        let config = self.config.clone().into_builder();
        let config = config.credentials_provider(SharedCredentialsProvider::new(credentials.clone())).build();
        Self {
            config,
            clients: Mutex::default(),
            tag_clients: Mutex::default(),
            sts_clients: Mutex::default(),
            custom_endpoint: self.custom_endpoint,
            tags_endpoint: self.tags_endpoint.clone(),
            credentials,
            budget: Arc::clone(&self.budget),
            fence: self.fence.clone(),
            other_owners: Mutex::default(),
            session,
        }
    }

    /// By whose quotas the requests are budgeted: empty for the account of the operator, which is learned only on the way. A
    /// bucket that got another name then would let twice as many requests through.
    pub(super) fn counted_as(&self) -> String {
        let of_operator = |session: &Arc<RoleSession>| session.operator_account();
        let is_own = self.session.as_ref().is_none_or(|session| of_operator(session) == Some(self.account()));
        if is_own { String::new() } else { self.account() }
    }

    /// Account of the credentials; empty until it is known.
    pub(super) fn account(&self) -> String {
        let of_role =
            |session: &Arc<RoleSession>| account_of_arn(&session.request().role_arn).map(ToOwned::to_owned);
        let of_session = self.session.as_ref().and_then(of_role);
        of_session.or_else(|| self.credentials.account_in_use()).unwrap_or_default()
    }

    fn omics(&self, region: &str) -> aws_sdk_omics::Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.of(region, || self.make_client(region, None))
    }

    fn make_client(&self, region: &str, endpoint: Option<&String>) -> aws_sdk_omics::Client {
        let mut config = aws_sdk_omics::config::Builder::from(&self.config)
            .region(Region::new(region.to_owned()))
            .interceptor(host::NoteHost)
            .interceptor(RequiredMembers)
            .interceptor(self.fence.clone());
        if let Some(endpoint) = endpoint {
            config = config.endpoint_url(endpoint);
        }
        if self.custom_endpoint || endpoint.is_some() {
            config = config.interceptor(endpoint::NoHostPrefix);
        }
        aws_sdk_omics::Client::from_conf(config.build())
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
