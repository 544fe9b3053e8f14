//! AWS refuses everything for a while.

use std::sync::Arc;
use std::time::Duration;

use healthomics_simulator::{Fault, FaultAction};

use crate::world::{Cluster, Error, Start, World, condition, ensure, tests};

tests![
    settled_objects_never_show_throttled_in_a_storm_and_are_polled_again_after_it,
    one_refusal_discards_no_search_and_shows_in_no_condition,
];

const OBJECTS: usize = 8;

async fn settled_objects_never_show_throttled_in_a_storm_and_are_polled_again_after_it(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let flags = ["--poll-interval=2s", "--concurrency=32"].map(String::from).to_vec();
    let _operator = world.operator(&Start { flags, ..Start::default() })?;
    let mut versions = Vec::new();
    for number in 0..OBJECTS {
        let (name, store) = (format!("a-{number}"), world.seed().await?);
        world.adopt(&name, &store).await?;
        world.until_ready(&name).await?;
        versions.push((world.versions(&name).await?, name, store));
    }
    let storm = Fault::always("*", FaultAction::error("ThrottlingException"));
    world.aws.script_fault(&storm).await?;
    // Each pass tries a Get five times before it fails; after three failed passes other failures are shown.
    for (_, name, store) in &versions {
        let end = tokio::time::Instant::now() + Duration::from_secs(120);
        loop {
            let gets = world.gets_of(store).await?;
            let refused = gets.iter().filter(|get| get.status == 429).count();
            if refused >= 20 {
                break;
            }
            ensure!(tokio::time::Instant::now() < end, "{name}: {refused} refused Gets\n{}", world.logs());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    world.aws.clear_faults().await?;
    for (collected, name, store) in &versions {
        world.reconcile_now(name).await?;
        world.until_more_gets(store, 2).await?;
        let seen = world.until_caught_up(name, collected).await?;
        let reasons = |kind: &'static str| {
            seen.iter().filter_map(move |version| condition(version, kind).map(|c| c.reason.clone()))
        };
        let shown: Vec<String> = reasons("Ready").chain(reasons("Synced")).collect();
        ensure!(!shown.iter().any(|reason| reason == "Throttled"), "{name} showed {shown:?}");
        world.until_ready(name).await?;
    }
    Ok(())
}

async fn one_refusal_discards_no_search_and_shows_in_no_condition(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    for operation in ["ListSequenceStores", "ListTagsForResource", "GetSequenceStore"] {
        let fault = Fault::once(operation, FaultAction::error("ThrottlingException"));
        world.aws.script_fault(&fault).await?;
    }
    let seed = healthomics_simulator::SeedStore { name: Some("a".into()), ..Default::default() };
    world.seed_with(seed).await?;
    let _operator =
        world.operator(&Start { flags: vec!["--poll-interval=1h".into()], ..Start::default() })?;
    world.create("a", Default::default()).await?;
    let versions = world.versions("a").await?;
    world.until_ready("a").await?;
    let lists = world.calls("ListSequenceStores").await?;
    ensure!(lists.len() == 2 && lists[0].status == 429, "one search, one page sent twice: {lists:?}");
    let creates = world.calls("CreateSequenceStore").await?;
    ensure!(creates.len() == 1, "{} creates", creates.len());
    let seen = world.until_caught_up("a", &versions).await?;
    let is_throttled =
        |kind| seen.iter().any(|version| condition(version, kind).is_some_and(|c| c.reason == "Throttled"));
    ensure!(!is_throttled("Ready") && !is_throttled("Synced"), "a refusal is shown");
    Ok(())
}
