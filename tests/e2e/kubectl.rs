//! What a user sees in a terminal.

use std::sync::Arc;

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use serde_json::json;

use crate::checks::ensure_stalled;
use crate::world::{Cluster, Error, Start, World, ensure, message, tests};

tests![
    get_prints_the_columns_that_matter,
    explain_describes_every_field,
    wait_works_for_ready_and_for_deletion,
    a_missing_region_is_explained,
    the_ends_of_a_life_are_events,
];

async fn get_prints_the_columns_that_matter(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("genomes", &store).await?;
    world.until_ready("genomes").await?;
    for name in ["seqstore", "sequencestore", "sequencestores", "healthomics"] {
        let output = world.kubectl(&["get", name]).await?.checked()?.stdout;
        let lines: Vec<Vec<&str>> = output.lines().map(|line| line.split_whitespace().collect()).collect();
        ensure!(lines.len() == 2, "{output}");
        ensure!(lines[0] == ["NAME", "STORE", "ID", "STATUS", "READY", "REASON", "AGE"], "{output}");
        ensure!(lines[1][..5] == ["genomes", &store.id, "ACTIVE", "True", "Available"], "{output}");
    }
    let wide = world.kubectl(&["get", "seqstore", "-o", "wide"]).await?.checked()?.stdout;
    for text in ["SYNCED", "us-east-1", &store.arn, &store.s3_access.s3_uri] {
        ensure!(wide.contains(text), "{text} is not in:\n{wide}");
    }
    Ok(())
}

async fn explain_describes_every_field(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    for part in ["spec", "status", "status.store", "spec.s3AccessPolicy", "spec.sseConfig"] {
        let path = format!("seqstore.{part}");
        let output = world.kubectl(&["explain", &path]).await?.checked()?.stdout;
        let fields = output.split("FIELDS:").nth(1).unwrap_or_default();
        // `name <type>` at two spaces, what it means at four.
        let names = fields.lines().filter(|line| line.starts_with("  ") && line.contains('<')).count();
        ensure!(names >= 2, "{path}: {output}");
        ensure!(!output.contains("<no description>"), "{path}: {output}");
    }
    let output = world.kubectl(&["explain", "seqstore.spec.sequenceStoreId"]).await?.checked()?.stdout;
    ensure!(output.contains("10 to 36 digits"), "{output}");
    Ok(())
}

async fn wait_works_for_ready_and_for_deletion(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let manifest = format!(
        "apiVersion: healthomics.dev/v1alpha1\nkind: SequenceStore\nmetadata: {{name: a}}\n\
         spec: {{sequenceStoreId: '{}'}}\n",
        store.id
    );
    world.kubectl_apply(&manifest).await?.checked()?;
    world.kubectl(&["wait", "--for=condition=Ready", "--timeout=60s", "seqstore/a"]).await?.checked()?;
    world.kubectl(&["delete", "seqstore", "a", "--timeout=60s"]).await?.checked()?;
    world.ensure_gone_in_aws(&store).await
}

async fn a_missing_region_is_explained(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start { region: None, ..Start::default() })?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let object = world.until_condition("a", "Ready", "False", "InvalidSpec").await?;
    ensure_stalled(&object)?;
    let output = world.kubectl(&["describe", "seqstore", "a"]).await?.checked()?.stdout;
    for text in ["InvalidSpec", "spec.region", "--region", "aws.region"] {
        ensure!(output.contains(text), "{text} is not in:\n{output}");
    }
    ensure!(world.aws.ledger().await?.is_empty(), "without a region nothing is asked");
    world.patch("a", json!({"spec": {"region": "us-east-1"}})).await?;
    let object = world.until_ready("a").await?;
    ensure!(message(&object, "Ready").contains("ACTIVE"), "{}", message(&object, "Ready"));
    Ok(())
}

async fn the_ends_of_a_life_are_events(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.delete("a").await?;
    world.until_gone("a").await?;
    let api: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
    let events = api.list(&Default::default()).await?;
    let reasons: Vec<_> = events.items.iter().filter_map(|event| event.reason.as_deref()).collect();
    for reason in ["Available", "Deleting", "Deleted"] {
        ensure!(reasons.contains(&reason), "{reason} is not in {reasons:?}");
    }
    Ok(())
}
