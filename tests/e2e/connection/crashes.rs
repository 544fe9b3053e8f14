//! A crash at any point leaves no ConfigMap behind that nobody knows of.

use std::sync::Arc;

use sequencestore_operator::crd::SequenceStore;

use super::{ConfigMaps, NAME, about_config_maps, asking, recorded, target, through, with_proxy};
use crate::kubernetes_proxy::Fault;
use crate::world::{Cluster, Error, ensure, status, tests};

tests![
    a_config_map_that_was_made_in_the_moment_of_a_crash_is_known_afterwards,
    a_crash_before_the_config_map_is_made_only_delays_it,
    a_passing_error_of_the_api_server_does_not_take_back_that_the_object_is_ready,
];

async fn a_config_map_that_was_made_in_the_moment_of_a_crash_is_known_afterwards(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, proxy, operator) = with_proxy(cluster).await?;
    let maps = ConfigMaps::of(&world);
    proxy.fail(Fault::LoseAnswer, about_config_maps("POST "));
    world.create("a", asking(NAME)).await?;
    maps.until(NAME, "made", |found| found.is_some()).await?;
    operator.kill().await;
    proxy.heal();
    let object = world.api.get("a").await?;
    ensure!(recorded(&object).as_deref() == Some(NAME), "not on record: {:?}", status(&object).connection);
    // Meanwhile the user wants another one.
    world.patch("a", target(Some("other"))).await?;
    let operator = world.operator(&through(&proxy))?;
    world.until_ready("a").await?;
    maps.until_right(&world, "a", "other").await?;
    maps.until_gone(NAME).await?;
    // The same while it moves: the former one is gone, the next one is made, and the answer is lost.
    proxy.fail(Fault::LoseAnswer, about_config_maps("POST "));
    world.patch("a", target(Some("third"))).await?;
    maps.until("third", "made", |found| found.is_some()).await?;
    operator.kill().await;
    proxy.heal();
    world.patch("a", target(None)).await?;
    let _operator = world.operator(&through(&proxy))?;
    for name in [NAME, "other", "third"] {
        maps.until_gone(name).await?;
    }
    world.until("a", "nothing is on record", |object| recorded(object).is_none()).await?;
    ensure!(world.calls("CreateSequenceStore").await?.len() == 1, "more than one store");
    Ok(())
}

async fn a_crash_before_the_config_map_is_made_only_delays_it(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, proxy, operator) = with_proxy(cluster).await?;
    let maps = ConfigMaps::of(&world);
    proxy.fail(Fault::Swallow, about_config_maps("POST "));
    world.create("a", asking(NAME)).await?;
    proxy.until_requests(1, about_config_maps("POST ")).await?;
    let object = world.api.get("a").await?;
    ensure!(recorded(&object).as_deref() == Some(NAME), "made before it is on record");
    operator.kill().await;
    proxy.heal();
    let _operator = world.operator(&through(&proxy))?;
    world.until_ready("a").await?;
    maps.until_right(&world, "a", NAME).await?;
    Ok(())
}

async fn a_passing_error_of_the_api_server_does_not_take_back_that_the_object_is_ready(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, proxy, _operator) = with_proxy(cluster).await?;
    let maps = ConfigMaps::of(&world);
    world.create("a", asking(NAME)).await?;
    world.until_ready("a").await?;
    let versions = world.versions("a").await?;
    let error = Fault::Answer(500, r#"{"kind":"Status","apiVersion":"v1","code":500,"message":"no"}"#.into());
    let met = proxy.requests(about_config_maps("GET "));
    proxy.fail(error.clone(), about_config_maps("GET "));
    proxy.until_requests(met + 3, about_config_maps("GET ")).await?;
    proxy.heal();
    let is_not_ready = |object: &SequenceStore| {
        let ready = crate::world::condition(object, "Ready");
        ready.is_none_or(|ready| ready.status != "True")
    };
    ensure!(!versions.seen().iter().any(is_not_ready), "it was not Ready: {:?}", versions.seen());
    // A new generation is Ready only once its ConfigMap was seen.
    proxy.fail(error, about_config_maps("GET "));
    world.patch("a", target(Some("other"))).await?;
    world.until_condition("a", "Ready", "False", "Progressing").await?;
    proxy.heal();
    world.until_ready("a").await?;
    maps.until_right(&world, "a", "other").await?;
    maps.until_gone(NAME).await
}
