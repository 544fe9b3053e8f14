//! The program: passes the command line to [`sequencestore_operator::cli`].

use std::process::ExitCode;

/// Two threads on every machine, not one for each of its processors: passes wait most of the time, and each thread keeps
/// memory of its own.
const THREADS: usize = 2;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
    let runtime = runtime.expect("the kernel lets the process have threads");
    let code = runtime.block_on(sequencestore_operator::cli::main(std::env::args_os().collect()));
    // What is still running by now, such as the look-up of a name, must not hold up the end.
    runtime.shutdown_background();
    code
}
