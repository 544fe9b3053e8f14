//! What somebody else changes in AWS: listings show some of it, the background round the rest.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, LedgerEntry, SeedStore, Side};
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;

use super::fleet::{Fleet, GET, LIST, by_list, count};
use crate::assertions::has_finalizer;
use crate::world::{Cluster, Error, Start, condition, ensure, spec_for, status, tests};

tests![
    a_change_that_a_listing_shows_is_read_once,
    a_store_that_fails_or_moves_is_polled_until_it_is_at_rest_again,
    tags_that_no_listing_shows_are_read_in_the_background_round,
    a_store_that_is_gone_from_the_listing_is_missing_only_after_two_404s,
    a_listing_that_began_before_an_own_update_changes_nothing,
    a_store_that_get_and_list_show_differently_is_not_read_for_ever,
    an_object_that_lost_its_finalizer_gets_it_back,
];

async fn a_change_that_a_listing_shows_is_read_once(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (fleet, _operator) = Fleet::settled(cluster, 4).await?;
    let seq = fleet.until_at_rest().await?;
    let [named, described, ..] = &fleet.stores[..] else { return Err("no stores".into()) };
    fleet.world.aws.change_store(&named.id, json!({"name": "renamed"})).await?;
    fleet.world.aws.change_store(&described.id, json!({"description": "described"})).await?;
    let shows = |name: &'static str, description: &'static str| {
        move |object: &_| {
            status(object).store.is_some_and(|store| {
                store.name.as_deref() == Some(name) && store.description.unwrap_or_default() == description
            })
        }
    };
    fleet.world.until("store-0", "the new name", shows("renamed", "")).await?;
    fleet.world.until("store-1", "the new description", shows("genomes", "described")).await?;
    let listed = count(&fleet.calls_since(seq).await?, LIST);
    fleet.until_listed(seq, listed + 3).await?;
    let gets = fleet.world.gets_since(seq).await?;
    ensure!(gets == [(named.id.clone(), 1), (described.id.clone(), 1)].into(), "{gets:?}");
    Ok(())
}

async fn a_store_that_fails_or_moves_is_polled_until_it_is_at_rest_again(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (fleet, _operator) = Fleet::settled(cluster, 3).await?;
    fleet.until_at_rest().await?;
    let moving = &fleet.stores[0].id;
    for (state, reason) in [("FAILED", "Failed"), ("UPDATING", "Updating")] {
        fleet.world.aws.change_store(moving, json!({"status": state})).await?;
        fleet.world.until_condition("store-0", "Ready", "False", reason).await?;
    }
    fleet.world.aws.change_store(moving, json!({"status": "ACTIVE"})).await?;
    fleet.world.until_ready("store-0").await?;
    let seq = fleet.now().await?;
    fleet.until_only_listed(seq, 3).await?;
    Ok(())
}

async fn tags_that_no_listing_shows_are_read_in_the_background_round(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let fleet = Fleet::new(cluster, 4).await?;
    // With AWS's own quotas one Get in two seconds may be sent in the background, so that a round takes eight seconds.
    let environment = [("SEQSTORE_QUOTA", String::new())].into();
    let flags = ["--poll-interval=2s", "--list-from=1", "--background-share=0.1"];
    let start = Start { flags: flags.map(String::from).to_vec(), environment, ..Start::default() };
    let _operator = fleet.world.operator(&start)?;
    fleet.until_all_ready().await?;
    fleet.until_listed(0, 4).await?;
    for store in &fleet.stores {
        fleet.world.aws.change_store(&store.id, json!({"tags": {"team": "genomics"}})).await?;
    }
    for number in 0..fleet.stores.len() {
        let has_tag = |object: &_| {
            let tags = status(object).store.and_then(|store| store.tags).unwrap_or_default();
            tags.get("team").is_some_and(|team| team == "genomics")
        };
        fleet.world.until(&format!("store-{number}"), "the new tag", has_tag).await?;
    }
    Ok(())
}

async fn a_store_that_is_gone_from_the_listing_is_missing_only_after_two_404s(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (fleet, _operator) = Fleet::settled(cluster, 3).await?;
    let seq = fleet.until_at_rest().await?;
    let gone = &fleet.stores[1].id;
    fleet.world.aws.remove_store(gone).await?;
    fleet.world.until_condition("store-1", "Ready", "False", "StoreMissing").await?;
    let calls = fleet.calls_since(seq).await?;
    let not_found = calls.iter().filter(|call| call.store_id.as_ref() == Some(gone) && call.status == 404);
    ensure!(not_found.count() >= 2, "believed too soon: {calls:?}");
    for kept in ["store-0", "store-2"] {
        let object = fleet.world.api.get(kept).await?;
        ensure!(condition(&object, "Ready").is_some_and(|ready| ready.status == "True"), "{kept}");
    }
    Ok(())
}

async fn a_listing_that_began_before_an_own_update_changes_nothing(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let mut fleet = Fleet::new(cluster, 3).await?;
    let store =
        fleet.world.seed_with(SeedStore { name: Some("managed".into()), ..SeedStore::default() }).await?;
    let spec = SequenceStoreSpec { description: Some("before".into()), ..spec_for(&store) };
    fleet.world.create(&format!("store-{}", fleet.stores.len()), spec).await?;
    fleet.stores.push(store.clone());
    let _operator = fleet.world.operator(&by_list())?;
    fleet.until_all_ready().await?;
    let seq = fleet.until_at_rest().await?;
    // The page is made before the update, and arrives after it.
    let hold = Fault { side: Side::AfterCommit, times: Some(1), ..Fault::always(LIST, FaultAction::Hold) };
    fleet.world.aws.script_fault(&hold).await?;
    fleet.world.until_held().await?;
    fleet.world.patch("store-3", json!({"spec": {"description": "after"}})).await?;
    let is_updated = |object: &_| {
        let status = status(object);
        status.store.and_then(|store| store.description).as_deref() == Some("after")
            && status.conditions.iter().filter(|c| c.status == "True").count() == 2
    };
    fleet.world.until("store-3", "the update", is_updated).await?;
    let is_seen = |calls: &[LedgerEntry]| {
        let update = calls.iter().position(|call| call.operation == "UpdateSequenceStore");
        calls.iter().skip(update.unwrap_or(calls.len())).any(|call| call.operation == GET)
    };
    fleet.until_calls_since(seq, "the look after the update", is_seen).await?;
    // The pass of that look comes to its end.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let released = fleet.now().await?;
    fleet.world.aws.release_held().await?;
    fleet.until_listed(seq, 4).await?;
    fleet.until_at_rest().await?;
    let object = fleet.world.api.get("store-3").await?;
    ensure!(is_updated(&object), "the old listing was believed: {:?}", object.status);
    // A listing that took too long is given up: then all stores are polled, and not this one alone.
    let gets = fleet.world.gets_since(released).await?;
    ensure!(!gets.keys().eq([&store.id]), "the old listing led to a look: {gets:?}");
    let updates = fleet.world.calls("UpdateSequenceStore").await?;
    // The first one took over the description of the spec.
    ensure!(updates.len() == 2, "{} updates", updates.len());
    Ok(())
}

/// AWS does not promise that both show the same. Such a store costs one Get, and not one for each listing.
async fn a_store_that_get_and_list_show_differently_is_not_read_for_ever(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (fleet, _operator) = Fleet::settled(cluster, 3).await?;
    fleet.until_at_rest().await?;
    let action =
        FaultAction::Replace { member: "description".into(), value: json!("as only a listing shows it") };
    fleet.world.aws.script_fault(&Fault::always(LIST, action)).await?;
    let seq = fleet.now().await?;
    fleet.until_all_read(seq).await?;
    fleet.until_only_listed(seq, 4).await?;
    let gets = fleet.world.gets_since(seq).await?;
    ensure!(gets.values().all(|gets| *gets == 1), "read again and again: {gets:?}");
    // A change is seen all the same.
    fleet.world.aws.change_store(&fleet.stores[0].id, json!({"name": "renamed"})).await?;
    fleet
        .world
        .until("store-0", "the new name", |object| {
            status(object).store.and_then(|store| store.name).as_deref() == Some("renamed")
        })
        .await?;
    Ok(())
}

async fn an_object_that_lost_its_finalizer_gets_it_back(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (mut fleet, _operator) = Fleet::settled(cluster, 3).await?;
    let store = fleet.world.seed().await?;
    fleet.world.adopt("store-3", &store).await?;
    fleet.stores.push(store);
    fleet.until_all_ready().await?;
    let seq = fleet.until_at_rest().await?;
    fleet.world.patch("store-3", json!({"metadata": {"finalizers": null}})).await?;
    fleet.world.until("store-3", "its finalizer", has_finalizer).await?;
    let gets = fleet.world.gets_since(seq).await?;
    ensure!(gets.keys().eq([&fleet.stores[3].id]), "{gets:?} with {GET}");
    Ok(())
}
