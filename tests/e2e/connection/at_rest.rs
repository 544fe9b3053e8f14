//! Objects whose stores are observed by listings get no pass of their own. Their ConfigMaps are looked at all the same, and cost
//! AWS nothing.

use std::sync::Arc;

use serde_json::json;

use super::{ConfigMaps, NAME, grant, target};
use crate::sweep::fleet::{Fleet, by_list};
use crate::world::{Cluster, Error, ensure, tests};

tests![
    the_config_map_of_an_object_at_rest_is_put_right_without_polls,
    an_object_that_lacks_only_its_config_map_is_at_rest_and_recovers,
    after_a_restart_the_config_maps_of_objects_at_rest_are_looked_at_too,
];

async fn fleet(cluster: Arc<Cluster>) -> Result<Fleet, Error> {
    let fleet = Fleet::new(cluster, 4).await?;
    for number in 0..3 {
        fleet.world.patch(&format!("store-{number}"), target(Some(&format!("map-{number}")))).await?;
    }
    Ok(fleet)
}

async fn the_config_map_of_an_object_at_rest_is_put_right_without_polls(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let fleet = fleet(cluster).await?;
    grant(&fleet.world).await?;
    let _operator = fleet.world.operator(&by_list())?;
    fleet.until_all_ready().await?;
    let maps = ConfigMaps::of(&fleet.world);
    let seq = fleet.until_at_rest().await?;
    maps.patch("map-0", json!({"data": {"SEQUENCE_STORE_ID": "7"}})).await?;
    maps.delete("map-1").await?;
    for number in 0..3 {
        let (object, map) = (format!("store-{number}"), format!("map-{number}"));
        maps.until_right(&fleet.world, &object, &map).await?;
    }
    fleet.until_only_listed(seq, 3).await?;
    // One look at the store of each of these two.
    let gets = fleet.world.gets_since(seq).await?;
    let expected = [0, 1].map(|number: usize| (fleet.stores[number].id.clone(), 1)).into();
    ensure!(gets == expected, "{gets:?}");
    Ok(())
}

async fn an_object_that_lacks_only_its_config_map_is_at_rest_and_recovers(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let fleet = fleet(cluster).await?;
    let maps = ConfigMaps::of(&fleet.world);
    let _operator = fleet.world.operator(&by_list())?;
    for number in 0..3 {
        fleet.world.until_condition(&format!("store-{number}"), "Ready", "False", "ConnectionDenied").await?;
    }
    fleet.until_at_rest().await?;
    // They have the right now, and one of them another obstacle.
    let theirs = maps.create("map-0").await?;
    grant(&fleet.world).await?;
    fleet.world.until_condition("store-0", "Ready", "False", "ConnectionConflict").await?;
    for number in 1..3 {
        fleet.world.until_ready(&format!("store-{number}")).await?;
    }
    fleet.until_only_listed(fleet.now().await?, 3).await?;
    ensure!(maps.get("map-0").await? == Some(theirs), "it was changed");
    maps.delete("map-0").await?;
    fleet.world.until_ready("store-0").await?;
    maps.until_right(&fleet.world, "store-0", "map-0").await?;
    Ok(())
}

async fn after_a_restart_the_config_maps_of_objects_at_rest_are_looked_at_too(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let fleet = Fleet::new(cluster, 12).await?;
    grant(&fleet.world).await?;
    fleet.world.patch("store-0", target(Some(NAME))).await?;
    let operator = fleet.world.operator(&by_list())?;
    fleet.until_all_ready().await?;
    let maps = ConfigMaps::of(&fleet.world);
    operator.kill().await;
    maps.delete(NAME).await?;
    let seq = fleet.now().await?;
    let _operator = fleet.world.operator(&by_list())?;
    maps.until_right(&fleet.world, "store-0", NAME).await?;
    fleet.until_only_listed(seq, 3).await?;
    let gets = fleet.world.gets_since(seq).await?;
    ensure!(gets == [(fleet.stores[0].id.clone(), 1)].into(), "{gets:?}");
    Ok(())
}
