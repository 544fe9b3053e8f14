//! A conflict names the owner, a refused take-over says why it was refused, and a store that is gone is not ACTIVE.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::SeedStore;
use kube::ResourceExt;
use serde_json::json;

use crate::assertions::ensure_stalled;
use crate::world::{Cluster, Error, World, ensure, message, status, tests};

tests![
    a_conflict_names_the_owner_as_namespace_and_name,
    a_conflict_names_the_cluster_of_an_owner_elsewhere,
    a_refused_take_over_says_why_it_was_refused,
    kubectl_get_shows_no_status_of_a_store_that_is_missing,
];

async fn a_conflict_names_the_owner_as_namespace_and_name(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let owner = world.adopt("owner", &store).await?;
    world.until_ready("owner").await?;
    world.adopt("thief", &store).await?;
    let object = world.until_condition("thief", "Ready", "False", "OwnershipConflict").await?;
    let text = message(&object, "Ready");
    ensure!(text.contains(&format!("{}/owner", world.namespace)), "{text}");
    ensure!(text.contains(&owner.uid().unwrap_or_default()), "{text}");
    ensure!(!text.contains("cluster"), "an owner of this cluster: {text}");
    Ok(())
}

async fn a_conflict_names_the_cluster_of_an_owner_elsewhere(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let pairs = [("uid", "some-uid"), ("cluster", "far-away"), ("namespace", "lab"), ("name", "genomes")];
    let tags: BTreeMap<String, String> =
        pairs.into_iter().map(|(key, value)| (format!("healthomics.dev/{key}"), value.to_owned())).collect();
    let store = world.seed_with(SeedStore { tags, ..SeedStore::default() }).await?;
    world.adopt("thief", &store).await?;
    let object = world.until_condition("thief", "Ready", "False", "OwnershipConflict").await?;
    let text = message(&object, "Ready");
    for part in ["lab/genomes", "far-away", "some-uid"] {
        ensure!(text.contains(part), "{part} is not in: {text}");
    }
    Ok(())
}

async fn a_refused_take_over_says_why_it_was_refused(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let owner = world.adopt("owner", &store).await?;
    world.until_ready("owner").await?;
    world.adopt("thief", &store).await?;
    let before = world.until_condition("thief", "Ready", "False", "OwnershipConflict").await?;
    let annotation = json!({"metadata": {"annotations": {"healthomics.dev/take-over": owner.uid()}}});
    world.patch("thief", annotation).await?;
    let object = world.one_more_pass("thief").await?;
    ensure_stalled(&object)?;
    let text = message(&object, "Ready");
    ensure!(text != message(&before, "Ready"), "no word of the refusal: {text}");
    ensure!(text.contains("take-over"), "{text}");
    ensure!(text.contains(&format!("{}/owner", world.namespace)), "{text}");
    ensure!(text.contains("Observe"), "no way out: {text}");
    let mark = world.mark();
    let again = world.one_more_pass("thief").await?;
    ensure!(message(&again, "Ready") == text, "the message is not stable: {}", message(&again, "Ready"));
    let writes: usize = world.operator_writes(&mark).values().sum();
    ensure!(writes == 1, "{writes} writes, where only the echo of the request is due");
    Ok(())
}

async fn kubectl_get_shows_no_status_of_a_store_that_is_missing(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.aws.remove_store(&store.arn).await?;
    let object = world.until_condition("a", "Ready", "False", "StoreMissing").await?;
    let output = world.kubectl(&["get", "seqstore", "a", "--output=wide"]).await?.checked()?;
    ensure!(!output.stdout.contains("ACTIVE"), "{}", output.stdout);
    let shown = status(&object).store.ok_or("no store")?;
    ensure!(shown.id == store.id && shown.arn == store.arn, "the record lost the store: {shown:?}");
    Ok(())
}
