//! Remembers which credentials the SDK was last given, so that an account can be tied to them. I/O.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

/// Passes credentials through, notes whose they are, and keeps the account of each access key.
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

    /// The access key id of the credentials now in use.
    pub(super) fn access_key_id(&self) -> Option<String> {
        self.state().access_key_id.clone()
    }

    /// The account known to belong to an access key.
    pub(super) fn account_of(&self, access_key_id: &str) -> Option<String> {
        self.state().account_by_key.get(access_key_id).cloned()
    }

    /// Ties an access key to an account.
    pub(super) fn remember(&self, access_key_id: String, account: String) {
        let mut state = self.state();
        // Temporary credentials come and go for as long as the process lives.
        if state.account_by_key.len() >= 64 {
            state.account_by_key.clear();
        }
        state.account_by_key.insert(access_key_id, account);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn provide(&self) -> aws_credential_types::provider::Result {
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
