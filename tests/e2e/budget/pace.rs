//! The pace of requests, by the times in the ledger.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use healthomics_simulator::{LedgerEntry, StoreRecord};
use jiff::Timestamp;
use kube::api::ListParams;
use serde_json::json;

use super::{enforce_quotas, with_default_quotas};
use crate::cli_runner::CliUser;
use crate::world::{Cluster, Error, World, condition, ensure, observing, tests};

tests![
    three_hundred_new_objects_keep_within_the_quotas_and_are_almost_never_refused,
    the_command_plan_keeps_within_the_quotas_too,
];

/// Longer than the floor of 75 s at 4 requests per second, on a busy machine.
const LONG: Duration = Duration::from_secs(240);

/// The share of the default quota.
const RATE: f64 = 4.0;
/// What may be saved up, and what a busy machine delays and then sends together.
const BURST: f64 = 4.0 + 2.0 * RATE;

fn ensure_pace(calls: &[LedgerEntry]) -> Result<(), Error> {
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.is_about_stores()) {
        let time: Timestamp = call.time.parse()?;
        times.entry(&call.operation).or_default().push(time.as_millisecond() as f64 / 1000.0);
    }
    for (operation, mut times) in times {
        times.sort_by(f64::total_cmp);
        for (first, from) in times.iter().enumerate() {
            for (count, to) in times[first..].iter().enumerate() {
                let allowed = RATE * (to - from) + BURST;
                let is_within = (count + 1) as f64 <= allowed;
                ensure!(is_within, "{} of {operation} in {} s", count + 1, to - from);
            }
        }
    }
    Ok(())
}

async fn three_hundred_new_objects_keep_within_the_quotas_and_are_almost_never_refused(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    enforce_quotas(&world.aws).await?;
    let mut stores = Vec::new();
    for _ in 0..300 {
        stores.push(world.seed().await?);
    }
    for (chunk, stores) in stores.chunks(50).enumerate() {
        let create = |(number, store): (usize, &StoreRecord)| {
            let (name, spec) = (format!("a-{chunk}-{number}"), observing(store));
            let world = &world;
            async move { world.create(&name, spec).await }
        };
        try_join_all(stores.iter().enumerate().map(create)).await?;
    }
    let _operator = world.operator(&with_default_quotas(&["--poll-interval=1h"]))?;
    let end = tokio::time::Instant::now() + LONG;
    loop {
        let objects = world.api.list(&ListParams::default()).await?.items;
        let is_ready = |object: &&_| condition(object, "Ready").is_some_and(|ready| ready.status == "True");
        let ready = objects.iter().filter(is_ready).count();
        if ready == 300 {
            break;
        }
        ensure!(tokio::time::Instant::now() < end, "{ready} of 300 are Ready\n{}", world.logs());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let calls = world.calls_for_objects().await?;
    let refused = calls.iter().filter(|call| call.status == 429).count();
    ensure!(refused * 100 < calls.len(), "{refused} of {} calls were refused", calls.len());
    ensure_pace(&calls)?;
    let gets = calls.iter().filter(|call| call.operation == "GetSequenceStore").count();
    ensure!(gets <= 300 + refused, "{gets} Gets for 300 objects");
    Ok(())
}

async fn the_command_plan_keeps_within_the_quotas_too(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, user) = (World::new(cluster).await?, CliUser::without_cluster());
    let mut manifests = Vec::new();
    for number in 0..30 {
        let id = world.seed().await?.id;
        manifests.push(world.manifest(&format!("a-{number}"), json!({"sequenceStoreId": id})));
    }
    enforce_quotas(&world.aws).await?;
    let flags = ["plan", "--offline", "--cluster-name=e2e", "-f", "-", "-o", "json"];
    let plans = world.run_with_input(&user, &flags, &manifests.join("\n---\n")).await?.json()?;
    let planned = plans["objects"].as_array().map(Vec::len);
    ensure!(planned == Some(30), "{plans}");
    let calls = world.aws.ledger().await?;
    let refused = calls.iter().filter(|call| call.status == 429).count();
    ensure!(refused == 0, "{refused} of {} calls were refused", calls.len());
    ensure_pace(&calls)
}
