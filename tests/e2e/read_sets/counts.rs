//! `spec.observeReadSets`: the read sets of a store are counted now and then, and shown in status, in a column and as metrics. The
//! ledger of the simulator is the judge of how often.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{LedgerEntry, StoreRecord};
use sequencestore_operator::crd::{ReadSets, SequenceStore, SequenceStoreSpec};
use serde_json::json;

use crate::metrics::page::Measured;
use crate::world::{Cluster, Error, Start, World, condition, ensure, observing, spec_for, tests};

tests![
    counts_by_status_appear_with_a_column,
    more_than_a_thousand_read_sets_cost_few_pages,
    a_listing_of_deleted_read_sets_is_not_followed_for_ever,
    without_the_field_count_and_series_go_and_nothing_is_asked,
    a_count_is_repeated_only_after_its_interval_across_restarts,
    a_person_asks_for_a_count_by_annotation,
    a_paused_object_is_counted_once_it_is_resumed,
];

const LIST: &str = "ListReadSets";
pub const SERIES: &str = "sequencestore_object_read_sets";

/// An operator that counts so often.
pub fn every(interval: &str) -> Start {
    let mut start = Start::default();
    start.flags.push(format!("--read-set-poll-interval={interval}"));
    start
}

pub fn counting(spec: SequenceStoreSpec) -> SequenceStoreSpec {
    SequenceStoreSpec { observe_read_sets: Some(true), ..spec }
}

pub fn read_sets(object: &SequenceStore) -> Option<ReadSets> {
    object.status.as_ref()?.read_sets.clone()
}

pub async fn until_total(world: &World, name: &str, total: &str) -> Result<ReadSets, Error> {
    let what = format!("{total} read sets");
    let is_counted =
        |object: &SequenceStore| read_sets(object).is_some_and(|shown| shown.total.as_deref() == Some(total));
    read_sets(&world.until(name, &what, is_counted).await?).ok_or_else(|| "no read sets".into())
}

/// Pages of read sets of this store that were asked for.
pub async fn pages(world: &World, store: &StoreRecord) -> Result<Vec<LedgerEntry>, Error> {
    let mut calls = world.calls(LIST).await?;
    calls.retain(|call| call.store_id.as_ref() == Some(&store.id));
    Ok(calls)
}

/// Makes an object that is counted for the first time, and waits for it: whatever else was due before that was counted too.
async fn until_another_is_counted(world: &World, name: &str) -> Result<(), Error> {
    let store = world.seed().await?;
    world.create(name, counting(spec_for(&store))).await?;
    until_total(world, name, "0").await.map(drop)
}

async fn counts_by_status_appear_with_a_column(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&every("1h"))?;
    let store = world.seed().await?;
    for (number, status) in
        [(30, "ACTIVE"), (25, "ARCHIVED"), (2, "PROCESSING_UPLOAD"), (90, "DELETED"), (4, "DELETING")]
    {
        world.aws.add_read_sets(&store.id, number, status).await?;
    }
    world.create("genomes", counting(spec_for(&store))).await?;
    world.adopt("silent", &world.seed().await?).await?;
    let counted = until_total(&world, "genomes", "61").await?;
    let expected = [("ACTIVE", 30), ("ARCHIVED", 25), ("PROCESSING_UPLOAD", 2), ("DELETING", 4)];
    let expected: BTreeMap<String, i32> = expected.map(|(status, n)| (status.to_owned(), n)).into();
    ensure!(counted.by_status == expected && counted.message.is_none(), "{counted:?}");
    let age = counted
        .observed_time
        .ok_or("no time")?
        .parse::<jiff::Timestamp>()?
        .duration_until(jiff::Timestamp::now());
    ensure!(age.as_secs() < 60, "counted {age:?} ago");
    let calls = world.calls(LIST).await?;
    ensure!(calls.len() == 2, "{} pages of 151 read sets", calls.len());
    ensure!(calls.iter().all(|call| call.parameters["maxResults"].to_string().contains("100")), "{calls:?}");
    world.until_ready("genomes").await?;
    let silent = world.until_ready("silent").await?;
    ensure!(read_sets(&silent).is_none(), "nobody asked for it: {silent:?}");
    let table = world.kubectl(&["get", "seqstore"]).await?.checked()?.stdout;
    let row = |name| table.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    let column = table.find("READ SETS").ok_or("no column")?;
    let cell = |name| row(name).get(column..column + "READ SETS".len()).unwrap_or_default().trim();
    ensure!((cell("genomes"), cell("silent")) == ("61", ""), "{table}");
    Ok(())
}

async fn more_than_a_thousand_read_sets_cost_few_pages(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&every("1h"))?;
    let (full, fuller) = (world.seed().await?, world.seed().await?);
    world.aws.add_read_sets(&full.id, 1000, "ACTIVE").await?;
    world.aws.add_read_sets(&fuller.id, 1001, "ACTIVE").await?;
    world.create("full", counting(spec_for(&full))).await?;
    world.create("fuller", counting(spec_for(&fuller))).await?;
    until_total(&world, "full", "1000").await?;
    let counted = until_total(&world, "fuller", "1000+").await?;
    ensure!(counted.by_status == [("ACTIVE".to_owned(), 1000)].into(), "{counted:?}");
    let of_both = [pages(&world, &full).await?.len(), pages(&world, &fuller).await?.len()];
    ensure!(of_both == [10, 10], "{of_both:?} pages");
    Ok(())
}

async fn a_listing_of_deleted_read_sets_is_not_followed_for_ever(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&every("1h"))?;
    let store = world.seed().await?;
    world.aws.add_read_sets(&store.id, 3, "ACTIVE").await?;
    world.aws.add_read_sets(&store.id, 2000, "DELETED").await?;
    world.create("emptied", counting(spec_for(&store))).await?;
    until_total(&world, "emptied", "3+").await?;
    let pages = pages(&world, &store).await?.len();
    ensure!(pages == 11, "{pages} pages");
    Ok(())
}

async fn without_the_field_count_and_series_go_and_nothing_is_asked(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let measured = Measured::start(&world, &["--read-set-poll-interval=1s"])?;
    let stores = [world.seed().await?, world.seed().await?];
    for (name, store) in ["off", "on"].into_iter().zip(&stores) {
        world.aws.add_read_sets(&store.id, 2, "ACTIVE").await?;
        world.aws.add_read_sets(&store.id, 5, "ARCHIVED").await?;
        world.create(name, counting(spec_for(store))).await?;
        until_total(&world, name, "7").await?;
    }
    let of = |name, status| [("name", name), ("status", status)];
    let page = measured.until("both", |page| page.count(SERIES, &[]) == 4).await?;
    ensure!(page.sum(SERIES, &of("off", "ACTIVE")) == 2, "{}", page.text);
    ensure!(page.sum(SERIES, &of("on", "ARCHIVED")) == 5, "{}", page.text);
    let counted_at = page.sum("sequencestore_object_read_sets_timestamp_seconds", &[("name", "off")]);
    ensure!(jiff::Timestamp::now().as_second().abs_diff(i64::try_from(counted_at)?) < 60, "{}", page.text);

    world.patch("off", json!({"spec": {"observeReadSets": null}})).await?;
    let object = world.until("off", "no read sets", |object| read_sets(object).is_none()).await?;
    ensure!(condition(&object, "Ready").is_some_and(|ready| ready.status == "True"), "{object:?}");
    measured.until("one", |page| page.count(SERIES, &[("name", "off")]) == 0).await?;
    let (before, others) = (pages(&world, &stores[0]).await?.len(), world.calls(LIST).await?.len());
    // The other one goes on, and so would this one.
    world.until_calls(LIST, others + 3).await?;
    let after = pages(&world, &stores[0]).await?.len();
    ensure!(after == before, "{} pages more", after - before);
    ensure!(read_sets(&world.api.get("off").await?).is_none(), "it came back");

    world.patch("off", json!({"spec": {"observeReadSets": true}})).await?;
    until_total(&world, "off", "7").await?;
    world.patch("on", json!({"spec": {"deletionPolicy": "Retain"}})).await?;
    world.delete("on").await?;
    world.until_gone("on").await?;
    measured.until("no series", |page| page.count(SERIES, &[("name", "on")]) == 0).await?;
    Ok(())
}

async fn a_count_is_repeated_only_after_its_interval_across_restarts(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let operator = world.operator(&every("1h"))?;
    let store = world.seed().await?;
    world.create("genomes", counting(spec_for(&store))).await?;
    let first = until_total(&world, "genomes", "0").await?;
    operator.kill().await;
    world.aws.add_read_sets(&store.id, 2, "ACTIVE").await?;
    let operator = world.operator(&every("1h"))?;
    until_another_is_counted(&world, "another").await?;
    ensure!(pages(&world, &store).await?.len() == 1, "it was counted again after the restart");
    ensure!(read_sets(&world.api.get("genomes").await?) == Some(first), "the count has changed");
    operator.kill().await;
    // By now a count of before is old.
    let _operator = world.operator(&every("1s"))?;
    until_total(&world, "genomes", "2").await?;
    Ok(())
}

async fn a_person_asks_for_a_count_by_annotation(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let operator = world.operator(&every("1h"))?;
    let store = world.seed().await?;
    world.create("genomes", counting(spec_for(&store))).await?;
    until_total(&world, "genomes", "0").await?;
    world.aws.add_read_sets(&store.id, 2, "ACTIVE").await?;
    world.patch("genomes", json!({"spec": {"pollInterval": "1m"}})).await?;
    until_another_is_counted(&world, "another").await?;
    ensure!(pages(&world, &store).await?.len() == 1, "a change of the spec asks for no count");
    world.reconcile_now("genomes").await?;
    until_total(&world, "genomes", "2").await?;
    ensure!(pages(&world, &store).await?.len() == 2, "one page for each count");
    operator.kill().await;
    world.aws.add_read_sets(&store.id, 1, "ACTIVE").await?;
    world.reconcile_now("genomes").await?;
    let _operator = world.operator(&every("1h"))?;
    until_total(&world, "genomes", "3").await?;
    until_another_is_counted(&world, "third").await?;
    ensure!(pages(&world, &store).await?.len() == 3, "asked for once, counted once");
    Ok(())
}

async fn a_paused_object_is_counted_once_it_is_resumed(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&every("1s"))?;
    let store = world.seed().await?;
    world.create("paused", observing(&store)).await?;
    world.until_ready("paused").await?;
    let pause = |value| json!({"metadata": {"annotations": {"healthomics.dev/paused": value}}});
    world.patch("paused", pause(json!("true"))).await?;
    world.until_condition("paused", "Synced", "False", "Paused").await?;
    world.patch("paused", json!({"spec": {"observeReadSets": true}})).await?;
    until_another_is_counted(&world, "another").await?;
    ensure!(pages(&world, &store).await?.is_empty(), "it was counted while it was paused");
    world.patch("paused", pause(json!(null))).await?;
    until_total(&world, "paused", "0").await?;
    Ok(())
}
