//! Authentication and authorisation: access keys, temporary credentials, and the actions that an account or a
//! role is allowed. No I/O.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use hyper::HeaderMap;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::error::ApiError;
use crate::knobs::Knobs;
use crate::operation::form_pairs;
use crate::role::{Role, Session, role_name};

/// The credential scope of a SigV4 signature. The simulator does not verify the signature itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) access_key_id: String,
    pub(crate) region: String,
    pub(crate) service: String,
    /// When the caller signed, by its own clock; `None` if it does not say.
    pub(crate) signed_at: Option<Timestamp>,
}

/// How far the clock of a caller may be from that of AWS, in seconds.
const SKEW_SECONDS: i64 = 300;

impl Scope {
    /// Reads the `Authorization` header or, without one, the query of a presigned URL. `None` for an unsigned
    /// request.
    pub(crate) fn of(headers: &HeaderMap, query: &str) -> Option<Result<Scope, ApiError>> {
        let query = form_pairs(query);
        let of_query = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let of_header =
            |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default().to_owned());
        let (credential, date) = match of_header("authorization") {
            Some(header) => {
                let found = header.split([' ', ',']).find_map(|part| part.strip_prefix("Credential="));
                (found.unwrap_or_default().to_owned(), of_header("x-amz-date"))
            }
            None => (of_query("X-Amz-Credential")?, of_query("X-Amz-Date")),
        };
        let signed_at = date.and_then(|date| {
            let date = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
            date.to_zoned(TimeZone::UTC).ok().map(|date| date.timestamp())
        });
        Some(Scope::parse(&credential).map(|scope| Scope { signed_at, ..scope }))
    }

    fn parse(credential: &str) -> Result<Scope, ApiError> {
        match credential.split('/').collect::<Vec<_>>().as_slice() {
            [key, _date, region, service, "aws4_request"] if !key.is_empty() => Ok(Scope {
                access_key_id: (*key).to_owned(),
                region: (*region).to_owned(),
                service: (*service).to_owned(),
                signed_at: None,
            }),
            _ => Err(ApiError::new(
                "IncompleteSignatureException",
                "Authorization header requires a Credential scope",
            )),
        }
    }

    /// What AWS says of a signature that is too old or not yet valid at this time; `None` if its date is good.
    pub(crate) fn skew(&self, now: Timestamp) -> Option<String> {
        let signed_at = self.signed_at?;
        let shown = |timestamp: Timestamp| timestamp.strftime("%Y%m%dT%H%M%SZ").to_string();
        let shifted = |seconds: i64| {
            Timestamp::from_second(now.as_second().saturating_add(seconds)).unwrap_or(Timestamp::MAX)
        };
        let late = now.as_second().saturating_sub(signed_at.as_second());
        if late > SKEW_SECONDS {
            let oldest = shown(shifted(-SKEW_SECONDS));
            return Some(format!(
                "Signature expired: {} is now earlier than {oldest} ({} - 5 min.)",
                shown(signed_at),
                shown(now)
            ));
        }
        (late < -SKEW_SECONDS).then(|| {
            let newest = shown(shifted(SKEW_SECONDS));
            format!(
                "Signature not yet current: {} is still later than {newest} ({} + 5 min.)",
                shown(signed_at),
                shown(now)
            )
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) region: String,
    /// As GetCallerIdentity returns it.
    pub(crate) arn: String,
    /// The ARN of the role of the session.
    pub(crate) principal_arn: String,
    /// `None` for an access key that belongs to no session that the simulator opened.
    pub(crate) session: Option<Session>,
    pub(crate) user_id: String,
}

/// The known access keys and sessions, and the permissions of accounts and roles.
#[derive(Debug, Default)]
pub(crate) struct Principals {
    accounts: HashMap<String, String>,
    sessions: HashMap<String, Session>,
    roles: BTreeMap<String, Role>,
    expired: HashSet<String>,
    /// Allowed actions by account id or role ARN. A principal without an entry may do everything.
    allowed: HashMap<String, Vec<String>>,
}

impl Principals {
    pub(crate) fn set_account(&mut self, access_key_id: &str, account: &str) {
        self.expired.remove(access_key_id);
        self.accounts.insert(access_key_id.to_owned(), account.to_owned());
    }

    pub(crate) fn open_session(&mut self, access_key_id: &str, session: Session) {
        self.sessions.insert(access_key_id.to_owned(), session);
    }

    pub(crate) fn expire_key(&mut self, access_key_id: &str) {
        self.expired.insert(access_key_id.to_owned());
    }

    /// Expires the sessions of a role, or of all roles.
    pub(crate) fn expire_sessions(&mut self, role_arn: Option<&str>) {
        let of_role = |session: &Session| role_arn.is_none_or(|role| session.role_arn == role);
        let keys = self.sessions.iter().filter(|(_, session)| of_role(session)).map(|(key, _)| key.clone());
        self.expired.extend(keys);
    }

    /// Denies everything to the sessions that the role has now, as the console of IAM does on request.
    pub(crate) fn revoke_sessions(&mut self, role_arn: &str) {
        let of_role = self.sessions.values_mut().filter(|session| session.role_arn == role_arn);
        of_role.for_each(|session| session.revoked = true);
    }

    pub(crate) fn session(&self, access_key_id: &str) -> Option<&Session> {
        self.sessions.get(access_key_id)
    }

    pub(crate) fn set_role(&mut self, role_arn: &str, role: Role) {
        self.roles.insert(role_arn.to_owned(), role);
    }

    pub(crate) fn forget_role(&mut self, role_arn: &str) {
        self.roles.remove(role_arn);
    }

    pub(crate) fn role(&self, role_arn: &str) -> Option<&Role> {
        self.roles.get(role_arn)
    }

    pub(crate) fn roles(&self) -> &BTreeMap<String, Role> {
        &self.roles
    }

    pub(crate) fn allow(&mut self, principal: &str, actions: Option<Vec<String>>) {
        match actions {
            Some(actions) => self.allowed.insert(principal.to_owned(), actions),
            None => self.allowed.remove(principal),
        };
    }

    pub(crate) fn account_of(&self, access_key_id: &str, knobs: &Knobs) -> String {
        let session = self.sessions.get(access_key_id).map(|session| &session.account);
        session.or_else(|| self.accounts.get(access_key_id)).unwrap_or(&knobs.default_account).clone()
    }

    /// Identifies the caller of a signed request, or returns the error that AWS returns for its credentials.
    /// STS and HealthOmics name these errors differently.
    pub(crate) fn authenticate(
        &self,
        scope: Option<Result<Scope, ApiError>>,
        token: Option<&str>,
        service: &str,
        knobs: &Knobs,
    ) -> Result<Caller, ApiError> {
        let name = |omics: &'static str, sts: &'static str| if service == "sts" { sts } else { omics };
        let Some(scope) = scope else {
            let code = name("MissingAuthenticationTokenException", "MissingAuthenticationToken");
            return Err(ApiError::new(code, "Missing Authentication Token"));
        };
        let scope = scope?;
        if scope.service != service {
            let code = name("InvalidSignatureException", "SignatureDoesNotMatch");
            return Err(ApiError::new(
                code,
                format!("Credential should be scoped to correct service: '{service}'."),
            ));
        }
        let key = scope.access_key_id.as_str();
        let unknown = || {
            let code = name("UnrecognizedClientException", "InvalidClientTokenId");
            ApiError::new(code, "The security token included in the request is invalid.")
        };
        let session = self.sessions.get(key);
        if session.is_some_and(|session| token != Some(session.token.as_str())) {
            return Err(unknown());
        }
        if self.expired.contains(key) || session.is_some_and(|session| session.expires <= Instant::now()) {
            let code = name("ExpiredTokenException", "ExpiredToken");
            return Err(ApiError::new(code, "The security token included in the request is expired"));
        }
        if session.is_none() && knobs.require_known_keys && !self.accounts.contains_key(key) {
            return Err(unknown());
        }
        let account = self.account_of(key, knobs);
        let session = session.cloned();
        let (role_arn, session_name, role_id) = match &session {
            Some(session) => (session.role_arn.clone(), session.name.as_str(), session.role_id.as_str()),
            None => (format!("arn:aws:iam::{account}:role/simulator"), key, "AROASIMULATOR0000000"),
        };
        Ok(Caller {
            arn: format!("arn:aws:sts::{account}:assumed-role/{}/{session_name}", role_name(&role_arn)),
            user_id: format!("{role_id}:{session_name}"),
            principal_arn: role_arn,
            session,
            region: scope.region,
            account,
        })
    }

    /// Checks the permission as IAM does. The list of a role takes precedence over the list of its account;
    /// without a list, every action is allowed.
    pub(crate) fn authorize(&self, caller: &Caller, action: &str, resource: &str) -> Result<(), ApiError> {
        let denied = |why: &str| {
            Err(ApiError::new(
                "AccessDeniedException",
                format!(
                    "User: {} is not authorized to perform: {action} on resource: {resource} {why}",
                    caller.arn
                ),
            ))
        };
        if caller.session.as_ref().is_some_and(|session| session.revoked) {
            return denied("with an explicit deny in an identity-based policy");
        }
        let of_role = self.allowed.get(&caller.principal_arn);
        let Some(actions) = of_role.or_else(|| self.allowed.get(&caller.account)) else {
            return Ok(());
        };
        let covers = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => action.starts_with(prefix),
            None => pattern == action,
        };
        if actions.iter().any(covers) {
            return Ok(());
        }
        denied(&format!("because no identity-based policy allows the {action} action"))
    }
}
