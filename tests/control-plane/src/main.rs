//! The command `control-plane`: a local Kubernetes API server for demos and for trying things out.

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
    /// Find the programs, or download or build them, and print their directories, as for PATH
    Binaries,
    /// Start a control plane, print its kubeconfig, and keep it until Ctrl-C
    Run,
}

fn environment_help() -> String {
    format!(
        "Programs are looked for in KUBEBUILDER_ASSETS, in the cache of earlier builds \
         (${{XDG_CACHE_HOME:-$HOME/.cache}}/sequencestore-operator/control-plane), in the official envtest archive \
         (another index: {ENVTEST_INDEX_VARIABLE}), and are otherwise built with Go, which takes about 6 minutes, once."
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

/// Prints what to put in front of PATH.
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
    // Registered first: a Ctrl-C while it starts must stop it as well.
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
    // Whoever reads the first line and closes the pipe still wants the control plane.
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
         # The API server is {}; its log, and the audit log, are in\n# {}\n\
         # kubectl: {}\n# helm:    {}\n# Ctrl-C stops everything and removes it.",
        plane.kubeconfig().display(),
        plane.server(),
        plane.directory().display(),
        plane.binaries().kubectl.display(),
        plane.binaries().helm.display(),
    )
}
