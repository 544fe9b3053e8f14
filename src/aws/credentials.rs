//! Credentials: which access key is in use, and the account of each key. I/O through the SDK's credentials
//! chain.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider, future};

/// Temporary credentials are replaced about hourly for as long as the process runs; so the map is emptied
/// when it holds this many keys. A forgotten account costs one call of STS.
const MAX_KEYS: usize = 64;

/// Passes on the credentials of the SDK's chain and notes their access key.
#[derive(Clone, Debug)]
pub(super) struct TrackedCredentials {
    inner: SharedCredentialsProvider,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    access_key_id: Option<String>,
    account_by_key: HashMap<String, String>,
}

impl TrackedCredentials {
    pub(super) fn new(inner: SharedCredentialsProvider) -> Self {
        Self { inner, state: Arc::default() }
    }

    /// The access key of the credentials that the SDK loaded last, none before the first request.
    pub(super) fn access_key_id(&self) -> Option<String> {
        self.state().access_key_id.clone()
    }

    pub(super) fn account_of(&self, access_key_id: &str) -> Option<String> {
        self.state().account_by_key.get(access_key_id).cloned()
    }

    pub(super) fn remember(&self, access_key_id: String, account: String) {
        let mut state = self.state();
        if state.account_by_key.len() >= MAX_KEYS {
            state.account_by_key.clear();
        }
        state.account_by_key.insert(access_key_id, account);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn provide(&self) -> Result {
        let credentials: Credentials = self.inner.provide_credentials().await?;
        self.state().access_key_id = Some(credentials.access_key_id().to_owned());
        Ok(credentials)
    }
}

impl ProvideCredentials for TrackedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.provide())
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
