//! The AWS account of the credentials in use. I/O: STS, read-only.

use super::call::Call;
use super::{Aws, CallError, Operation};

impl Aws {
    /// The account of the credentials in use. STS is called once for each access key; after a successful
    /// GetSequenceStore with the same key it is not called at all.
    pub(crate) async fn account(&self, region: &str) -> Result<String, CallError> {
        let key = self.credentials.access_key_id();
        if let Some(account) = key.as_deref().and_then(|key| self.credentials.account_of(key)) {
            return Ok(account);
        }
        let call = Call::new(Operation::GetCallerIdentity, region);
        let request = self.sts(region).get_caller_identity().send();
        let account = self
            .call(call, request, |response| {
                let account = response.account().filter(|account| account.len() == 12);
                account.map(ToOwned::to_owned).ok_or_else(|| "the response names no account".to_owned())
            })
            .await?;
        self.remember_account(key, &account);
        Ok(account)
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
