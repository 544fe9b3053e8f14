//! What `kubectl get`, `describe` and `explain` show in the first hour: a pause, drift, an outage with its cause, the id
//! of a new store, and the values of every enum.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs};
use sequencestore_operator::crd::{DeletionBlockReason, SequenceStoreSpec};
use serde_json::json;

use crate::world::{Cluster, Error, Start, World, ensure, message, tests};

tests![
    kubectl_get_shows_a_pause_and_observed_drift,
    kubectl_get_fits_160_columns_and_shows_drift_before_long_values,
    aws_unavailable_names_the_cause_the_region_and_the_endpoint,
    aws_unavailable_names_a_response_that_never_comes,
    the_event_created_names_the_store,
    a_deletion_blocked_by_read_sets_says_how_many_in_which_state_and_what_to_do,
    kubectl_explain_lists_the_values_of_every_enum,
];

/// The rows of `kubectl get` by the names of their columns.
async fn get(world: &World, name: &str, flags: &[&str]) -> Result<Vec<(String, String)>, Error> {
    let arguments = [&["get", "seqstore", name], flags].concat();
    let output = world.kubectl(&arguments).await?.checked()?.stdout;
    let mut lines = output.lines();
    let (head, row) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    // kubectl separates columns by at least three spaces, and their names may contain one.
    let names: Vec<&str> = head.split("   ").map(str::trim).filter(|name| !name.is_empty()).collect();
    let starts: Vec<usize> = names.iter().filter_map(|name| head.find(name)).collect();
    let cell = |n: usize| {
        let end = starts.get(n + 1).copied().unwrap_or(row.len());
        row.get(starts[n]..end).unwrap_or_default().trim().to_owned()
    };
    Ok(names.iter().enumerate().map(|(n, name)| ((*name).to_owned(), cell(n))).collect())
}

fn value<'a>(cells: &'a [(String, String)], column: &str) -> Option<&'a str> {
    cells.iter().find(|(name, _)| name == column).map(|(_, value)| value.as_str())
}

async fn kubectl_get_shows_a_pause_and_observed_drift(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("genomes", &store).await?;
    world.until_ready("genomes").await?;
    let cells = get(&world, "genomes", &[]).await?;
    ensure!(value(&cells, "READY") == Some("True") && value(&cells, "SYNCED") == Some("True"), "{cells:?}");

    world.patch("genomes", json!({"spec": {"managementPolicy": "Observe", "name": "other"}})).await?;
    world.until_condition("genomes", "Synced", "False", "Drifted").await?;
    let cells = get(&world, "genomes", &[]).await?;
    ensure!(value(&cells, "READY") == Some("True") && value(&cells, "SYNCED") == Some("False"), "{cells:?}");

    world.patch("genomes", json!({"spec": {"name": null}})).await?;
    world.until_condition("genomes", "Synced", "True", "InSync").await?;
    world.patch("genomes", json!({"metadata": {"annotations": {"healthomics.dev/paused": "true"}}})).await?;
    world.until_condition("genomes", "Synced", "False", "Paused").await?;
    let cells = get(&world, "genomes", &[]).await?;
    ensure!(value(&cells, "SYNCED") == Some("False"), "{cells:?}");
    Ok(())
}

async fn kubectl_get_fits_160_columns_and_shows_drift_before_long_values(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    // A long name of an object and the longest reason.
    let name = "genomes-2026-whole-genome-sequencing-cohort-a";
    world.adopt(name, &store).await?;
    world.until_ready(name).await?;
    world.patch(name, json!({"spec": {"eTagAlgorithmFamily": "SHA512up"}})).await.ok();
    for flags in [&[][..], &["-A"]] {
        let output = world.kubectl(&[&["get", "seqstore"], flags].concat()).await?.checked()?.stdout;
        let ours = output.lines().filter(|line| line.starts_with("NAME") || line.contains(name));
        let widest = ours.map(|line| line.chars().count()).max().unwrap_or_default();
        ensure!(widest <= 160, "{widest} columns:\n{output}");
    }
    let cells = get(&world, name, &["-o", "wide"]).await?;
    let columns: Vec<&str> = cells.iter().map(|(column, _)| column.as_str()).collect();
    let expected = [
        "NAME",
        "STORE ID",
        "STATUS",
        "READY",
        "SYNCED",
        "REASON",
        "READ SETS",
        "AGE",
        "REGION",
        "ON DELETION",
        "PROTECTED",
        "DRIFT",
        "S3 URI",
        "ARN",
    ];
    ensure!(columns == expected, "{columns:?}");
    Ok(())
}

/// Waits until the new object reports an outage; returns the message, which later failures do not change.
async fn outage(world: &World, name: &str, start: &Start) -> Result<String, Error> {
    world.create(name, serde_json::from_value(json!({"sequenceStoreId": "1234567890"}))?).await?;
    let operator = world.operator(start)?;
    let object = world.until_condition(name, "Ready", "False", "AwsUnavailable").await?;
    let first = message(&object, "Ready");
    world.one_more_pass(name).await?;
    world.one_more_pass(name).await?;
    let object = world.until_condition(name, "Ready", "False", "AwsUnavailable").await?;
    ensure!(message(&object, "Ready") == first, "{first}, and then {}", message(&object, "Ready"));
    operator.kill().await;
    Ok(first)
}

async fn aws_unavailable_names_the_cause_the_region_and_the_endpoint(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    for (number, (endpoint, fault, says)) in [
        (Some("http://127.0.0.1:1"), None, "127.0.0.1:1 refuses the connection"),
        (Some("http://nowhere.invalid"), None, "DNS does not know nowhere.invalid"),
        (
            None,
            Some(FaultAction::error("InternalServerException")),
            "responds with InternalServerException (HTTP status 500)",
        ),
        (None, Some(FaultAction::Html { status: 503 }), "responds with HTTP status 503"),
        (None, Some(FaultAction::Reset), "closes the connection"),
    ]
    .into_iter()
    .enumerate()
    {
        let world = World::new(Arc::clone(&cluster)).await?;
        let mut start = Start::default();
        if let Some(endpoint) = endpoint {
            start.environment.insert("AWS_ENDPOINT_URL_OMICS", endpoint.into());
        }
        if let Some(fault) = fault {
            world.aws.script_fault(&Fault::always("GetSequenceStore", fault)).await?;
        }
        let text = outage(&world, &format!("outage-{number}"), &start).await?;
        let simulator = world.simulator.url();
        let host = endpoint.unwrap_or(&simulator).trim_start_matches("http://").trim_end_matches('/');
        for part in [says, host, "us-east-1", "omics:GetSequenceStore"] {
            ensure!(text.contains(part), "{part} is not in: {text}");
        }
        ensure!(!text.contains("Request") && !text.contains("request id"), "{text}");
    }
    Ok(())
}

async fn aws_unavailable_names_a_response_that_never_comes(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    world.aws.script_fault(&Fault::always("GetSequenceStore", FaultAction::Hang)).await?;
    world.create("silent", serde_json::from_value(json!({"sequenceStoreId": "1234567890"}))?).await?;
    let _operator = world.operator(&Start::default())?;
    let object = world.until_condition("silent", "Ready", "False", "AwsUnavailable").await?;
    let text = message(&object, "Ready");
    ensure!(text.contains("does not respond in time") && text.contains("us-east-1"), "{text}");
    Ok(())
}

async fn the_event_created_names_the_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    world.create("new", SequenceStoreSpec::default()).await?;
    let object = world.until_ready("new").await?;
    let id = object.status.and_then(|status| status.store).ok_or("a store")?.id;
    let note = world.until_event("new", "Created").await?;
    ensure!(note.contains(&id) && note.contains("us-east-1"), "{note}");
    Ok(())
}

async fn a_deletion_blocked_by_read_sets_says_how_many_in_which_state_and_what_to_do(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    world.aws.set_knobs(&Knobs::default()).await?;
    for (name, sets, says) in [
        ("some", &[(3, "ACTIVE"), (2, "ARCHIVED"), (4, "DELETED")][..], "5 read sets (3 ACTIVE, 2 ARCHIVED)"),
        ("one", &[(1, "PROCESSING_UPLOAD")], "1 read set (1 PROCESSING_UPLOAD)"),
        ("many", &[(1205, "ACTIVE")], "1000+ read sets (of the first 1000: 1000 ACTIVE)"),
    ] {
        let store = world.seed().await?;
        for (count, state) in sets {
            world.aws.add_read_sets(&store.id, *count, state).await?;
        }
        world.adopt(name, &store).await?;
        world.until_ready(name).await?;
        world.delete(name).await?;
        world.until_blocked(name, DeletionBlockReason::ReadSets).await?;
        let object = world.until_condition(name, "Ready", "False", "DeletionBlocked").await?;
        let note = world.until_event(name, "DeletionBlocked").await?;
        for text in [message(&object, "Ready"), note] {
            for part in [says, "batch-delete-read-set", "spec.deletionPolicy to Retain"] {
                ensure!(text.contains(part), "{part} is not in: {text}");
            }
        }
        world.ensure_there_in_aws(&store).await?;
    }
    Ok(())
}

/// The messages for other values are in docs/bad-input.md, which is compared with the API server's.
async fn kubectl_explain_lists_the_values_of_every_enum(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    // `explain` uses kubectl's discovery cache, which may be stale; `get` refreshes it.
    world.kubectl(&["get", "seqstore"]).await?.checked()?;
    for (field, values) in [
        ("managementPolicy", &["Manage", "Observe"][..]),
        ("deletionPolicy", &["Delete", "Retain"]),
        ("eTagAlgorithmFamily", &["MD5up", "SHA256up", "SHA512up"]),
    ] {
        let path = format!("seqstore.spec.{field}");
        let output = world.kubectl(&["explain", &path]).await?.checked()?.stdout;
        let (_, list) = output.split_once("Possible enum values:").ok_or_else(|| output.clone())?;
        let listed: Vec<&str> = list.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let expected: Vec<String> = values.iter().map(|value| format!("- `\"{value}\"`")).collect();
        ensure!(listed == expected, "{field}: {output}");
        let object = crate::admission::examples::object("a", &json!({field: null}));
        let arguments = ["--namespace", &world.namespace, "create", "--dry-run=server", "-f", "-"];
        world.cluster.plane.kubectl_stdin(&arguments, &object.to_string()).await?.checked()?;
    }
    Ok(())
}
