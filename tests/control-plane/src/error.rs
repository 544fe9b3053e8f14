//! What can go wrong while a control plane is found, built, started or used.

use std::path::PathBuf;
use std::time::Duration;

/// Why a control plane could not be found, built, started or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A component ended although nobody stopped it.
    #[error("{component} ended by itself with exit status {status}; the end of its log:\n{log_tail}")]
    Crashed {
        /// The component's name.
        component: &'static str,
        /// Its exit status; 128 and more is a signal, as in a shell.
        status: String,
        /// The last lines it logged.
        log_tail: String,
    },
    /// The control plane runs but did not get ready in time.
    #[error(
        "the control plane was not ready after {waited:?}: {reason}; the end of the log of {component}:\n{log_tail}"
    )]
    NotReady {
        /// How long it was waited for.
        waited: Duration,
        /// What was still missing.
        reason: String,
        /// The component that was waited for.
        component: &'static str,
        /// The last lines it logged.
        log_tail: String,
    },
    /// Programs have to be built and there is no Go to build them with.
    #[error(
        "{programs} not found, and Go is not installed to build them with. Either install Go 1.26 or newer \
         (https://go.dev/doc/install, or the system's package manager) so that `go` is on the PATH, or set \
         KUBEBUILDER_ASSETS to a directory that holds them.{earlier}"
    )]
    GoMissing {
        /// The programs that were not found.
        programs: String,
        /// What earlier places to look said.
        earlier: String,
    },
    /// `go build` failed.
    #[error("building {programs} failed:\n{output}")]
    Build {
        /// The programs that were built.
        programs: String,
        /// The end of what Go printed.
        output: String,
    },
    /// A file or process operation failed.
    #[error("{action}: {source}")]
    Io {
        /// What was being done.
        action: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The Kubernetes API refused or failed a request.
    #[error("{action}: {source}")]
    Kube {
        /// What was being done.
        action: String,
        /// The client's error.
        source: Box<kube::Error>,
    },
    /// A kubeconfig that was just written cannot be used.
    #[error("{}: {source}", path.display())]
    Kubeconfig {
        /// The kubeconfig.
        path: PathBuf,
        /// Why not.
        source: Box<kube::config::KubeconfigError>,
    },
    /// The key pair for ServiceAccount tokens could not be made.
    #[error("could not make the key for ServiceAccount tokens")]
    Key,
    /// A command ended with a status other than zero.
    #[error("{command} ended with status {status}: {output}")]
    Command {
        /// The command line.
        command: String,
        /// Its exit status.
        status: i32,
        /// What it printed.
        output: String,
    },
}

impl Error {
    /// Wraps an operating system error with what was being done.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    /// Wraps a Kubernetes client error with what was being done.
    pub(crate) fn kube(action: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let action = action.into();
        move |source| Self::Kube { action, source: Box::new(source) }
    }
}
