//! AWS STS: GetCallerIdentity, AssumeRole and AssumeRoleWithWebIdentity over the AWS query protocol. No I/O.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::assume_role::{assume_role, assume_role_with_web_identity};
use crate::error::ApiError;
use crate::operation::form_pairs;
use crate::principal::{Caller, Scope};
use crate::response::ApiResponse;
use crate::role::{Session, TemporaryCredentials};
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

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
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

    /// The members of a list, in order.
    fn members(&self, list: &str, member: &str) -> Vec<(u32, &String)> {
        let mut members: Vec<(u32, &String)> = self
            .form
            .iter()
            .filter_map(|(name, value)| {
                let number = name.strip_prefix(list)?.strip_prefix(".member.")?.strip_suffix(member)?;
                Some((number.parse().ok()?, value))
            })
            .collect();
        members.sort();
        members
    }

    pub(crate) fn tags(&self) -> Vec<(String, String)> {
        let value =
            |number| self.form.get(&format!("Tags.member.{number}.Value")).cloned().unwrap_or_default();
        self.members("Tags", ".Key").into_iter().map(|(number, key)| (key.clone(), value(number))).collect()
    }

    pub(crate) fn transitive_tag_keys(&self) -> Vec<String> {
        self.members("TransitiveTagKeys", "").into_iter().map(|(_, key)| key.clone()).collect()
    }

    /// The claims of the web identity token; `null` if it is not a JWT, which the simulator accepts too.
    fn claims(&self) -> Value {
        let payload = self.get("WebIdentityToken").and_then(|token| token.split('.').nth(1));
        let payload = payload.and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
        payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
    }

    /// The form parameters for the ledger, with lists as lists and the tags as one object. Of the web identity token,
    /// which is a secret, only the claims.
    pub(crate) fn parameters(&self) -> Value {
        let plain = self.form.iter().filter(|(name, _)| {
            !name.contains(".member.") && !name.starts_with("X-Amz-") && *name != "WebIdentityToken"
        });
        let mut parameters: Map<String, Value> =
            plain.map(|(name, value)| (name.clone(), json!(value))).collect();
        let (tags, transitive, claims) = (self.tags(), self.transitive_tag_keys(), self.claims());
        if !tags.is_empty() {
            let tags = tags.into_iter().map(|(key, value)| (key, json!(value))).collect();
            parameters.insert("Tags".to_owned(), Value::Object(tags));
        }
        if !transitive.is_empty() {
            parameters.insert("TransitiveTagKeys".to_owned(), json!(transitive));
        }
        if !claims.is_null() {
            parameters.insert("Claims".to_owned(), claims);
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
    let authenticate = |world: &World| world.authenticate(scope.clone(), token, "sts");
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
            let (session, credentials) = assume_role(world, request, &caller)?;
            assumed(&session, &credentials)
        }
        "AssumeRoleWithWebIdentity" => {
            request.required("WebIdentityToken")?;
            let claims = request.claims();
            let (session, credentials) = assume_role_with_web_identity(world, request, &claims)?;
            let subject = claims["sub"].as_str().unwrap_or("simulator");
            let assumed = assumed(&session, &credentials);
            format!("{assumed}<SubjectFromWebIdentityToken>{}</SubjectFromWebIdentityToken>", escape(subject))
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

fn assumed(session: &Session, credentials: &TemporaryCredentials) -> String {
    let TemporaryCredentials { access_key_id, secret_access_key, session_token, expiration } = credentials;
    format!(
        "<AssumedRoleUser><AssumedRoleId>{}:{}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{access_key_id}</AccessKeyId><SecretAccessKey>{secret_access_key}</SecretAccessKey>\
         <SessionToken>{session_token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>",
        session.role_id,
        session.name,
        escape(&session.arn()),
    )
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
