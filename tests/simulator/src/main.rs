//! The command-line program that runs one simulator until it receives SIGINT or SIGTERM.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use healthomics_simulator::{
    ClearedValues, Knobs, NameFilter, NonEmptyDelete, NullMode, Options, Simulator, TokenMismatch,
};
use tokio::signal::unix::{SignalKind, signal};

/// A local simulator of the AWS HealthOmics sequence-store API and of AWS STS.
///
/// The simulator prints its URL as the first line of its output and runs until it receives SIGINT or SIGTERM.
/// It accepts any credentials and does not verify signatures. Example:
///
///   AWS_DISABLE_HOST_PREFIX_INJECTION=true aws omics list-sequence-stores --endpoint-url http://127.0.0.1:PORT
#[derive(Parser)]
#[command(name = "healthomics-simulator", version, verbatim_doc_comment)]
struct Cli {
    /// Address to listen on; port 0 selects any free port
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// All knobs as JSON, or @FILE to read them from a file; the flags below take precedence
    #[arg(long, value_name = "JSON|@FILE")]
    knobs: Option<String>,
    /// Account of every access key without an assigned account [default: 123456789012]
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// How responses represent optional members without a value
    #[arg(long, value_enum)]
    null_mode: Option<NullMode>,
    /// How responses represent members that a caller cleared with "" or []
    #[arg(long, value_enum)]
    cleared_values: Option<ClearedValues>,
    /// Number of Get responses with status CREATING after a Create
    #[arg(long, value_name = "N")]
    creating_gets: Option<u32>,
    /// Number of Get responses with status UPDATING after an Update changes the tag keys of a store with read
    /// sets
    #[arg(long, value_name = "N")]
    updating_gets: Option<u32>,
    /// Number of Get responses with status DELETING after a Delete
    #[arg(long, value_name = "N")]
    deleting_gets: Option<u32>,
    /// Error that Delete returns for a store with read sets
    #[arg(long, value_enum)]
    non_empty_delete: Option<NonEmptyDelete>,
    /// Milliseconds for which the simulator remembers a client token (0: not at all)
    #[arg(long, value_name = "MS")]
    token_window_ms: Option<u64>,
    /// Response to a known client token with different parameters
    #[arg(long, value_enum)]
    token_mismatch: Option<TokenMismatch>,
    /// How the name filter of ListSequenceStores compares names
    #[arg(long, value_enum)]
    name_filter: Option<NameFilter>,
    /// Milliseconds until Get, List and ListTagsForResource show a write
    #[arg(long, value_name = "MS")]
    lag_ms: Option<u64>,
    /// Enforce the default request quotas for each account and region
    #[arg(long)]
    quotas: bool,
    /// Maximum number of stores for each account and region; Create beyond it returns
    /// ServiceQuotaExceededException
    #[arg(long, value_name = "N")]
    max_stores: Option<u32>,
}

impl Cli {
    fn knobs(&self) -> Result<Knobs, String> {
        let mut knobs = match self.knobs.as_deref() {
            None => Knobs::default(),
            Some(given) => {
                let text = match given.strip_prefix('@') {
                    Some(file) => {
                        std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?
                    }
                    None => given.to_owned(),
                };
                serde_json::from_str(&text).map_err(|error| format!("--knobs: {error}"))?
            }
        };
        fn set<T: Clone>(knob: &mut T, flag: Option<&T>) {
            if let Some(flag) = flag {
                knob.clone_from(flag);
            }
        }
        set(&mut knobs.default_account, self.account.as_ref());
        set(&mut knobs.null_mode, self.null_mode.as_ref());
        set(&mut knobs.cleared_values, self.cleared_values.as_ref());
        set(&mut knobs.creating_gets, self.creating_gets.as_ref());
        set(&mut knobs.updating_gets, self.updating_gets.as_ref());
        set(&mut knobs.deleting_gets, self.deleting_gets.as_ref());
        set(&mut knobs.non_empty_delete, self.non_empty_delete.as_ref());
        set(&mut knobs.token_mismatch, self.token_mismatch.as_ref());
        set(&mut knobs.name_filter, self.name_filter.as_ref());
        for lag in [&mut knobs.get_lag_ms, &mut knobs.list_lag_ms, &mut knobs.tags_lag_ms] {
            set(lag, self.lag_ms.as_ref());
        }
        if self.token_window_ms.is_some() {
            knobs.token_window_ms = self.token_window_ms;
        }
        if self.max_stores.is_some() {
            knobs.max_stores = self.max_stores;
        }
        knobs.quotas |= self.quotas;
        Ok(knobs)
    }
}

async fn run(cli: &Cli) -> Result<(), String> {
    let options = Options { listen: cli.listen, knobs: cli.knobs()? };
    let listen = cli.listen;
    // Install the signal handlers before printing the URL: a caller that has read it may send a signal at
    // once.
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let simulator =
        Simulator::start(options).await.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", simulator.url())
        .and_then(|()| stdout.flush())
        .map_err(|error| error.to_string())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    simulator.stop().await;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // If stderr is closed too, there is nowhere left to report the error.
            let _ = writeln!(std::io::stderr(), "healthomics-simulator: {message}");
            ExitCode::from(2)
        }
    }
}
