//! An owner tag that AWS does not show is believed to be gone only after its grace, and after a second look.

use std::sync::Arc;

use healthomics_simulator::{Knobs, LedgerEntry};
use jiff::Timestamp;
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;

use crate::assertions::ensure_stalled;
use crate::world::{Cluster, Error, Start, World, condition, ensure, status, tests};

tests![
    an_object_is_not_stalled_while_the_tags_of_its_new_store_lag,
    a_store_whose_tags_lag_is_deleted_with_its_object,
    a_lost_owner_tag_is_a_conflict_only_after_a_second_look,
    a_deletion_gives_up_a_store_only_after_a_second_look,
    a_tag_removed_from_the_spec_while_reads_lag_is_removed_in_the_end,
];

const UID: &str = "healthomics.dev/uid";

fn lagging() -> Knobs {
    Knobs { tags_lag_ms: 12_000, tags_lag_empty: true, ..Knobs::default() }
}

/// Looks at the tags of a store that did not show the owner tag.
async fn looks_without_owner(world: &World) -> Result<Vec<LedgerEntry>, Error> {
    let mut looks = world.calls("ListTagsForResource").await?;
    looks.retain(|look| look.status == 200 && look.response["tags"].get(UID).is_none());
    Ok(looks)
}

async fn until_look_without_owner(world: &World) -> Result<(), Error> {
    let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
    while looks_without_owner(world).await?.is_empty() {
        ensure!(tokio::time::Instant::now() < end, "the tags never lag\n{}", world.logs());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn an_object_is_not_stalled_while_the_tags_of_its_new_store_lag(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    world.aws.set_knobs(&lagging()).await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let versions = world.versions("a").await?;
    until_look_without_owner(&world).await?;
    let shown = |o: &sequencestore_operator::crd::SequenceStore| {
        status(o).store.and_then(|store| store.tags).is_some_and(|tags| tags.contains_key(UID))
            && condition(o, "Ready").is_some_and(|ready| ready.status == "True")
            && condition(o, "Synced").is_some_and(|synced| synced.status == "True")
    };
    world.until("a", "Ready with its tags", shown).await?;
    for version in world.until_caught_up("a", &versions).await? {
        let stalled = condition(&version, "Stalled");
        ensure!(stalled.is_none(), "Stalled although the tags only lag: {stalled:?}");
    }
    let writes = world.calls("TagResource").await?.len();
    ensure!(writes == 0, "{writes} tag writes although only the reads lag");
    Ok(())
}

async fn a_store_whose_tags_lag_is_deleted_with_its_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    world.aws.set_knobs(&lagging()).await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    until_look_without_owner(&world).await?;
    let object = world.api.get("a").await?;
    let id = status(&object).store.map(|store| store.id).ok_or("no store on record")?;
    world.delete("a").await?;
    world.until_gone("a").await?;
    let store = world.aws.store(&id).await?;
    ensure!(store.is_none_or(|store| store.deleted), "the object is gone and its store {id} stays");
    Ok(())
}

async fn removed_owner_tags(world: &World) -> Result<String, Error> {
    world.create("a", SequenceStoreSpec::default()).await?;
    let id = status(&world.until_ready("a").await?).store.map(|store| store.id).unwrap_or_default();
    world.one_more_pass("a").await?;
    // The create grace is over.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    world.aws.change_store(&id, json!({"tags": {}})).await?;
    Ok(id)
}

async fn ensure_two_looks(world: &World) -> Result<(), Error> {
    let times = looks_without_owner(world).await?;
    let times: Vec<Timestamp> = times.iter().map(|look| look.time.parse()).collect::<Result<_, _>>()?;
    let apart = times.last().zip(times.first()).map(|(last, first)| last.duration_since(*first).as_millis());
    ensure!(apart.is_some_and(|apart| apart >= 5_000), "believed after looks {apart:?} ms apart");
    Ok(())
}

async fn a_lost_owner_tag_is_a_conflict_only_after_a_second_look(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    // A short window: the creation must be over.
    let _operator = world.operator(&Start::with_create_grace(1))?;
    removed_owner_tags(&world).await?;
    let object = world.until_condition("a", "Ready", "False", "OwnershipConflict").await?;
    ensure_stalled(&object)?;
    ensure_two_looks(&world).await
}

async fn a_deletion_gives_up_a_store_only_after_a_second_look(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::with_create_grace(1))?;
    let id = removed_owner_tags(&world).await?;
    world.delete("a").await?;
    world.until_gone("a").await?;
    ensure_two_looks(&world).await?;
    let store = world.aws.store(&id).await?.ok_or("no store")?;
    ensure!(!store.deleted, "a store without an owner tag was deleted");
    Ok(())
}

/// The spec gains a tag and loses it again before reads show it. The tag appears later and must not stay for ever.
async fn a_tag_removed_from_the_spec_while_reads_lag_is_removed_in_the_end(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::with_create_grace(20))?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    world.patch("a", json!({"spec": {"tags": {"kept": "yes"}}})).await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    world.aws.set_knobs(&Knobs { tags_lag_ms: 8_000, ..Knobs::default() }).await?;
    world.patch("a", json!({"spec": {"tags": {"team": "genomics"}}})).await?;
    let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
    let team = |tags: &std::collections::BTreeMap<String, String>| tags.contains_key("team");
    while !world.aws.store(&store.arn).await?.is_some_and(|store| team(&store.tags)) {
        ensure!(tokio::time::Instant::now() < end, "the tag is not written\n{}", world.logs());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.patch("a", json!({"spec": {"tags": {"team": null}}})).await?;
    let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
    while world.aws.store(&store.arn).await?.is_some_and(|store| team(&store.tags)) {
        ensure!(tokio::time::Instant::now() < end, "the tag is stranded\n{}", world.logs());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok(())
}
