//! The command `demo`: runs the operator on a local Kubernetes API server with a simulated AWS, either as a guided tour
//! or as a sandbox.

mod operator;
mod sandbox;
mod screen;
mod stack;
mod steps;
mod tour;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use screen::Screen;
use stack::Stack;
use tokio::signal::unix::{SignalKind, signal};
use tour::Tour;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Shows the SequenceStore operator at work, without AWS and without a cluster.
///
/// Starts a Kubernetes API server, a simulator of AWS HealthOmics and the operator on this machine, and installs the
/// Helm chart. Stops and removes everything at the end, even after a crash or SIGKILL.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// Show the life of a store step by step; exit with status 1 if a step fails one of its checks
    Demo,
    /// Keep everything running until Ctrl-C, so that you can try the operator yourself
    Sandbox,
}

/// Why a run without an error ended.
enum Ending {
    Finished,
    /// The number of the signal.
    Signal(i32),
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Arguments::parse().command;
    match run(command).await {
        // Ctrl-C is the normal end of a sandbox, but aborts a demo.
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
    // Registered first, so that Ctrl-C also works during startup.
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
    let stack = tokio::select! {
        // Signals are checked first: Ctrl-C also kills a running helm, whose failure must not be reported.
        biased;
        number = &mut stopped => return Ok(Ending::Signal(number)),
        stack = Stack::start(&screen) => stack?,
    };
    let outcome = tokio::select! {
        biased;
        number = &mut stopped => Ok(Ending::Signal(number)),
        error = stack.crashed() => Err(error),
        shown = show(command, screen, &stack) => shown.map(|()| Ending::Finished),
    };
    let outcome = outcome.map_err(|error| with_operator_log(error, &stack));
    screen.progress("\nStopping everything ...");
    stack.stop(outcome.is_err()).await;
    outcome
}

async fn show(command: Command, screen: Screen, stack: &Stack) -> Result<(), Error> {
    let tour = Tour::new(screen, stack);
    match command {
        Command::Demo => steps::run(&tour).await,
        Command::Sandbox => {
            // Registered before the hints name them, because the default for both signals ends this process.
            let stop = signal(SignalKind::user_defined1())?;
            let start = signal(SignalKind::user_defined2())?;
            sandbox::show(&tour).await?;
            sandbox::obey(&tour, stop, start).await
        }
    }
}

fn with_operator_log(error: Error, stack: &Stack) -> Error {
    let log = stack.operator.log();
    format!("{error}\n\nThe end of the operator's log, {}:\n{}", log.display(), operator::tail(log)).into()
}
