//! The program: passes the command line to [`sequencestore_operator::cli`].

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    sequencestore_operator::cli::main(std::env::args_os().collect()).await
}
