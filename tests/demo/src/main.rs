//! The operator at work on a real Kubernetes API server and a simulated AWS: as a tour, and as a sandbox.

mod operator;
mod parts;
mod sandbox;
mod screen;
mod steps;
mod tour;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use parts::Parts;
use screen::Screen;
use tokio::signal::unix::{SignalKind, signal};
use tour::Tour;

/// Anything that ends a demo early.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Shows the SequenceStore operator at work, without AWS and without a cluster.
///
/// Starts a Kubernetes API server, a stand-in for AWS HealthOmics, the Helm chart and the operator on this machine.
/// Nothing is left at the end, however it comes.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// The life of a store, step by step; exit code 1 if a step does not show what it claims
    Demo,
    /// The same parts left running for you, until Ctrl-C
    Sandbox,
}

/// How a run came to its end when nothing failed.
enum Ending {
    Done,
    Signal(i32),
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Arguments::parse().command;
    match run(command).await {
        // Ctrl-C is how a sandbox is meant to end, and a demo is not.
        Ok(Ending::Signal(number)) if matches!(command, Command::Demo) => {
            ExitCode::from(u8::try_from(128 + number).unwrap_or(1))
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            Screen::new().progress(&format!("\ndemo: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<Ending, Error> {
    // Registered first: a Ctrl-C while things start must stop them as well.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stopped = async {
        tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
        }
    };
    tokio::pin!(stopped);

    let screen = Screen::new();
    let parts = tokio::select! {
        // First, as Ctrl-C also ends a helm that runs, which then looks like a failure.
        biased;
        number = &mut stopped => return Ok(Ending::Signal(number)),
        parts = Parts::start(&screen) => parts?,
    };
    let outcome = tokio::select! {
        biased;
        number = &mut stopped => Ok(Ending::Signal(number)),
        error = parts.crashed() => Err(error),
        shown = show(command, screen, &parts) => shown.map(|()| Ending::Done),
    };
    let outcome = outcome.map_err(|error| explained(error, &parts));
    screen.progress("\nStopping everything ...");
    parts.stop(outcome.is_err()).await;
    outcome
}

async fn show(command: Command, screen: Screen, parts: &Parts) -> Result<(), Error> {
    let tour = Tour::new(screen, parts);
    match command {
        Command::Demo => steps::run(&tour).await,
        Command::Sandbox => {
            sandbox::show(&tour).await?;
            std::future::pending().await
        }
    }
}

fn explained(error: Error, parts: &Parts) -> Error {
    let log = parts.operator.log();
    format!("{error}\n\nThe end of the operator's log, {}:\n{}", log.display(), operator::tail(log)).into()
}
