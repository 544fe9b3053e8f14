//! Why a request to the Kubernetes API server failed. No I/O.

use std::time::Duration;

use super::Undecodable;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("failed to {step}: {source}")]
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
