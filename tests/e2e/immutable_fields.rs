//! Fields that AWS cannot change: free until a store is recorded in status; after that the API server accepts only the
//! recorded value or no value.

use std::sync::Arc;

use healthomics_simulator::{SeedStore, SseConfig, StoreRecord};
use kube::api::{Patch, PatchParams};
use sequencestore_operator::crd::{ETagAlgorithmFamily, SequenceStoreSpec};
use serde_json::{Value, json};

use crate::assertions::ensure_stalled;
use crate::world::{Cluster, Error, World, ensure, spec_for, status, tests};

tests![
    the_api_server_refuses_changes_to_immutable_fields,
    an_unset_immutable_field_accepts_only_the_recorded_value,
    a_store_id_cannot_be_added_once_a_store_is_recorded,
    immutable_fields_can_be_corrected_until_a_store_is_recorded,
    a_differing_immutable_field_does_not_stop_status_updates,
];

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000001";
const OTHER_KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000002";

async fn encrypted(world: &World) -> Result<StoreRecord, Error> {
    let sse_config = Some(SseConfig { kind: "KMS".into(), key_arn: Some(KEY.into()) });
    let e_tag_algorithm_family = Some("SHA256up".into());
    world.seed_with(SeedStore { sse_config, e_tag_algorithm_family, ..SeedStore::default() }).await
}

/// Sends a merge patch of the spec in a dry run; returns the API server's refusal, if any.
async fn dry_run_patch(world: &World, name: &str, spec: &Value) -> Result<Option<String>, Error> {
    let parameters = PatchParams { dry_run: true, ..PatchParams::default() };
    match world.api.patch(name, &parameters, &Patch::Merge(json!({"spec": spec}))).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(refusal)) => Ok(Some(refusal.message.clone())),
        Err(error) => Err(error.into()),
    }
}

async fn ensure_refusals(world: &World, name: &str, rows: &[(Value, Option<&str>)]) -> Result<(), Error> {
    for (spec, refused) in rows {
        let refusal = dry_run_patch(world, name, spec).await?;
        let as_expected = match refused {
            Some(says) => refusal.as_ref().is_some_and(|text| text.contains(says)),
            None => refusal.is_none(),
        };
        ensure!(as_expected, "{spec}: {refusal:?}, expected {refused:?}");
    }
    Ok(())
}

const ID: &str = "spec.sequenceStoreId cannot be added, removed or changed";
const PLACE: &str = "spec.region cannot be changed once a store is recorded in status.store: \
    set it to the value shown in status.region";
const FAMILY: &str =
    "AWS cannot change eTagAlgorithmFamily of a store: set it to the value shown in status.store";
const SSE: &str = "AWS cannot change sseConfig of a store: set it to the value shown in status.store";

async fn the_api_server_refuses_changes_to_immutable_fields(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = encrypted(&world).await?;
    let spec = json!({
        "sequenceStoreId": store.id, "region": "us-east-1", "eTagAlgorithmFamily": "SHA256up",
        "sseConfig": {"type": "KMS", "keyArn": KEY},
    });
    world.create("a", serde_json::from_value(spec)?).await?;
    world.until_ready("a").await?;
    let rows = [
        (json!({"sequenceStoreId": "9876543210"}), Some(ID)),
        (json!({"sequenceStoreId": null}), Some(ID)),
        (json!({"region": "eu-west-1"}), Some(PLACE)),
        (json!({"region": null}), None),
        (json!({"eTagAlgorithmFamily": "MD5up"}), Some(FAMILY)),
        (json!({"eTagAlgorithmFamily": null}), None),
        (json!({"sseConfig": {"keyArn": OTHER_KEY}}), Some(SSE)),
        (json!({"sseConfig": {"keyArn": null}}), None),
        (json!({"sseConfig": null}), None),
        (json!({"description": "new"}), None),
        (json!({"deletionPolicy": "Retain", "pollInterval": "1m"}), None),
    ];
    ensure_refusals(&world, "a", &rows).await
}

async fn an_unset_immutable_field_accepts_only_the_recorded_value(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = encrypted(&world).await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let rows = [
        (json!({"region": "us-east-1"}), None),
        (json!({"region": "eu-west-1"}), Some(PLACE)),
        (json!({"eTagAlgorithmFamily": "SHA256up"}), None),
        (json!({"eTagAlgorithmFamily": "MD5up"}), Some(FAMILY)),
        (json!({"sseConfig": {"type": "KMS"}}), None),
        (json!({"sseConfig": {"type": "KMS", "keyArn": KEY}}), None),
        (json!({"sseConfig": {"type": "KMS", "keyArn": OTHER_KEY}}), Some(SSE)),
    ];
    ensure_refusals(&world, "a", &rows).await
}

async fn a_store_id_cannot_be_added_once_a_store_is_recorded(cluster: Arc<Cluster>) -> Result<(), Error> {
    // No operator runs: the test writes the status as the operator does after it created a store.
    let world = World::new(cluster).await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let record =
        json!({"status": {"store": {"id": "1234567890", "arn": "arn:aws:omics:x"}, "region": "us-east-1"}});
    world.api.patch_status("a", &PatchParams::default(), &Patch::Merge(record)).await?;
    let rows = [
        (json!({"sequenceStoreId": "1234567890"}), Some(ID)),
        (json!({"sequenceStoreId": "9876543210"}), Some(ID)),
        (json!({"region": "us-east-1"}), None),
    ];
    ensure_refusals(&world, "a", &rows).await
}

async fn immutable_fields_can_be_corrected_until_a_store_is_recorded(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = encrypted(&world).await?;
    let spec = json!({
        "sequenceStoreId": "9876543210", "region": "eu-west-1", "eTagAlgorithmFamily": "MD5up",
        "sseConfig": {"type": "KMS", "keyArn": OTHER_KEY},
    });
    world.create("a", serde_json::from_value(spec)?).await?;
    world.until_condition("a", "Ready", "False", "StoreNotFound").await?;
    let spec = json!({
        "sequenceStoreId": store.id, "region": "us-east-1", "eTagAlgorithmFamily": "SHA256up",
        "sseConfig": {"type": "KMS", "keyArn": KEY},
    });
    world.patch("a", json!({"spec": spec})).await?;
    let object = world.until_ready("a").await?;
    ensure!(
        status(&object).store.is_some_and(|s| s.id == store.id),
        "the status does not show the right store"
    );
    Ok(())
}

async fn a_differing_immutable_field_does_not_stop_status_updates(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = encrypted(&world).await?;
    let family = Some(ETagAlgorithmFamily::Md5up);
    world.create("a", SequenceStoreSpec { e_tag_algorithm_family: family, ..spec_for(&store) }).await?;
    let object = world.until_condition("a", "Ready", "False", "ImmutableFieldDiffers").await?;
    ensure_stalled(&object)?;
    let drift = status(&object).drift;
    ensure!(drift.len() == 1 && drift[0].field == "eTagAlgorithmFamily", "{drift:?}");
    ensure!(
        drift[0].desired.as_deref() == Some("MD5up") && drift[0].observed.as_deref() == Some("SHA256up"),
        "{drift:?}"
    );
    world.aws.change_store(&store.id, json!({"description": "still followed"})).await?;
    world
        .until("a", "another status", |object| {
            status(object).store.is_some_and(|s| s.description.as_deref() == Some("still followed"))
        })
        .await?;
    let rows = [
        // Other fields stay free; this field accepts only the recorded value or no value.
        (json!({"deletionPolicy": "Retain"}), None),
        (json!({"eTagAlgorithmFamily": "SHA512up"}), Some(FAMILY)),
        (json!({"eTagAlgorithmFamily": null}), None),
    ];
    ensure_refusals(&world, "a", &rows).await?;
    world.patch("a", json!({"spec": {"eTagAlgorithmFamily": "SHA256up"}})).await?;
    let object = world.until_ready("a").await?;
    ensure!(status(&object).drift.is_empty(), "{:?}", status(&object).drift);
    Ok(())
}
