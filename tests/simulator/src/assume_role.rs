//! STS AssumeRole and AssumeRoleWithWebIdentity: who may assume which role, for how long and with which tags. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::error::ApiError;
use crate::principal::Caller;
use crate::role::{Role, Session, TemporaryCredentials, account_of_role};
use crate::sts::Request;
use crate::world::World;

/// The most that AWS allows for a session of a role that a session of another role assumed.
const LONGEST_CHAINED_SECONDS: u64 = 3600;
const LONGEST_SECONDS: u64 = 43_200;
const MAX_TAGS: usize = 50;

/// The parameters that both calls have, checked against the service model.
struct Parameters<'a> {
    role_arn: &'a str,
    session_name: &'a str,
    duration_seconds: u64,
}

impl Parameters<'_> {
    fn parse(request: &Request) -> Result<Parameters<'_>, ApiError> {
        let role_arn = request.required("RoleArn")?;
        let session_name = request.required("RoleSessionName")?;
        if account_of_role(role_arn).is_none() {
            return Err(invalid(format!("{role_arn} is invalid")));
        }
        let session_name_is_valid = (2..=64).contains(&session_name.len())
            && session_name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte));
        if !session_name_is_valid {
            return Err(invalid("Value at 'roleSessionName' failed to satisfy constraint"));
        }
        let duration_seconds = match request.get("DurationSeconds").map(str::parse).unwrap_or(Ok(3600)) {
            Ok(seconds @ 900..=LONGEST_SECONDS) => seconds,
            _ => return Err(invalid("Value at 'durationSeconds' failed to satisfy constraint")),
        };
        Ok(Parameters { role_arn, session_name, duration_seconds })
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

fn denied(caller: &Caller, action: &str, role_arn: &str) -> ApiError {
    let message =
        format!("User: {} is not authorized to perform: {action} on resource: {role_arn}", caller.arn);
    ApiError::new("AccessDenied", message)
}

/// The session that AssumeRole opens for this caller, with its credentials.
pub(crate) fn assume_role(
    world: &mut World,
    request: &Request,
    caller: &Caller,
) -> Result<(Session, TemporaryCredentials), ApiError> {
    let parameters = Parameters::parse(request)?;
    let (tags, transitive) = session_tags(request, caller)?;
    let (role_arn, action) = (parameters.role_arn, "sts:AssumeRole");
    let role = world.principals.role(role_arn);
    let is_trusted = role.is_none_or(|role| {
        let may_tag = tags.is_empty() || !role.tags_denied;
        let knows_secret =
            role.external_id.is_none() || role.external_id.as_deref() == request.get("ExternalId");
        !role.denied && role.trusts_one_of(caller) && knows_secret && may_tag
    });
    let is_allowed = world.principals.authorize(caller, action, role_arn).is_ok();
    if world.knobs.sts_denied || !is_allowed || !is_trusted {
        let only_tags = role.is_some_and(|role| role.tags_denied && !tags.is_empty() && !role.denied);
        let action = if only_tags { "sts:TagSession" } else { action };
        return Err(denied(caller, action, role_arn));
    }
    if caller.session.is_some() && parameters.duration_seconds > LONGEST_CHAINED_SECONDS {
        return Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    check_duration(&parameters, role)?;
    let (mut session, credentials) = open(world, &parameters);
    let inherited = caller.session.iter().flat_map(|parent| {
        let tags = parent.tags.iter().filter(|(key, _)| parent.transitive.contains(key));
        tags.map(|(key, value)| (key.clone(), value.clone()))
    });
    session.tags = inherited.chain(tags).collect();
    let inherited = caller.session.iter().flat_map(|parent| parent.transitive.clone());
    session.transitive = inherited.chain(transitive).collect();
    world.principals.open_session(&credentials.access_key_id, session.clone());
    Ok((session, credentials))
}

/// The session that AssumeRoleWithWebIdentity opens for the holder of a token, whose claims are `claims`.
pub(crate) fn assume_role_with_web_identity(
    world: &mut World,
    request: &Request,
    claims: &Value,
) -> Result<(Session, TemporaryCredentials), ApiError> {
    let parameters = Parameters::parse(request)?;
    let now = world.now().as_second();
    if let Some(expiry) = claims["exp"].as_i64().filter(|expiry| *expiry <= now) {
        let message = format!(
            "Token expired: current date/time {now} must be before the expiration date/time {expiry}"
        );
        return Err(ApiError { status: 400, ..ApiError::new("ExpiredTokenException", message) });
    }
    let role = world.principals.role(parameters.role_arn);
    let subject = claims["sub"].as_str().unwrap_or_default();
    let is_trusted = role.is_none_or(|role| !role.denied && role.trusts(subject));
    if world.knobs.sts_denied || !is_trusted {
        return Err(ApiError::new("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"));
    }
    check_duration(&parameters, role)?;
    let (session, credentials) = open(world, &parameters);
    world.principals.open_session(&credentials.access_key_id, session.clone());
    Ok((session, credentials))
}

fn check_duration(parameters: &Parameters<'_>, role: Option<&Role>) -> Result<(), ApiError> {
    let longest = role.map_or(LONGEST_SECONDS, |role| role.max_session_seconds);
    if parameters.duration_seconds > longest {
        return Err(invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(())
}

fn open(world: &World, parameters: &Parameters<'_>) -> (Session, TemporaryCredentials) {
    let lifetime = world.knobs.session_lifetime_ms.unwrap_or(parameters.duration_seconds * 1000);
    Session::open(parameters.role_arn, parameters.session_name, Duration::from_millis(lifetime), world.now())
}

/// The tags of the request, and the keys of those that are transitive.
fn session_tags(
    request: &Request,
    caller: &Caller,
) -> Result<(BTreeMap<String, String>, Vec<String>), ApiError> {
    let given: Vec<(String, String)> = request.tags();
    if given.len() > MAX_TAGS {
        return Err(invalid(
            "Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50",
        ));
    }
    let is_character = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    let is_valid =
        |text: &str, longest: usize| text.chars().count() <= longest && text.chars().all(is_character);
    for (number, (key, value)) in (1..).zip(&given) {
        let starts_reserved = key.to_lowercase().starts_with("aws:");
        if key.is_empty() || starts_reserved || !is_valid(key, 128) || !is_valid(value, 256) {
            return Err(invalid(format!("Value at 'tags.{number}.member' failed to satisfy constraint")));
        }
    }
    let misused = |message: &str| Err(ApiError::new("InvalidParameterValue", message));
    let mut keys: Vec<String> = given.iter().map(|(key, _)| key.to_lowercase()).collect();
    keys.sort();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return misused("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    }
    let transitive = request.transitive_tag_keys();
    if transitive.iter().any(|key| given.iter().all(|(given, _)| given != key)) {
        return misused("The specified transitive tag key must be included in the requested tags.");
    }
    let inherited = caller.session.as_ref().map(|session| session.transitive.as_slice()).unwrap_or_default();
    if given.iter().any(|(key, _)| inherited.iter().any(|other| other.eq_ignore_ascii_case(key))) {
        return misused(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key \
             from the calling session.",
        );
    }
    Ok((given.into_iter().collect(), transitive))
}
