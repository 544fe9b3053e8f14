//! Whether a region is observed by List or by Get, and objects that have an interval of their own.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, SeedStore};
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;

use super::fleet::{Fleet, GET, LIST, NO_BACKGROUND, by_list, count, ensure_only_listed};
use crate::world::{Cluster, Error, Start, ensure, observing, status, tests};

tests![
    few_objects_among_many_stores_of_others_are_polled,
    few_objects_are_polled_as_ever,
    an_outage_of_one_region_leaves_listings_of_the_other_alone,
    an_object_with_a_shorter_interval_is_polled_beside_the_listings,
    objects_that_settle_one_after_the_other_are_taken_over_from_polls_by_listings,
];

async fn few_objects_among_many_stores_of_others_are_polled(cluster: Arc<Cluster>) -> Result<(), Error> {
    let fleet = Fleet::new(cluster, 2).await?;
    for _ in 0..220 {
        fleet.world.seed().await?;
    }
    let _operator = fleet.world.operator(&by_list())?;
    fleet.until_all_ready().await?;
    fleet.until_polled(fleet.now().await?, 3).await?;
    // One page was enough to see that there are more.
    let listed = count(&fleet.calls_since(0).await?, LIST);
    ensure!(listed <= 1, "{listed} pages were listed for two objects");
    Ok(())
}

async fn few_objects_are_polled_as_ever(cluster: Arc<Cluster>) -> Result<(), Error> {
    let fleet = Fleet::new(cluster, 6).await?;
    let _operator = fleet.world.operator(&Start::default())?;
    fleet.until_all_ready().await?;
    fleet.until_polled(fleet.now().await?, 3).await?;
    let calls = fleet.calls_since(0).await?;
    ensure!(count(&calls, LIST) == 0, "{} listings for six objects", count(&calls, LIST));
    Ok(())
}

async fn an_outage_of_one_region_leaves_listings_of_the_other_alone(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let mut fleet = Fleet::new(cluster, 3).await?;
    let west = SeedStore { region: "us-west-2".into(), name: Some("genomes".into()), ..SeedStore::default() };
    for _ in 0..3 {
        fleet.add(west.clone()).await?;
    }
    let _operator = fleet.world.operator(&by_list())?;
    fleet.until_all_ready().await?;
    fleet
        .until_calls_since(0, "listings of both regions", |calls| {
            let last: Vec<_> = calls.iter().rev().take(10).collect();
            let of = |region: &str| last.iter().filter(|call| call.region.as_deref() == Some(region)).count();
            last.iter().all(|call| call.operation == LIST)
                && last.len() == 10
                && of("us-east-1") > 1
                && of("us-west-2") > 1
        })
        .await?;
    let outage = Fault::always(LIST, FaultAction::error("InternalServerException"));
    fleet.world.aws.script_fault(&Fault { region: Some("us-west-2".into()), ..outage }).await?;
    let seq = fleet.now().await?;
    fleet
        .until_calls_since(seq, "polls in us-west-2", |calls| {
            fleet.stores[3..].iter().all(|store| {
                calls.iter().filter(|c| c.operation == GET && c.store_id.as_ref() == Some(&store.id)).count()
                    > 1
            })
        })
        .await?;
    let mut east = fleet.calls_since(seq).await?;
    east.retain(|call| call.region.as_deref() == Some("us-east-1"));
    ensure!(east.len() > 1, "us-east-1 is listed no more");
    ensure_only_listed(&east)
}

async fn an_object_with_a_shorter_interval_is_polled_beside_the_listings(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let mut fleet = Fleet::new(cluster, 3).await?;
    let store = fleet.world.seed().await?;
    let spec = SequenceStoreSpec { poll_interval: Some("10s".into()), ..observing(&store) };
    fleet.world.create("store-3", spec).await?;
    fleet.stores.push(store.clone());
    let flags = ["--poll-interval=12s", "--list-from=1", NO_BACKGROUND];
    let start = Start { flags: flags.map(String::from).to_vec(), ..Start::default() };
    let _operator = fleet.world.operator(&start)?;
    fleet.until_all_ready().await?;
    let seq = fleet.until_calls_since(0, "a listing", |calls| count(calls, LIST) > 0).await?;
    let seq = seq.last().map_or(0, |call| call.seq);
    // The polls that were due before the first listing come once more.
    fleet
        .until_calls_since(seq, "polls of one object alone", |calls| {
            let last: Vec<_> = calls.iter().filter(|c| c.operation == GET).rev().take(3).collect();
            last.len() == 3 && last.iter().all(|call| call.store_id.as_ref() == Some(&store.id))
        })
        .await?;
    Ok(())
}

/// The choice is made for the first time when few objects are settled. What is polled by then, or since, is polled no more.
async fn objects_that_settle_one_after_the_other_are_taken_over_from_polls_by_listings(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let mut fleet = Fleet::new(cluster, 3).await?;
    let flags = ["--poll-interval=4s", "--list-from=8", NO_BACKGROUND];
    let start = Start { flags: flags.map(String::from).to_vec(), ..Start::default() };
    let _operator = fleet.world.operator(&start)?;
    fleet.until_all_ready().await?;
    let seq = fleet.now().await?;
    fleet.until_all_read(seq).await?;
    ensure!(count(&fleet.calls_since(0).await?, LIST) == 0, "three objects were listed");
    for _ in 0..5 {
        fleet.add(SeedStore { name: Some("genomes".into()), ..SeedStore::default() }).await?;
    }
    fleet.until_all_ready().await?;
    let calls = fleet.until_calls_since(seq, "a listing", |calls| count(calls, LIST) > 0).await?;
    let first = calls.iter().find(|call| call.operation == LIST).map_or(0, |call| call.seq);
    fleet.until_listed(first, 3).await?;
    // Each of the eight polls was due before the second listing. One or two may have been due during the first one.
    let gets = fleet.world.gets_since(first).await?;
    ensure!(gets.len() <= 2, "polled although they are listed: {gets:?}");
    fleet.world.aws.change_store(&fleet.stores[0].id, json!({"description": "changed"})).await?;
    let is_changed =
        |object: &_| status(object).store.and_then(|store| store.description).as_deref() == Some("changed");
    fleet.world.until("store-0", "the new description", is_changed).await.map(|_object| ())
}
