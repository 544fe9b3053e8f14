//! Listings that break off, go in circles, hold a store twice or leave one out. None of them is read as a change or as an
//! absence, and while no listing is complete, the stores are polled.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs, SeedStore};
use serde_json::{Value, json};

use super::fleet::{Fleet, LIST, count, ensure_only_listed};
use crate::world::{Cluster, Error, condition, ensure, tests};

tests![
    while_listings_break_off_stores_are_polled_and_nothing_is_concluded,
    while_listings_go_in_circles_stores_are_polled,
    empty_pages_between_others_are_no_fault,
    a_store_that_is_left_out_or_listed_twice_is_read_and_stays,
    stores_that_are_made_during_a_listing_are_no_fault,
];

/// With more stores of others than fit on one page; those of the objects are on the second one, and on the third.
async fn on_several_pages(cluster: Arc<Cluster>) -> Result<Fleet, Error> {
    let mut fleet = Fleet::new(cluster, 2).await?;
    for pages in [110, 100] {
        for _ in 0..pages {
            fleet.world.seed().await?;
        }
        for _ in 0..4 {
            fleet.add(SeedStore { name: Some("genomes".into()), ..SeedStore::default() }).await?;
        }
    }
    Ok(fleet)
}

async fn ensure_all_ready(fleet: &Fleet) -> Result<(), Error> {
    for number in 0..fleet.stores.len() {
        let object = fleet.world.api.get(&format!("store-{number}")).await?;
        ensure!(condition(&object, "Ready").is_some_and(|c| c.status == "True"), "{:?}", object.status);
    }
    Ok(())
}

async fn while_listings_break_off_stores_are_polled_and_nothing_is_concluded(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let fleet = on_several_pages(cluster).await?;
    let _operator = fleet.world.operator(&super::fleet::by_list())?;
    fleet.until_all_ready().await?;
    fleet.until_at_rest().await?;
    let before = fleet.world.resource_versions().await?;
    // The first page comes each time, and no other one does.
    let broken = Fault { every: 2, ..Fault::always(LIST, FaultAction::error("InternalServerException")) };
    fleet.world.aws.script_fault(&broken).await?;
    fleet.until_polled(fleet.now().await?, 2).await?;
    ensure_all_ready(&fleet).await?;
    ensure!(fleet.world.resource_versions().await? == before, "something was concluded from half a listing");
    fleet.world.aws.clear_faults().await?;
    fleet.until_at_rest().await?;
    ensure!(fleet.world.resource_versions().await? == before, "something was concluded from half a listing");
    Ok(())
}

async fn while_listings_go_in_circles_stores_are_polled(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (fleet, _operator) = Fleet::settled(cluster, 3).await?;
    fleet.until_at_rest().await?;
    let before = fleet.world.resource_versions().await?;
    fleet.world.aws.set_knobs(&Knobs { repeat_next_token: true, ..Knobs::default() }).await?;
    fleet.until_polled(fleet.now().await?, 2).await?;
    ensure!(
        fleet.world.resource_versions().await? == before,
        "something was concluded from a listing without an end"
    );
    fleet.world.aws.set_knobs(&Knobs::default()).await?;
    fleet.until_at_rest().await?;
    Ok(())
}

async fn empty_pages_between_others_are_no_fault(cluster: Arc<Cluster>) -> Result<(), Error> {
    let fleet = on_several_pages(cluster).await?;
    fleet.world.aws.set_knobs(&Knobs { empty_pages: true, ..Knobs::default() }).await?;
    let _operator = fleet.world.operator(&super::fleet::by_list())?;
    fleet.until_all_ready().await?;
    // Six requests are one listing.
    let seq = fleet.until_only_listed(0, 13).await?;
    // Three pages with stores, and an empty one before each.
    ensure_only_listed(&fleet.until_listed(seq, 13).await?)
}

async fn a_store_that_is_left_out_or_listed_twice_is_read_and_stays(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (fleet, _operator) = Fleet::settled(cluster, 4).await?;
    let seq = fleet.until_at_rest().await?;
    let before = fleet.world.resource_versions().await?;
    let listed = fleet.calls_since(0).await?.into_iter().rfind(|call| call.operation == LIST);
    let stores = listed.and_then(|call| call.response["sequenceStores"].as_array().cloned());
    let mut stores = stores.ok_or("no listing")?;
    let id = |number: usize| json!(fleet.stores[number].id);
    let twice = stores.iter().find(|store| store["id"] == id(1)).cloned().ok_or("store 1 is not listed")?;
    let twice: Vec<Value> = ["one", "another"]
        .map(|d| {
            let mut store = twice.clone();
            store["description"] = json!(d);
            store
        })
        .to_vec();
    stores.retain(|store| ![id(0), id(1)].contains(&store["id"]));
    stores.extend(twice);
    let body = json!({ "sequenceStores": stores }).to_string();
    let raw = FaultAction::Raw { status: 200, headers: BTreeMap::new(), body };
    fleet.world.aws.script_fault(&Fault { times: Some(1), ..Fault::always(LIST, raw) }).await?;
    fleet
        .until_calls_since(seq, "both stores are read", |calls| {
            [0, 1]
                .iter()
                .all(|number| calls.iter().any(|c| c.store_id.as_ref() == Some(&fleet.stores[*number].id)))
        })
        .await?;
    let calls = fleet.calls_since(seq).await?;
    fleet.until_listed(seq, count(&calls, LIST) + 3).await?;
    let gets = fleet.world.gets_since(seq).await?;
    let expected = [0, 1].map(|number: usize| (fleet.stores[number].id.clone(), 1));
    ensure!(gets == expected.into(), "{gets:?}");
    ensure!(fleet.world.resource_versions().await? == before, "something was concluded from a wrong listing");
    Ok(())
}

async fn stores_that_are_made_during_a_listing_are_no_fault(cluster: Arc<Cluster>) -> Result<(), Error> {
    let mut fleet = on_several_pages(cluster).await?;
    let _operator = fleet.world.operator(&super::fleet::by_list())?;
    fleet.until_all_ready().await?;
    // Three requests are one listing.
    let seq = fleet.until_only_listed(0, 7).await?;
    for times in 2..4 {
        let hold = Fault { times: Some(1), skip: 1, ..Fault::always(LIST, FaultAction::Hold) };
        fleet.world.aws.script_fault(&hold).await?;
        fleet.world.until_held().await?;
        for _ in 0..30 {
            fleet.world.seed().await?;
        }
        fleet.world.aws.release_held().await?;
        fleet.until_listed(seq, 4 * times).await?;
    }
    ensure_only_listed(&fleet.calls_since(seq).await?)?;
    fleet.add(SeedStore { name: Some("genomes".into()), ..SeedStore::default() }).await?;
    fleet.until_all_ready().await
}
