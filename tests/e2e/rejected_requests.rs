//! Requests that AWS rejects for quota, throttling or validation: correcting the cause is enough, and exactly one store
//! is created.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs};
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;

use crate::assertions::{ensure_reconciling, ensure_stalled};
use crate::world::{Cluster, Error, Start, World, condition, ensure, message, spec_for, status, tests};

tests![
    an_exceeded_quota_stalls_after_the_grace_period_and_recovers,
    a_throttled_create_never_stalls_and_makes_one_store,
    brief_throttling_is_not_reported,
    a_user_corrects_a_create_that_aws_rejects,
    a_user_corrects_an_update_that_aws_rejects,
    a_user_corrects_an_invalid_policy,
];

/// A poll interval so long that no pass happens by polling.
fn slow_poll() -> Start {
    let flags = ["--poll-interval=1h", "--create-grace=2s", "--denied-grace=3s"];
    Start { flags: flags.map(String::from).to_vec(), ..Start::default() }
}

fn keys(names: &[&str]) -> SequenceStoreSpec {
    let keys = names.iter().map(ToString::to_string).collect();
    SequenceStoreSpec { propagated_set_level_tags: Some(keys), ..SequenceStoreSpec::default() }
}

/// Exactly one store was ever created, by exactly one successful call.
async fn ensure_one_store(world: &World) -> Result<(), Error> {
    let (stores, creates) = (world.aws.all_stores().await?.len(), world.calls("CreateSequenceStore").await?);
    let committed = creates.iter().filter(|call| call.committed).count();
    ensure!(stores == 1 && committed == 1, "{stores} stores, {committed} creates took effect");
    Ok(())
}

async fn an_exceeded_quota_stalls_after_the_grace_period_and_recovers(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&slow_poll())?;
    world.aws.set_knobs(&Knobs { max_stores: Some(0), ..Knobs::default() }).await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let object = world.until_condition("a", "Ready", "False", "QuotaExceeded").await?;
    ensure_reconciling(&object)?;
    ensure!(message(&object, "Ready").contains("omics:CreateSequenceStore"), "{}", message(&object, "Ready"));
    let refused = world.calls("CreateSequenceStore").await?;
    ensure!(refused.iter().all(|call| call.status == 402), "{refused:?}");
    world.until_event("a", "QuotaExceeded").await?;
    let object = world.until_stalled("a").await?;
    ensure!(condition(&object, "Ready").is_some_and(|c| c.reason == "QuotaExceeded"), "another reason");
    world.aws.set_knobs(&Knobs::default()).await?;
    world.reconcile_now("a").await?;
    let object = world.until_ready("a").await?;
    ensure!(condition(&object, "Stalled").is_none(), "{:?}", status(&object).conditions);
    ensure_one_store(&world).await
}

async fn a_throttled_create_never_stalls_and_makes_one_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&slow_poll())?;
    let fault = Fault::always("CreateSequenceStore", FaultAction::error("ThrottlingException"));
    world.aws.script_fault(&fault).await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_calls("CreateSequenceStore", 3).await?;
    let object = world.until_condition("a", "Ready", "False", "Throttled").await?;
    ensure_reconciling(&object)?;
    ensure!(message(&object, "Ready").contains("omics:CreateSequenceStore"), "{}", message(&object, "Ready"));
    // Throttling outlasts the grace period for denied calls, which does not apply to it.
    for _ in 0..4 {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        ensure_reconciling(&world.one_more_pass("a").await?)?;
    }
    world.aws.clear_faults().await?;
    world.until_ready("a").await?;
    ensure_one_store(&world).await
}

async fn brief_throttling_is_not_reported(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&slow_poll())?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let object = world.until_ready("a").await?;
    let id = status(&object).store.map(|store| store.id).unwrap_or_default();
    let versions = world.versions("a").await?;
    // Two throttled reads in a row, and later two throttled creates.
    world.aws.remove_store(&id).await?;
    for operation in ["GetSequenceStore", "CreateSequenceStore"] {
        let fault = Fault::always(operation, FaultAction::error("ThrottlingException"));
        world.aws.script_fault(&Fault { times: Some(2), ..fault }).await?;
    }
    world.reconcile_now("a").await?;
    world.until_condition("a", "Ready", "False", "StoreMissing").await?;
    world.annotate("a", "healthomics.dev/recreate", Some(&id)).await?;
    world.until_ready("a").await?;
    let versions = world.until_caught_up("a", &versions).await?;
    let ready = versions.iter().filter_map(|version| condition(version, "Ready"));
    let shown: Vec<_> = ready.map(|condition| condition.reason.clone()).collect();
    ensure!(
        shown.iter().any(|reason| reason == "Creating"),
        "the recorded versions are incomplete: {shown:?}"
    );
    ensure!(!shown.iter().any(|reason| reason == "Throttled"), "brief throttling is reported: {shown:?}");
    let throttled = world.aws.ledger().await?.iter().filter(|call| call.status == 429).count();
    ensure!(throttled == 4, "{throttled} throttled calls: the faults were not met");
    Ok(())
}

async fn a_user_corrects_a_create_that_aws_rejects(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&slow_poll())?;
    world.aws.set_knobs(&Knobs { max_propagated_keys: 2, ..Knobs::default() }).await?;
    world.create("a", keys(&["one", "two", "three"])).await?;
    let object = world.until_condition("a", "Ready", "False", "InvalidSpec").await?;
    ensure_stalled(&object)?;
    let text = message(&object, "Ready");
    ensure!(text.contains("omics:CreateSequenceStore") && text.contains("at most 2"), "AWS's words: {text}");
    ensure!(world.calls("CreateSequenceStore").await?.len() == 1, "tried again before the slow poll");
    ensure_stalled(&world.one_more_pass("a").await?)?;
    ensure!(world.calls("CreateSequenceStore").await?.len() == 2, "not tried again on request");
    world.patch("a", json!({"spec": {"propagatedSetLevelTags": ["one", "two"]}})).await?;
    let object = world.until_ready("a").await?;
    ensure!(condition(&object, "Stalled").is_none(), "{:?}", status(&object).conditions);
    ensure!(status(&object).observed_generation == object.metadata.generation, "{:?}", status(&object));
    ensure_one_store(&world).await
}

async fn a_user_corrects_an_update_that_aws_rejects(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&slow_poll())?;
    world.aws.set_knobs(&Knobs { max_propagated_keys: 2, ..Knobs::default() }).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let spec = SequenceStoreSpec { description: Some("new".into()), ..keys(&["one", "two", "three"]) };
    world.patch("a", json!({"spec": spec})).await?;
    let object = world.until_condition("a", "Ready", "False", "InvalidSpec").await?;
    ensure_stalled(&object)?;
    let text = message(&object, "Ready");
    ensure!(text.contains("omics:UpdateSequenceStore") && text.contains("at most 2"), "AWS's words: {text}");
    ensure!(world.calls("UpdateSequenceStore").await?.len() == 1, "tried again before the slow poll");
    let shown = world.aws.store(&store.id).await?.ok_or("store")?;
    ensure!(shown.description.is_none() && shown.propagated_set_level_tags.is_empty(), "{shown:?}");
    world.patch("a", json!({"spec": {"propagatedSetLevelTags": ["one", "two"]}})).await?;
    let object = world.until_ready("a").await?;
    ensure!(condition(&object, "Stalled").is_none(), "{:?}", status(&object).conditions);
    let shown = world.aws.store(&store.id).await?.ok_or("store")?;
    ensure!(shown.description.as_deref() == Some("new"), "{shown:?}");
    ensure!(shown.propagated_set_level_tags == ["one", "two"], "{shown:?}");
    Ok(())
}

async fn a_user_corrects_an_invalid_policy(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&slow_poll())?;
    let store = world.seed().await?;
    let accepted = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": store.s3_access.s3_access_point_arn});
    // The API server accepts this policy; AWS would reject it.
    let mut statement = accepted.clone();
    statement["NotAction"] = json!("s3:PutObject");
    let policy = |statement| json!({"Version": "2012-10-17", "Statement": [statement]});
    let refused = policy(statement);
    let spec = SequenceStoreSpec { s3_access_policy: refused.as_object().cloned(), ..spec_for(&store) };
    world.create("a", spec).await?;
    let object = world.until_condition("a", "Ready", "False", "InvalidSpec").await?;
    ensure_stalled(&object)?;
    ensure!(world.aws.ledger().await?.iter().all(|call| !call.is_mutating()), "a mutating call was made");
    world.patch("a", json!({"spec": {"s3AccessPolicy": policy(accepted)}})).await?;
    let object = world.until_ready("a").await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    ensure!(condition(&object, "Stalled").is_none(), "{:?}", status(&object).conditions);
    let put = world.calls("PutS3AccessPolicy").await?.into_iter().filter(|call| call.committed).count();
    ensure!(put == 1, "{put} policies are put");
    Ok(())
}
