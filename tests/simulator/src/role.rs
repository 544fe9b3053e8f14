//! IAM roles, their sessions, and the temporary credentials of these. No I/O.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::principal::Caller;
use crate::stores::format_timestamp;

/// What IAM knows of a role. A role that nobody registered can be assumed by everybody, for up to 12 hours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Role {
    /// STS lets nobody assume the role: `AccessDenied` 403.
    pub denied: bool,
    /// Who may assume the role: ARNs of roles, of their sessions or of accounts (`arn:aws:iam::ACCOUNT:root`), and
    /// subjects of web identity tokens. `None` is everybody.
    pub callers: Option<Vec<String>>,
    /// What a caller of AssumeRole must pass as `ExternalId`.
    pub external_id: Option<String>,
    /// The trust policy does not allow `sts:TagSession`: AssumeRole with tags fails.
    pub tags_denied: bool,
    /// The longest session in seconds, from 3600 to 43200.
    pub max_session_seconds: u64,
}

/// The default of IAM for a new role.
impl Default for Role {
    fn default() -> Self {
        Role {
            denied: false,
            callers: None,
            external_id: None,
            tags_denied: false,
            max_session_seconds: 3600,
        }
    }
}

impl Role {
    pub(crate) fn trusts(&self, caller: &str) -> bool {
        self.callers.as_ref().is_none_or(|callers| callers.iter().any(|trusted| trusted == caller))
    }

    pub(crate) fn trusts_one_of(&self, caller: &Caller) -> bool {
        let account = format!("arn:aws:iam::{}:root", caller.account);
        [&caller.arn, &caller.principal_arn, &account].into_iter().any(|principal| self.trusts(principal))
    }
}

/// A session of a role to open without STS, as the EKS Pod Identity agent and the metadata of an EC2 instance do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SessionRequest {
    pub session_name: String,
    /// How long the credentials are valid, in milliseconds.
    pub lifetime_ms: u64,
    pub tags: BTreeMap<String, String>,
}

impl Default for SessionRequest {
    fn default() -> Self {
        SessionRequest { session_name: "session".to_owned(), lifetime_ms: 3_600_000, tags: BTreeMap::new() }
    }
}

/// Credentials of a session, as AWS hands them out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemporaryCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    /// `YYYY-MM-DDTHH:MM:SS.mmmZ`
    pub expiration: String,
}

/// A role session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) account: String,
    pub(crate) role_arn: String,
    pub(crate) role_id: String,
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) expires: Instant,
    /// The tags of the session, inherited ones included.
    pub(crate) tags: BTreeMap<String, String>,
    /// The keys of the tags that a session inherits if this one assumes its role.
    pub(crate) transitive: Vec<String>,
    /// An administrator has revoked the sessions of the role.
    pub(crate) revoked: bool,
}

impl Session {
    /// A session with new credentials, which are valid for `lifetime` from `now`. `role_arn` must be the ARN of a role.
    pub(crate) fn open(
        role_arn: &str,
        name: &str,
        lifetime: Duration,
        now: Timestamp,
    ) -> (Session, TemporaryCredentials) {
        let expiration = now.as_millisecond().saturating_add_unsigned(lifetime.as_millis() as u64);
        let credentials = TemporaryCredentials {
            access_key_id: format!("ASIA{}", random(16, CAPITALS)),
            secret_access_key: random(40, ALPHANUMERICS),
            session_token: random(120, ALPHANUMERICS),
            expiration: format_timestamp(Timestamp::from_millisecond(expiration).unwrap_or(Timestamp::MAX)),
        };
        let session = Session {
            account: account_of_role(role_arn).unwrap_or_default().to_owned(),
            role_arn: role_arn.to_owned(),
            role_id: format!("AROA{}", random(16, CAPITALS)),
            name: name.to_owned(),
            token: credentials.session_token.clone(),
            expires: Instant::now() + lifetime,
            tags: BTreeMap::new(),
            transitive: Vec::new(),
            revoked: false,
        };
        (session, credentials)
    }

    /// The ARN that STS returns for the session.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{}", self.account, role_name(&self.role_arn), self.name)
    }
}

/// The account in the ARN of a role; `None` if it is no such ARN.
pub(crate) fn account_of_role(role_arn: &str) -> Option<&str> {
    match role_arn.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "iam", "", account, role] if role.starts_with("role/") && account.len() == 12 => {
            Some(account)
        }
        _ => None,
    }
}

/// The name of a role without its path.
pub(crate) fn role_name(role_arn: &str) -> &str {
    role_arn.rsplit('/').next().unwrap_or(role_arn)
}

const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALPHANUMERICS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn random(length: usize, alphabet: &[u8]) -> String {
    let characters = std::iter::repeat_with(|| fastrand::choice(alphabet).copied().map_or('A', char::from));
    characters.take(length).collect()
}
