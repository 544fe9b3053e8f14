//! The operator as the chart's Deployment starts it, and all that it is for.

use std::time::Duration;

use control_plane::service_account_user;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use sequencestore_operator::crd::{ConnectionTarget, SequenceStore, SequenceStoreSpec};
use serde_json::{Value, json};

use crate::cli_runner::CliUser;
use crate::world::{Error, Operator, TIMEOUT, World, ensure, status};

const POLL: Duration = Duration::from_millis(100);

/// Settings that make the Deployment's own command line fit for a test.
pub const SETTINGS: [&str; 4] = [
    "--set",
    "pollInterval=1s,createGrace=1s",
    "--set",
    "extraArgs={--health-probe-bind-address=127.0.0.1:0,--metrics-bind-address=off}",
];

/// The container of the release's Deployment as a process, with the rights of its ServiceAccount.
pub async fn start_pod(
    world: &World,
    documents: &[Value],
    namespace: &str,
) -> Result<(Operator, String), Error> {
    let deployment = documents.iter().find(|object| object["kind"] == "Deployment").ok_or("no Deployment")?;
    let pod = &deployment["spec"]["template"]["spec"];
    let account = pod["serviceAccountName"].as_str().ok_or("no ServiceAccount")?;
    let arguments = pod["containers"][0]["args"].as_array().ok_or("no arguments")?;
    let arguments: Vec<&str> = arguments.iter().filter_map(Value::as_str).collect();
    let kubeconfig = world.cluster.plane.kubeconfig_for(namespace, account).await?;
    let user = CliUser { kubeconfig, audit_name: service_account_user(namespace, account) };
    let mut command = world.command(&user, &arguments);
    command.env("POD_NAMESPACE", namespace).env("POD_NAME", "pod");
    Ok((world.start(command)?, user.audit_name))
}

/// What an operator is for, once: a store is created, changed back, so that the same Event comes twice, and deleted. With the
/// rights for it, a ConfigMap is made, put right and removed meanwhile.
pub async fn whole_life(world: &World, with_config_map: bool) -> Result<(), Error> {
    let spec = SequenceStoreSpec {
        description: Some("wanted".into()),
        write_connection_to: with_config_map.then(|| ConnectionTarget { config_map: "used".into() }),
        ..SequenceStoreSpec::default()
    };
    world.create("used", spec).await?;
    let object = world.until_ready("used").await?;
    let id = status(&object).store.ok_or("no store")?.id;
    let end = tokio::time::Instant::now() + TIMEOUT;
    while !events(world).await?.iter().any(|event| event.series.is_some()) {
        ensure!(tokio::time::Instant::now() < end, "no Event is counted");
        world.aws.change_store(&id, json!({"description": "changed"})).await?;
        while world.aws.store(&id).await?.and_then(|store| store.description).as_deref() != Some("wanted") {
            ensure!(tokio::time::Instant::now() < end, "the store is not changed back\n{}", world.logs());
            tokio::time::sleep(POLL).await;
        }
        world.one_more_pass("used").await?;
    }
    if with_config_map {
        config_map(world, &id).await?;
    }
    world.delete("used").await?;
    world.until_gone("used").await
}

/// Somebody edits the ConfigMap, and then nobody needs it any more.
async fn config_map(world: &World, id: &str) -> Result<(), Error> {
    let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), &world.namespace);
    let says =
        |found: &ConfigMap| found.data.as_ref().and_then(|data| data.get("SEQUENCE_STORE_ID").cloned());
    let edit = Patch::Merge(json!({"data": {"SEQUENCE_STORE_ID": "edited"}}));
    maps.patch("used", &PatchParams::default(), &edit).await?;
    let end = tokio::time::Instant::now() + TIMEOUT;
    while says(&maps.get("used").await?).as_deref() != Some(id) {
        ensure!(tokio::time::Instant::now() < end, "the ConfigMap is not put right\n{}", world.logs());
        tokio::time::sleep(POLL).await;
    }
    world.until_ready("used").await?;
    world.patch("used", json!({"spec": {"writeConnectionTo": null}})).await?;
    let is_off_record = |object: &SequenceStore| status(object).connection.is_none();
    world.until("used", "it has no ConfigMap on record", is_off_record).await?;
    ensure!(maps.get_opt("used").await?.is_none(), "the ConfigMap is still there");
    Ok(())
}

pub async fn events(world: &World) -> Result<Vec<Event>, Error> {
    let api: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
    let events = api.list(&ListParams::default()).await?.items.into_iter();
    let of_a_store = |event: &Event| {
        event.regarding.as_ref().is_some_and(|object| object.kind.as_deref() == Some("SequenceStore"))
    };
    Ok(events.filter(of_a_store).collect())
}

pub fn documents(manifest: &str) -> Result<Vec<Value>, Error> {
    Ok(serde_saphyr::from_multiple(manifest)?)
}
