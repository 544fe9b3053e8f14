//! After a start, one listing tells which of the settled objects need a look at their store.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, LedgerEntry, SeedStore};
use serde_json::json;

use super::fleet::{Fleet, GET, LIST, by_list, count, ensure_only_listed};
use crate::world::{ACCOUNT, Cluster, Error, Start, ensure, status, tests};

tests![
    settled_objects_are_listed_after_a_restart_and_none_of_them_is_read_or_written,
    what_changed_while_the_operator_was_down_is_read_after_the_first_listing,
    a_start_with_a_handful_of_settled_objects_lists_once_and_then_polls,
    where_the_first_listing_is_denied_settled_objects_are_polled,
    where_the_first_listing_gets_no_answer_settled_objects_are_polled,
    after_a_restart_an_object_that_is_not_settled_yet_is_read_alone,
    a_listing_with_credentials_of_another_account_is_believed_for_no_object,
];

async fn settled_objects_are_listed_after_a_restart_and_none_of_them_is_read_or_written(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let fleet = Fleet::stopped(cluster).await?;
    let (mark, seq) = (fleet.world.mark(), fleet.now().await?);
    let _operator = fleet.world.operator(&by_list())?;
    let calls = fleet.until_listed(seq, 3).await?;
    ensure_only_listed(&calls)?;
    let writes = fleet.world.operator_writes(&mark);
    ensure!(writes.is_empty(), "writes to settled objects: {writes:?}");
    Ok(())
}

async fn what_changed_while_the_operator_was_down_is_read_after_the_first_listing(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let fleet = Fleet::stopped(cluster).await?;
    let changed = &fleet.stores[5];
    fleet.world.aws.change_store(&changed.id, json!({"description": "changed meanwhile"})).await?;
    let seq = fleet.now().await?;
    let _operator = fleet.world.operator(&by_list())?;
    let is_shown = |shown: Option<String>| shown.as_deref() == Some("changed meanwhile");
    fleet
        .world
        .until("store-5", "the new description", |object| {
            status(object).store.is_some_and(|store| is_shown(store.description))
        })
        .await?;
    fleet.until_listed(seq, 3).await?;
    let gets = fleet.world.gets_since(seq).await?;
    ensure!(gets == [(changed.id.clone(), 1)].into(), "not one Get of the one store: {gets:?}");
    Ok(())
}

/// 150 and fewer objects are polled one by one. That would read all of them at once after each start.
async fn a_start_with_a_handful_of_settled_objects_lists_once_and_then_polls(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let fleet = Fleet::stopped(cluster).await?;
    let seq = fleet.now().await?;
    let _operator = fleet.world.operator(&Start::default())?;
    fleet.until_polled(seq, 2).await?;
    let calls = fleet.calls_since(seq).await?;
    ensure!(calls[0].operation == LIST, "first of all {} was called", calls[0].operation);
    ensure!(count(&calls, LIST) == 1, "{} listings", count(&calls, LIST));
    Ok(())
}

async fn where_the_first_listing_is_denied_settled_objects_are_polled(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let fleet = Fleet::stopped(cluster).await?;
    let allowed = [GET, "ListTagsForResource", "DeleteSequenceStore"];
    let allowed = allowed.map(|operation| format!("omics:{operation}")).to_vec();
    fleet.world.aws.allow_actions(ACCOUNT, Some(allowed)).await?;
    let seq = fleet.now().await?;
    let _operator = fleet.world.operator(&by_list())?;
    fleet.until_polled(seq, 2).await?;
    let is_denied = |call: &&LedgerEntry| call.operation == LIST && call.status == 403;
    ensure!(fleet.calls_since(seq).await?.iter().any(|call| is_denied(&call)), "no listing was tried");
    fleet.until_all_ready().await?;
    // Once it is allowed, it is used.
    fleet.world.aws.allow_actions(ACCOUNT, None).await?;
    fleet.until_at_rest().await?;
    Ok(())
}

async fn where_the_first_listing_gets_no_answer_settled_objects_are_polled(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let fleet = Fleet::stopped(cluster).await?;
    fleet.world.aws.script_fault(&Fault::always(LIST, FaultAction::Hold)).await?;
    let seq = fleet.now().await?;
    let _operator = fleet.world.operator(&by_list())?;
    fleet.until_all_read(seq).await?;
    let calls = fleet.calls_since(seq).await?;
    ensure!(count(&calls, LIST) > 0, "no listing was tried");
    Ok(())
}

async fn after_a_restart_an_object_that_is_not_settled_yet_is_read_alone(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let mut fleet = Fleet::stopped(cluster).await?;
    let seq = fleet.now().await?;
    fleet.add(SeedStore { name: Some("genomes".into()), ..SeedStore::default() }).await?;
    let _operator = fleet.world.operator(&by_list())?;
    fleet.until_all_ready().await?;
    fleet.until_listed(seq, 4).await?;
    let gets = fleet.world.gets_since(seq).await?;
    ensure!(gets.keys().eq([&fleet.stores[12].id]), "others than the new one were read: {gets:?}");
    Ok(())
}

async fn a_listing_with_credentials_of_another_account_is_believed_for_no_object(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let fleet = Fleet::stopped(cluster).await?;
    let key = "AKIAELSEWHERE0000000";
    fleet.world.aws.set_account(key, "210987654321").await?;
    let seq = fleet.now().await?;
    let _operator = fleet.world.operator(&Start { access_key: key, ..by_list() })?;
    for number in 0..fleet.stores.len() {
        fleet.world.until_condition(&format!("store-{number}"), "Ready", "False", "WrongAccount").await?;
    }
    fleet.until_all_read(seq).await?;
    let calls = fleet.calls_since(seq).await?;
    ensure!(calls.iter().all(|call| !call.is_mutating()), "something was changed: {calls:?}");
    Ok(())
}
