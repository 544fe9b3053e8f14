//! A local stand-in for the sequence-store part of AWS HealthOmics: the thirteen operations on the wire, with
//! AWS STS beside them on the same port, a ledger of every request, scripted faults, and a switch for each
//! behaviour of AWS that is not documented.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use healthomics_simulator::{Fault, FaultAction, Options, SeedStore, Simulator};
//!
//! let simulator = Simulator::start(Options::default()).await?;
//! let client = simulator.client();
//! let store = client.seed_store(&SeedStore { name: Some("reads".into()), ..SeedStore::default() }).await?;
//! client.script_fault(&Fault::once("GetSequenceStore", FaultAction::error("ThrottlingException"))).await?;
//! // ... let a client of HealthOmics work against simulator.url() ...
//! assert!(client.ledger().await?.iter().all(|entry| entry.store_id.as_ref() == Some(&store.id)));
//! # Ok(())
//! # }
//! ```

mod answer;
mod client;
mod control;
mod error;
mod exchange;
mod fault;
mod knobs;
mod ledger;
mod operation;
mod page;
mod policy;
mod principal;
mod read_sets;
mod record;
mod render;
mod sequence_stores;
mod server;
mod stores;
mod sts;
mod tags;
mod throttle;
mod validation;
mod world;

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use client::{ClientError, SimulatorClient};
pub use fault::{Fault, FaultAction, Side};
pub use knobs::{
    AwsOwnedKey, ClearedValues, DEFAULT_ACCOUNT, DeletedPolicy, ForeignArn, Knobs, NameFilter,
    NonEmptyDelete, NullMode, PolicyReadBack, TokenMismatch, UpdatingWhen,
};
pub use ledger::LedgerEntry;
pub use record::{ReadSetRecord, S3Access, SeedStore, SseConfig, StoreRecord};

use server::Shared;

/// How to start a simulator.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The switches at the start.
    pub knobs: Knobs,
}

impl Default for Options {
    fn default() -> Self {
        Options { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), knobs: Knobs::default() }
    }
}

/// A running simulator in this process. Dropping it stops it.
pub struct Simulator {
    address: SocketAddr,
    shared: Shared,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Listens and serves on the current tokio runtime.
    pub async fn start(options: Options) -> std::io::Result<Simulator> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let shared = Shared::default();
        shared.world().knobs = options.knobs;
        let server = tokio::spawn(server::serve(listener, shared.clone()));
        Ok(Simulator { address, shared, server })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client of its control API.
    pub fn client(&self) -> SimulatorClient {
        SimulatorClient::new(self.url())
    }

    /// Every request so far, oldest first; as [`SimulatorClient::ledger`], without a request of its own.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.shared.world().ledger.since(0)
    }

    /// Closes the port and every connection.
    pub async fn stop(mut self) {
        self.shared.stopped.cancel();
        // A server task that ended otherwise is stopped just as well.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stopped.cancel();
    }
}
