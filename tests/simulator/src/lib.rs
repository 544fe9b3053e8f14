//! A simulator of the AWS HealthOmics sequence-store API, for tests and demonstrations. It serves the
//! thirteen operations and AWS STS over HTTP on one port, records every request in a ledger, injects scripted
//! faults, and has a knob for each behaviour that AWS does not document.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use healthomics_simulator::{Fault, FaultAction, Options, SeedStore, Simulator};
//!
//! let simulator = Simulator::start(Options::default()).await?;
//! let client = simulator.client();
//! let store = client.seed_store(&SeedStore { name: Some("reads".into()), ..SeedStore::default() }).await?;
//! client.script_fault(&Fault::once("GetSequenceStore", FaultAction::error("ThrottlingException"))).await?;
//! // ... run a HealthOmics client against simulator.url() ...
//! assert!(client.ledger().await?.iter().all(|entry| entry.store_id.as_ref() == Some(&store.id)));
//! # Ok(())
//! # }
//! ```

mod assume_role;
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
mod policy_read_back;
mod principal;
mod read_sets;
mod record;
mod render;
mod response;
mod role;
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
    AwsOwnedKey, ClearedValues, DEFAULT_ACCOUNT, DeletedPolicy, ForeignArn, Knobs, LocationSlash, NameFilter,
    NonEmptyDelete, NullMode, PolicyReadBack, TokenMismatch, UpdatingWhen,
};
pub use ledger::LedgerEntry;
pub use operation::default_quotas;
pub use record::{ReadSetRecord, S3Access, SeedStore, SseConfig, StoreRecord};
pub use role::{Role, SessionRequest, TemporaryCredentials};

use server::Shared;

#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on; port 0 selects any free port.
    pub listen: SocketAddr,
    pub knobs: Knobs,
}

impl Default for Options {
    fn default() -> Self {
        Options { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), knobs: Knobs::default() }
    }
}

/// A simulator that runs in this process. Dropping it stops it.
pub struct Simulator {
    address: SocketAddr,
    shared: Shared,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Binds the address and serves on the current tokio runtime.
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

    /// A client for the control API of this simulator.
    pub fn client(&self) -> SimulatorClient {
        SimulatorClient::new(self.url())
    }

    /// Every request so far, oldest first. The same as [`SimulatorClient::ledger`], but without an HTTP
    /// request.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.shared.world().ledger.since(0)
    }

    /// Closes the port and every connection.
    pub async fn stop(mut self) {
        self.shared.stopped.cancel();
        // The server task can only fail by panicking, and then it has stopped too.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stopped.cancel();
    }
}
