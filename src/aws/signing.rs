//! With whose credentials a request is signed. The clients are those of all identities, because each takes some 20 KiB, and a
//! thousand namespaces may act with roles of their own. I/O: by the credentials.

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};

use super::credentials::TrackedCredentials;

tokio::task_local! {
    static CREDENTIALS: TrackedCredentials;
}

/// Awaits a request that is signed with these credentials.
pub(super) async fn signed_with<T>(credentials: TrackedCredentials, request: impl Future<Output = T>) -> T {
    CREDENTIALS.scope(credentials, request).await
}

/// Part of each client: the credentials of the call that is being made. Outside of [`signed_with`] there are none, and nothing can
/// be signed.
#[derive(Debug)]
pub(super) struct CredentialsOfCall;

impl ProvideCredentials for CredentialsOfCall {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            match CREDENTIALS.try_with(Clone::clone) {
                Ok(credentials) => credentials.provide().await,
                Err(_) => Err(CredentialsError::not_loaded("nobody says for whom the request is made")),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;

    use super::*;

    fn of(key: &str) -> TrackedCredentials {
        let credentials = Credentials::builder().access_key_id(key).secret_access_key("secret");
        let credentials = credentials.provider_name("test").build();
        TrackedCredentials::new(SharedCredentialsProvider::new(credentials), None)
    }

    async fn key() -> Option<String> {
        let provided = CredentialsOfCall.provide_credentials().await;
        provided.ok().map(|credentials| credentials.access_key_id().to_owned())
    }

    #[tokio::test]
    async fn each_call_has_the_credentials_of_its_own_identity_and_nothing_else_has_any() {
        assert_eq!(key().await, None);
        let nested = async { (signed_with(of("INNER"), key()).await, key().await) };
        let (one, other) = tokio::join!(signed_with(of("ONE"), key()), signed_with(of("OTHER"), nested));
        assert_eq!(one.as_deref(), Some("ONE"));
        assert_eq!((other.0.as_deref(), other.1.as_deref()), (Some("INNER"), Some("OTHER")));
        let spawned = signed_with(of("ONE"), async { tokio::spawn(key()).await });
        assert_eq!(spawned.await.expect("a task"), None, "another task acts for nobody");
    }
}
