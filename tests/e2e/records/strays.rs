//! Stores that carry the owner tags of an object which uses another one: shown until somebody clears them away.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs, SeedStore, Side};
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject};
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use serde_json::{Value, json};

use crate::world::{Cluster, Error, Start, TIMEOUT, World, ensure, tests};

tests![
    a_store_left_by_an_abandoned_create_is_shown_while_it_is_there,
    duplicate_stores_are_shown_while_they_are_there,
];

/// `status.strayStores`
async fn strays(world: &World) -> Result<Vec<String>, Error> {
    let resource = ApiResource::erase::<SequenceStore>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), &world.namespace, &resource);
    let object = api.get("a").await?;
    let shown = object.data["status"]["strayStores"].as_array().cloned().unwrap_or_default();
    Ok(shown.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect())
}

async fn until_strays(world: &World, wanted: &[&str]) -> Result<(), Error> {
    let end = tokio::time::Instant::now() + TIMEOUT;
    loop {
        let shown = strays(world).await?;
        if shown == wanted {
            return Ok(());
        }
        ensure!(
            tokio::time::Instant::now() < end,
            "status.strayStores is {shown:?}, not {wanted:?}\n{}",
            world.logs()
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn a_store_left_by_an_abandoned_create_is_shown_while_it_is_there(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let operator = world.operator(&Start::with_create_grace(2))?;
    let other = world.seed().await?;
    world.aws.set_knobs(&Knobs { list_lag_ms: 6_000, ..Knobs::default() }).await?;
    let unclear = Fault { side: Side::AfterCommit, ..Fault::once("CreateSequenceStore", FaultAction::Reset) };
    world.aws.script_fault(&unclear).await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_calls("CreateSequenceStore", 1).await?;
    world.patch("a", json!({"spec": {"sequenceStoreId": other.id}})).await?;
    world.until_ready("a").await?;
    let note = world.until_event("a", "DuplicateStores").await?;
    let stray = world.aws.stores().await?.into_iter().find(|store| store.id != other.id).ok_or("a stray")?;
    ensure!(note.contains(&stray.id), "{note}");
    until_strays(&world, &[&stray.id]).await?;
    // It is still told after passes that do not search, and after a restart.
    world.one_more_pass("a").await?;
    until_strays(&world, &[&stray.id]).await?;
    operator.kill().await;
    let _operator = world.operator(&Start::with_create_grace(2))?;
    world.one_more_pass("a").await?;
    until_strays(&world, &[&stray.id]).await?;
    world.aws.remove_store(&stray.arn).await?;
    world.reconcile_now("a").await?;
    until_strays(&world, &[]).await
}

async fn duplicate_stores_are_shown_while_they_are_there(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let object = world.create("a", SequenceStoreSpec::default()).await?;
    let pairs = [
        ("uid", object.uid().unwrap_or_default()),
        ("cluster", "e2e".into()),
        ("namespace", world.namespace.clone()),
        ("name", "a".into()),
    ];
    let tags: BTreeMap<String, String> =
        pairs.into_iter().map(|(key, value)| (format!("healthomics.dev/{key}"), value)).collect();
    let seed = |time: &str| SeedStore {
        name: Some("a".into()),
        tags: tags.clone(),
        creation_time: Some(time.to_owned()),
        ..SeedStore::default()
    };
    world.seed_with(seed("2023-01-01T00:00:00.000Z")).await?;
    let newer = world.seed_with(seed("2024-01-01T00:00:00.000Z")).await?;
    let _operator = world.operator(&Start::with_create_grace(2))?;
    world.until_ready("a").await?;
    until_strays(&world, &[&newer.id]).await?;
    world.one_more_pass("a").await?;
    until_strays(&world, &[&newer.id]).await?;
    // Without the owner tags it is nobody's stray any more.
    world.aws.change_store(&newer.id, json!({"tags": {}})).await?;
    world.reconcile_now("a").await?;
    until_strays(&world, &[]).await?;
    world.ensure_there_in_aws(&newer).await
}
