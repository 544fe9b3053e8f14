//! The status shows what AWS returns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use healthomics_simulator::{SeedStore, SseConfig};
use sequencestore_operator::crd::{ManagementPolicy, SequenceStoreSpec};
use serde_json::json;

use crate::world::{ACCOUNT, Cluster, Error, REGION, World, condition, ensure, spec_for, status, tests};

tests![
    the_status_mirrors_every_member_of_the_store,
    the_status_follows_changes_in_aws,
    a_settled_object_causes_no_writes,
];

fn random_text(longest: usize) -> String {
    let alphabet: Vec<char> = "abcXYZ019 äß漢字é_-.:/=+@€".chars().collect();
    let text: String =
        (0..fastrand::usize(1..=longest)).map(|_| alphabet[fastrand::usize(..alphabet.len())]).collect();
    format!("r{text}")
}

async fn the_status_mirrors_every_member_of_the_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let key = format!("arn:aws:kms:us-east-1:123456789012:key/{:032x}", fastrand::u128(..));
    let seeded = world
        .seed_with(SeedStore {
            name: Some(random_text(100)),
            description: Some(random_text(200)),
            sse_config: Some(SseConfig { kind: "KMS".into(), key_arn: Some(key) }),
            fallback_location: Some(format!("s3://fallback-{:x}/p/", fastrand::u32(..))),
            access_log_location: Some(format!("s3://logs-{:x}/p/", fastrand::u32(..))),
            e_tag_algorithm_family: Some("SHA512up".into()),
            status: "ACTIVE".into(),
            status_message: Some(random_text(100)),
            propagated_set_level_tags: (0..5).map(|n| format!("key-{n}-{:x}", fastrand::u32(..))).collect(),
            creation_time: Some("2023-04-05T06:07:08.009Z".into()),
            update_time: Some("2024-05-06T07:08:09.010Z".into()),
            tags: BTreeMap::from([(random_text(20), random_text(30)), ("team".into(), String::new())]),
            ..SeedStore::default()
        })
        .await?;
    let observe = Some(ManagementPolicy::Observe);
    world.create("full", SequenceStoreSpec { management_policy: observe, ..spec_for(&seeded) }).await?;
    let object = world.until_ready("full").await?;
    let shown = serde_json::to_value(status(&object).store)?;
    let expected = json!({
        "id": seeded.id,
        "arn": seeded.arn,
        "name": seeded.name,
        "description": seeded.description,
        "sseConfig": {"type": "KMS", "keyArn": seeded.sse_config.and_then(|sse| sse.key_arn)},
        "creationTime": "2023-04-05T06:07:08.009Z",
        "fallbackLocation": seeded.fallback_location,
        "s3Access": {
            "s3Uri": seeded.s3_access.s3_uri,
            "s3AccessPointArn": seeded.s3_access.s3_access_point_arn,
            "accessLogLocation": seeded.s3_access.access_log_location,
        },
        "eTagAlgorithmFamily": "SHA512up",
        "status": "ACTIVE",
        "statusMessage": seeded.status_message,
        "propagatedSetLevelTags": seeded.propagated_set_level_tags,
        "updateTime": "2024-05-06T07:08:09.010Z",
        "tags": seeded.tags,
    });
    ensure!(shown == expected, "mirrored {shown:#}\nexpected {expected:#}");
    let status = status(&object);
    ensure!(status.region.as_deref() == Some(REGION), "region {:?}", status.region);
    ensure!(status.account_id.as_deref() == Some(ACCOUNT), "account {:?}", status.account_id);
    ensure!(
        status.observed_generation == object.metadata.generation,
        "generation {:?}",
        status.observed_generation
    );
    Ok(())
}

async fn the_status_follows_changes_in_aws(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seeded = world.seed().await?;
    let observe = Some(ManagementPolicy::Observe);
    world.create("mirror", SequenceStoreSpec { management_policy: observe, ..spec_for(&seeded) }).await?;
    world.until_ready("mirror").await?;
    let change = json!({"description": "changed behind its back", "tags": {"a": "b"}});
    world.aws.change_store(&seeded.id, change).await?;
    let object = world
        .until("mirror", "the new description", |object| {
            status(object)
                .store
                .is_some_and(|store| store.description.as_deref() == Some("changed behind its back"))
        })
        .await?;
    ensure!(
        status(&object).store.and_then(|s| s.tags) == Some(BTreeMap::from([("a".into(), "b".into())])),
        "tags"
    );
    // A member that AWS no longer returns disappears from the status.
    world.aws.change_store(&seeded.id, json!({"description": null})).await?;
    let gone = |object: &_| status(object).store.is_some_and(|store| store.description.is_none());
    world.until("mirror", "no description", gone).await?;
    // A store status that the operator does not know is mirrored unchanged.
    world.aws.change_store(&seeded.id, json!({"status": "PENDING_KMS"})).await?;
    let object = world.until_condition("mirror", "Ready", "False", "UnknownStatus").await?;
    ensure!(
        status(&object).store.and_then(|s| s.status).as_deref() == Some("PENDING_KMS"),
        "unknown status kept"
    );
    ensure!(
        condition(&object, "Reconciling").is_some(),
        "the object is not Reconciling on an unknown status"
    );
    world.aws.change_store(&seeded.id, json!({"status": "ACTIVE"})).await?;
    world.until_ready("mirror").await?;
    ensure!(world.mutating_calls().await?.is_empty(), "mirroring changes nothing in AWS");
    Ok(())
}

async fn a_settled_object_causes_no_writes(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seeded = world.seed().await?;
    world.adopt("settled", &seeded).await?;
    world.until_ready("settled").await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (mark, before) = (world.mark(), world.calls("GetSequenceStore").await?.len());
    let mutating = world.mutating_calls().await?.len();
    world.until_calls("GetSequenceStore", before + 4).await?;
    let writes = world.operator_writes(&mark);
    ensure!(writes.is_empty(), "writes of a settled object: {writes:?}");
    ensure!(world.mutating_calls().await?.len() == mutating, "mutating calls of a settled object");
    Ok(())
}
