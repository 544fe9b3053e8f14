//! Why the credentials could not be loaded, by the root cause: a source that is down is no denial. No I/O.

use std::error::Error as StdError;
use std::iter::successors;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_omics::config::http::HttpResponse;
use aws_sdk_omics::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::credentials::LoadFailed;
use super::denial::Denial;
use super::error::{class_of_response, code_of, is_about_the_date};
use super::{CallError, Class, Operation};

/// Begins the SDK's text about an agent that answers with an error. The status is nowhere else.
const AGENT_STATUS: &str = "Non-success status from HTTP credential provider";

/// The failure of a request that was never sent, because its credentials could not be loaded; none for another failure.
pub(super) fn of(operation: Operation, error: &(dyn StdError + 'static)) -> Option<CallError> {
    let failed = chain(error).find_map(|cause| cause.downcast_ref::<LoadFailed>());
    let credentials = chain(error).find_map(|cause| cause.downcast_ref::<CredentialsError>())?;
    let role = failed.and_then(|failed| failed.role.clone());
    let Refusal { class, code, denial } = match innermost(credentials) {
        CredentialsError::ProviderTimedOut(_) => Refusal::unavailable(None),
        // The metadata of the instance do not answer, say; they did before.
        CredentialsError::CredentialsNotLoaded(_) if failed.is_some_and(|failed| failed.had_credentials) => {
            Refusal::unavailable(None)
        }
        // The sources that were tried on the way are no cause: none of them is set up.
        CredentialsError::CredentialsNotLoaded(_) => Refusal::missing(),
        error => chain(error).find_map(response_of_source).unwrap_or_else(Refusal::missing),
    };
    let denial = denial.map(|denial| Box::new(Denial { principal: denial.principal.or(role), ..denial }));
    let detail = words(credentials);
    Some(CallError { class, code, denial, ..CallError::unreadable(operation, detail) })
}

/// Why the role of a binding cannot be assumed.
pub(super) fn of_role(error: &(dyn StdError + 'static)) -> CallError {
    let answered = chain(error).find_map(|cause| cause.downcast_ref::<CallError>());
    answered.cloned().or_else(|| of(Operation::AssumeRole, error)).unwrap_or_else(|| CallError {
        class: Class::CredentialsUnavailable,
        ..CallError::unreadable(Operation::AssumeRole, error.to_string())
    })
}

struct Refusal {
    class: Class,
    code: Option<String>,
    denial: Option<Denial>,
}

impl Refusal {
    fn unavailable(code: Option<String>) -> Self {
        Self { class: Class::CredentialsUnavailable, code, denial: None }
    }

    fn missing() -> Self {
        Self { class: Class::Credentials, code: None, denial: None }
    }
}

/// The error itself and what caused it, outermost first.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    successors(Some(error), |&error| error.source())
}

/// Credentials of one source may rest on those of another: the role of a profile on the profile's own source.
fn innermost(error: &CredentialsError) -> &CredentialsError {
    chain(error).filter_map(|cause| cause.downcast_ref::<CredentialsError>()).last().unwrap_or(error)
}

/// What the source of the credentials answered, or that it did not; none where `cause` does not tell.
fn response_of_source(cause: &(dyn StdError + 'static)) -> Option<Refusal> {
    // The role of a binding, which the operator assumes by itself.
    if let Some(error) = cause.downcast_ref::<CallError>() {
        let class = match error.class {
            Class::Denied | Class::Credentials => Class::Credentials,
            _ => Class::CredentialsUnavailable,
        };
        let denial = error.denial.as_deref().cloned();
        return Some(Refusal { class, code: error.code.clone(), denial });
    }
    if let Some(error) = cause.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>() {
        return Some(response_of_sts(error));
    }
    if let Some(error) = cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>() {
        return Some(response_of_sts(error));
    }
    if let Some(SdkError::TimeoutError(_)) = cause.downcast_ref::<SdkError<CredentialsError, HttpResponse>>()
    {
        return Some(Refusal::unavailable(None));
    }
    if let Some(ImdsError::ErrorResponse(error)) = cause.downcast_ref::<ImdsError>() {
        return Some(response_of_agent(error.response().status().as_u16()));
    }
    if let Some(error) = cause.downcast_ref::<ConnectorError>() {
        return (error.is_io() || error.is_timeout()).then(|| Refusal::unavailable(None));
    }
    let text = cause.to_string();
    let status =
        text.strip_prefix(AGENT_STATUS)?.split(|c: char| !c.is_ascii_digit()).find(|d| d.len() == 3)?;
    Some(response_of_agent(status.parse().ok()?))
}

fn response_of_agent(status: u16) -> Refusal {
    let code = Some(format!("HTTP status {status}"));
    match status {
        408 | 429 | 500.. => Refusal::unavailable(code),
        _ => Refusal { code, ..Refusal::missing() },
    }
}

fn response_of_sts<E>(error: &SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata,
{
    let SdkError::ServiceError(response) = error else {
        let is_unsent = matches!(error, SdkError::ConstructionFailure(_));
        return if is_unsent { Refusal::missing() } else { Refusal::unavailable(None) };
    };
    let code = code_of(error);
    let message = error.message().unwrap_or_default();
    let is_passing = match code.as_deref() {
        Some("IDPCommunicationError") => true,
        // STS could not reach the identity provider of the cluster.
        Some("InvalidIdentityToken") => message.contains("retrieve verification key"),
        _ => matches!(
            class_of_response(code.as_deref(), response.raw().status().as_u16()),
            Class::Transient | Class::Throttled
        ),
    };
    if is_about_the_date(code.as_deref(), message) {
        return Refusal { code, ..Refusal::missing() };
    }
    // Without a code the response is not one of STS, but of a proxy on the way.
    if is_passing || code.is_none() {
        return Refusal::unavailable(code);
    }
    Refusal { class: Class::Credentials, code, denial: Some(Denial::parse(message)) }
}

/// What an error and its causes say, without the debug output of their types.
pub(super) fn words(error: &(dyn StdError + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in chain(error).map(ToString::to_string) {
        if words.last() != Some(&cause) {
            words.push(cause);
        }
    }
    words.join(": ")
}

/// Whether a code says that there were too many requests.
pub(crate) fn is_throttling(code: Option<&str>) -> bool {
    code == Some("HTTP status 429") || class_of_response(code, 400) == Class::Throttled
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_omics::error::ErrorMetadata;
    use aws_sdk_omics::primitives::SdkBody;

    type WebIdentity = SdkError<AssumeRoleWithWebIdentityError, HttpResponse>;

    fn answered(code: Option<&str>, status: u16, message: &str) -> WebIdentity {
        let mut metadata = ErrorMetadata::builder().message(message);
        if let Some(code) = code {
            metadata = metadata.code(code);
        }
        let raw = HttpResponse::new(status.try_into().expect("a status"), SdkBody::empty());
        SdkError::service_error(AssumeRoleWithWebIdentityError::generic(metadata.build()), raw)
    }

    /// As it reaches the call: within the failure to dispatch the request.
    fn class(error: CredentialsError) -> (Class, Option<String>) {
        class_after(false, error)
    }

    fn class_after(had_credentials: bool, error: CredentialsError) -> (Class, Option<String>) {
        let role = Some("arn:aws:iam::123456789012:role/r".into());
        let failed = LoadFailed::new(role, had_credentials, error);
        let outer = ConnectorError::other(CredentialsError::provider_error(failed).into(), None);
        let error = of(Operation::GetSequenceStore, &outer).expect("a failure of the credentials");
        (error.class, error.denial.and_then(|denial| denial.principal))
    }

    #[test]
    fn a_source_that_is_down_throttles_or_is_slow_is_unavailable() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let agent =
            |status| CredentialsError::provider_error(format!("{AGENT_STATUS}: StatusCode({status})"));
        for error in [
            CredentialsError::provider_error(answered(Some("Throttling"), 400, "Rate exceeded")),
            CredentialsError::provider_error(answered(Some("ServiceUnavailable"), 503, "")),
            CredentialsError::provider_error(answered(Some("IDPCommunicationError"), 400, "")),
            CredentialsError::provider_error(answered(None, 502, "")),
            CredentialsError::provider_error(answered(None, 403, "")),
            CredentialsError::unhandled(ConnectorError::io(refused.into())),
            CredentialsError::provider_timed_out(std::time::Duration::from_secs(5)),
            agent(500),
            agent(429),
        ] {
            let text = words(&error);
            assert_eq!(class(error).0, Class::CredentialsUnavailable, "{text}");
        }
    }

    #[test]
    fn a_role_that_sts_refuses_is_a_matter_of_credentials_and_named() {
        let text = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        let refused = CredentialsError::provider_error(answered(Some("AccessDenied"), 403, text));
        let role = Some("arn:aws:iam::123456789012:role/r".to_owned());
        assert_eq!(class(refused), (Class::Credentials, role));
    }

    #[test]
    fn a_clock_that_is_off_is_no_denial_of_the_role() {
        let text = "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z";
        let metadata = ErrorMetadata::builder().code("SignatureDoesNotMatch").message(text).build();
        let raw = HttpResponse::new(403.try_into().expect("a status"), SdkBody::empty());
        let skewed = SdkError::service_error(AssumeRoleError::generic(metadata), raw);
        let failed = LoadFailed::new(Some("role".into()), false, CredentialsError::provider_error(skewed));
        let outer = ConnectorError::other(CredentialsError::provider_error(failed).into(), None);
        let error = of(Operation::GetSequenceStore, &outer).expect("a failure of the credentials");
        assert!(error.is_clock_skew() && error.denial.is_none(), "{error:?}");
    }

    #[test]
    fn a_role_that_sts_cannot_give_in_this_region_is_named() {
        let code = "RegionDisabledException";
        let metadata =
            ErrorMetadata::builder().code(code).message("STS is not activated in this region").build();
        let raw = HttpResponse::new(403.try_into().expect("a status"), SdkBody::empty());
        let disabled = SdkError::service_error(AssumeRoleError::generic(metadata), raw);
        let role = Some("arn:aws:iam::123456789012:role/r".to_owned());
        assert_eq!(class(CredentialsError::invalid_configuration(disabled)), (Class::Credentials, role));
    }

    #[test]
    fn a_source_that_gave_credentials_before_has_gone_only_for_now() {
        let gone = || CredentialsError::not_loaded(ConnectorError::timeout("instance metadata".into()));
        assert_eq!(class_after(true, gone()).0, Class::CredentialsUnavailable);
        assert_eq!(class_after(false, gone()).0, Class::Credentials);
    }

    #[test]
    fn credentials_that_are_not_there_are_missing_whatever_was_tried() {
        let agent = format!("{AGENT_STATUS}: StatusCode(404)");
        for error in [
            CredentialsError::not_loaded("nothing is set"),
            CredentialsError::not_loaded(ConnectorError::timeout("the metadata of the instance".into())),
            CredentialsError::provider_error(agent),
            CredentialsError::invalid_configuration("profile"),
        ] {
            assert_eq!(class(error).0, Class::Credentials);
        }
    }
}
