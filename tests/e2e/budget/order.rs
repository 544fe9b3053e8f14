//! Who is served first.

use std::sync::Arc;

use futures::future::try_join_all;
use sequencestore_operator::crd::SequenceStoreSpec;

use super::{enforce_quotas, with_default_quotas};
use crate::world::{Cluster, Error, World, ensure, observing, tests};

tests![a_deletion_does_not_wait_behind_a_flood_of_reads,];

async fn a_deletion_does_not_wait_behind_a_flood_of_reads(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    enforce_quotas(&world.aws).await?;
    let _operator = world.operator(&with_default_quotas(&["--poll-interval=1h"]))?;
    world.create("deleted", SequenceStoreSpec::default()).await?;
    world.until_ready("deleted").await?;
    let mut specs = Vec::new();
    for _ in 0..100 {
        specs.push(observing(&world.seed().await?));
    }
    let earlier = world.calls("GetSequenceStore").await?.len();
    let create = |(number, spec): (usize, SequenceStoreSpec)| {
        let world = &world;
        async move { world.create(&format!("a-{number}"), spec).await }
    };
    try_join_all(specs.into_iter().enumerate().map(create)).await?;
    let before = world.until_calls("GetSequenceStore", earlier + 10).await?.len();
    world.delete("deleted").await?;
    let deletes = world.until_calls("DeleteSequenceStore", 1).await?;
    let gets = world.calls("GetSequenceStore").await?;
    ensure!(gets.len() < 100, "the flood was over before the deletion: {} Gets", gets.len());
    let ahead = gets.iter().skip(before).filter(|get| get.seq < deletes[0].seq).count();
    // Its own Get comes next or next but one; meanwhile four a second go out.
    ensure!(ahead <= 16, "{ahead} Gets came before the deletion");
    Ok(())
}
