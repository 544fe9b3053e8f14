//! AWS STS: GetCallerIdentity, AssumeRole and AssumeRoleWithWebIdentity over the AWS query protocol. No I/O.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::knobs::Knobs;
use crate::operation::form_pairs;
use crate::principal::{Caller, Scope, Session, role_name};
use crate::response::ApiResponse;
use crate::stores::format_timestamp;
use crate::world::World;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// A decoded query-protocol request.
pub(crate) struct Request {
    pub(crate) action: String,
    form: BTreeMap<String, String>,
}

impl Request {
    /// Merges the query string with the form body, which takes precedence; `None` if neither names an action.
    pub(crate) fn of(query: &str, body: &[u8]) -> Option<Request> {
        let mut form: BTreeMap<String, String> = form_pairs(query).into_iter().collect();
        form.extend(form_pairs(&String::from_utf8_lossy(body)));
        Some(Request { action: form.get("Action")?.clone(), form })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| {
            let member = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
            ApiError::new(
                "ValidationError",
                format!(
                    "1 validation error detected: Value null at '{member}' failed to satisfy constraint: \
                     Member must not be null"
                ),
            )
        })
    }

    fn tags(&self) -> Map<String, Value> {
        let keys = self.form.iter().filter_map(|(name, key)| {
            let member = name.strip_prefix("Tags.member.")?.strip_suffix(".Key")?;
            let value = self.form.get(&format!("Tags.member.{member}.Value"));
            Some((key.clone(), json!(value.cloned().unwrap_or_default())))
        });
        keys.collect()
    }

    /// The form parameters for the ledger, with the tags as one object and without the web identity token,
    /// which is a secret.
    pub(crate) fn parameters(&self) -> Value {
        let plain = self.form.iter().filter(|(name, _)| {
            !name.starts_with("Tags.member.") && !name.starts_with("X-Amz-") && *name != "WebIdentityToken"
        });
        let mut parameters: Map<String, Value> =
            plain.map(|(name, value)| (name.clone(), json!(value))).collect();
        let tags = self.tags();
        if !tags.is_empty() {
            parameters.insert("Tags".to_owned(), Value::Object(tags));
        }
        Value::Object(parameters)
    }
}

pub(crate) fn call(
    world: &mut World,
    request: &Request,
    scope: Option<Result<Scope, ApiError>>,
    token: Option<&str>,
    request_id: &str,
) -> Result<ApiResponse, ApiError> {
    let authenticate =
        |world: &World| world.principals.authenticate(scope.clone(), token, "sts", &world.knobs);
    let result = match request.action.as_str() {
        "GetCallerIdentity" => {
            let Caller { account, arn, user_id, .. } = authenticate(world)?;
            format!(
                "<Arn>{}</Arn><UserId>{}</UserId><Account>{account}</Account>",
                escape(&arn),
                escape(&user_id)
            )
        }
        "AssumeRole" => {
            let caller = authenticate(world)?;
            assume(world, request, &caller.arn, "sts:AssumeRole")?
        }
        "AssumeRoleWithWebIdentity" => {
            request.required("WebIdentityToken")?;
            let assumed = assume(world, request, "anonymous", "sts:AssumeRoleWithWebIdentity")?;
            format!("{assumed}<SubjectFromWebIdentityToken>simulator</SubjectFromWebIdentityToken>")
        }
        other => {
            return Err(ApiError::new(
                "InvalidAction",
                format!("Could not find operation {other} for version 2011-06-15"),
            ));
        }
    };
    let action = &request.action;
    Ok(xml(
        200,
        format!(
            "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result>\
             <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
        ),
    ))
}

/// The validated parameters of AssumeRole and AssumeRoleWithWebIdentity.
struct AssumeRole<'a> {
    role_arn: &'a str,
    account: &'a str,
    session_name: &'a str,
    external_id: Option<&'a str>,
    duration_seconds: u64,
}

impl AssumeRole<'_> {
    fn parse(request: &Request) -> Result<AssumeRole<'_>, ApiError> {
        let role_arn = request.required("RoleArn")?;
        let session_name = request.required("RoleSessionName")?;
        let invalid = |message: String| ApiError::new("ValidationError", message);
        let parts: Vec<&str> = role_arn.splitn(6, ':').collect();
        let account = match parts.as_slice() {
            ["arn", _, "iam", "", account, role] if role.starts_with("role/") && account.len() == 12 => {
                *account
            }
            _ => return Err(invalid(format!("{role_arn} is invalid"))),
        };
        let session_name_is_valid = (2..=64).contains(&session_name.len())
            && session_name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte));
        if !session_name_is_valid {
            return Err(invalid("Value at 'roleSessionName' failed to satisfy constraint".to_owned()));
        }
        let duration_seconds = match request.get("DurationSeconds").map(str::parse).unwrap_or(Ok(3600)) {
            Ok(seconds @ 900..=43_200) => seconds,
            _ => return Err(invalid("Value at 'durationSeconds' failed to satisfy constraint".to_owned())),
        };
        let external_id = request.get("ExternalId");
        Ok(AssumeRole { role_arn, account, session_name, external_id, duration_seconds })
    }

    fn is_denied(&self, knobs: &Knobs) -> bool {
        let required_external_id = knobs.required_external_ids.get(self.role_arn).map(String::as_str);
        knobs.sts_denied
            || knobs.denied_roles.iter().any(|role| role == self.role_arn)
            || (required_external_id.is_some() && self.external_id != required_external_id)
    }
}

fn assume(world: &mut World, request: &Request, caller: &str, action: &str) -> Result<String, ApiError> {
    let parameters = AssumeRole::parse(request)?;
    let AssumeRole { role_arn, account, session_name, .. } = parameters;
    if parameters.is_denied(&world.knobs) {
        let message =
            format!("User: {caller} is not authorized to perform: {action} on resource: {role_arn}");
        return Err(ApiError::new("AccessDenied", message));
    }
    let lifetime = world.knobs.session_lifetime_ms.unwrap_or(parameters.duration_seconds * 1000);
    let key = format!("ASIA{}", random(16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
    let alphanumerics = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let session = Session {
        account: account.to_owned(),
        role_arn: role_arn.to_owned(),
        role_id: format!("AROA{}", random(16, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
        name: session_name.to_owned(),
        token: random(120, alphanumerics),
        expires: Instant::now() + Duration::from_millis(lifetime),
    };
    let expiration = Timestamp::now().as_millisecond().saturating_add_unsigned(lifetime);
    let expiration = format_timestamp(Timestamp::from_millisecond(expiration).unwrap_or(Timestamp::MAX));
    let result = format!(
        "<AssumedRoleUser><AssumedRoleId>{}:{session_name}</AssumedRoleId>\
         <Arn>arn:aws:sts::{account}:assumed-role/{}/{session_name}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>{}</SessionToken><Expiration>{expiration}</Expiration></Credentials>",
        session.role_id,
        escape(role_name(role_arn)),
        random(40, alphanumerics),
        session.token,
    );
    world.principals.open_session(&key, session);
    Ok(result)
}

fn random(length: usize, alphabet: &[u8]) -> String {
    let characters = std::iter::repeat_with(|| fastrand::choice(alphabet).copied().map_or('A', char::from));
    characters.take(length).collect()
}

/// An error in the XML format of the query protocol.
pub(crate) fn error_response(error: &ApiError, request_id: &str) -> ApiResponse {
    let kind = if error.status < 500 { "Sender" } else { "Receiver" };
    let mut response = xml(
        error.status,
        format!(
            "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{kind}</Type><Code>{}</Code><Message>{}</Message>\
             </Error><RequestId>{request_id}</RequestId></ErrorResponse>",
            escape(&error.code),
            escape(&error.message)
        ),
    );
    response.error = Some(error.code.clone());
    response
}

fn xml(status: u16, text: String) -> ApiResponse {
    ApiResponse::text(status, "text/xml", text)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
