//! What went wrong with an AWS call: one class for each way of going on. No I/O.

use aws_sdk_omics::config::http::HttpResponse;
use aws_sdk_omics::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_omics::operation::RequestId;
use std::error::Error as StdError;

/// An AWS operation that the operator calls; also the name of its IAM action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// `omics:GetSequenceStore`
    GetSequenceStore,
    /// `omics:ListTagsForResource`
    ListTagsForResource,
    /// `omics:DeleteSequenceStore`
    DeleteSequenceStore,
    /// `omics:ListReadSets`
    ListReadSets,
    /// `omics:ListSequenceStores`
    ListSequenceStores,
    /// `omics:CreateSequenceStore`
    CreateSequenceStore,
    /// `omics:UpdateSequenceStore`
    UpdateSequenceStore,
    /// `omics:TagResource`
    TagResource,
    /// `omics:UntagResource`
    UntagResource,
    /// `omics:GetS3AccessPolicy`
    GetS3AccessPolicy,
    /// `omics:PutS3AccessPolicy`
    PutS3AccessPolicy,
    /// `omics:DeleteS3AccessPolicy`
    DeleteS3AccessPolicy,
    /// `sts:GetCallerIdentity`
    GetCallerIdentity,
}

impl Operation {
    /// Every operation that the operator calls.
    pub const ALL: [Self; 13] = [
        Self::GetSequenceStore,
        Self::ListTagsForResource,
        Self::DeleteSequenceStore,
        Self::ListReadSets,
        Self::ListSequenceStores,
        Self::CreateSequenceStore,
        Self::UpdateSequenceStore,
        Self::TagResource,
        Self::UntagResource,
        Self::GetS3AccessPolicy,
        Self::PutS3AccessPolicy,
        Self::DeleteS3AccessPolicy,
        Self::GetCallerIdentity,
    ];

    /// The IAM action that allows this operation.
    #[must_use]
    pub fn iam_action(self) -> &'static str {
        match self {
            Self::GetSequenceStore => "omics:GetSequenceStore",
            Self::ListTagsForResource => "omics:ListTagsForResource",
            Self::DeleteSequenceStore => "omics:DeleteSequenceStore",
            Self::ListReadSets => "omics:ListReadSets",
            Self::ListSequenceStores => "omics:ListSequenceStores",
            Self::CreateSequenceStore => "omics:CreateSequenceStore",
            Self::UpdateSequenceStore => "omics:UpdateSequenceStore",
            Self::TagResource => "omics:TagResource",
            Self::UntagResource => "omics:UntagResource",
            Self::GetS3AccessPolicy => "omics:GetS3AccessPolicy",
            Self::PutS3AccessPolicy => "omics:PutS3AccessPolicy",
            Self::DeleteS3AccessPolicy => "omics:DeleteS3AccessPolicy",
            Self::GetCallerIdentity => "sts:GetCallerIdentity",
        }
    }
}

/// How to go on after a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// AWS or the way to it is down; worth trying again soon.
    Transient,
    /// Too many requests.
    Throttled,
    /// IAM says no.
    Denied,
    /// The credentials are missing, expired or not accepted.
    Credentials,
    /// A quota of the account is used up.
    Quota,
    /// AWS does not accept the request as it is.
    Terminal,
    /// The store is in a state that does not allow the operation.
    Conflict,
    /// There is no such store.
    NotFound,
    /// An answer that is not what the API promises; says nothing about the store.
    Unreadable,
}

/// A failed AWS call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .operation.iam_action())]
pub struct CallError {
    /// The operation that failed.
    pub operation: Operation,
    /// How to go on.
    pub class: Class,
    /// AWS's error code, if the answer had one.
    pub code: Option<String>,
    /// AWS's message, or what is known instead. Goes to logs and, for [`Class::Terminal`], to status.
    pub detail: String,
    /// AWS's request id; for logs only.
    pub request_id: Option<String>,
}

impl CallError {
    /// An answer that cannot be believed.
    #[must_use]
    pub fn unreadable(operation: Operation, detail: impl Into<String>) -> Self {
        Self { operation, class: Class::Unreadable, code: None, detail: detail.into(), request_id: None }
    }

    /// Whether the request surely had no effect. Everything else may have had one.
    #[must_use]
    pub fn is_definite_no(&self) -> bool {
        matches!(
            self.class,
            Class::Terminal | Class::Quota | Class::Denied | Class::Credentials | Class::Throttled
        )
    }

    /// Classifies an error of the SDK.
    pub fn of<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + RequestId + StdError + Send + Sync + 'static,
    {
        let code = error.code().map(ToOwned::to_owned);
        let class = match error {
            SdkError::ServiceError(answer) => of_answer(code.as_deref(), answer.raw().status().as_u16()),
            SdkError::DispatchFailure(failure) if failure.is_other() && !failure.is_io() => {
                of_provider(error)
            }
            SdkError::ConstructionFailure(_) => Class::Terminal,
            _ => Class::Transient,
        };
        let detail = match error.message() {
            Some(message) => message.to_owned(),
            None => DisplayErrorContext(error).to_string(),
        };
        let request_id = match error {
            SdkError::ServiceError(answer) => answer.err().request_id().map(ToOwned::to_owned),
            _ => None,
        };
        Self { operation, class, code, detail, request_id }
    }
}

/// Failures before a request is sent that are no network failures come from the credentials chain or
/// from endpoint resolution; a chain that merely cannot reach its source is as transient as AWS itself.
fn of_provider<E: StdError + 'static>(error: &E) -> Class {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(credentials) =
            cause.downcast_ref::<aws_credential_types::provider::error::CredentialsError>()
        {
            use aws_credential_types::provider::error::CredentialsError as E;
            return match credentials {
                E::ProviderTimedOut(_) => Class::Transient,
                _ => Class::Credentials,
            };
        }
        source = cause.source();
    }
    Class::Transient
}

fn of_answer(code: Option<&str>, status: u16) -> Class {
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
        // No known code: a proxy, a captive portal, a wrong endpoint, or an error AWS adds later.
        // Such an answer never counts as "not found" or "denied".
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
    fn each_modelled_error_has_its_class() {
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
            assert_eq!(of_answer(code, status), class, "{code:?}");
        }
    }

    #[test]
    fn an_answer_without_a_known_code_is_never_not_found_or_denied() {
        for status in [200, 302, 403, 404] {
            assert_eq!(of_answer(None, status), Class::Unreadable);
            assert_eq!(of_answer(Some("SomethingNew"), status), Class::Unreadable);
        }
        assert_eq!(of_answer(None, 503), Class::Transient);
    }
}
