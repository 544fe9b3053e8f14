//! A store that an object has just claimed goes with the object, even while reads do not show the claim.

use std::sync::Arc;

use healthomics_simulator::{Knobs, SeedStore};
use sequencestore_operator::crd::{DeletionPolicy, SequenceStoreSpec};

use crate::adoption::owner_tags;
use crate::world::{Cluster, Error, Start, World, ensure, spec_for, status, tests};

tests![
    a_store_that_was_just_adopted_again_is_deleted_with_its_object,
    a_claim_made_before_a_restart_is_not_forgotten,
];

/// Reads show the tags from before a write.
fn lagging() -> Knobs {
    Knobs { tags_lag_ms: 12_000, tags_lag_empty: false, ..Knobs::default() }
}

async fn ensure_gone_in_aws(world: &World, id: &str) -> Result<(), Error> {
    ensure!(
        world.aws.store(id).await?.is_none_or(|store| store.deleted),
        "the store is stranded\n{}",
        world.logs()
    );
    Ok(())
}

async fn a_store_that_was_just_adopted_again_is_deleted_with_its_object(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::with_create_grace(20))?;
    let retained =
        SequenceStoreSpec { deletion_policy: Some(DeletionPolicy::Retain), ..SequenceStoreSpec::default() };
    world.create("a", retained).await?;
    let id = status(&world.until_ready("a").await?).store.map(|store| store.id).unwrap_or_default();
    world.delete("a").await?;
    world.until_gone("a").await?;
    world.aws.set_knobs(&lagging()).await?;
    let before = world.calls("TagResource").await?.len();
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_calls("TagResource", before + 1).await?;
    world.delete("a").await?;
    world.until_gone("a").await?;
    ensure_gone_in_aws(&world, &id).await
}

async fn a_claim_made_before_a_restart_is_not_forgotten(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let former = "11111111-2222-3333-4444-555555555555";
    let tags = owner_tags(former, "lost", "ns", "name");
    let store = world.seed_with(SeedStore { tags, ..SeedStore::default() }).await?;
    world.aws.set_knobs(&lagging()).await?;
    let operator = world.operator(&Start::with_create_grace(20))?;
    let mut heir = sequencestore_operator::crd::SequenceStore::new("heir", spec_for(&store));
    heir.metadata.annotations = Some([("healthomics.dev/take-over".to_owned(), former.to_owned())].into());
    world.api.create(&Default::default(), &heir).await?;
    world.until_calls("TagResource", 1).await?;
    operator.kill().await;
    world.delete("heir").await?;
    let _operator = world.operator(&Start::with_create_grace(20))?;
    world.until_gone("heir").await?;
    ensure_gone_in_aws(&world, &store.id).await
}
