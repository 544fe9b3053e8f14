//! Why a pass ended early. Errors of AWS are not among them: they are states of an object, shown in its status. No I/O.

use std::time::Duration;

use crate::kubernetes;

/// A pass that did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct PassFailed {
    pub error: Error,
    /// When to try again; none where the object is gone.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Kubernetes(#[from] kubernetes::Error),
    #[error("the pass took longer than {0:?} and was stopped")]
    Deadline(Duration),
    #[error("the operator stops, or leads no more, while the pass waits for its turn to call AWS")]
    Stopping,
    /// A bug in the operator.
    #[error("the pass panicked: {0}")]
    Panic(String),
}

impl Error {
    /// Somebody else changed the object first. Nothing is wrong.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Kubernetes(error) if error.is_conflict())
    }

    /// The object is gone.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Kubernetes(error) if error.is_not_found())
    }

    /// How long the API server asks to wait.
    pub fn asks_to_wait(&self) -> Option<Duration> {
        match self {
            Self::Kubernetes(error) => error.asks_to_wait(),
            Self::Deadline(_) | Self::Stopping | Self::Panic(_) => None,
        }
    }
}
