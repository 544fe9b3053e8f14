//! What is settled, whatever its state, costs the cluster and AWS nothing but reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, SeedStore};
use sequencestore_operator::crd::{DeletionBlockReason, OWNER_UID_TAG};
use serde_json::json;

use crate::world::{Cluster, Error, Start, World, condition, ensure, status, tests};

tests![settled_objects_of_every_kind_cost_no_writes];

/// Objects, their specs, what their stores are like, and the reason that `Ready` gives in the end.
const OBJECTS: &[(&str, &str)] = &[
    ("available", "Available"),
    ("drifted", "Available"),
    ("retained", "Available"),
    ("missing", "StoreNotFound"),
    ("denied", "AccessDenied"),
    ("down", "AwsUnavailable"),
    ("failed", "Failed"),
    ("unknown", "UnknownStatus"),
    ("stolen", "OwnershipConflict"),
    ("differs", "ImmutableFieldDiffers"),
    ("paused", "Available"),
    ("protected", "DeletionBlocked"),
    ("full", "DeletionBlocked"),
];

async fn arrange(world: &World) -> Result<(), Error> {
    for (name, _) in OBJECTS {
        let tags = match *name {
            "stolen" => BTreeMap::from([(OWNER_UID_TAG.to_owned(), "another-object".to_owned())]),
            _ => BTreeMap::new(),
        };
        let in_aws = match *name {
            "failed" => "FAILED",
            "unknown" => "PENDING_KMS",
            _ => "ACTIVE",
        };
        let store =
            world.seed_with(SeedStore { status: in_aws.into(), tags, ..SeedStore::default() }).await?;
        let id = store.id.clone();
        let spec = match *name {
            "drifted" => json!({"sequenceStoreId": id, "managementPolicy": "Observe", "name": "other"}),
            "retained" => json!({"sequenceStoreId": id, "deletionPolicy": "Retain"}),
            "missing" => json!({"sequenceStoreId": "9876543210"}),
            "differs" => json!({"sequenceStoreId": id, "eTagAlgorithmFamily": "SHA512up"}),
            "protected" => json!({"sequenceStoreId": id, "deletionProtection": true}),
            _ => json!({"sequenceStoreId": id}),
        };
        let fault = match *name {
            "denied" => Some("AccessDeniedException"),
            "down" => Some("InternalServerException"),
            _ => None,
        };
        if let Some(code) = fault {
            let fault = Fault::always("GetSequenceStore", FaultAction::error(code));
            world.aws.script_fault(&Fault { store_id: Some(id.clone()), ..fault }).await?;
        }
        if *name == "full" {
            world.aws.add_read_sets(&id, 2, "ACTIVE").await?;
        }
        world.create(name, serde_json::from_value(spec)?).await?;
    }
    Ok(())
}

async fn settled_objects_of_every_kind_cost_no_writes(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let flags = ["--poll-interval=2s", "--denied-grace=1s", "--concurrency=32"];
    let _operator = world.operator(&Start { flags: flags.map(String::from).to_vec(), ..Start::default() })?;
    arrange(&world).await?;
    for name in ["paused", "protected", "full"] {
        world.until_ready(name).await?;
    }
    world.annotate("paused", "healthomics.dev/paused", Some("true")).await?;
    world.until_condition("paused", "Synced", "False", "Paused").await?;
    world.delete("protected").await?;
    world.until_blocked("protected", DeletionBlockReason::DeletionProtection).await?;
    world.delete("full").await?;
    world.until_blocked("full", DeletionBlockReason::ReadSets).await?;
    for (name, reason) in OBJECTS {
        let what = format!("Ready {reason}");
        world
            .until(name, &what, |object| condition(object, "Ready").is_some_and(|c| c.reason == *reason))
            .await?;
    }
    while condition(&world.api.get("denied").await?, "Stalled").is_none() {
        world.one_more_pass("denied").await?;
    }

    // Settled: from here on only reads.
    let clock = status(&world.api.get("available").await?).store.ok_or("no store")?;
    let clock = world.aws.store(&clock.id).await?.ok_or("no store")?;
    world.until_more_gets(&clock, 1).await?;
    let (mark, seen) = (world.mark(), world.aws.ledger().await?.len());
    for round in 0..4 {
        // Passes that the backoff or the pause would not bring: an annotation that asks for nothing.
        for (name, _) in OBJECTS {
            world.annotate(name, "healthomics.dev/nothing", Some(&round.to_string())).await?;
        }
        world.until_more_gets(&clock, 2).await?;
    }
    let writes = world.operator_writes(&mark);
    ensure!(writes.is_empty(), "settled objects are written to: {writes:?}");
    let calls = world.aws.ledger().await?.split_off(seen);
    ensure!(calls.len() > 4 * OBJECTS.len(), "only {} calls: the passes did not come", calls.len());
    // AWS is asked again and again to delete the store that is full; nothing else is even tried.
    let tried: Vec<_> = calls.iter().filter(|call| call.is_mutating()).collect();
    ensure!(
        tried.iter().all(|call| call.operation == "DeleteSequenceStore" && !call.committed),
        "calls that change AWS: {tried:?}"
    );
    Ok(())
}
