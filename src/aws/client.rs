//! Whoever calls AWS: an identity, and what all of them share. No request leaves from here; I/O only at start, where the environment,
//! profiles, certificates and instance metadata are read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_omics::config::Region;
use aws_types::SdkConfig;

use super::budget::{Budget, Caller, Quotas, Reading, Waits};
use super::chain::{self, Chain};
use super::clients::Clients;
use super::credentials::{Expiry, NoCredentials, TrackedCredentials};
use super::other_owners::OtherOwners;
use super::role_session::{RoleSession, SessionCredentials};
use super::{Fence, Operation, endpoint, http};
use crate::crd::account_of_arn;
use crate::metrics::{BudgetSample, CredentialsSample, Metrics};
use crate::network::{Proxies, added_certificates};

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
    clients: Arc<Clients>,
    pub(super) credentials: TrackedCredentials,
    pub(super) budget: Arc<Budget>,
    other_owners: Mutex<OtherOwners>,
    /// In use where the calls are made with the role of a binding.
    pub(super) session: Option<Arc<RoleSession>>,
}

impl Aws {
    /// The fence that every request passes.
    #[must_use]
    pub(crate) fn fence(&self) -> Fence {
        self.shared.clients.fence()
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
        Ok(Self::of(Shared::new((loaded, tags_endpoint), endpoint::configured_role().await, quotas)))
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
        Self::of(Shared::new((loaded, None), None, Quotas::default()))
    }

    #[cfg(feature = "fuzzing")]
    pub(crate) fn with_quotas(loaded: SdkConfig, quotas: Quotas) -> Self {
        Self::of(Shared::new((loaded, None), None, quotas))
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
        let Expiry { at, is_renewal_failing } = self.shared.credentials.expiry()?;
        let expiry = at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs_f64();
        let of_role = |session: &Arc<RoleSession>| session.request().role_arn.clone();
        let role_arn = self.shared.session.as_ref().map(of_role).unwrap_or_default();
        Some(CredentialsSample { role_arn, expiry, is_renewal_failing })
    }

    /// The region of the environment: `AWS_REGION`, the profile, or instance metadata.
    #[must_use]
    pub(crate) fn default_region(&self) -> Option<String> {
        let region = self.shared.clients.config().region();
        region.map(ToString::to_string).filter(|region| !region.is_empty())
    }

    /// For all operations but those about tags. What it sends is signed by [`Aws::call`] alone.
    pub(super) fn omics(&self, region: &str) -> aws_sdk_omics::Client {
        self.shared.clients.omics(region)
    }

    /// For the operations about tags.
    pub(super) fn omics_tags(&self, region: &str) -> aws_sdk_omics::Client {
        self.shared.clients.omics_tags(region)
    }

    pub(super) fn sts(&self, region: &str) -> aws_sdk_sts::Client {
        self.shared.clients.sts(region)
    }

    /// Where the calls about stores, those about tags and those of STS go, for a person to read.
    pub(crate) fn endpoints(&self, region: &str) -> [String; 3] {
        let config = self.shared.clients.config();
        let omics = endpoint::url(config, "Omics");
        let tags = self.shared.clients.tags_endpoint().or_else(|| omics.clone());
        let of_aws = |prefix: &str, service: &str| endpoint::of_aws(config, region, prefix, service);
        [
            omics.unwrap_or_else(|| of_aws("control-storage-", "omics")),
            tags.unwrap_or_else(|| of_aws("tags-", "omics")),
            endpoint::url(config, "STS").unwrap_or_else(|| of_aws("", "sts")),
        ]
    }
}

impl Shared {
    pub(super) fn other_owners(&self) -> MutexGuard<'_, OtherOwners> {
        self.other_owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `role` is the one that the credentials are to assume, if any; the endpoint is that of the tag operations, where it is not that
    /// of the others.
    fn new((loaded, tags): (SdkConfig, Option<String>), role: Option<String>, quotas: Quotas) -> Self {
        let provider =
            loaded.credentials_provider().unwrap_or_else(|| SharedCredentialsProvider::new(NoCredentials));
        Self {
            clients: Arc::new(Clients::new(loaded, tags)),
            credentials: TrackedCredentials::new(provider, role),
            budget: Budget::new(quotas),
            other_owners: Mutex::default(),
            session: None,
        }
    }

    /// The same clients, budget and fence with other credentials.
    fn with_credentials(&self, credentials: TrackedCredentials, session: Option<Arc<RoleSession>>) -> Self {
        Self {
            clients: Arc::clone(&self.clients),
            credentials,
            budget: Arc::clone(&self.budget),
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
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;
    use aws_credential_types::Credentials;

    use super::*;
    use crate::aws::Sessions;

    #[tokio::test]
    async fn a_panic_over_all_that_is_known_of_an_identity_shows_no_secret() {
        let (secret, token) = ("canary-secret-key", "canary-session-token");
        let keys = Credentials::new("AKIACANARY", secret, Some(token.into()), None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .build();
        let aws = Aws::new(config);
        aws.shared.credentials.load_first().await.expect("credentials");
        let sessions = Sessions::new(aws.clone(), "cluster".into());
        let (omics, sts) = (aws.omics("us-east-1"), aws.sts("us-east-1"));
        let panicking = tokio::spawn(async move { panic!("{aws:#?} {sessions:#?} {omics:#?} {sts:#?}") });
        let panic = panicking.await.expect_err("a panic").into_panic();
        let text = panic.downcast_ref::<String>().expect("a text");
        assert!(text.contains("AKIACANARY"), "the credentials are not in it: {text}");
        assert!(![secret, token].iter().any(|canary| text.contains(canary)), "{text}");
    }
}
