//! Whose turn it is: what is urgent comes first, namespaces take turns, and a region without answers leaves workers to others.

use std::sync::Arc;

use futures::future::try_join_all;
use healthomics_simulator::{Fault, FaultAction, LedgerEntry, SeedStore};
use kube::api::{Api, PostParams};
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};

use crate::world::{Cluster, Error, Start, World, ensure, spec_for, tests};

tests![
    hundreds_of_objects_do_not_delay_one_of_another_namespace,
    a_deletion_does_not_wait_behind_hundreds_of_creations,
    a_region_without_answers_does_not_stop_objects_of_another_region,
];

const MANY: usize = 150;
/// Passes that may come between: those that run already, and one turn more on each of as many workers.
const FEW: usize = 16;

/// Creates objects that each want a store of their own, of which AWS creates one after the other.
async fn flood(world: &World) -> Result<(), Error> {
    let slow = Fault::always("CreateSequenceStore", FaultAction::Delay { ms: 400 });
    world.aws.script_fault(&slow).await?;
    let objects = (0..MANY).map(|number| async move {
        world.create(&format!("flood-{number}"), SequenceStoreSpec::default()).await
    });
    try_join_all(objects).await?;
    Ok(())
}

/// Creates of the flood that arrived between these two requests.
fn creates_between(ledger: &[LedgerEntry], after: u64, before: &LedgerEntry) -> usize {
    let is_between = |entry: &&LedgerEntry| entry.seq > after && entry.seq < before.seq;
    ledger.iter().filter(is_between).filter(|entry| entry.operation == "CreateSequenceStore").count()
}

/// Waits for a request like this one; returns it and the whole ledger.
async fn until_sent(
    world: &World,
    operation: &str,
    is_meant: impl Fn(&LedgerEntry) -> bool,
) -> Result<(LedgerEntry, Vec<LedgerEntry>), Error> {
    let mut calls = 1;
    loop {
        calls = world.until_calls(operation, calls).await?.len();
        let ledger = world.aws.ledger().await?;
        let found = ledger.iter().find(|entry| entry.operation == operation && is_meant(entry)).cloned();
        match found {
            Some(found) => return Ok((found, ledger)),
            None => calls += 1,
        }
    }
}

async fn hundreds_of_objects_do_not_delay_one_of_another_namespace(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let other = world.another_namespace().await?;
    flood(&world).await?;
    let flags = vec!["--poll-interval=1h".into(), format!("--watch-namespace={other}")];
    let _operator = world.operator(&Start { flags, ..Start::default() })?;
    world.until_calls("CreateSequenceStore", 4).await?;
    let api: Api<SequenceStore> = Api::namespaced(world.client.clone(), &other);
    let after = world.aws.last_seq().await?;
    api.create(&PostParams::default(), &SequenceStore::new("alone", SequenceStoreSpec::default())).await?;
    let is_its_create = |entry: &LedgerEntry| entry.parameters["name"] == "alone";
    let (create, ledger) = until_sent(&world, "CreateSequenceStore", is_its_create).await?;
    let between = creates_between(&ledger, after, &create);
    ensure!(between <= FEW, "{between} stores of the other namespace came first");
    Ok(())
}

async fn a_deletion_does_not_wait_behind_hundreds_of_creations(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let operator = world.operator(&Start::default())?;
    let store = world.seed().await?;
    world.adopt("deleted", &store).await?;
    world.until_ready("deleted").await?;
    operator.kill().await;
    flood(&world).await?;
    let flags = vec!["--poll-interval=1h".into()];
    let _operator = world.operator(&Start { flags, ..Start::default() })?;
    world.until_calls("CreateSequenceStore", 4).await?;
    let after = world.aws.last_seq().await?;
    world.delete("deleted").await?;
    let is_its_delete = |entry: &LedgerEntry| entry.store_id.as_ref() == Some(&store.id);
    let (delete, ledger) = until_sent(&world, "DeleteSequenceStore", is_its_delete).await?;
    let between = creates_between(&ledger, after, &delete);
    ensure!(between <= FEW, "{between} stores were created first");
    Ok(())
}

async fn a_region_without_answers_does_not_stop_objects_of_another_region(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let silent = "us-west-2";
    let fault =
        Fault { operation: None, region: Some(silent.into()), ..Fault::always("*", FaultAction::Hang) };
    world.aws.script_fault(&fault).await?;
    for number in 0..60 {
        let seed = SeedStore { region: silent.into(), name: Some("genomes".into()), ..SeedStore::default() };
        let store = world.seed_with(seed).await?;
        let spec = SequenceStoreSpec { region: Some(silent.into()), ..spec_for(&store) };
        world.create(&format!("silent-{number}"), spec).await?;
    }
    let (first, second) = (world.seed().await?, world.seed().await?);
    // The operator knows of both regions when all of its workers could wait for one of them.
    world.adopt("before", &first).await?;
    let _operator =
        world.operator(&Start { flags: vec!["--poll-interval=1h".into()], ..Start::default() })?;
    world.until_ready("before").await?;
    let is_silent = |entry: &&LedgerEntry| entry.region.as_deref() == Some(silent);
    world.until_calls("GetSequenceStore", 5).await?;
    let after = world.aws.last_seq().await?;
    world.adopt("fine", &second).await?;
    let is_its_get = |entry: &LedgerEntry| entry.store_id.as_ref() == Some(&second.id);
    let (get, ledger) = until_sent(&world, "GetSequenceStore", is_its_get).await?;
    let is_between = |entry: &&LedgerEntry| entry.seq > after && entry.seq < get.seq;
    let between = ledger.iter().filter(is_between).filter(is_silent).count();
    ensure!(between <= FEW, "{between} calls to the silent region came first");
    world.until_ready("fine").await?;
    Ok(())
}
