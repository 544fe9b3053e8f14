//! The account of the operator's credentials: from the credentials themselves where they carry it, so that a private cluster
//! needs no STS.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, StoreRecord};
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;

use super::agent::{Agent, Answer};
use crate::assertions::has_finalizer;
use crate::world::{ACCOUNT, Cluster, Error, Start, World, closed_address, ensure, message, tests};

tests![
    credentials_that_carry_their_account_need_no_sts,
    an_account_set_by_hand_counts_where_sts_cannot_be_reached,
    an_account_set_by_hand_never_overrules_sts,
    an_account_set_by_hand_does_not_count_for_one_lost_answer_of_sts,
    a_store_is_created_without_sts,
];

const NEVER: &str = "9876543210";

fn named(id: &str) -> SequenceStoreSpec {
    SequenceStoreSpec { sequence_store_id: Some(id.into()), ..SequenceStoreSpec::default() }
}

/// An operator in a network without STS, with credentials of an agent that tells the account.
async fn without_sts(account: &str) -> Result<(Start, Agent), Error> {
    let answer = Answer::credentials(&json!({"AccountId": account}));
    let agent = Agent::start((Ipv4Addr::LOCALHOST, 0).into(), answer).await?;
    let environment = BTreeMap::from([
        ("AWS_ACCESS_KEY_ID", String::new()),
        ("AWS_SECRET_ACCESS_KEY", String::new()),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}/v1/credentials", agent.address)),
        ("AWS_ENDPOINT_URL_STS", format!("http://{}", closed_address()?)),
    ]);
    Ok((Start { environment, ..Start::default() }, agent))
}

async fn credentials_that_carry_their_account_need_no_sts(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (start, _agent) = without_sts(ACCOUNT).await?;
    let _operator = world.operator(&start)?;
    world.create("never", named(NEVER)).await?;
    let object = world.until_condition("never", "Ready", "False", "StoreNotFound").await?;
    ensure!(message(&object, "Ready").contains(ACCOUNT), "{}", message(&object, "Ready"));
    // The 404 after a deletion is believed too.
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.delete("a").await?;
    world.until_gone("a").await?;
    world.ensure_gone_in_aws(&store).await
}

async fn a_store_is_created_without_sts(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (start, _agent) = without_sts(ACCOUNT).await?;
    let _operator = world.operator(&start)?;
    world.create("new", SequenceStoreSpec::default()).await?;
    world.until_ready("new").await?;
    Ok(())
}

async fn an_account_set_by_hand_counts_where_sts_cannot_be_reached(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let environment = BTreeMap::from([
        ("AWS_ACCOUNT_ID", ACCOUNT.to_owned()),
        ("AWS_ENDPOINT_URL_STS", format!("http://{}", closed_address()?)),
    ]);
    let _operator = world.operator(&Start { environment, ..Start::default() })?;
    world.create("never", named(NEVER)).await?;
    world.until_condition("never", "Ready", "False", "StoreNotFound").await?;
    Ok(())
}

/// An object whose store is in the usual account. The keys of another account are ready, and no operator runs.
async fn managed_before_the_keys_change(cluster: Arc<Cluster>) -> Result<(World, StoreRecord), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    world.aws.set_account("AKIAOTHERACCOUNT0000", "210987654321").await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    operator.kill().await;
    Ok((world, store))
}

/// Starts the operator with these keys and an `AWS_ACCOUNT_ID` that contradicts them, while the object is being deleted.
async fn ensure_not_released(world: &World, store: &StoreRecord) -> Result<(), Error> {
    let environment = BTreeMap::from([("AWS_ACCOUNT_ID", ACCOUNT.to_owned())]);
    let start = Start { access_key: "AKIAOTHERACCOUNT0000", environment, ..Start::default() };
    world.delete("a").await?;
    let _operator = world.operator(&start)?;
    world.until_condition("a", "Ready", "False", "WrongAccount").await?;
    ensure!(has_finalizer(&world.api.get("a").await?), "the finalizer is gone");
    world.ensure_there_in_aws(store).await
}

/// With the wrong account a 404 would be believed, and the object released while its store stays.
async fn an_account_set_by_hand_never_overrules_sts(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, store) = managed_before_the_keys_change(cluster).await?;
    ensure_not_released(&world, &store).await
}

/// A proxy answers for STS when the operator starts and when it first looks for the store.
async fn an_account_set_by_hand_does_not_count_for_one_lost_answer_of_sts(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, store) = managed_before_the_keys_change(cluster).await?;
    let page = Fault::always("sts:GetCallerIdentity", FaultAction::Html { status: 502 });
    world.aws.script_fault(&Fault { times: Some(2), ..page }).await?;
    ensure_not_released(&world, &store).await
}
