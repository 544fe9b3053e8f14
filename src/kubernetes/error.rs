//! What can end a pass early: Kubernetes, time, or a defect. AWS's errors are states, not these.

use std::time::Duration;

/// A pass that could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A Kubernetes request failed.
    #[error("failed to {step}: {source}")]
    Kubernetes {
        /// What was being done.
        step: &'static str,
        /// The client's error.
        #[source]
        source: Box<kube::Error>,
    },
    /// A Kubernetes request was not answered in time; what became of it is not known.
    #[error("failed to {step}: no answer within {after:?}")]
    NoAnswer {
        /// What was being done.
        step: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The pass took too long and was cut off.
    #[error("the pass took longer than {0:?} and was cut off")]
    Deadline(Duration),
    /// The pass panicked: a defect of the operator.
    #[error("the pass panicked: {0}")]
    Panic(String),
}

impl Error {
    /// Wraps an error of the Kubernetes client; for `map_err`.
    pub fn kubernetes(step: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Kubernetes { step, source: Box::new(source) }
    }

    /// Somebody else wrote first; nothing is wrong.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Kubernetes { source, .. }
            if matches!(source.as_ref(), kube::Error::Api(status) if status.is_conflict()))
    }

    /// The object is gone.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Kubernetes { source, .. }
            if matches!(source.as_ref(), kube::Error::Api(status) if status.is_not_found()))
    }
}
