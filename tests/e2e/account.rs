//! Each object belongs to one account and region. The operator trusts a 404 only from that account, and only the second one.

use std::sync::Arc;

use jiff::Timestamp;
use sequencestore_operator::crd::SequenceStoreSpec;

use crate::assertions::{ensure_stalled, has_finalizer};
use crate::world::{
    ACCOUNT, Cluster, Error, REGION, Start, World, condition, ensure, message, spec_for, status, tests,
};

tests![
    the_operator_changes_nothing_with_credentials_of_another_account,
    the_operator_ignores_a_store_of_the_same_id_in_another_account,
    a_404_from_another_account_never_releases_the_object,
    the_operator_keeps_the_recorded_region_when_the_default_changes,
    the_region_in_the_spec_overrides_the_default,
    the_object_recovers_when_the_right_account_is_back,
    a_store_counts_as_missing_after_two_404s,
    a_single_404_does_not_make_a_store_missing,
    an_id_that_never_existed_is_reported_as_store_not_found,
];

const OTHER_ACCOUNT: &str = "210987654321";

fn with_other_account() -> Start {
    Start { access_key: "AKIAOTHERACCOUNT0000", ..Start::default() }
}

async fn the_operator_changes_nothing_with_credentials_of_another_account(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    world.aws.set_account("AKIAOTHERACCOUNT0000", OTHER_ACCOUNT).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let before = world.until_ready("a").await?;
    operator.kill().await;

    let operator = world.operator(&with_other_account())?;
    let object = world.until_condition("a", "Ready", "False", "WrongAccount").await?;
    ensure_stalled(&object)?;
    let text = message(&object, "Ready");
    ensure!(text.contains(ACCOUNT) && text.contains(OTHER_ACCOUNT), "names both accounts: {text}");
    ensure!(status(&object).store == status(&before).store, "status.store changed");
    world.delete("a").await?;
    let object = world.one_more_pass("a").await?;
    ensure!(has_finalizer(&object), "the finalizer is gone");
    ensure!(
        condition(&object, "Ready").is_some_and(|c| c.reason == "WrongAccount"),
        "Ready no longer says WrongAccount"
    );
    world.ensure_no_store_changed().await?;
    operator.kill().await;

    let _operator = world.operator(&Start::default())?;
    world.until_gone("a").await?;
    ensure!(world.deletes().await? == 1, "one delete");
    world.ensure_gone_in_aws(&store).await
}

async fn the_operator_ignores_a_store_of_the_same_id_in_another_account(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    world.aws.set_account("AKIAOTHERACCOUNT0000", OTHER_ACCOUNT).await?;
    let store = world.seed().await?;
    let twin = healthomics_simulator::SeedStore {
        account: OTHER_ACCOUNT.into(),
        id: Some(store.id.clone()),
        name: Some("twin".into()),
        ..Default::default()
    };
    let twin = world.seed_with(twin).await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    operator.kill().await;
    let _operator = world.operator(&with_other_account())?;
    let object = world.until_condition("a", "Ready", "False", "WrongAccount").await?;
    ensure!(
        status(&object).store.is_some_and(|s| s.arn == store.arn),
        "the status shows the store of the other account"
    );
    world.delete("a").await?;
    let object = world.one_more_pass("a").await?;
    ensure!(has_finalizer(&object), "the finalizer is gone");
    world.ensure_there_in_aws(&twin).await?;
    world.ensure_there_in_aws(&store).await?;
    world.ensure_no_store_changed().await
}

async fn a_404_from_another_account_never_releases_the_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    world.aws.set_account("AKIAOTHERACCOUNT0000", OTHER_ACCOUNT).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    operator.kill().await;
    world.delete("a").await?;
    let _operator = world.operator(&with_other_account())?;
    world.until_condition("a", "Ready", "False", "WrongAccount").await?;
    // Not even after several 404s.
    world.until_more_gets(&store, 4).await?;
    ensure!(has_finalizer(&world.api.get("a").await?), "the finalizer is gone");
    world.ensure_there_in_aws(&store).await
}

async fn the_object_recovers_when_the_right_account_is_back(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    world.aws.set_account("AKIAOTHERACCOUNT0000", OTHER_ACCOUNT).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    operator.kill().await;
    let operator = world.operator(&with_other_account())?;
    world.until_condition("a", "Ready", "False", "WrongAccount").await?;
    // The operator does not apply an edit with the wrong credentials either.
    world.patch("a", serde_json::json!({"spec": {"description": "wanted"}})).await?;
    ensure_stalled(&world.one_more_pass("a").await?)?;
    ensure!(world.calls("UpdateSequenceStore").await?.is_empty(), "changed with the wrong credentials");
    operator.kill().await;
    let _operator = world.operator(&Start::default())?;
    let object = world.until_ready("a").await?;
    ensure!(condition(&object, "Stalled").is_none(), "{:?}", status(&object).conditions);
    let shown = world.aws.store(&store.arn).await?.and_then(|store| store.description);
    ensure!(shown.as_deref() == Some("wanted"), "{shown:?}");
    Ok(())
}

async fn the_operator_keeps_the_recorded_region_when_the_default_changes(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    operator.kill().await;
    let before = world.gets_of(&store).await?.len();
    let _operator = world.operator(&Start { region: Some("eu-west-1"), ..Start::default() })?;
    world.one_more_pass("a").await?;
    let object = world.until_ready("a").await?;
    ensure!(
        status(&object).region.as_deref() == Some(REGION),
        "the region stays {:?}",
        status(&object).region
    );
    world.delete("a").await?;
    world.until_gone("a").await?;
    world.ensure_gone_in_aws(&store).await?;
    let regions: Vec<_> =
        world.gets_of(&store).await?.into_iter().skip(before).map(|get| get.region).collect();
    ensure!(
        regions.iter().all(|region| region.as_deref() == Some(REGION)),
        "GetSequenceStore went to {regions:?}"
    );
    Ok(())
}

async fn the_region_in_the_spec_overrides_the_default(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seed = healthomics_simulator::SeedStore { region: "eu-central-1".into(), ..Default::default() };
    let store = world.seed_with(seed).await?;
    let spec = SequenceStoreSpec { region: Some("eu-central-1".into()), ..spec_for(&store) };
    world.create("a", spec).await?;
    let object = world.until_ready("a").await?;
    ensure!(status(&object).region.as_deref() == Some("eu-central-1"), "{:?}", status(&object).region);
    world.delete("a").await?;
    world.until_gone("a").await?;
    world.ensure_gone_in_aws(&store).await
}

async fn a_store_counts_as_missing_after_two_404s(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.aws.remove_store(&store.arn).await?;
    let object = world.until_condition("a", "Ready", "False", "StoreMissing").await?;
    ensure_stalled(&object)?;
    ensure!(message(&object, "Ready").contains(&store.id), "names the store");
    let times: Vec<Timestamp> = world
        .gets_of(&store)
        .await?
        .iter()
        .filter(|get| get.status == 404)
        .map(|get| get.time.parse())
        .collect::<Result<_, _>>()?;
    let apart = times.last().zip(times.first()).map(|(last, first)| last.duration_since(*first).as_millis());
    ensure!(apart.is_some_and(|apart| apart >= 5000), "404s {apart:?} ms apart");
    ensure!(status(&object).store.is_some_and(|s| s.id == store.id), "status.store lost the id");
    world.ensure_no_store_changed().await
}

async fn a_single_404_does_not_make_a_store_missing(cluster: Arc<Cluster>) -> Result<(), Error> {
    use healthomics_simulator::{Fault, FaultAction};
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.one_more_pass("a").await?;
    let mark = world.mark();
    let fault = Fault::once("GetSequenceStore", FaultAction::error("ResourceNotFoundException"));
    world.aws.script_fault(&fault).await?;
    let gets = world.calls("GetSequenceStore").await?.len();
    world.until_calls("GetSequenceStore", gets + 3).await?;
    let met = world.calls("GetSequenceStore").await?.iter().filter(|get| get.status == 404).count();
    let writes = world.operator_writes(&mark);
    ensure!(met == 1 && writes.is_empty(), "{met} 404s, written: {writes:?}");
    // The count of 404s starts again at zero.
    world.aws.remove_store(&store.arn).await?;
    world.until_condition("a", "Ready", "False", "StoreMissing").await?;
    Ok(())
}

async fn an_id_that_never_existed_is_reported_as_store_not_found(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let spec = SequenceStoreSpec { sequence_store_id: Some("9876543210".into()), ..Default::default() };
    world.create("a", spec).await?;
    let object = world.until_condition("a", "Ready", "False", "StoreNotFound").await?;
    ensure_stalled(&object)?;
    let text = message(&object, "Ready");
    for part in ["9876543210", REGION, ACCOUNT] {
        ensure!(text.contains(part), "{part} is not in: {text}");
    }
    ensure!(status(&object).store.is_none(), "status.store is set for a store that does not exist");
    let seed = healthomics_simulator::SeedStore { id: Some("9876543210".into()), ..Default::default() };
    let store = world.seed_with(seed).await?;
    let object = world.until_ready("a").await?;
    ensure!(
        status(&object).store.is_some_and(|s| s.id == store.id),
        "the store exists and is not in the status"
    );
    Ok(())
}
