//! Someone else writes the object during a reconcile pass: the operator repeats the pass and reports no failure.

use std::sync::Arc;

use control_plane::service_account_user;
use healthomics_simulator::{Fault, FaultAction};
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use serde_json::json;

use crate::world::{
    Cluster, Error, SERVICE_ACCOUNT, SYSTEM_NAMESPACE, Start, World, condition, ensure, status, tests,
};

tests![
    the_operator_retries_a_conflicting_status_write_without_reporting_a_failure,
    the_operator_never_creates_a_store_from_an_outdated_spec
];

/// Changes a label, so that the next write of the operator conflicts.
async fn write_label(world: &World, round: usize) -> Result<(), Error> {
    world.patch("a", json!({"metadata": {"labels": {"round": round.to_string()}}})).await?;
    Ok(())
}

/// Counts the operator's writes that the API server refused with 409.
fn conflicts(world: &World, since: &control_plane::AuditMark) -> usize {
    let user = service_account_user(SYSTEM_NAMESPACE, SERVICE_ACCOUNT);
    let requests = world.cluster.plane.audit().requests_since(since);
    let ours = requests.iter().filter(|request| {
        request.user == user && request.namespace.as_deref() == Some(&*world.namespace) && request.code == 409
    });
    ours.count()
}

async fn the_operator_retries_a_conflicting_status_write_without_reporting_a_failure(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    // With this poll interval, the only cause of the next pass is the conflict.
    let _operator =
        world.operator(&Start { flags: vec!["--poll-interval=1h".into()], ..Start::default() })?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let (mark, versions) = (world.mark(), world.versions("a").await?);
    world.aws.change_store(&store.id, json!({"description": "new"})).await?;
    // A failure that AWS repeats is reported after the third time; a conflict is not.
    let rounds = 3;
    let hold = Fault { times: Some(rounds), ..Fault::always("GetSequenceStore", FaultAction::Hold) };
    world.aws.script_fault(&hold).await?;
    world.reconcile_now("a").await?;
    for round in 0..rounds {
        world.until_held().await?;
        write_label(&world, round as usize).await?;
        world.aws.release_held().await?;
    }
    let shows =
        |o: &SequenceStore| status(o).store.is_some_and(|store| store.description.as_deref() == Some("new"));
    world.until("a", "the new description", shows).await?;
    let met = conflicts(&world, &mark);
    ensure!(met >= 1, "the operator met no conflict");
    for version in world.until_caught_up("a", &versions).await? {
        let ready = condition(&version, "Ready").ok_or("no condition Ready")?;
        ensure!(ready.status == "True", "a conflict is reported as a failure: {ready:?}");
    }
    Ok(())
}

async fn the_operator_never_creates_a_store_from_an_outdated_spec(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator =
        world.operator(&Start { flags: vec!["--poll-interval=1h".into()], ..Start::default() })?;
    // Holds the pass after it has read the spec and before it calls CreateSequenceStore.
    let hold = Fault::once_after_commit("ListSequenceStores", FaultAction::Hold);
    world.aws.script_fault(&hold).await?;
    let first = SequenceStoreSpec { description: Some("first".into()), ..SequenceStoreSpec::default() };
    world.create("a", first).await?;
    world.until_held().await?;
    world.patch("a", json!({"spec": {"description": "second"}})).await?;
    world.aws.release_held().await?;
    world.until_ready("a").await?;
    let creates = world.calls("CreateSequenceStore").await?;
    ensure!(creates.len() == 1, "{} creates", creates.len());
    let described = creates[0].parameters["description"].as_str();
    ensure!(described == Some("second"), "created from an outdated spec: {described:?}");
    Ok(())
}
