//! The command `bench`: measures the operator and a plain controller on a local control plane and a simulated AWS, and
//! writes what it found. I/O.

mod arguments;
mod calls;
mod cluster;
mod fit;
mod machine;
mod measures;
mod plan;
mod process;
mod process_figures;
mod progress;
mod quotas;
mod report;
mod results;
mod scene;
mod states;
mod tenants;
mod watchdog;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use arguments::Arguments;
use clap::Parser;
use cluster::Cluster;
use progress::Progress;
use tokio::signal::unix::{SignalKind, signal};

pub type Error = Box<dyn std::error::Error + Send + Sync>;

const DOCUMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks");

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Error> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        measured = measure(arguments) => measured,
        _ = interrupt.recv() => Err("interrupted".into()),
        _ = terminate.recv() => Err("terminated".into()),
    }
}

async fn measure(arguments: &Arguments) -> Result<(), Error> {
    let progress = Arc::new(Progress::new());
    progress.say("start the control plane");
    let cluster = Cluster::start(arguments.operator.clone(), arguments.keep_logs).await?;
    let logs = cluster.logs().to_owned();
    let mut results = plan::run(cluster.clone(), arguments, progress.clone()).await?;
    results.date = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
    results.machine = machine::describe(&cluster).await?;
    if arguments.keep_logs {
        progress.say(&format!("the logs are in {}", logs.display()));
    }
    let output = match &arguments.output {
        Some(directory) => Some(directory.clone()),
        None if arguments.quick || !arguments.only.is_empty() => None,
        None => Some(PathBuf::from(DOCUMENTS)),
    };
    if let Some(directory) = &output {
        report::write(&results, directory)?;
    }
    println!("{}", report::text(&results));
    progress.say(&match output {
        Some(directory) => format!("written to {}", directory.display()),
        None => "nothing is written; give --output to write these figures".to_owned(),
    });
    if results.failures.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{}", results.failures.join("\n"), report::log_tails(&logs)).into())
}
