//! A paused object: the operator calls nothing and changes only the condition `Synced`, in every state, until the pause ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, SeedStore};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::PostParams;
use sequencestore_operator::crd::{
    DeletionBlockReason, OWNER_UID_TAG, PAUSED_ANNOTATION, SequenceStore, SequenceStoreSpec,
};
use serde_json::json;

use crate::assertions::{block, has_finalizer};
use crate::world::{Cluster, Error, Start, World, condition, ensure, status, tests};

tests![
    a_pause_changes_no_condition_but_synced,
    the_operator_makes_no_aws_call_for_a_new_paused_object,
    a_pause_also_holds_a_blocked_deletion,
];

/// Objects, and the reason of `Ready` when the pause begins.
const OBJECTS: &[(&str, &str)] = &[
    ("available", "Available"),
    ("drifted", "Available"),
    ("creating", "Creating"),
    ("unknown", "UnknownStatus"),
    ("failed", "Failed"),
    ("missing", "StoreNotFound"),
    ("stolen", "OwnershipConflict"),
    ("differs", "ImmutableFieldDiffers"),
    ("denied", "AccessDenied"),
    ("down", "AwsUnavailable"),
];

async fn create_objects(world: &World) -> Result<(), Error> {
    for (name, _) in OBJECTS {
        let tags = match *name {
            "stolen" => BTreeMap::from([(OWNER_UID_TAG.to_owned(), "another-object".to_owned())]),
            _ => BTreeMap::new(),
        };
        let in_aws = match *name {
            "creating" => "CREATING",
            "unknown" => "ARCHIVING",
            "failed" => "FAILED",
            _ => "ACTIVE",
        };
        let store =
            world.seed_with(SeedStore { status: in_aws.into(), tags, ..SeedStore::default() }).await?;
        let spec = match *name {
            "drifted" => json!({"sequenceStoreId": store.id, "managementPolicy": "Observe", "name": "other"}),
            "missing" => json!({"sequenceStoreId": "9876543210"}),
            "differs" => json!({"sequenceStoreId": store.id, "eTagAlgorithmFamily": "SHA512up"}),
            _ => json!({"sequenceStoreId": store.id}),
        };
        let code = match *name {
            "denied" => Some("AccessDeniedException"),
            "down" => Some("InternalServerException"),
            _ => None,
        };
        if let Some(code) = code {
            let fault = Fault::always("GetSequenceStore", FaultAction::error(code));
            world.aws.script_fault(&Fault { store_id: Some(store.id), ..fault }).await?;
        }
        world.create(name, serde_json::from_value(spec)?).await?;
    }
    Ok(())
}

/// All conditions except `Synced`.
fn others(object: &SequenceStore) -> Vec<Condition> {
    status(object).conditions.into_iter().filter(|condition| condition.type_ != "Synced").collect()
}

async fn pause(world: &World, name: &str, on: bool) -> Result<(), Error> {
    world.annotate(name, PAUSED_ANNOTATION, on.then_some("true")).await
}

async fn a_pause_changes_no_condition_but_synced(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let flags = ["--poll-interval=2s", "--concurrency=32"].map(String::from).to_vec();
    let _operator = world.operator(&Start { flags, ..Start::default() })?;
    let clock = world.seed().await?;
    world.adopt("clock", &clock).await?;
    create_objects(&world).await?;
    let has_reason = |reason: &'static str| {
        move |object: &SequenceStore| condition(object, "Ready").is_some_and(|c| c.reason == reason)
    };
    let mut before = Vec::new();
    for (name, reason) in OBJECTS {
        world.until(name, reason, has_reason(reason)).await?;
    }
    for (name, _) in OBJECTS {
        // This pass is over before the pause begins.
        before.push(world.one_more_pass(name).await?);
        pause(&world, name, true).await?;
        world.until_condition(name, "Synced", "False", "Paused").await?;
    }
    let seen = world.aws.last_seq().await?;
    for (name, _) in OBJECTS {
        world.patch(name, json!({"spec": {"description": "while paused"}})).await?;
    }
    world.until_more_gets(&clock, 3).await?;
    let calls = world.aws.ledger_since(seen).await?;
    let calls: Vec<_> = calls.iter().filter(|call| call.store_id.as_ref() != Some(&clock.id)).collect();
    ensure!(calls.is_empty(), "AWS was called for paused objects: {calls:?}");
    for ((name, _), before) in OBJECTS.iter().zip(&before) {
        let object = world.api.get(name).await?;
        ensure!(others(&object) == others(before), "{name}: {:?}", status(&object).conditions);
        let observed = status(&object).observed_generation;
        ensure!(
            observed == status(before).observed_generation,
            "{name}: observedGeneration became {observed:?}"
        );
        ensure!(observed < object.metadata.generation, "{name}: the edit counts as observed");
        ensure!(status(&object).store == status(before).store, "{name}: status.store changed");
    }
    for (name, _) in OBJECTS {
        pause(&world, name, false).await?;
    }
    for (name, reason) in OBJECTS {
        let resumed = |object: &SequenceStore| {
            has_reason(reason)(object)
                && status(object).observed_generation == object.metadata.generation
                && condition(object, "Synced").is_some_and(|c| c.reason != "Paused")
        };
        world.until(name, "resumed", resumed).await?;
    }
    let written = world.calls("UpdateSequenceStore").await?;
    ensure!(written.len() == 1, "not exactly one update, for the available object: {written:?}");
    Ok(())
}

async fn the_operator_makes_no_aws_call_for_a_new_paused_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let mut object = SequenceStore::new("a", SequenceStoreSpec::default());
    object.metadata.annotations = Some([(PAUSED_ANNOTATION.to_owned(), "true".to_owned())].into());
    world.api.create(&PostParams::default(), &object).await?;
    let object = world.until_condition("a", "Synced", "False", "Paused").await?;
    let ready = condition(&object, "Ready").ok_or("no condition Ready")?;
    ensure!(ready.status == "False" && ready.reason == "Paused", "{ready:?}");
    ensure!(status(&object).observed_generation == Some(-1), "{:?}", status(&object).observed_generation);
    ensure!(!has_finalizer(&object), "a paused new object has a finalizer");
    ensure!(world.calls_for_objects().await?.is_empty(), "AWS was called for a paused object");
    pause(&world, "a", false).await?;
    world.until_ready("a").await?;
    ensure!(world.calls("CreateSequenceStore").await?.len() == 1, "not exactly one create after the pause");
    Ok(())
}

async fn a_pause_also_holds_a_blocked_deletion(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.aws.add_read_sets(&store.id, 1, "ACTIVE").await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.delete("a").await?;
    world.until_blocked("a", DeletionBlockReason::ReadSets).await?;
    let before = world.one_more_pass("a").await?;
    pause(&world, "a", true).await?;
    let paused = |object: &SequenceStore| block(object, DeletionBlockReason::Paused).is_some();
    let object = world.until("a", "a deletion that waits for the pause", paused).await?;
    ensure!(others(&object) == others(&before), "{:?}", status(&object).conditions);
    let deletes = world.deletes().await?;
    world.aws.remove_read_sets(&store.id).await?;
    world.annotate("a", "healthomics.dev/reconcile-requested-at", Some("now")).await?;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    ensure!(world.deletes().await? == deletes, "DeleteSequenceStore was called for a paused object");
    ensure!(has_finalizer(&world.api.get("a").await?), "the finalizer is gone");
    pause(&world, "a", false).await?;
    world.until_gone("a").await?;
    world.ensure_gone_in_aws(&store).await
}
