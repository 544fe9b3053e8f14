//! The command `control-plane`: starts a local Kubernetes control plane, or prints where its programs are.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use control_plane::{ControlPlane, ENVTEST_INDEX_VARIABLE, Error, binaries};
use tokio::signal::unix::{SignalKind, signal};

/// Runs a real Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager) on loopback, without a node.
///
/// Objects, RBAC, admission, watches, garbage collection and namespace deletion work as in a cluster. No Pod runs.
#[derive(Parser)]
#[command(version, after_help = environment_help())]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Find, download or build the programs and print their directories in the form of PATH
    Binaries,
    /// Start a control plane, print its kubeconfig, and keep it running until Ctrl-C
    Run,
}

fn environment_help() -> String {
    format!(
        "The command searches for programs in KUBEBUILDER_ASSETS, in the cache of earlier builds \
         (${{XDG_CACHE_HOME:-$HOME/.cache}}/sequencestore-operator/control-plane) and in the official envtest archive \
         ({ENVTEST_INDEX_VARIABLE} sets another index). It builds missing programs with Go, once, in about 6 minutes."
    )
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Action::Binaries => print_binaries(),
        Action::Run => run().await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("control-plane: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_binaries() -> Result<(), Error> {
    let found = binaries()?;
    let programs =
        [found.etcd, found.kube_apiserver, found.kube_controller_manager, found.kubectl, found.helm];
    let mut directories: Vec<_> = programs.iter().filter_map(|program| program.parent()).collect();
    directories.dedup();
    let directories: Vec<_> = directories.iter().map(|directory| directory.display().to_string()).collect();
    println!("{}", directories.join(":"));
    Ok(())
}

async fn run() -> Result<(), Error> {
    // Registered first, so that Ctrl-C also works during startup.
    let failed = |error| Error::Io { action: "could not listen for signals".to_owned(), source: error };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut stopped = std::pin::pin!(async {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    });
    let plane = tokio::select! {
        plane = ControlPlane::start() => plane?,
        () = &mut stopped => return Ok(()),
    };
    // A caller may read the first line and close the pipe; the control plane then keeps running.
    let _ = writeln!(std::io::stdout(), "{}", hints(&plane));
    let crash = tokio::select! {
        error = plane.crashed() => Some(error),
        () = &mut stopped => None,
    };
    plane.stop().await;
    crash.map_or(Ok(()), Err)
}

fn hints(plane: &ControlPlane) -> String {
    format!(
        "export KUBECONFIG={}\n\n\
         # API server: {}\n# Its log and the audit log are in\n# {}\n\
         # kubectl: {}\n# helm:    {}\n# Ctrl-C stops everything and removes it.",
        plane.kubeconfig().display(),
        plane.server(),
        plane.directory().display(),
        plane.binaries().kubectl.display(),
        plane.binaries().helm.display(),
    )
}
