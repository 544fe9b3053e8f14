//! Many objects whose stores have one name: searches for them read the tags of all of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use kube::Api;
use kube::api::PostParams;
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};

use super::{enforce_quotas, with_default_quotas};
use crate::world::{Cluster, Error, World, condition, ensure, tests};

tests![ten_objects_of_one_name_in_ten_namespaces_are_created_exactly_once_each,];

const LONG: Duration = Duration::from_secs(120);

async fn ten_objects_of_one_name_in_ten_namespaces_are_created_exactly_once_each(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    enforce_quotas(&world.aws).await?;
    // Stores of the same name that belong to nobody here.
    for _ in 0..5 {
        let seed = healthomics_simulator::SeedStore { name: Some("reads".into()), ..Default::default() };
        world.seed_with(seed).await?;
    }
    let before = world.aws.stores().await?.len();
    let mut namespaces = vec![world.namespace.clone()];
    for _ in 1..10 {
        namespaces.push(world.another_namespace().await?);
    }
    let apis: Vec<Api<SequenceStore>> =
        namespaces.iter().map(|namespace| Api::namespaced(world.client.clone(), namespace)).collect();
    let object = SequenceStore::new("reads", SequenceStoreSpec::default());
    let parameters = PostParams::default();
    let created = try_join_all(apis.iter().map(|api| api.create(&parameters, &object))).await?;
    let uids: BTreeSet<String> = created.into_iter().filter_map(|object| object.metadata.uid).collect();

    let others: Vec<String> =
        namespaces[1..].iter().map(|namespace| format!("--watch-namespace={namespace}")).collect();
    let flags: Vec<&str> = others.iter().map(String::as_str).chain(["--poll-interval=1h"]).collect();
    let _operator = world.operator(&with_default_quotas(&flags))?;
    let end = tokio::time::Instant::now() + LONG;
    for api in &apis {
        while condition(&api.get("reads").await?, "Ready").is_none_or(|ready| ready.status != "True") {
            ensure!(tokio::time::Instant::now() < end, "not all of ten are Ready\n{}", world.logs());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    let stores = world.aws.all_stores().await?;
    ensure!(stores.len() == before + 10, "{} stores", stores.len() - before);
    let owners: BTreeSet<String> =
        stores.iter().filter_map(|store| store.tags.get("healthomics.dev/uid").cloned()).collect();
    ensure!(owners == uids, "one store for each uid: {owners:?} of {uids:?}");
    let calls = world.calls_for_objects().await?;
    let of = |operation: &str| calls.iter().filter(|call| call.operation == operation).count();
    let refused: Vec<_> = calls.iter().filter(|call| call.status == 429).collect();
    let committed = calls.iter().filter(|call| call.operation == "CreateSequenceStore" && call.committed);
    ensure!(committed.count() == 10, "not one create for each");
    // Two requests that a busy machine holds up may arrive together.
    ensure!(refused.len() <= 2, "{} of {} calls were refused: {refused:?}", refused.len(), calls.len());
    ensure!(of("CreateSequenceStore") <= 10 + refused.len(), "{} creates", of("CreateSequenceStore"));
    // Each object reads the tags of the five stores without an owner in its one search, and those of its own store later. Of
    // the namesakes' stores, each is read by few: not by all ten in each of their tries.
    let tag_reads = of("ListTagsForResource");
    ensure!(tag_reads <= 10 * 5 + 2 * 10 + 20, "{tag_reads} reads of tags");
    Ok(())
}
