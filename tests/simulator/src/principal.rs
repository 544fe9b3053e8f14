//! Authentication and authorisation: access keys, temporary credentials, and the actions that an account or a
//! role is allowed. No I/O.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use hyper::HeaderMap;

use crate::error::ApiError;
use crate::knobs::Knobs;
use crate::operation::form_pairs;

/// The credential scope of a SigV4 signature. The simulator does not verify the signature itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) access_key_id: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

impl Scope {
    /// Reads the `Authorization` header or, without one, the query of a presigned URL. `None` for an unsigned
    /// request.
    pub(crate) fn of(headers: &HeaderMap, query: &str) -> Option<Result<Scope, ApiError>> {
        let header = headers.get("authorization").map(|value| value.to_str().unwrap_or_default().to_owned());
        let credential = match header {
            Some(header) => {
                let found = header.split([' ', ',']).find_map(|part| part.strip_prefix("Credential="));
                found.unwrap_or_default().to_owned()
            }
            None => form_pairs(query).into_iter().find(|(name, _)| name == "X-Amz-Credential")?.1,
        };
        Some(Scope::parse(&credential))
    }

    fn parse(credential: &str) -> Result<Scope, ApiError> {
        match credential.split('/').collect::<Vec<_>>().as_slice() {
            [key, _date, region, service, "aws4_request"] if !key.is_empty() => Ok(Scope {
                access_key_id: (*key).to_owned(),
                region: (*region).to_owned(),
                service: (*service).to_owned(),
            }),
            _ => Err(ApiError::new(
                "IncompleteSignatureException",
                "Authorization header requires a Credential scope",
            )),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) arn: String,
    pub(crate) role_arn: Option<String>,
    pub(crate) user_id: String,
}

/// A role session with its temporary credentials.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) account: String,
    pub(crate) role_arn: String,
    pub(crate) role_id: String,
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) expires: Instant,
}

/// The known access keys and sessions, and the permissions of accounts and roles.
#[derive(Debug, Default)]
pub(crate) struct Principals {
    accounts: HashMap<String, String>,
    sessions: HashMap<String, Session>,
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

    pub(crate) fn expire_sessions(&mut self) {
        self.expired.extend(self.sessions.keys().cloned());
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
        let (role, session_name, role_id) = match session {
            Some(session) => (role_name(&session.role_arn), session.name.as_str(), session.role_id.as_str()),
            None => ("simulator", key, "AROASIMULATOR0000000"),
        };
        Ok(Caller {
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session_name}"),
            user_id: format!("{role_id}:{session_name}"),
            role_arn: session.map(|session| session.role_arn.clone()),
            region: scope.region,
            account,
        })
    }

    /// Checks the permission as IAM does. The list of a role takes precedence over the list of its account;
    /// without a list, every action is allowed.
    pub(crate) fn authorize(&self, caller: &Caller, action: &str, resource: &str) -> Result<(), ApiError> {
        let of_role = caller.role_arn.as_ref().and_then(|role| self.allowed.get(role));
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
        Err(ApiError::new(
            "AccessDeniedException",
            format!(
                "User: {} is not authorized to perform: {action} on resource: {resource} because no \
                 identity-based policy allows the {action} action",
                caller.arn
            ),
        ))
    }
}

/// The name of a role without its path.
pub(crate) fn role_name(role_arn: &str) -> &str {
    role_arn.rsplit('/').next().unwrap_or(role_arn)
}
