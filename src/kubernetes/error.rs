//! Why a request to the Kubernetes API server failed. No I/O.

use std::time::Duration;

use super::Undecodable;

/// Characters of an error message. A proxy may answer with a whole page.
const LONGEST: usize = 300;
/// No error has more causes than this one after the other.
const DEEPEST: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("failed to {step}: {}", summary(source))]
    Request {
        step: &'static str,
        #[source]
        source: Box<kube::Error>,
    },
    /// Nobody knows whether the API server carried the request out.
    #[error("failed to {step}: no response within {after:?}")]
    NoAnswer { step: &'static str, after: Duration },
    /// The API server carried the request out, and its answer is an object that the operator leaves alone.
    #[error("failed to {step}: the object cannot be decoded: {why}")]
    Undecodable { step: &'static str, why: Undecodable },
}

impl Error {
    /// Wraps an error of kube's client; for `map_err`.
    pub(super) fn kubernetes(step: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Request { step, source: Box::new(source) }
    }

    /// Somebody else changed the object first. Nothing is wrong.
    pub fn is_conflict(&self) -> bool {
        self.status().is_some_and(kube::core::Status::is_conflict)
    }

    /// The object is gone.
    pub fn is_not_found(&self) -> bool {
        self.status().is_some_and(kube::core::Status::is_not_found)
    }

    /// The HTTP status of the API server's answer.
    pub fn status_code(&self) -> Option<u16> {
        self.status().map(|status| status.code)
    }

    /// How long the API server asks to wait, as it does with 429 and when it is about to stop.
    pub fn asks_to_wait(&self) -> Option<Duration> {
        let seconds = self.status()?.details.as_ref()?.retry_after_seconds;
        (seconds > 0).then(|| Duration::from_secs(seconds.into()))
    }

    /// The API server does not carry the request out: an admission webhook, a policy or RBAC forbids it.
    pub fn is_refusal(&self) -> bool {
        self.status().is_some_and(|status| matches!(status.code, 400 | 403 | 422))
    }

    /// The write failed for a reason that may last and lies with the cluster: besides a refusal, a webhook that fails or
    /// does not answer. What does not need the write must not wait for it.
    pub fn may_last(&self) -> bool {
        !matches!(self.status_code(), Some(404 | 409 | 429))
    }

    fn status(&self) -> Option<&kube::core::Status> {
        match self {
            Self::Request { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            Self::NoAnswer { .. } | Self::Undecodable { .. } => None,
        }
    }
}

/// What went wrong, in one line that holds nothing of an object: the API server quotes the values that it refuses.
pub(super) fn summary(error: &kube::Error) -> String {
    let text = match error {
        kube::Error::Api(status) if matches!(status.code, 400 | 422) => {
            let causes = status.details.iter().flat_map(|details| &details.causes);
            let fields: Vec<&str> = causes.map(|cause| cause.field.as_str()).collect();
            format!("the API server refuses the object ({}): {}", status.code, fields.join(", "))
        }
        kube::Error::Api(status) => status.message.clone(),
        kube::Error::SerdeError(_) => "the answer is not the JSON that an API server sends".into(),
        other => root_cause(other),
    };
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(LONGEST).collect()
}

/// Outer errors of the HTTP client only say which of its layers failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.take(DEEPEST).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: serde_json::Value) -> kube::Error {
        kube::Error::Api(serde_json::from_value(status).expect("a status"))
    }

    #[test]
    fn an_error_is_one_line_that_quotes_nothing_of_an_object() {
        let refused = answer(json!({
            "code": 422, "reason": "Invalid", "message": "spec.s3AccessPolicy: Invalid value: {\"Sid\": \"secret\"}",
            "details": {"causes": [{"field": "spec.s3AccessPolicy", "message": "Invalid value: \"secret\""}]},
        }));
        let page =
            answer(json!({"code": 502, "reason": "", "message": format!("<html>\n{}", "x".repeat(9000))}));
        let json = serde_json::from_str::<bool>("\"secret\"").expect_err("a string");
        for (error, says) in [
            (refused, "refuses the object (422): spec.s3AccessPolicy"),
            (page, "<html> xxx"),
            (kube::Error::SerdeError(json), "not the JSON"),
            (kube::Error::ReadEvents(std::io::Error::other("connection reset")), "connection reset"),
        ] {
            let text = Error::kubernetes("write the status")(error).to_string();
            assert!(text.contains(says), "{text}");
            assert!(text.len() < 400 && !text.contains('\n') && !text.contains("secret"), "{text}");
            assert!(!text.contains("Status {"), "{text}");
        }
    }
}
