//! Changes that AWS denies or never applies hold up no other change, and the operator does not repeat them forever.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction};
use sequencestore_operator::crd::{SequenceStoreSpec, SequenceStoreStatus};
use serde_json::json;

use crate::world::{
    ACCOUNT, Cluster, Error, Start, World, condition, ensure, message, spec_for, status, tests,
};

tests![
    a_denied_update_does_not_hold_up_tags,
    a_denied_tag_change_affects_synced_only,
    the_operator_stops_writing_owner_tags_that_never_appear,
];

fn all_but(denied: &[&str]) -> Vec<String> {
    let actions = [
        "omics:GetSequenceStore",
        "omics:ListSequenceStores",
        "omics:ListTagsForResource",
        "omics:CreateSequenceStore",
        "omics:UpdateSequenceStore",
        "omics:TagResource",
        "omics:UntagResource",
        "omics:DeleteSequenceStore",
    ];
    actions.into_iter().filter(|action| !denied.contains(action)).map(ToOwned::to_owned).collect()
}

fn drifting(status: &SequenceStoreStatus) -> Vec<&str> {
    status.drift.iter().map(|drift| drift.field.as_str()).collect()
}

async fn a_denied_update_does_not_hold_up_tags(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seeded = world.seed().await?;
    world.adopt("a", &seeded).await?;
    world.until_ready("a").await?;
    world.aws.allow_actions(ACCOUNT, Some(all_but(&["omics:UpdateSequenceStore"]))).await?;
    world.patch("a", json!({"spec": {"description": "new", "tags": {"team": "genomics"}}})).await?;
    let object = world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    ensure!(message(&object, "Ready").contains("omics:UpdateSequenceStore"), "{}", message(&object, "Ready"));
    let tagged = world.aws.store(&seeded.id).await?.ok_or("store")?.tags;
    ensure!(tagged.get("team").map(String::as_str) == Some("genomics"), "the tag is not set: {tagged:?}");
    let refused = world.calls("UpdateSequenceStore").await?.len();
    ensure!(refused == 1, "the operator repeated a denied call at once: {refused} calls");
    world.aws.allow_actions(ACCOUNT, None).await?;
    world.reconcile_now("a").await?;
    let object = world.until_ready("a").await?;
    ensure!(status(&object).drift.is_empty(), "{:?}", status(&object).drift);
    let store = world.aws.store(&seeded.id).await?.ok_or("store")?;
    ensure!(store.description.as_deref() == Some("new"), "{:?}", store.description);
    Ok(())
}

async fn a_denied_tag_change_affects_synced_only(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seeded = world.seed().await?;
    world.adopt("a", &seeded).await?;
    world.until_ready("a").await?;
    world.aws.allow_actions(ACCOUNT, Some(all_but(&["omics:TagResource"]))).await?;
    world.patch("a", json!({"spec": {"description": "new", "tags": {"team": "genomics"}}})).await?;
    let object = world.until_condition("a", "Synced", "False", "AccessDenied").await?;
    ensure!(message(&object, "Synced").contains("omics:TagResource"), "{}", message(&object, "Synced"));
    ensure!(
        condition(&object, "Ready").is_some_and(|ready| ready.status == "True"),
        "not Ready although only a tag is denied"
    );
    ensure!(drifting(&status(&object)) == ["tags[team]"], "{:?}", status(&object).drift);
    let store = world.aws.store(&seeded.id).await?.ok_or("store")?;
    ensure!(
        store.description.as_deref() == Some("new"),
        "the update was not applied: {:?}",
        store.description
    );
    world.aws.allow_actions(ACCOUNT, None).await?;
    world.reconcile_now("a").await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    Ok(())
}

async fn the_operator_stops_writing_owner_tags_that_never_appear(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::with_create_grace(1))?;
    let seeded = world.seed().await?;
    let no_tags = FaultAction::Replace { member: "tags".into(), value: json!({}) };
    world.aws.script_fault(&Fault::always("ListTagsForResource", no_tags)).await?;
    world.adopt("a", &seeded).await?;
    world.until_condition("a", "Stalled", "True", "NotConverging").await?;
    let claims = world.calls("TagResource").await?.len();
    ensure!(claims == 3, "{claims} claims");
    let gets = world.calls("GetSequenceStore").await?.len();
    world.until_calls("GetSequenceStore", gets + 3).await?;
    ensure!(world.calls("TagResource").await?.len() == claims, "the operator still writes the tags");
    world.aws.clear_faults().await?;
    world.until_ready("a").await?;
    let spec = SequenceStoreSpec { description: Some("d".into()), ..spec_for(&seeded) };
    world.patch("a", json!({"spec": spec})).await?;
    world.until_event("a", "Updated").await?;
    Ok(())
}
