//! The role of a binding, assumed for one namespace. What keeps and renews the credentials is `credentials`. I/O: STS.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result as Provided, future};
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;

use super::call::Call;
use super::{Aws, CallError, Class, Operation, Urgency};
use crate::crd::account_of_arn;

/// As the SDK shows where credentials come from.
pub(super) const PROVIDER: &str = "AccountBinding";

/// After a failure STS is left alone for so long. Each wait is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What STS is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssumeRole {
    pub(crate) role_arn: String,
    pub(crate) external_id: Option<String>,
    /// 2 to 64 characters of those that STS allows.
    pub(crate) session_name: String,
    /// Keys and values.
    pub(crate) tags: Vec<(&'static str, String)>,
}

/// Opens sessions of a role.
#[derive(Debug)]
pub(crate) struct RoleSession {
    /// Acts with the identity of the operator.
    operator: Aws,
    request: AssumeRole,
    failed: Mutex<Option<Failed>>,
}

#[derive(Debug)]
struct Failed {
    error: CallError,
    wait: Duration,
    at: Instant,
}

impl RoleSession {
    pub(super) fn new(operator: Aws, request: AssumeRole) -> Self {
        Self { operator, request, failed: Mutex::default() }
    }

    pub(super) fn request(&self) -> &AssumeRole {
        &self.request
    }

    /// Account of the operator's own identity, once it is known.
    pub(super) fn operator_account(&self) -> Option<String> {
        self.operator.shared.credentials.account_in_use()
    }

    /// Credentials of a new session.
    ///
    /// # Errors
    /// Why the role cannot be assumed. STS is not asked each time.
    async fn credentials(&self) -> Result<Credentials, CallError> {
        let recent = self
            .failed()
            .as_ref()
            .filter(|failed| failed.at.elapsed() < failed.wait)
            .map(|f| f.error.clone());
        match recent {
            Some(error) => Err(error),
            None => self.assume().await,
        }
    }

    /// Where many namespaces share a role that STS denies, few of them ask.
    async fn assume(&self) -> Result<Credentials, CallError> {
        let (budget, role) = (&self.operator.shared.budget, &self.request.role_arn);
        let region = self.operator.sts_region(role);
        let outcome = match budget.admit(role, &region, Urgency::Ordinary) {
            Ok(()) => {
                let outcome = self.operator.assume_role(&region, &self.request).await;
                // Nothing else is asked for than the role itself.
                let is_refusal =
                    |error: &CallError| matches!(error.class, Class::Denied | Class::Credentials);
                budget.answered((role, &region), outcome.as_ref().err(), is_refusal);
                outcome
            }
            Err(error) => Err(error),
        };
        let mut failed = self.failed();
        let wait = failed.as_ref().map_or(FIRST_WAIT, |failed| (failed.wait * 2).min(LONGEST_WAIT));
        *failed =
            outcome.as_ref().err().map(|error| Failed { error: error.clone(), wait, at: Instant::now() });
        drop(failed);
        outcome
    }

    fn failed(&self) -> MutexGuard<'_, Option<Failed>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the clients of a session.
#[derive(Clone, Debug)]
pub(super) struct SessionCredentials(pub(super) Arc<RoleSession>);

impl ProvideCredentials for SessionCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let provided: Provided = self.0.credentials().await.map_err(CredentialsError::provider_error);
            provided
        })
    }
}

impl Aws {
    /// STS is asked in the region of the operator, which its network surely reaches; else in one of the role's partition.
    fn sts_region(&self, role_arn: &str) -> String {
        let of_partition = || match role_arn.split(':').nth(1) {
            Some("aws-cn") => "cn-north-1",
            Some("aws-us-gov") => "us-gov-west-1",
            _ => "us-east-1",
        };
        self.default_region().unwrap_or_else(|| of_partition().to_owned())
    }

    async fn assume_role(&self, region: &str, request: &AssumeRole) -> Result<Credentials, CallError> {
        let AssumeRole { role_arn, external_id, session_name, tags } = request;
        let tags: Result<Vec<_>, _> = tags
            .iter()
            .map(|(key, value)| aws_sdk_sts::types::Tag::builder().key(*key).value(value).build())
            .collect();
        let call = Call::new(Operation::AssumeRole, region);
        let tags = tags.map_err(|error| call.unreadable(error.to_string()))?;
        let prepared = self
            .sts(region)
            .assume_role()
            .role_arn(role_arn)
            .role_session_name(session_name)
            .set_external_id(external_id.clone())
            .set_tags(Some(tags));
        self.call(call, || prepared.clone().send(), |response| credentials_of(role_arn, &response)).await
    }
}

/// Without its credentials a response is none, and the credentials of another account must never be used.
fn credentials_of(role_arn: &str, response: &AssumeRoleOutput) -> Result<Credentials, String> {
    let found = response.credentials().ok_or("the response has no credentials")?;
    let user = response.assumed_role_user().map(|user| user.arn()).unwrap_or_default();
    let account = account_of_arn(role_arn).filter(|wanted| account_of_arn(user) == Some(wanted));
    let account = account.ok_or("the response is not about the role that was asked for")?;
    let expiry = SystemTime::try_from(*found.expiration()).map_err(|error| error.to_string())?;
    Ok(Credentials::builder()
        .access_key_id(found.access_key_id())
        .secret_access_key(found.secret_access_key())
        .session_token(found.session_token())
        .expiry(expiry)
        .account_id(account)
        .provider_name(PROVIDER)
        .build())
}

#[cfg(test)]
mod tests {
    use aws_sdk_sts::primitives::DateTime;
    use aws_sdk_sts::types::{AssumedRoleUser, Credentials as Issued};

    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/lab";

    fn response(user: &str) -> AssumeRoleOutput {
        let issued = Issued::builder()
            .access_key_id("ASIA")
            .secret_access_key("secret")
            .session_token("token")
            .expiration(DateTime::from_secs(1_790_000_000))
            .build()
            .expect("credentials");
        let user = AssumedRoleUser::builder().assumed_role_id("id").arn(user).build().expect("a user");
        AssumeRoleOutput::builder().credentials(issued).assumed_role_user(user).build()
    }

    #[test]
    fn credentials_of_another_account_are_never_used() {
        let ours = credentials_of(ROLE, &response("arn:aws:sts::111122223333:assumed-role/lab/session"));
        let ours = ours.expect("credentials");
        assert_eq!(ours.account_id().map(|account| account.as_str()), Some("111122223333"));
        for other in ["arn:aws:sts::999999999999:assumed-role/lab/session", "", "lab"] {
            assert!(credentials_of(ROLE, &response(other)).is_err(), "{other}");
        }
        assert!(credentials_of(ROLE, &AssumeRoleOutput::builder().build()).is_err());
    }

    #[tokio::test]
    async fn a_failure_is_not_repeated_at_once() {
        let request = AssumeRole {
            role_arn: ROLE.into(),
            external_id: None,
            session_name: "session".into(),
            tags: Vec::new(),
        };
        let session = RoleSession::new(Aws::for_tests(), request);
        let first = session.credentials().await.expect_err("there are no credentials to assume it with");
        assert_eq!(first.operation, Operation::AssumeRole);
        let waits = |session: &RoleSession| session.failed().as_ref().map(|failed| (failed.wait, failed.at));
        let before = waits(&session);
        assert_eq!(session.credentials().await, Err(first));
        assert_eq!(waits(&session), before);
        session.failed().as_mut().expect("a failure").at -= 2 * FIRST_WAIT;
        session.credentials().await.expect_err("still none");
        assert_eq!(waits(&session).map(|(wait, _)| wait), Some(2 * FIRST_WAIT));
    }
}
