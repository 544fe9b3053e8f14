//! A creation that AWS refused binds the object to nothing: neither to an account nor to a region.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction};
use sequencestore_operator::crd::SequenceStoreSpec;

use crate::world::{
    ACCOUNT, Cluster, Error, Operator, Start, World, condition, ensure, message, status, tests,
};

tests![
    a_create_refused_in_one_account_is_made_in_the_account_of_the_corrected_role,
    an_object_whose_create_was_refused_can_be_deleted_with_another_role,
    a_create_refused_in_one_region_is_made_in_the_corrected_default_region,
    an_unknown_create_keeps_the_object_in_its_account_and_says_why,
];

const OTHER_ACCOUNT: &str = "210987654321";

fn in_other_account() -> Start {
    Start { access_key: "AKIAOTHERACCOUNT0000", ..Start::default() }
}

async fn with_refused_create(cluster: Arc<Cluster>) -> Result<(World, Operator), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    world.aws.set_account("AKIAOTHERACCOUNT0000", OTHER_ACCOUNT).await?;
    let reads = vec!["omics:Get*".into(), "omics:List*".into()];
    world.aws.allow_actions(ACCOUNT, Some(reads)).await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let object = world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    ensure!(message(&object, "Ready").contains("omics:CreateSequenceStore"), "{}", message(&object, "Ready"));
    Ok((world, operator))
}

async fn a_create_refused_in_one_account_is_made_in_the_account_of_the_corrected_role(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, operator) = with_refused_create(cluster).await?;
    operator.kill().await;
    let _operator = world.operator(&in_other_account())?;
    let object = world.until_ready("a").await?;
    ensure!(status(&object).account_id.as_deref() == Some(OTHER_ACCOUNT), "{:?}", status(&object).account_id);
    ensure!(world.aws.all_stores().await?.len() == 1, "{} stores", world.aws.all_stores().await?.len());
    Ok(())
}

async fn an_object_whose_create_was_refused_can_be_deleted_with_another_role(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, operator) = with_refused_create(cluster).await?;
    operator.kill().await;
    world.delete("a").await?;
    let _operator = world.operator(&in_other_account())?;
    world.until_gone("a").await?;
    ensure!(world.aws.all_stores().await?.is_empty(), "a store was created");
    Ok(())
}

async fn a_create_refused_in_one_region_is_made_in_the_corrected_default_region(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, operator) = with_refused_create(cluster).await?;
    operator.kill().await;
    world.aws.allow_actions(ACCOUNT, None).await?;
    let _operator = world.operator(&Start { region: Some("eu-west-1"), ..Start::default() })?;
    let object = world.until_ready("a").await?;
    ensure!(status(&object).region.as_deref() == Some("eu-west-1"), "{:?}", status(&object).region);
    ensure!(world.aws.all_stores().await?.len() == 1, "{} stores", world.aws.all_stores().await?.len());
    Ok(())
}

async fn an_unknown_create_keeps_the_object_in_its_account_and_says_why(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    world.aws.set_account("AKIAOTHERACCOUNT0000", OTHER_ACCOUNT).await?;
    let unclear = Fault::once("CreateSequenceStore", FaultAction::error("InternalServerException"));
    world.aws.script_fault(&unclear).await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_condition("a", "Ready", "False", "Creating").await?;
    world.until_calls("CreateSequenceStore", 1).await?;
    operator.kill().await;
    let _operator = world.operator(&in_other_account())?;
    let object = world.until_condition("a", "Ready", "False", "WrongAccount").await?;
    ensure!(condition(&object, "Stalled").is_some(), "{:?}", status(&object).conditions);
    let text = message(&object, "Ready");
    ensure!(text.contains(ACCOUNT) && text.contains(OTHER_ACCOUNT), "{text}");
    ensure!(text.contains("may have created"), "the message tells of a store that nobody has seen: {text}");
    ensure!(world.calls("CreateSequenceStore").await?.len() == 1, "a second create in another account");
    Ok(())
}
