//! The program: passes the command line to [`sequencestore_operator::cli`].

use std::process::ExitCode;

/// Two threads on every machine, not one for each of its processors: passes wait most of the time, and each thread keeps
/// memory of its own.
#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    sequencestore_operator::cli::main(std::env::args_os().collect()).await
}
