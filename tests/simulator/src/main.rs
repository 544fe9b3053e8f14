//! The simulator as a program of its own.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use healthomics_simulator::{
    ClearedValues, Knobs, NameFilter, NonEmptyDelete, NullMode, Options, Simulator, TokenMismatch,
};
use tokio::signal::unix::{SignalKind, signal};

/// A local stand-in for the sequence-store part of AWS HealthOmics, with AWS STS beside it.
///
/// Prints its address as the first line of its output and runs until SIGINT or SIGTERM. Any credentials will
/// do; signatures are not verified. Use it with
///
///   AWS_DISABLE_HOST_PREFIX_INJECTION=true aws omics list-sequence-stores --endpoint-url http://127.0.0.1:PORT
#[derive(Parser)]
#[command(name = "healthomics-simulator", version, verbatim_doc_comment)]
struct Cli {
    /// Where to listen; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// All switches as JSON, or @FILE; the flags below go before it
    #[arg(long, value_name = "JSON|@FILE")]
    knobs: Option<String>,
    /// Account of access keys that were given none [default: 123456789012]
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// How optional members without a value are written
    #[arg(long, value_enum)]
    null_mode: Option<NullMode>,
    /// How members cleared by "" or [] read back
    #[arg(long, value_enum)]
    cleared_values: Option<ClearedValues>,
    /// Gets that answer CREATING after a Create
    #[arg(long, value_name = "N")]
    creating_gets: Option<u32>,
    /// Gets that answer UPDATING after an Update that changes the tag keys of a store with data
    #[arg(long, value_name = "N")]
    updating_gets: Option<u32>,
    /// Gets that answer DELETING after a Delete
    #[arg(long, value_name = "N")]
    deleting_gets: Option<u32>,
    /// Error of a Delete on a store that holds read sets
    #[arg(long, value_enum)]
    non_empty_delete: Option<NonEmptyDelete>,
    /// Milliseconds that a client token is remembered (0: never)
    #[arg(long, value_name = "MS")]
    token_window_ms: Option<u64>,
    /// Answer to a known client token with other parameters
    #[arg(long, value_enum)]
    token_mismatch: Option<TokenMismatch>,
    /// How the name filter of ListSequenceStores compares
    #[arg(long, value_enum)]
    name_filter: Option<NameFilter>,
    /// Milliseconds until Get, List and the tags show a write
    #[arg(long, value_name = "MS")]
    lag_ms: Option<u64>,
    /// Enforce the default request quotas of each account and region
    #[arg(long)]
    quotas: bool,
    /// Stores for each account and region; one more is ServiceQuotaExceededException
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
    // Before the address is printed: whoever reads it may send a signal at once.
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
            // Nothing is left to do when even stderr is gone.
            let _ = writeln!(std::io::stderr(), "healthomics-simulator: {message}");
            ExitCode::from(2)
        }
    }
}
