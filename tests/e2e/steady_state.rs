//! Settled objects, in every state, cause no writes to the cluster or to AWS.

use std::collections::BTreeMap;
use std::sync::Arc;

use control_plane::service_account_user;
use healthomics_simulator::{Fault, FaultAction, SeedStore};
use sequencestore_operator::crd::{DeletionBlockReason, OWNER_UID_TAG};
use serde_json::json;

use crate::world::{
    Cluster, Error, SERVICE_ACCOUNT, SYSTEM_NAMESPACE, Start, TIMEOUT, World, condition, ensure, status,
    tests,
};

tests![settled_objects_of_every_kind_cause_no_writes, ten_polls_of_thirty_settled_objects_cause_no_writes];

/// Objects, and the reason of `Ready` once they have settled.
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

async fn create_objects(world: &World) -> Result<(), Error> {
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

async fn settled_objects_of_every_kind_cause_no_writes(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let flags = ["--poll-interval=2s", "--denied-grace=1s", "--concurrency=32"];
    let _operator = world.operator(&Start { flags: flags.map(String::from).to_vec(), ..Start::default() })?;
    create_objects(&world).await?;
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

    // All objects have settled: from here on the operator only reads.
    let clock = status(&world.api.get("available").await?).store.ok_or("no store")?;
    let clock = world.aws.store(&clock.id).await?.ok_or("no store")?;
    world.until_more_gets(&clock, 1).await?;
    let (mark, seen) = (world.mark(), world.aws.last_seq().await?);
    for round in 0..4 {
        // Backoff and pause delay or prevent passes; a change of an unknown annotation triggers one for each object.
        for (name, _) in OBJECTS {
            world.annotate(name, "healthomics.dev/nothing", Some(&round.to_string())).await?;
        }
        world.until_more_gets(&clock, 2).await?;
    }
    let writes = world.operator_writes(&mark);
    ensure!(writes.is_empty(), "writes to settled objects: {writes:?}");
    let calls = world.aws.ledger_since(seen).await?;
    ensure!(calls.len() > 4 * OBJECTS.len(), "only {} calls: passes are missing", calls.len());
    // The operator keeps trying to delete the store that has read sets; it makes no other mutating call.
    let tried: Vec<_> = calls.iter().filter(|call| call.is_mutating()).collect();
    ensure!(
        tried.iter().all(|call| call.operation == "DeleteSequenceStore" && !call.committed),
        "calls that change AWS: {tried:?}"
    );
    Ok(())
}

/// Creates objects in five variants (created, observed, retained, adopted, protected) and waits until all have settled.
async fn create_in_five_variants(world: &World, objects: usize) -> Result<(), Error> {
    let full = json!({
        "name": "kept", "description": "as the spec says", "tags": {"team": "genomics"},
        "fallbackLocation": "s3://fallback/p/", "propagatedSetLevelTags": ["b", "a"],
        "s3AccessConfig": {"accessLogLocation": "s3://logs/p/"}, "s3AccessPolicy": {},
    });
    for number in 0..objects {
        let mut spec = full.clone();
        match number % 5 {
            // No id: the operator creates the store.
            0 => spec["name"] = json!(format!("created-{number}")),
            other => {
                spec["sequenceStoreId"] = json!(world.seed().await?.id);
                match other {
                    1 => spec["managementPolicy"] = json!("Observe"),
                    2 => spec["deletionPolicy"] = json!("Retain"),
                    3 => spec = json!({"sequenceStoreId": spec["sequenceStoreId"]}),
                    _ => spec["deletionProtection"] = json!(true),
                }
            }
        }
        world.create(&format!("store-{number}"), serde_json::from_value(spec)?).await?;
    }
    for number in 0..objects {
        let (synced, reason) = if number % 5 == 1 { ("False", "Drifted") } else { ("True", "InSync") };
        world.until_condition(&format!("store-{number}"), "Synced", synced, reason).await?;
    }
    Ok(())
}

async fn ten_polls_of_thirty_settled_objects_cause_no_writes(cluster: Arc<Cluster>) -> Result<(), Error> {
    const OBJECTS: usize = 30;
    const POLLS: usize = 10;
    let world = World::new(cluster).await?;
    let flags = vec!["--poll-interval=1s".to_owned(), "--create-grace=1s".to_owned()];
    let _operator = world.operator(&Start { flags, ..Start::default() })?;
    create_in_five_variants(&world, OBJECTS).await?;
    // Waits until every store was polled after the last object settled.
    let until_polled = async |since: u64, times: usize| -> Result<(), Error> {
        let end = tokio::time::Instant::now() + 2 * TIMEOUT;
        loop {
            let gets = world.gets_since(since).await?;
            if gets.len() == OBJECTS && gets.values().all(|count| *count >= times) {
                return Ok(());
            }
            ensure!(
                tokio::time::Instant::now() < end,
                "not polled {times} times: {gets:?}\n{}",
                world.logs()
            );
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    until_polled(world.aws.last_seq().await?, 2).await?;

    let (mark, since) = (world.mark(), world.aws.last_seq().await?);
    let before = world.resource_versions().await?;
    until_polled(since, POLLS).await?;
    // Writes and reads, and Events too. A Lease of the operator would be in another namespace.
    let user = service_account_user(SYSTEM_NAMESPACE, SERVICE_ACCOUNT);
    let requests = world.cluster.plane.audit().requests_since(&mark).into_iter();
    let others: BTreeMap<_, _> = requests
        .filter(|request| request.user == user && request.namespace.as_deref() == Some(&world.namespace))
        .filter(|request| request.verb != "watch")
        .map(|request| (request.verb.clone(), request.full_resource()))
        .collect();
    ensure!(
        others.is_empty(),
        "{POLLS} polls of {OBJECTS} settled objects sent more than a watch: {others:?}"
    );
    ensure!(world.resource_versions().await? == before, "an object has changed");
    let calls = world.aws.ledger_since(since).await?;
    let changes: Vec<_> = calls.iter().filter(|call| call.is_mutating()).collect();
    ensure!(changes.is_empty(), "calls that change AWS: {changes:?}");
    Ok(())
}
