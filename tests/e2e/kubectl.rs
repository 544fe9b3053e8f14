//! What a user sees with `kubectl get`, `explain`, `describe`, `wait` and field selectors.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use sequencestore_operator::crd::{SequenceStoreSpec, account_binding_crd, crd};
use serde_json::{Value, json};

use crate::assertions::ensure_stalled;
use crate::bindings;
use crate::world::{Cluster, Error, Start, World, ensure, message, observing, tests};

tests![
    kubectl_get_prints_the_columns,
    kubectl_get_prints_the_columns_of_bindings,
    kubectl_explain_describes_every_field,
    field_selectors_select_objects,
    kubectl_waits_for_ready_and_for_deletion,
    kubectl_describe_explains_a_missing_region,
    the_operator_emits_events_on_ready_and_on_deletion,
];

async fn kubectl_get_prints_the_columns(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("genomes", &store).await?;
    world.until_ready("genomes").await?;
    for name in ["seqstore", "sequencestore", "sequencestores", "healthomics"] {
        let output = world.kubectl(&["get", name]).await?.checked()?.stdout;
        let lines: Vec<Vec<&str>> = output.lines().map(|line| line.split_whitespace().collect()).collect();
        ensure!(lines.len() == 2, "{output}");
        ensure!(
            lines[0] == ["NAME", "STORE", "ID", "STATUS", "READY", "SYNCED", "REASON", "READ", "SETS", "AGE"],
            "{output}"
        );
        ensure!(lines[1][..6] == ["genomes", &store.id, "ACTIVE", "True", "True", "Available"], "{output}");
    }
    let drifted = json!({"spec": {"managementPolicy": "Observe", "name": "other"}});
    world.patch("genomes", drifted).await?;
    world.until_condition("genomes", "Synced", "False", "Drifted").await?;
    let wide = world.kubectl(&["get", "seqstore", "-o", "wide"]).await?.checked()?.stdout;
    let columns = ["SYNCED", "REGION", "ARN", "S3 URI", "DRIFT"];
    let values = ["us-east-1", &store.arn, &store.s3_access.s3_uri, "name"];
    for text in columns.into_iter().chain(values) {
        ensure!(wide.contains(text), "{text} is not in:\n{wide}");
    }
    Ok(())
}

async fn kubectl_get_prints_the_columns_of_bindings(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&bindings::start(&[]))?;
    let account = bindings::ACCOUNTS[0];
    let binding = world.bind(&world.namespace, account).await?;
    world.until_binding(&binding, "True", "RoleAssumed").await?;
    for name in ["acctbinding", "accountbinding", "accountbindings"] {
        let output = world.kubectl(&["get", name, &binding]).await?.checked()?.stdout;
        let lines: Vec<Vec<&str>> = output.lines().map(|line| line.split_whitespace().collect()).collect();
        ensure!(lines.len() == 2, "{output}");
        let names = ["NAME", "ACCOUNT", "READY", "REASON", "NAMESPACES", "SEQUENCE", "STORES", "AGE"];
        ensure!(lines[0] == names, "{output}");
        ensure!(lines[1][..6] == [&binding, account, "True", "RoleAssumed", "1", "0"], "{output}");
    }
    let wide = world.kubectl(&["get", "acctbinding", &binding, "-o", "wide"]).await?.checked()?.stdout;
    let role = bindings::role(account);
    ensure!(wide.contains("ROLE") && wide.contains(&role), "{wide}");
    world.unbind(&binding).await
}

/// Collects the path of every field of the schema.
fn paths(schema: &Value, path: &str, found: &mut Vec<String>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        paths(inner, &path, found);
        paths(&inner["items"], &path, found);
        found.push(path);
    }
}

async fn kubectl_explain_describes_every_field(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    for (crd, name, least) in [(crd(), "seqstore", 60), (account_binding_crd(), "acctbinding", 20)] {
        explain(&world, &serde_json::to_value(crd)?, name, least).await?;
    }
    let output = world.kubectl(&["explain", "seqstore.spec.managementPolicy"]).await?.checked()?.stdout;
    ensure!(output.contains("`Manage` (default)"), "{output}");
    Ok(())
}

/// A kind, of which so many fields are found at least.
async fn explain(world: &World, crd: &Value, kind: &str, least: usize) -> Result<(), Error> {
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let mut all = Vec::new();
    for part in ["spec", "status"] {
        paths(&schema[part], &format!("{kind}.{part}"), &mut all);
    }
    ensure!(all.len() > least, "the fields are not found: {all:?}");
    // `explain` uses kubectl's discovery cache, which may be stale; `get` refreshes it.
    world.kubectl(&["get", kind]).await?.checked()?;
    let explained = stream::iter(all.clone()).map(|path| async move {
        let output = world.kubectl(&["explain", &path]).await?.checked()?.stdout;
        let meaning = output.split("DESCRIPTION:").nth(1).unwrap_or_default();
        let meaning = meaning.split("FIELDS:").next().unwrap_or_default().trim();
        ensure!(meaning.len() > 10 && !output.contains("<no description>"), "{path}: {output}");
        Ok::<(), Error>(())
    });
    explained.buffer_unordered(8).try_collect::<()>().await?;
    let tree = world.kubectl(&["explain", kind, "--recursive"]).await?.checked()?.stdout;
    for path in &all {
        let name = path.rsplit('.').next().unwrap_or_default();
        ensure!(tree.contains(&format!(" {name}\t")), "{path} is not in:\n{tree}");
    }
    Ok(())
}

async fn field_selectors_select_objects(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let (first, second) = (world.seed().await?, world.seed().await?);
    world.adopt("first", &first).await?;
    let observed = observing(&second);
    world.create("second", observed).await?;
    world
        .create(
            "elsewhere",
            SequenceStoreSpec { sequence_store_id: Some("9876543210".into()), ..Default::default() },
        )
        .await?;
    world.until_ready("first").await?;
    world.until_ready("second").await?;
    world.until_condition("elsewhere", "Ready", "False", "StoreNotFound").await?;
    for (selector, expected) in [
        (format!("status.store.id={}", first.id), &["first"][..]),
        (format!("spec.sequenceStoreId={}", second.id), &["second"]),
        ("spec.managementPolicy=Observe".to_owned(), &["second"]),
        ("status.store.status=ACTIVE".to_owned(), &["first", "second"]),
        ("status.store.status!=ACTIVE".to_owned(), &["elsewhere"]),
        ("status.region=us-east-1,spec.managementPolicy!=Observe".to_owned(), &["first"]),
        ("status.region=eu-west-1".to_owned(), &[]),
    ] {
        let output = world.kubectl(&["get", "seqstore", "-o", "name", "--field-selector", &selector]).await?;
        let output = output.checked()?.stdout;
        let names: Vec<&str> = output.lines().filter_map(|line| line.rsplit('/').next()).collect();
        ensure!(names == expected, "{selector}: {names:?}, not {expected:?}");
    }
    Ok(())
}

async fn kubectl_waits_for_ready_and_for_deletion(cluster: Arc<Cluster>) -> Result<(), Error> {
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

async fn kubectl_describe_explains_a_missing_region(cluster: Arc<Cluster>) -> Result<(), Error> {
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
    ensure!(world.aws.ledger().await?.is_empty(), "AWS was called without a region");
    world.patch("a", json!({"spec": {"region": "us-east-1"}})).await?;
    let object = world.until_ready("a").await?;
    ensure!(message(&object, "Ready").contains("ACTIVE"), "{}", message(&object, "Ready"));
    Ok(())
}

async fn the_operator_emits_events_on_ready_and_on_deletion(cluster: Arc<Cluster>) -> Result<(), Error> {
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
