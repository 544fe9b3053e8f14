//! The AWS account and identity of the credentials in use. I/O: STS, read-only.

use super::call::Call;
use super::credentials::Origin;
use super::{Aws, CallError, Class, Operation, credentials_failure, denial, is_account_id};

/// Who the process is in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) account: String,
    /// ARN of the role, without the session, or of the user; none where STS does not tell.
    pub(crate) principal: Option<String>,
    /// Where the credentials come from, as the SDK calls it.
    pub(crate) provider: String,
}

/// Whether nothing of STS answered: neither a response nor an error of its own.
fn is_unreachable(error: &CallError) -> bool {
    error.code.is_none() && matches!(error.class, Class::Transient | Class::Unreadable)
}

impl Aws {
    /// The account of the credentials in use. Credentials that carry their account are believed, where their issuer wrote
    /// it. Otherwise STS is called once for each access key; after a successful GetSequenceStore with the same key it is
    /// not called at all.
    pub(crate) async fn account(&self, region: &str) -> Result<String, CallError> {
        let key = self.load_credentials(region).await?.access_key_id;
        if let Some(account) = self.credentials.account_of(&key) {
            return Ok(account);
        }
        let answer = self.caller(region).await.map(|(account, _)| account);
        let account = match answer {
            Ok(account) => account,
            // A private network may have no way to STS. What a person has written beside the key counts then, for a while.
            Err(error) if is_unreachable(&error) => {
                return self.credentials.believe_written_account_of(&key).ok_or(error);
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
                let known = self.credentials.account_of(&access_key_id);
                let account =
                    known.or_else(|| self.credentials.written_account_of(&access_key_id)).ok_or(error)?;
                let assumed = ["WebIdentityToken", "AssumeRoleProvider"].contains(&provider.as_str());
                let principal = self.credentials.role().filter(|_| assumed);
                Ok(Identity { account, principal, provider })
            }
        }
    }

    /// Loads the credentials if no request has done so yet: only then their key is known.
    async fn load_credentials(&self, region: &str) -> Result<Origin, CallError> {
        let operation = Operation::GetCallerIdentity;
        self.credentials.load_first().await.map_err(|error| {
            let call = Call::new(operation, region);
            let failure = credentials_failure::of(operation, &error);
            call.failed(failure.unwrap_or_else(|| CallError::unreadable(operation, error.to_string())))
        })
    }

    /// Account and principal, as STS tells them.
    async fn caller(&self, region: &str) -> Result<(String, Option<String>), CallError> {
        let request = self.sts(region).get_caller_identity().send();
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
        let in_use = self.credentials.access_key_id();
        if let Some(key) = signed_with.filter(|key| in_use.as_ref() == Some(key)) {
            self.credentials.remember(key, account.to_owned());
        }
    }
}
