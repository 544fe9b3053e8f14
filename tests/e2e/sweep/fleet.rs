//! A few objects that each observe a store, and an operator that lists their stores.

use std::sync::Arc;

use healthomics_simulator::{LedgerEntry, SeedStore, StoreRecord};
use sequencestore_operator::crd::SequenceStoreSpec;

use crate::world::{Cluster, Error, Operator, Start, TIMEOUT, World, ensure, observing};

pub const LIST: &str = "ListSequenceStores";
pub const GET: &str = "GetSequenceStore";

/// With the quotas of the tests, a Get for each store is never fast enough, and a round in the background takes hours.
pub const NO_BACKGROUND: &str = "--background-share=0.0000001";

/// An operator that lists the stores of two objects already, and that takes hours for a round in the background.
pub fn by_list() -> Start {
    let flags = ["--poll-interval=2s", "--list-from=1", NO_BACKGROUND];
    Start { flags: flags.map(String::from).to_vec(), ..Start::default() }
}

pub struct Fleet {
    pub world: World,
    /// That of object `store-0` first.
    pub stores: Vec<StoreRecord>,
}

impl Fleet {
    pub async fn new(cluster: Arc<Cluster>, objects: usize) -> Result<Self, Error> {
        let mut fleet = Self { world: World::new(cluster).await?, stores: Vec::new() };
        for _ in 0..objects {
            fleet.add(SeedStore { name: Some("genomes".into()), ..SeedStore::default() }).await?;
        }
        Ok(fleet)
    }

    /// With an operator, and settled.
    pub async fn settled(cluster: Arc<Cluster>, objects: usize) -> Result<(Self, Operator), Error> {
        let fleet = Self::new(cluster, objects).await?;
        let operator = fleet.world.operator(&by_list())?;
        fleet.until_all_ready().await?;
        Ok((fleet, operator))
    }

    /// A dozen objects that have settled, while no operator runs any more.
    pub async fn stopped(cluster: Arc<Cluster>) -> Result<Self, Error> {
        let (fleet, operator) = Self::settled(cluster, 12).await?;
        operator.kill().await;
        Ok(fleet)
    }

    /// Another store, and an object that observes it.
    pub async fn add(&mut self, seed: SeedStore) -> Result<(), Error> {
        let store = self.world.seed_with(seed).await?;
        let spec = SequenceStoreSpec { region: Some(store.region.clone()), ..observing(&store) };
        self.world.create(&format!("store-{}", self.stores.len()), spec).await?;
        self.stores.push(store);
        Ok(())
    }

    pub async fn until_all_ready(&self) -> Result<(), Error> {
        for number in 0..self.stores.len() {
            self.world.until_ready(&format!("store-{number}")).await?;
        }
        Ok(())
    }

    /// The number of the last request so far.
    pub async fn now(&self) -> Result<u64, Error> {
        Ok(self.world.aws.last_seq().await?)
    }

    /// Requests about stores since then.
    pub async fn calls_since(&self, seq: u64) -> Result<Vec<LedgerEntry>, Error> {
        let mut calls = self.world.aws.ledger_since(seq).await?;
        calls.retain(LedgerEntry::is_about_stores);
        Ok(calls)
    }

    /// Waits until the calls since then are as wanted.
    pub async fn until_calls_since(
        &self,
        seq: u64,
        what: &str,
        wanted: impl Fn(&[LedgerEntry]) -> bool,
    ) -> Result<Vec<LedgerEntry>, Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let calls = self.calls_since(seq).await?;
            if wanted(&calls) {
                return Ok(calls);
            }
            let names: Vec<&str> = calls.iter().map(|call| call.operation.as_str()).collect();
            ensure!(tokio::time::Instant::now() < end, "never: {what}; {names:?}\n{}", self.world.logs());
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// Waits until nothing but listings is sent, and returns the number of the last request.
    pub async fn until_at_rest(&self) -> Result<u64, Error> {
        self.until_only_listed(0, 3).await
    }

    /// Waits until the last so many requests since then are listings, and returns the number of the last one.
    pub async fn until_only_listed(&self, seq: u64, times: usize) -> Result<u64, Error> {
        let is_at_rest = |calls: &[LedgerEntry]| {
            calls.len() >= times && calls.iter().rev().take(times).all(|call| call.operation == LIST)
        };
        self.until_calls_since(seq, "only listings", is_at_rest).await?;
        self.now().await
    }

    /// Waits until so many listings were sent since then.
    pub async fn until_listed(&self, seq: u64, times: usize) -> Result<Vec<LedgerEntry>, Error> {
        let is_listed = |calls: &[LedgerEntry]| count(calls, LIST) >= times;
        self.until_calls_since(seq, "more listings", is_listed).await
    }

    /// Waits until each store was read since then.
    pub async fn until_all_read(&self, seq: u64) -> Result<(), Error> {
        let is_read = |calls: &[LedgerEntry]| {
            let reads = |store: &StoreRecord| {
                calls.iter().any(|call| call.operation == GET && call.store_id.as_ref() == Some(&store.id))
            };
            self.stores.iter().all(reads)
        };
        self.until_calls_since(seq, "a Get for each store", is_read).await?;
        Ok(())
    }

    /// Waits until each store was read since then, and again after that, so many times.
    pub async fn until_polled(&self, mut seq: u64, times: usize) -> Result<(), Error> {
        for _ in 0..times {
            self.until_all_read(seq).await?;
            seq = self.now().await?;
        }
        Ok(())
    }
}

pub fn count(calls: &[LedgerEntry], operation: &str) -> usize {
    calls.iter().filter(|call| call.operation == operation).count()
}

/// Fails unless nothing but stores was listed.
pub fn ensure_only_listed(calls: &[LedgerEntry]) -> Result<(), Error> {
    let others: Vec<&str> =
        calls.iter().filter(|call| call.operation != LIST).map(|call| call.operation.as_str()).collect();
    ensure!(others.is_empty(), "not only listings: {others:?}");
    Ok(())
}
