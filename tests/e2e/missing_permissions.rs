//! A missing permission for tags or the policy affects only the condition `Synced` and holds up nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::SeedStore;
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, Cluster, Error, World, condition, ensure, message, spec_for, status, tests};

tests![
    denied_owner_tags_affect_synced_only,
    denied_tag_changes_affect_synced_only,
    a_denied_policy_read_or_change_affects_synced_only,
];

const ALL: [&str; 9] = [
    "GetSequenceStore",
    "ListTagsForResource",
    "ListSequenceStores",
    "UpdateSequenceStore",
    "TagResource",
    "UntagResource",
    "GetS3AccessPolicy",
    "PutS3AccessPolicy",
    "DeleteS3AccessPolicy",
];

/// Allows every action except this one.
pub async fn deny(world: &World, action: &str) -> Result<(), Error> {
    let allowed =
        ALL.into_iter().filter(|allowed| *allowed != action).map(|a| format!("omics:{a}")).collect();
    Ok(world.aws.allow_actions(ACCOUNT, Some(allowed)).await?)
}

/// `Synced` names the denied action; the object is Ready, and neither Reconciling nor Stalled.
async fn until_only_synced_is_affected(world: &World, action: &str) -> Result<SequenceStore, Error> {
    let object = world.until_condition("a", "Synced", "False", "AccessDenied").await?;
    let text = message(&object, "Synced");
    ensure!(text.contains(&format!("omics:{action}")), "{action} is not named: {text}");
    let generation = object.metadata.generation;
    let ready = condition(&object, "Ready").filter(|ready| ready.observed_generation == generation);
    ensure!(ready.is_some_and(|c| c.status == "True"), "{action}: {:?}", status(&object).conditions);
    for kind in ["Reconciling", "Stalled"] {
        ensure!(condition(&object, kind).is_none(), "{action}: {:?}", status(&object).conditions);
    }
    Ok(object)
}

async fn allow_and_recover(world: &World) -> Result<(), Error> {
    world.aws.allow_actions(ACCOUNT, None).await?;
    world.reconcile_now("a").await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    let object = world.until_ready("a").await?;
    ensure!(status(&object).drift.is_empty(), "{:?}", status(&object).drift);
    Ok(())
}

async fn denied_owner_tags_affect_synced_only(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    deny(&world, "TagResource").await?;
    let store = world.seed().await?;
    let spec = SequenceStoreSpec { description: Some("wanted".into()), ..spec_for(&store) };
    world.create("a", spec).await?;
    until_only_synced_is_affected(&world, "TagResource").await?;
    // The operator still updates the store and its status.
    let shown = world.aws.store(&store.id).await?.ok_or("store")?;
    ensure!(shown.description.as_deref() == Some("wanted") && shown.tags.is_empty(), "{shown:?}");
    world.aws.change_store(&store.id, json!({"name": "renamed"})).await?;
    let followed = |o: &SequenceStore| status(o).store.is_some_and(|s| s.name.as_deref() == Some("renamed"));
    world.until("a", "the new name", followed).await?;
    allow_and_recover(&world).await?;
    let uid = world.api.get("a").await?.metadata.uid;
    let tags = world.aws.store(&store.id).await?.ok_or("store")?.tags;
    ensure!(tags.get("healthomics.dev/uid") == uid.as_ref(), "{tags:?}");
    Ok(())
}

async fn denied_tag_changes_affect_synced_only(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed_with(SeedStore::default()).await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let rows = [
        ("TagResource", json!({"tags": {"team": "genomics"}, "description": "with tags"}), Some("genomics")),
        ("UntagResource", json!({"tags": {"team": null}, "description": "without"}), None),
    ];
    for (action, spec, wanted) in rows {
        let before = world.aws.store(&store.id).await?.ok_or("store")?.tags;
        deny(&world, action).await?;
        world.patch("a", json!({"spec": spec})).await?;
        let object = until_only_synced_is_affected(&world, action).await?;
        let drift = status(&object).drift;
        ensure!(drift.iter().any(|drift| drift.field == "tags[team]"), "{action}: {drift:?}");
        let shown = world.aws.store(&store.id).await?.ok_or("store")?;
        ensure!(shown.tags == before, "{action} is denied, and the tags are {:?}", shown.tags);
        ensure!(shown.description.as_deref() == spec["description"].as_str(), "{action} holds up {shown:?}");
        allow_and_recover(&world).await?;
        let tags = world.aws.store(&store.id).await?.ok_or("store")?.tags;
        ensure!(tags.get("team").map(String::as_str) == wanted, "{action}: {tags:?}");
    }
    Ok(())
}

async fn a_denied_policy_read_or_change_affects_synced_only(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let tags = BTreeMap::from([("kept".to_owned(), "yes".to_owned())]);
    let store = world.seed_with(SeedStore { tags, ..SeedStore::default() }).await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let policy = |sid: &str| {
        let statement = json!({"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": store.s3_access.s3_access_point_arn});
        json!({"Version": "2012-10-17", "Statement": [statement]})
    };
    let rows = [
        ("GetS3AccessPolicy", policy("First")),
        ("PutS3AccessPolicy", policy("Second")),
        ("DeleteS3AccessPolicy", json!({})),
    ];
    for (action, wanted) in rows {
        let before = world.aws.store(&store.id).await?.ok_or("store")?.s3_access_policy;
        deny(&world, action).await?;
        // A JSON patch, because a merge patch cannot replace an object with an empty one.
        let patch = json!([{"op": "add", "path": "/spec/s3AccessPolicy", "value": wanted}]).to_string();
        world.kubectl(&["patch", "seqstore", "a", "--type=json", "--patch", &patch]).await?.checked()?;
        until_only_synced_is_affected(&world, action).await?;
        let shown = world.aws.store(&store.id).await?.ok_or("store")?.s3_access_policy;
        ensure!(shown == before, "{action} is denied, and the policy is {shown:?}");
        allow_and_recover(&world).await?;
        let shown = world.aws.store(&store.id).await?.ok_or("store")?.s3_access_policy;
        let shown: Option<Value> = shown.as_deref().map(serde_json::from_str).transpose()?;
        let expected = Some(wanted).filter(|wanted| *wanted != json!({}));
        ensure!(shown == expected, "{action}: {shown:?}");
    }
    Ok(())
}
