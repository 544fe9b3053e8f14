//! Without the chart's value the operator has no right on ConfigMaps. It says so where an object asks for one, and asks for
//! none where no object does.

use std::sync::Arc;

use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use serde_json::json;

use super::{
    ConfigMaps, NAME, about_config_maps, asking, ensure_only_the_config_map_is_missing, grant, recorded,
    target, through, with_proxy,
};
use crate::kubernetes_proxy::{Fault, KubernetesProxy};
use crate::world::{Cluster, Error, World, ensure, message, status, tests};

tests![
    a_missing_right_is_said_and_ends_by_itself_once_it_is_there,
    a_field_that_is_taken_back_ends_the_lack_of_the_right,
    a_config_map_that_the_api_server_refuses_to_make_is_said,
];

async fn a_missing_right_is_said_and_ends_by_itself_once_it_is_there(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let proxy = KubernetesProxy::start(&world.cluster.kubeconfig).await?;
    let _operator = world.operator(&through(&proxy))?;
    let about = |request: &str| request.contains("/configmaps");
    world.create("without", SequenceStoreSpec::default()).await?;
    world.until_ready("without").await?;
    world.one_more_pass("without").await?;
    ensure!(proxy.requests(about) == 0, "it asked for ConfigMaps that no object asks for");
    world.create("a", asking(NAME)).await?;
    let object = world.until_condition("a", "Ready", "False", "ConnectionDenied").await?;
    ensure_only_the_config_map_is_missing(&object)?;
    let text = message(&object, "Ready");
    ensure!(text.contains("connectionConfigMaps.enabled") && text.contains(NAME), "{text}");
    ensure!(recorded(&object).is_none(), "{:?}", status(&object).connection);
    ensure!(world.until_event("a", "ConnectionDenied").await?.contains("writeConnectionTo"), "another note");
    // The rest goes on.
    world.patch("a", json!({"spec": {"description": "changed"}})).await?;
    let id = status(&object).store.ok_or("no store")?.id;
    let changed = |object: &SequenceStore| {
        status(object).store.is_some_and(|store| store.description.as_deref() == Some("changed"))
    };
    world.until("a", "the update", changed).await?;
    ensure!(world.aws.store(&id).await?.is_some_and(|store| store.description.is_some()), "not updated");
    grant(&world).await?;
    world.until_ready("a").await?;
    ConfigMaps::of(&world).until_right(&world, "a", NAME).await?;
    let asked = |request: &str| about(request) && request.contains('?') && !request.contains("fieldManager");
    ensure!(proxy.requests(asked) == 0, "it lists or watches ConfigMaps");
    Ok(())
}

async fn a_field_that_is_taken_back_ends_the_lack_of_the_right(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&crate::world::Start::default())?;
    world.create("a", asking(NAME)).await?;
    world.until_condition("a", "Ready", "False", "ConnectionDenied").await?;
    world.patch("a", target(None)).await?;
    world.until_ready("a").await?;
    // The right is taken away from an operator that keeps a ConfigMap. The ConfigMap stays, and goes with the object.
    grant(&world).await?;
    let maps = ConfigMaps::of(&world);
    world.patch("a", target(Some(NAME))).await?;
    maps.until(NAME, "made", |found| found.is_some()).await?;
    world.until_ready("a").await?;
    world.kubectl(&["delete", "rolebinding", "config-maps"]).await?.checked()?;
    world.until_condition("a", "Ready", "False", "ConnectionDenied").await?;
    world.patch("a", target(None)).await?;
    let object = world.until_ready("a").await?;
    ensure!(recorded(&object).as_deref() == Some(NAME), "forgotten: {:?}", status(&object).connection);
    ensure!(maps.get(NAME).await?.is_some(), "deleted without the right");
    grant(&world).await?;
    maps.until_gone(NAME).await?;
    world.until("a", "nothing is on record", |object| recorded(object).is_none()).await?;
    Ok(())
}

/// As a quota, an admission policy or a webhook does: the control plane of the tests has no controller for quotas.
async fn a_config_map_that_the_api_server_refuses_to_make_is_said(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, proxy, _operator) = with_proxy(cluster).await?;
    let maps = ConfigMaps::of(&world);
    for code in [403, 422] {
        let name = format!("a-{code}");
        let refusal = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
            "message": format!("exceeded quota: used: count/configmaps={code}")});
        proxy.fail(Fault::Answer(code, refusal.to_string()), about_config_maps("POST "));
        world.create(&name, asking(NAME)).await?;
        let object = world.until_condition(&name, "Ready", "False", "ConnectionDenied").await?;
        ensure_only_the_config_map_is_missing(&object)?;
        let text = message(&object, "Ready");
        ensure!(text.contains("create ConfigMap") && text.contains("quotas"), "{text}");
        ensure!(!text.contains("count/"), "the message changes with the quota: {text}");
        ensure!(maps.get(NAME).await?.is_none(), "it is there");
        proxy.heal();
        world.until_ready(&name).await?;
        maps.until_right(&world, &name, NAME).await?;
        world.delete(&name).await?;
        maps.until_gone(NAME).await?;
    }
    Ok(())
}
