//! The AWS account and identity of the credentials in use. I/O: STS, read-only.

use super::call::Call;
use super::cause::Cause;
use super::credentials::Origin;
use super::{Aws, CallError, Operation, credentials_failure, denial};
use crate::crd::is_account_id;

/// Who the process is in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) account: String,
    /// ARN of the role, without the session, or of the user; none where STS does not tell.
    pub(crate) principal: Option<String>,
    /// Where the credentials come from, as the SDK calls it.
    pub(crate) provider: String,
}

/// Whether no connection to STS came about, as in a network that has no way to it. A connection that broke, or a response
/// of something in between, shows that there is a way.
fn is_out_of_reach(error: &CallError) -> bool {
    use Cause::{ConnectionRefused, ConnectionTimedOut, NameNotResolved, Unreachable};
    matches!(error.failure.cause, ConnectionRefused | ConnectionTimedOut | NameNotResolved | Unreachable)
}

impl Aws {
    /// The account of the credentials in use. Credentials that carry their account are believed, where their issuer wrote
    /// it. Otherwise STS is called once for each access key; after a successful GetSequenceStore with the same key it is
    /// not called at all. While it is out of reach, it is called each time: the two looks that confirm an absence must not
    /// rest on one lost call.
    pub(crate) async fn account(&self, region: &str) -> Result<String, CallError> {
        let key = self.load_credentials(region).await?.access_key_id;
        if let Some(account) = self.shared.credentials.account_of(&key) {
            return Ok(account);
        }
        let answer = self.caller(region).await.map(|(account, _)| account);
        let account = match answer {
            Ok(account) => account,
            // A private network may have no way to STS. What a person has written beside the key counts then.
            Err(error) if is_out_of_reach(&error) => {
                return self.shared.credentials.written_account_of(&key).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        self.remember_account(Some(key), &account);
        Ok(account)
    }

    /// Who the process is, for its log.
    pub(crate) async fn identity(&self, region: &str) -> Result<Identity, CallError> {
        let Origin { access_key_id, provider } = self.load_credentials(region).await?;
        match self.caller(region).await {
            Ok((account, principal)) => {
                self.remember_account(Some(access_key_id), &account);
                Ok(Identity { account, principal, provider })
            }
            Err(error) => {
                let known = self.shared.credentials.account_of(&access_key_id);
                let account = known
                    .or_else(|| self.shared.credentials.written_account_of(&access_key_id))
                    .ok_or(error)?;
                let assumed = ["WebIdentityToken", "AssumeRoleProvider"].contains(&provider.as_str());
                let principal = self.shared.credentials.role().filter(|_| assumed);
                Ok(Identity { account, principal, provider })
            }
        }
    }

    /// Loads the credentials if no request has done so yet: only then their key is known.
    async fn load_credentials(&self, region: &str) -> Result<Origin, CallError> {
        let operation = Operation::GetCallerIdentity;
        self.shared.credentials.load_first().await.map_err(|error| {
            let call = Call::new(operation, region);
            let failure = credentials_failure::of(operation, &error);
            call.failed(failure.unwrap_or_else(|| CallError::unreadable(operation, error.to_string())))
        })
    }

    /// Account and principal, as STS tells them.
    async fn caller(&self, region: &str) -> Result<(String, Option<String>), CallError> {
        let request = || self.sts(region).get_caller_identity().send();
        self.call(Call::new(Operation::GetCallerIdentity, region), request, |response| {
            let account = response.account().filter(|account| is_account_id(account));
            let account = account.ok_or_else(|| "the response names no account".to_owned())?;
            Ok((account.to_owned(), response.arn().and_then(denial::principal)))
        })
        .await
    }

    /// Ties `account` to the access key that a request was signed with. Where the credentials have been
    /// rotated since the request was prepared, nothing is remembered: nothing tells which of the two signed it.
    pub(super) fn remember_account(&self, signed_with: Option<String>, account: &str) {
        let in_use = self.shared.credentials.access_key_id();
        if let Some(key) = signed_with.filter(|key| in_use.as_ref() == Some(key)) {
            self.shared.credentials.remember(key, account.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::{Error, ErrorKind};
    use std::sync::{Arc, Mutex};

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_sdk_omics::config::http::{HttpRequest, HttpResponse};
    use aws_sdk_omics::config::{BehaviorVersion, Region};
    use aws_sdk_omics::primitives::SdkBody;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_types::SdkConfig;

    use super::*;

    const WRITTEN: &str = "123456789012";
    const TRUE: &str = "210987654321";

    /// What becomes of a call to STS.
    #[derive(Clone, Copy, Debug)]
    enum Sts {
        Tells,
        Fails(ErrorKind),
        Page(u16),
    }

    #[derive(Clone, Debug)]
    struct Script(Arc<Mutex<VecDeque<Sts>>>);

    impl HttpConnector for Script {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let page = |status: u16, body: String| {
                Ok(HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body)))
            };
            let next = self.0.lock().expect("a script").pop_front().expect("no call is left");
            HttpConnectorFuture::ready(match next {
                Sts::Tells => page(
                    200,
                    format!(
                        "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{TRUE}</Account>\
                         </GetCallerIdentityResult></GetCallerIdentityResponse>"
                    ),
                ),
                Sts::Fails(kind) => Err(ConnectorError::io(Error::from(kind).into())),
                Sts::Page(status) => page(status, "<html></html>".into()),
            })
        }
    }

    /// The keys belong to one account, and a person has written another one beside them.
    fn aws(script: impl IntoIterator<Item = Sts>) -> Aws {
        let keys = Credentials::builder()
            .access_key_id("AKIA")
            .secret_access_key("secret")
            .account_id(WRITTEN)
            .provider_name("EnvironmentVariable")
            .build();
        let script = SharedHttpConnector::new(Script(Arc::new(Mutex::new(script.into_iter().collect()))));
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .http_client(http_client_fn(move |_, _| script.clone()))
            .build();
        Aws::new(config)
    }

    async fn account(aws: &Aws) -> Option<String> {
        aws.account("us-east-1").await.ok()
    }

    #[tokio::test]
    async fn one_lost_call_of_sts_does_not_make_a_written_account_count_for_the_next_look() {
        let aws = aws([Sts::Fails(ErrorKind::ConnectionRefused), Sts::Tells]);
        assert_eq!(account(&aws).await.as_deref(), Some(WRITTEN), "nothing can be connected to");
        assert_eq!(account(&aws).await.as_deref(), Some(TRUE));
        assert_eq!(account(&aws).await.as_deref(), Some(TRUE), "known for this key");
    }

    #[tokio::test]
    async fn a_written_account_counts_only_where_no_connection_to_sts_comes_about() {
        use ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, TimedOut};
        for out_of_reach in [ConnectionRefused, HostUnreachable, TimedOut] {
            assert_eq!(account(&aws([Sts::Fails(out_of_reach)])).await.as_deref(), Some(WRITTEN));
        }
        for there in [Sts::Fails(ConnectionReset), Sts::Page(502), Sts::Page(200), Sts::Page(403)] {
            assert_eq!(account(&aws([there])).await, None, "{there:?}");
        }
    }
}
