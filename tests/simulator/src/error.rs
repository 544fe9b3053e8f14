//! Service errors: code, HTTP status and message. No I/O.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: String,
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) retry_after_ms: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        ApiError {
            code: code.to_owned(),
            status: status_of(code),
            message: message.into(),
            retry_after_ms: None,
        }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        ApiError::new("ValidationException", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        ApiError::new("ResourceNotFoundException", message)
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        ApiError::new("ConflictException", message)
    }
}

/// The HTTP status of an error code, for HealthOmics and STS.
pub(crate) fn status_of(code: &str) -> u16 {
    match code {
        "ServiceQuotaExceededException" => 402,
        "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "RequestTimeTooSkewed"
        | "RequestExpired"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken" => 403,
        "ResourceNotFoundException" | "UnknownOperationException" => 404,
        "NotSupportedOperationException" => 405,
        "RequestTimeoutException" => 408,
        "ConflictException" => 409,
        "ThrottlingException" | "TooManyRequestsException" => 429,
        "InternalServerException" | "InternalFailure" => 500,
        "ServiceUnavailable" | "ServiceUnavailableException" => 503,
        _ => 400,
    }
}
