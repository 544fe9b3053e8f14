//! Failed AWS calls and their classes, one for each way in which the operator reacts. No I/O.

use std::error::Error as StdError;

use aws_sdk_omics::config::http::HttpResponse;
use aws_sdk_omics::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_omics::operation::RequestId;

use super::cause::{Cause, in_words};
use super::credentials_failure;
use super::denial::Denial;
use super::required_members::Incomplete;
use super::{Failure, Operation};
use crate::crd::{LONGEST_MESSAGE, one_line};

/// Far above any error code of AWS, in bytes. Whoever answers in its place may write anything.
const LONGEST_CODE: usize = 128;

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
    /// The source of the credentials, such as STS or the EKS Pod Identity agent, is down, slow or throttles. Nothing was
    /// sent to the service. Worth a retry soon.
    CredentialsUnavailable,
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

impl Class {
    /// Every class, for whoever tries all of them.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) const ALL: [Self; 10] = [
        Self::Transient,
        Self::Throttled,
        Self::Denied,
        Self::Credentials,
        Self::CredentialsUnavailable,
        Self::Quota,
        Self::Terminal,
        Self::Conflict,
        Self::NotFound,
        Self::Unreadable,
    ];

    /// As a label of metrics.
    #[must_use]
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::Denied => "denied",
            Self::Credentials => "credentials",
            Self::CredentialsUnavailable => "credentials_unavailable",
            Self::Quota => "quota",
            Self::Terminal => "terminal",
            Self::Conflict => "conflict",
            Self::NotFound => "not_found",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The regions that every account may use; any other must be enabled.
const ENABLED_BY_DEFAULT: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// A failed AWS call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .operation.iam_action())]
pub struct CallError {
    pub operation: Operation,
    pub class: Class,
    /// AWS's error code, if the response has one.
    pub code: Option<String>,
    /// AWS's message, or what the operator knows instead, in one line. For logs and, with [`Class::Terminal`], for status.
    pub detail: String,
    /// AWS's request id. For logs only.
    pub request_id: Option<String>,
    /// What AWS's text about a denial names.
    pub denial: Option<Box<Denial>>,
    /// Region of the request.
    pub region: Option<String>,
    /// Why there was no usable response. In a box, because results with an error are everywhere.
    pub failure: Box<Failure>,
}

impl CallError {
    /// A response that cannot be believed.
    #[must_use]
    pub(crate) fn unreadable(operation: Operation, detail: impl Into<String>) -> Self {
        Self {
            operation,
            class: Class::Unreadable,
            code: None,
            detail: one_line(detail, LONGEST_MESSAGE),
            request_id: None,
            denial: None,
            region: None,
            failure: Box::default(),
        }
    }

    /// Whether AWS does not accept the credentials, whatever was asked for.
    #[must_use]
    pub(super) fn is_about_credentials(&self) -> bool {
        self.class == Class::Credentials
    }

    /// The region of the request, where AWS does not know the credentials and the region is one that an account must
    /// enable first: a region that is not enabled answers the same.
    #[must_use]
    pub(crate) fn opt_in_region(&self) -> Option<&str> {
        let unknown = ["UnrecognizedClientException", "InvalidClientTokenId"];
        let is_unknown = self.code.as_deref().is_some_and(|code| unknown.contains(&code));
        let is_opt_in = |region: &&str| {
            !ENABLED_BY_DEFAULT.contains(region)
                && !region.starts_with("cn-")
                && !region.starts_with("us-gov-")
        };
        self.region.as_deref().filter(|_| is_unknown).filter(is_opt_in)
    }

    /// Whether AWS refuses the access key or the session itself, so that others may be there by now. IAM revokes the sessions of
    /// a role by a policy that denies them everything.
    #[must_use]
    pub(super) fn is_refusal_of_key(&self) -> bool {
        let is_revoked = self.detail.contains("with an explicit deny in an identity-based policy");
        match self.class {
            Class::Credentials => self.code.is_some() && !self.is_clock_skew(),
            _ => self.class == Class::Denied && is_revoked,
        }
    }

    /// Whether AWS refuses the signature for its date.
    #[must_use]
    pub(crate) fn is_clock_skew(&self) -> bool {
        self.class == Class::Credentials && is_about_the_date(self.code.as_deref(), &self.detail)
    }

    /// The code as a label of metrics: one that the operator does not know counts as `other`, so that nobody can add labels.
    #[must_use]
    pub(super) fn code_label(&self) -> &'static str {
        let Some(code) = self.code.as_deref() else { return "" };
        KNOWN_CODES.into_iter().find(|(known, _)| *known == code).map_or("other", |(known, _)| known)
    }

    /// Whether AWS certainly did not carry out the request. After any other error it may have.
    #[must_use]
    pub(crate) fn is_definite_no(&self) -> bool {
        matches!(
            self.class,
            Class::Terminal
                | Class::Quota
                | Class::Denied
                | Class::Credentials
                | Class::CredentialsUnavailable
                | Class::Throttled
        )
    }

    pub(super) fn from_sdk<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + RequestId + StdError + Send + Sync + 'static,
    {
        // Neither network nor timeout: the credentials chain or the endpoint resolution has failed.
        let is_unsent =
            matches!(error, SdkError::DispatchFailure(failure) if failure.is_other() && !failure.is_io());
        if let Some(failure) = is_unsent.then(|| credentials_failure::of(operation, error)).flatten() {
            return failure;
        }
        let code = code_of(error);
        let class = match error {
            SdkError::ServiceError(response) => {
                class_of_response(code.as_deref(), response.raw().status().as_u16())
            }
            // The SDK accepts the response, and it lacks what the service model requires.
            SdkError::ResponseError(_) if incomplete(error).is_some() => Class::Unreadable,
            // The SDK refuses to build the request, and would refuse again.
            SdkError::ConstructionFailure(_) => Class::Terminal,
            _ => Class::Transient,
        };
        let detail = match (error.message(), incomplete(error)) {
            (Some(message), _) => message.to_owned(),
            (None, Some(incomplete)) => incomplete.to_string(),
            (None, None) => in_words(error),
        };
        let denial = (class == Class::Denied).then(|| Box::new(Denial::parse(&detail)));
        let request_id = match error {
            SdkError::ServiceError(response) => response.err().request_id().map(ToOwned::to_owned),
            _ => None,
        };
        let failure = Box::new(Failure { cause: Cause::of(error), host: None });
        Self { code, request_id, denial, class, failure, ..Self::unreadable(operation, detail) }
    }
}

/// The error code of whoever answered, in one line.
pub(super) fn code_of(error: &impl ProvideErrorMetadata) -> Option<String> {
    error.code().map(|code| one_line(code, LONGEST_CODE))
}

fn incomplete<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Incomplete> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.find_map(|cause| cause.downcast_ref::<Incomplete>())
}

/// Every error code whose meaning the operator knows, and its class; none where the status of the response says it.
const KNOWN_CODES: [(&str, Option<Class>); 32] = [
    ("ResourceNotFoundException", Some(Class::NotFound)),
    ("ConflictException", Some(Class::Conflict)),
    ("ValidationException", Some(Class::Terminal)),
    ("NotSupportedOperationException", Some(Class::Terminal)),
    ("AccessDeniedException", Some(Class::Denied)),
    ("AccessDenied", Some(Class::Denied)),
    ("ServiceQuotaExceededException", Some(Class::Quota)),
    ("ThrottlingException", Some(Class::Throttled)),
    ("Throttling", Some(Class::Throttled)),
    ("ThrottledException", Some(Class::Throttled)),
    ("TooManyRequestsException", Some(Class::Throttled)),
    ("RequestLimitExceeded", Some(Class::Throttled)),
    ("RequestThrottled", Some(Class::Throttled)),
    ("RequestThrottledException", Some(Class::Throttled)),
    ("SlowDown", Some(Class::Throttled)),
    ("UnrecognizedClientException", Some(Class::Credentials)),
    ("InvalidClientTokenId", Some(Class::Credentials)),
    ("ExpiredTokenException", Some(Class::Credentials)),
    ("ExpiredToken", Some(Class::Credentials)),
    ("InvalidSignatureException", Some(Class::Credentials)),
    ("SignatureDoesNotMatch", Some(Class::Credentials)),
    ("MissingAuthenticationToken", Some(Class::Credentials)),
    ("MissingAuthenticationTokenException", Some(Class::Credentials)),
    ("IncompleteSignature", Some(Class::Credentials)),
    ("IncompleteSignatureException", Some(Class::Credentials)),
    ("InvalidToken", Some(Class::Credentials)),
    ("RequestTimeTooSkewed", Some(Class::Credentials)),
    ("RequestExpired", Some(Class::Credentials)),
    ("RequestInTheFuture", Some(Class::Credentials)),
    ("RegionDisabledException", Some(Class::Credentials)),
    ("InternalServerException", None),
    ("RequestTimeoutException", None),
];

/// Whether AWS refuses a request for the date of its signature.
pub(super) fn is_about_the_date(code: Option<&str>, text: &str) -> bool {
    let codes = ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"];
    code.is_some_and(|code| codes.contains(&code))
        || ["Signature expired", "Signature not yet current"].iter().any(|words| text.contains(words))
}

pub(super) fn class_of_response(code: Option<&str>, status: u16) -> Class {
    let known = KNOWN_CODES.into_iter().find(|(known, _)| code == Some(known));
    // No known code: the response comes from a proxy, a captive portal or a wrong endpoint, or AWS has added an error. It
    // must not count as NotFound or Denied, whatever its status.
    known.and_then(|(_, class)| class).unwrap_or(match status {
        429 => Class::Throttled,
        408 | 500.. => Class::Transient,
        _ => Class::Unreadable,
    })
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
    fn a_code_that_aws_does_not_document_adds_no_label() {
        let label = |code: Option<&str>| {
            let error = CallError::unreadable(Operation::GetSequenceStore, "");
            CallError { code: code.map(Into::into), ..error }.code_label()
        };
        let known = |(code, _): &(&str, Option<Class>)| {
            let by_status = ["InternalServerException", "RequestTimeoutException"];
            by_status.contains(code) || class_of_response(Some(code), 200) != Class::Unreadable
        };
        assert!(KNOWN_CODES.iter().all(known), "a code without a meaning");
        assert_eq!(label(Some("ThrottlingException")), "ThrottlingException");
        assert_eq!((label(Some("Made-up 7")), label(None)), ("other", ""));
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
