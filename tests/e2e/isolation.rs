//! A problem with one object, or with the operator process, does not affect other objects.

use std::sync::Arc;
use std::time::Duration;

use control_plane::ControlPlane;
use healthomics_simulator::{Fault, FaultAction, Knobs, LedgerEntry};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use sequencestore_operator::crd::crd;
use serde_json::{Value, json};

use crate::assertions::has_finalizer;
use crate::world::{Cluster, Error, Start, TIMEOUT, World, ensure, established, tests};

tests![
    an_undecodable_object_does_not_stop_others,
    a_hanging_call_does_not_stop_other_objects,
    a_hanging_call_does_not_delay_shutdown,
    many_objects_survive_many_restarts,
];

/// Starts a control plane with a CRD that accepts any spec, as after a downgrade of the operator.
pub async fn cluster_without_rules(like: &Cluster) -> Result<Arc<Cluster>, Error> {
    let plane = ControlPlane::start().await?;
    let mut crd = serde_json::to_value(crd())?;
    let version = crd["spec"]["versions"][0].as_object_mut().ok_or("no version")?;
    // Selectable fields must be in the schema, which has no spec fields below.
    version.remove("selectableFields");
    let schema = &mut version["schema"]["openAPIV3Schema"];
    schema["properties"]["spec"] = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    schema.as_object_mut().ok_or("no schema")?.remove("x-kubernetes-validations");
    plane.kubectl_stdin(&["apply", "--server-side", "-f", "-"], &crd.to_string()).await?.checked()?;
    established(&plane).await?;
    let (kubeconfig, binary) = (plane.kubeconfig().to_owned(), like.binary.clone());
    Ok(Arc::new(Cluster { plane, kubeconfig, binary }))
}

async fn an_undecodable_object_does_not_stop_others(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster_without_rules(&cluster).await?).await?;
    let (first, second, third) = (world.seed().await?, world.seed().await?, world.seed().await?);
    let manifest = |name: &str, spec: Value| {
        let (version, kind) = ("healthomics.dev/v1alpha1", "SequenceStore");
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}).to_string()
    };
    let broken = json!({"sequenceStoreId": third.id, "tags": "x"});
    world.kubectl_apply(&manifest("broken", broken)).await?.checked()?;
    world.adopt("before", &first).await?;
    let _operator = world.operator(&Start::default())?;
    world.until_ready("before").await?;
    // Another undecodable object, created while the operator runs.
    world.kubectl_apply(&manifest("broken-too", json!({"managementPolicy": 7}))).await?.checked()?;
    world.adopt("after", &second).await?;
    world.until_ready("after").await?;
    for (name, store) in [("before", &first), ("after", &second)] {
        world.delete(name).await?;
        world.until_gone(name).await?;
        world.ensure_gone_in_aws(store).await?;
    }
    let events: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
    let events = events.list(&Default::default()).await?.items;
    let reported = events.iter().filter(|event| event.reason.as_deref() == Some("NotUnderstood")).count();
    ensure!(reported >= 2, "{reported} Events on undecodable objects");
    Ok(())
}

async fn a_hanging_call_does_not_stop_other_objects(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let (stuck, fine) = (world.seed().await?, world.seed().await?);
    let hang = Fault::always("GetSequenceStore", FaultAction::Hang);
    let number = world.aws.script_fault(&Fault { store_id: Some(stuck.id.clone()), ..hang }).await?;
    world.adopt("stuck", &stuck).await?;
    let waiting = world.until_calls("GetSequenceStore", 1).await?;
    ensure!(waiting[0].fault_number == Some(number), "the first call hangs: {waiting:?}");
    world.adopt("fine", &fine).await?;
    world.until_ready("fine").await?;
    // The call for the other object was made before the hanging one reached its timeout.
    let first = |calls: &[LedgerEntry]| -> Result<jiff::Timestamp, Error> {
        Ok(calls.first().ok_or("no call")?.time.parse()?)
    };
    let stuck_at = first(&world.gets_of(&stuck).await?)?;
    let after = first(&world.gets_of(&fine).await?)?.duration_since(stuck_at);
    ensure!(
        after.as_millis() < 10_000,
        "called only {after} after the call that hangs: it waited for that call"
    );
    world.delete("fine").await?;
    world.until_gone("fine").await?;
    world.aws.clear_faults().await?;
    world.until_ready("stuck").await?;
    Ok(())
}

async fn a_hanging_call_does_not_delay_shutdown(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.aws.script_fault(&Fault::once("GetSequenceStore", FaultAction::Hang)).await?;
    world.adopt("a", &store).await?;
    world.until_calls("GetSequenceStore", 1).await?;
    // `terminate` waits at most 60 seconds, the chart's default for terminationGracePeriodSeconds.
    let code = operator.terminate().await?;
    ensure!(code == Some(0), "ends with {code:?}\n{}", world.logs());
    let _operator = world.operator(&Start::default())?;
    world.until_ready("a").await?;
    Ok(())
}

async fn many_objects_survive_many_restarts(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    world.aws.set_knobs(&Knobs { deleting_gets: 2, ..Knobs::default() }).await?;
    let mut stores = Vec::new();
    for number in 0..12 {
        let store = world.seed().await?;
        world.adopt(&format!("store-{number}"), &store).await?;
        stores.push(store);
    }
    let mut operator = world.operator(&Start::default())?;
    for number in 0..12 {
        world.until_ready(&format!("store-{number}")).await?;
    }
    // In each round the test deletes every second object and kills the operator after a few calls.
    for round in 0..6 {
        let name = format!("store-{}", 2 * round);
        ensure!(has_finalizer(&world.api.get(&name).await?), "{name} has no finalizer");
        world.delete(&name).await?;
        let before = world.aws.ledger().await?.len();
        let end = tokio::time::Instant::now() + TIMEOUT;
        while world.aws.ledger().await?.len() < before + 3 + 4 * round {
            ensure!(tokio::time::Instant::now() < end, "no calls\n{}", world.logs());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        operator.kill().await;
        operator = world.operator(&Start::default())?;
    }
    for (number, store) in stores.iter().enumerate() {
        let name = format!("store-{number}");
        if number % 2 == 0 {
            world.until_gone(&name).await?;
            world.ensure_gone_in_aws(store).await?;
        } else {
            world.until_ready(&name).await?;
            world.ensure_there_in_aws(store).await?;
        }
    }
    let deletes = world.calls("DeleteSequenceStore").await?;
    ensure!(deletes.len() == 6, "{} deletes of 6 stores", deletes.len());
    Ok(())
}
