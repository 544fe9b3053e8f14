//! The error type of this crate. No I/O.

use std::path::PathBuf;
use std::time::Duration;

/// Why the programs could not be found or built, or the control plane could not be started or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A component exited although nothing stopped it.
    #[error("{component} exited unexpectedly with status {status}; the end of its log:\n{log_tail}")]
    Crashed {
        component: &'static str,
        /// The exit status as a shell reports it: 128 plus the signal's number after a signal; `unknown` if the
        /// guardian died.
        status: String,
        log_tail: String,
    },
    /// The control plane runs but did not become ready in time.
    #[error(
        "the control plane was not ready after {waited:?}: {reason}; the end of the log of {component}:\n{log_tail}"
    )]
    NotReady {
        waited: Duration,
        reason: String,
        /// The component that was started last.
        component: &'static str,
        log_tail: String,
    },
    #[error(
        "could not find {programs}, and could not find Go to build them. Either install Go 1.26 or newer \
         (https://go.dev/doc/install, or the system's package manager) so that `go` is on the PATH, or set \
         KUBEBUILDER_ASSETS to a directory that contains them.{earlier}"
    )]
    GoMissing {
        programs: String,
        /// Why the envtest archive was not used, as a sentence in parentheses; empty if it was not tried.
        earlier: String,
    },
    #[error("building {programs} failed:\n{output}")]
    Build {
        programs: String,
        /// The last lines that Go wrote to standard error.
        output: String,
    },
    /// A file or process operation failed.
    #[error("{action}: {source}")]
    Io { action: String, source: std::io::Error },
    /// A request to the Kubernetes API failed.
    #[error("{action}: {source}")]
    Kube { action: String, source: Box<kube::Error> },
    /// A kubeconfig that this crate wrote cannot be used.
    #[error("{}: {source}", path.display())]
    Kubeconfig { path: PathBuf, source: Box<kube::config::KubeconfigError> },
    /// Random bytes or the key pair for ServiceAccount tokens could not be generated.
    #[error("could not generate the key or a token of the control plane")]
    Key,
    /// A command exited with a status other than zero.
    #[error("{command} exited with status {status}: {output}")]
    Command { command: String, status: i32, output: String },
}

impl Error {
    /// For `map_err`: adds a description of the failed action.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    /// For `map_err`: adds a description of the failed action.
    pub(crate) fn kube(action: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let action = action.into();
        move |source| Self::Kube { action, source: Box::new(source) }
    }
}
