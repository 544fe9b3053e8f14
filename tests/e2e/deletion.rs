//! A store goes with its object, and only then.

use std::sync::Arc;

use healthomics_simulator::Knobs;
use kube::ResourceExt;

use crate::world::{Cluster, Error, World, ensure, tests};
use sequencestore_operator::crd::FINALIZER;

tests![a_store_goes_with_its_object];

async fn a_store_goes_with_its_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    world.aws.set_knobs(&Knobs { deleting_gets: 3, ..Knobs::default() }).await?;
    let (mine, other) = (world.seed().await?, world.seed().await?);
    world.adopt("mine", &mine).await?;
    let object = world.until_ready("mine").await?;
    ensure!(object.finalizers().contains(&FINALIZER.to_owned()), "the finalizer is held");
    world.delete("mine").await?;
    world.until_gone("mine").await?;
    let deletes = world.calls("DeleteSequenceStore").await?;
    ensure!(deletes.len() == 1, "{} deletes", deletes.len());
    ensure!(world.aws.store(&mine.id).await?.is_none_or(|store| store.deleted), "the store is gone");
    ensure!(
        world.aws.store(&other.id).await?.is_some_and(|store| !store.deleted),
        "the other store is untouched"
    );
    Ok(())
}
