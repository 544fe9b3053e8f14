//! Credentials: which are in use, where they come from, the account of each key, and their renewal before they are over. I/O
//! through the SDK's credentials chain.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider, future};

use super::lifetime::Lifetime;
use super::{Moment, credentials_failure};
use crate::crd::is_account_id;

/// Temporary credentials are replaced about hourly for as long as the process runs; so the map is emptied
/// when it holds this many keys. A forgotten account costs one call of STS.
const MAX_KEYS: usize = 64;
/// Limit for loading credentials, the retries of the SDK included. Less than the limit of a call, so that the call
/// knows what it waited for.
pub(super) const LOAD_TIMEOUT: Duration = Duration::from_secs(7);
/// A failed source is left alone for so long, however many calls wait for credentials.
const PAUSE: Duration = Duration::from_secs(2);
/// The same while there are credentials that can still be used.
const PAUSE_WITH_CREDENTIALS: Duration = Duration::from_secs(30);
/// The same while AWS refuses the credentials that there are. The budget lets few calls through then.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// Credentials that nobody has asked to renew for so long are not in use, as those of a replica that led before.
const STILL_NEEDED: Duration = Duration::from_secs(900);

/// Providers that get the account together with the key from whoever issued the key. What a person has written beside a
/// key, in `AWS_ACCOUNT_ID` or a profile, may belong to another one.
const ISSUERS: [&str; 5] =
    [super::role_session::PROVIDER, "AssumeRoleProvider", "EcsContainer", "SSO", "WebIdentityToken"];

/// Passes on the credentials of the SDK's chain, keeps them while they are good, and notes what they say about themselves.
#[derive(Clone, Debug)]
pub(super) struct TrackedCredentials {
    inner: SharedCredentialsProvider,
    /// The role that the environment or the profile asks for.
    role: Option<String>,
    state: Arc<Mutex<State>>,
    /// Held by the one who asks the source.
    loading: Arc<tokio::sync::Mutex<()>>,
}

/// The end of the credentials in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    pub(super) at: SystemTime,
    /// Their source was asked for others, and has given none yet.
    pub(super) is_renewal_failing: bool,
}

/// What credentials say about themselves. Not the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) access_key_id: String,
    /// As the SDK calls the provider, such as `WebIdentityToken`.
    pub(super) provider: String,
}

#[derive(Debug, Default)]
struct State {
    origin: Option<Origin>,
    account_by_key: HashMap<String, String>,
    /// Accounts that a person has written beside a key.
    written_by_key: HashMap<String, String>,
    held: Option<(Credentials, Lifetime)>,
    failed: Option<(Instant, LoadFailed)>,
    /// When the source was last asked for others while there were credentials; none since it gave others.
    renewed: Option<Instant>,
}

impl TrackedCredentials {
    pub(super) fn new(inner: SharedCredentialsProvider, role: Option<String>) -> Self {
        Self { inner, role, state: Arc::default(), loading: Arc::default() }
    }

    /// The access key of the credentials that the SDK loaded last, none before the first request.
    pub(super) fn access_key_id(&self) -> Option<String> {
        self.state().origin.as_ref().map(|origin| origin.access_key_id.clone())
    }

    /// The account of the key in use, as far as it is known.
    pub(super) fn account_in_use(&self) -> Option<String> {
        let state = self.state();
        state.account_by_key.get(&state.origin.as_ref()?.access_key_id).cloned()
    }

    pub(super) fn account_of(&self, access_key_id: &str) -> Option<String> {
        self.state().account_by_key.get(access_key_id).cloned()
    }

    /// The account that a person has written beside the key. It counts only where nobody else can be asked.
    pub(super) fn written_account_of(&self, access_key_id: &str) -> Option<String> {
        self.state().written_by_key.get(access_key_id).cloned()
    }

    pub(super) fn remember(&self, access_key_id: String, account: String) {
        insert(&mut self.state().account_by_key, access_key_id, account);
    }

    /// The role that the environment or the profile asks for.
    pub(super) fn role(&self) -> Option<String> {
        self.role.clone()
    }

    /// When the credentials in use are over, as their issuer says; none if they do not expire, before the first request, and once
    /// they are over because nobody needs them.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        let (now, state) = (Moment::now(), self.state());
        let (credentials, lifetime) = state.held.as_ref()?;
        let was_asked = state.renewed.is_some_and(|renewed| renewed.elapsed() < STILL_NEEDED);
        let is_renewal_failing = was_asked && !lifetime.is_fresh(now);
        let at = credentials.expiry().filter(|_| is_renewal_failing || lifetime.is_valid(now))?;
        Some(Expiry { at, is_renewal_failing })
    }

    /// Loads credentials where none were loaded yet. The next request uses these.
    pub(super) async fn load_first(&self) -> std::result::Result<Origin, CredentialsError> {
        if let Some(origin) = self.state().origin.clone() {
            return Ok(origin);
        }
        self.provide().await.map(|credentials| origin_of(&credentials))
    }

    /// AWS does not accept this key any more, whatever is known of its end: the source may have another one by now.
    pub(super) fn refused(&self, access_key_id: &str) {
        if self.access_key_id().as_deref() == Some(access_key_id) {
            self.renew(PAUSE_AFTER_REFUSAL);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Credentials with which a request may be signed now.
    pub(super) async fn provide(&self) -> Result {
        if let Some(credentials) = self.usable() {
            return Ok(credentials);
        }
        let _alone = self.loading.lock().await;
        // Somebody else may have asked in the meantime.
        if let Some(credentials) = self.usable() {
            return Ok(credentials);
        }
        let loaded = match self.recent_failure() {
            Some(failed) => Err(CredentialsError::provider_error(failed)),
            None => self.load().await,
        };
        loaded.or_else(|error| self.valid().ok_or(error))
    }

    /// The credentials that are held, if they are not over.
    fn valid(&self) -> Option<Credentials> {
        let (credentials, lifetime) = self.state().held.clone()?;
        lifetime.is_valid(Moment::now()).then_some(credentials)
    }

    /// The credentials that are held, if requests may be signed with them. Those that are not fresh any more are replaced
    /// meanwhile: no call waits for it, and none fails if the source is down for a while.
    fn usable(&self) -> Option<Credentials> {
        let now = Moment::now();
        let (credentials, lifetime) = self.state().held.clone()?;
        if !lifetime.is_fresh(now) {
            self.renew(PAUSE_WITH_CREDENTIALS);
        }
        lifetime.is_usable(now).then_some(credentials)
    }

    /// Asks the source in the background, if nobody has done so within `pause`.
    fn renew(&self, pause: Duration) {
        let mut state = self.state();
        if state.renewed.is_some_and(|renewed| renewed.elapsed() < pause) {
            return;
        }
        state.renewed = Some(Instant::now());
        drop(state);
        let tracked = self.clone();
        tokio::spawn(async move {
            let _alone = tracked.loading.lock().await;
            if let Err(error) = tracked.load().await {
                let why = credentials_failure::words(&error);
                tracing::warn!("the AWS credentials could not be renewed; the operator asks again: {why}");
            }
        });
    }

    async fn load(&self) -> Result {
        let loading = tokio::time::timeout(LOAD_TIMEOUT, self.inner.provide_credentials()).await;
        match loading.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(LOAD_TIMEOUT))) {
            Ok(credentials) => {
                self.note(&credentials);
                Ok(credentials)
            }
            Err(error) => {
                let mut state = self.state();
                let failed = LoadFailed::new(self.role.clone(), state.origin.is_some(), error);
                state.failed = Some((Instant::now(), failed.clone()));
                drop(state);
                Err(CredentialsError::provider_error(failed))
            }
        }
    }

    fn recent_failure(&self) -> Option<LoadFailed> {
        let state = self.state();
        state.failed.as_ref().filter(|(at, _)| at.elapsed() < PAUSE).map(|(_, failed)| failed.clone())
    }

    fn note(&self, credentials: &Credentials) {
        let origin = origin_of(credentials);
        let account = credentials.account_id().map(|account| account.as_str().to_owned());
        let mut state = self.state();
        state.failed = None;
        if state.origin.as_ref() != Some(&origin) {
            state.renewed = None;
        }
        if let Some(account) = account.filter(|account| is_account_id(account)) {
            let from_issuer = ISSUERS.contains(&origin.provider.as_str());
            let accounts = if from_issuer { &mut state.account_by_key } else { &mut state.written_by_key };
            insert(accounts, origin.access_key_id.clone(), account);
        }
        state.origin = Some(origin);
        state.held = Some((credentials.clone(), Lifetime::new(credentials.expiry(), Moment::now())));
    }
}

fn insert(accounts: &mut HashMap<String, String>, access_key_id: String, account: String) {
    if accounts.len() >= MAX_KEYS {
        accounts.clear();
    }
    accounts.insert(access_key_id, account);
}

/// The SDK shows the name of the provider only in the debug output, which leaves out the secret.
fn origin_of(credentials: &Credentials) -> Origin {
    let shown = format!("{credentials:?}");
    let name = shown.split_once("provider_name: \"").and_then(|(_, rest)| rest.split('"').next());
    let provider = name.unwrap_or("unknown").to_owned();
    Origin { access_key_id: credentials.access_key_id().to_owned(), provider }
}

impl ProvideCredentials for TrackedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.provide())
    }
}

/// Loading the credentials failed. Kept, so that the calls that wait for the same source get the same answer.
#[derive(Clone, Debug)]
pub(super) struct LoadFailed {
    /// The role that was to be assumed, if one is configured.
    pub(super) role: Option<String>,
    /// Credentials were loaded before: their source exists, and has gone for now.
    pub(super) had_credentials: bool,
    error: Arc<CredentialsError>,
}

impl LoadFailed {
    pub(super) fn new(role: Option<String>, had_credentials: bool, error: CredentialsError) -> Self {
        Self { role, had_credentials, error: Arc::new(error) }
    }
}

impl fmt::Display for LoadFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the credentials could not be loaded")
    }
}

impl Error for LoadFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.error.as_ref())
    }
}

/// Stands in for a credentials chain where the SDK loads none.
#[derive(Debug)]
pub(super) struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no credentials chain")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Fails as often as it is asked, and counts.
    #[derive(Debug, Default)]
    struct Down(AtomicUsize);

    impl ProvideCredentials for Down {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.0.fetch_add(1, Ordering::Relaxed);
            future::ProvideCredentials::ready(Err(CredentialsError::provider_error("down")))
        }
    }

    fn credentials(provider: &'static str, account: Option<&str>) -> Credentials {
        let credentials = Credentials::builder().access_key_id("AKIA").secret_access_key("the-secret");
        let mut credentials = credentials.provider_name(provider);
        credentials.set_account_id(account.map(Into::into));
        credentials.build()
    }

    fn tracked(inner: impl ProvideCredentials + 'static) -> TrackedCredentials {
        TrackedCredentials::new(SharedCredentialsProvider::new(inner), None)
    }

    #[tokio::test]
    async fn the_issuer_of_a_key_is_believed_about_its_account_and_a_person_is_not() {
        for (provider, from_issuer) in
            [("EcsContainer", true), ("WebIdentityToken", true), ("EnvironmentVariable", false)]
        {
            let tracked = tracked(credentials(provider, Some("123456789012")));
            let origin = tracked.load_first().await.expect("credentials");
            assert_eq!(origin.provider, provider);
            assert_eq!(tracked.account_of("AKIA").is_some(), from_issuer);
            assert_eq!(tracked.written_account_of("AKIA").is_some(), !from_issuer);
        }
        let tracked = tracked(credentials("EcsContainer", Some("an account")));
        tracked.load_first().await.expect("credentials");
        assert_eq!(tracked.account_of("AKIA"), None);
    }

    #[tokio::test]
    async fn no_debug_output_shows_a_secret() {
        let tracked = tracked(credentials("EcsContainer", None));
        tracked.load_first().await.expect("credentials");
        assert!(!format!("{tracked:#?}").contains("the-secret"), "a panic may show it");
    }

    #[tokio::test]
    async fn calls_that_wait_for_a_failed_source_get_its_failure() {
        let down = Arc::new(Down::default());
        #[derive(Debug)]
        struct Shared(Arc<Down>);
        impl ProvideCredentials for Shared {
            fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
            where
                Self: 'a,
            {
                self.0.provide_credentials()
            }
        }
        let tracked = tracked(Shared(down.clone()));
        for _ in 0..3 {
            tracked.provide().await.expect_err("down");
        }
        assert_eq!(down.0.load(Ordering::Relaxed), 1);
    }

    /// Gives another key each time.
    #[derive(Debug, Default)]
    struct Rotating(AtomicUsize);

    impl ProvideCredentials for Rotating {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let key = format!("AKIA{}", self.0.fetch_add(1, Ordering::Relaxed));
            let credentials = Credentials::builder().access_key_id(key).secret_access_key("secret");
            future::ProvideCredentials::ready(Ok(credentials.provider_name("test").build()))
        }
    }

    #[tokio::test]
    async fn a_key_is_kept_until_aws_refuses_it() {
        let tracked = tracked(Rotating::default());
        for _ in 0..3 {
            assert_eq!(tracked.provide().await.expect("credentials").access_key_id(), "AKIA0");
        }
        tracked.refused("AKIA9");
        assert!(tracked.state().renewed.is_none(), "a key that is not in use any more");
        tracked.refused("AKIA0");
        tracked.refused("AKIA0");
        while tracked.access_key_id().as_deref() == Some("AKIA0") {
            tokio::task::yield_now().await;
        }
        assert_eq!(tracked.provide().await.expect("credentials").access_key_id(), "AKIA1", "asked for once");
        assert!(tracked.expiry().is_none());
    }
}
