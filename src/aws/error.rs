//! Failed AWS calls and their classes, one for each way in which the operator reacts. No I/O.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_omics::config::http::HttpResponse;
use aws_sdk_omics::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_omics::operation::RequestId;

use super::Operation;

/// Decides how the operator reacts to a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// AWS or the network to it is down, or no response arrived in time. Worth a retry soon.
    Transient,
    /// Too many requests.
    Throttled,
    /// IAM does not allow the action.
    Denied,
    /// The credentials are missing, expired or not valid.
    Credentials,
    /// A service quota of the account is used up.
    Quota,
    /// AWS rejects the request itself: the same request will always fail.
    Terminal,
    /// The store is in a state that does not allow the operation.
    Conflict,
    /// The store or the policy does not exist.
    NotFound,
    /// The response is not what the API promises. It says nothing about the store.
    Unreadable,
}

/// A failed AWS call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .operation.iam_action())]
pub struct CallError {
    pub operation: Operation,
    pub class: Class,
    /// AWS's error code, if the response has one.
    pub code: Option<String>,
    /// AWS's message, or what the operator knows instead. For logs and, with [`Class::Terminal`], for status.
    pub detail: String,
    /// AWS's request id. For logs only.
    pub request_id: Option<String>,
}

impl CallError {
    /// A response that cannot be believed.
    #[must_use]
    pub(crate) fn unreadable(operation: Operation, detail: impl Into<String>) -> Self {
        Self { operation, class: Class::Unreadable, code: None, detail: detail.into(), request_id: None }
    }

    /// Whether AWS certainly did not carry out the request. After any other error it may have.
    #[must_use]
    pub(crate) fn is_definite_no(&self) -> bool {
        matches!(
            self.class,
            Class::Terminal | Class::Quota | Class::Denied | Class::Credentials | Class::Throttled
        )
    }

    pub(super) fn from_sdk<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + RequestId + StdError + Send + Sync + 'static,
    {
        let code = error.code().map(ToOwned::to_owned);
        let class = match error {
            SdkError::ServiceError(response) => {
                class_of_response(code.as_deref(), response.raw().status().as_u16())
            }
            // Neither network nor timeout: the credentials chain or the endpoint resolution has failed.
            SdkError::DispatchFailure(failure) if failure.is_other() && !failure.is_io() => {
                class_of_unsent(error)
            }
            // The SDK refuses to build the request, and would refuse again.
            SdkError::ConstructionFailure(_) => Class::Terminal,
            _ => Class::Transient,
        };
        let detail = match error.message() {
            Some(message) => message.to_owned(),
            None => DisplayErrorContext(error).to_string(),
        };
        let request_id = match error {
            SdkError::ServiceError(response) => response.err().request_id().map(ToOwned::to_owned),
            _ => None,
        };
        Self { operation, class, code, detail, request_id }
    }
}

/// A credentials chain that merely cannot reach its source in time is as transient as an outage of AWS.
fn class_of_unsent<E: StdError + 'static>(error: &E) -> Class {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = source {
        match cause.downcast_ref::<CredentialsError>() {
            Some(CredentialsError::ProviderTimedOut(_)) => return Class::Transient,
            Some(_) => return Class::Credentials,
            None => source = cause.source(),
        }
    }
    Class::Transient
}

fn class_of_response(code: Option<&str>, status: u16) -> Class {
    match code {
        Some("ResourceNotFoundException") => Class::NotFound,
        Some("ConflictException") => Class::Conflict,
        Some("ValidationException" | "NotSupportedOperationException") => Class::Terminal,
        Some("AccessDeniedException" | "AccessDenied") => Class::Denied,
        Some("ServiceQuotaExceededException") => Class::Quota,
        Some("ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded") => {
            Class::Throttled
        }
        Some(
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "IncompleteSignature",
        ) => Class::Credentials,
        // No known code: the response comes from a proxy, a captive portal or a wrong endpoint, or AWS has
        // added an error. It must not count as NotFound or Denied, whatever its status.
        _ => match status {
            429 => Class::Throttled,
            408 | 500.. => Class::Transient,
            _ => Class::Unreadable,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_the_service_model_has_its_class() {
        let table = [
            (Some("InternalServerException"), 500, Class::Transient),
            (Some("RequestTimeoutException"), 408, Class::Transient),
            (Some("ThrottlingException"), 429, Class::Throttled),
            (Some("ValidationException"), 400, Class::Terminal),
            (Some("ResourceNotFoundException"), 404, Class::NotFound),
            (Some("AccessDeniedException"), 403, Class::Denied),
            (Some("ServiceQuotaExceededException"), 402, Class::Quota),
            (Some("ConflictException"), 409, Class::Conflict),
            (Some("ExpiredTokenException"), 403, Class::Credentials),
        ];
        for (code, status, class) in table {
            assert_eq!(class_of_response(code, status), class, "{code:?}");
        }
    }

    #[test]
    fn a_response_without_a_known_code_is_never_not_found_or_denied() {
        for status in [200, 302, 403, 404] {
            assert_eq!(class_of_response(None, status), Class::Unreadable);
            assert_eq!(class_of_response(Some("SomethingNew"), status), Class::Unreadable);
        }
        assert_eq!(class_of_response(None, 503), Class::Transient);
    }
}
