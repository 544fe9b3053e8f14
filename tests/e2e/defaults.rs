//! What the API server stores: a null field counts as absent, and a new object starts as not yet observed.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::world::{Cluster, Error, World, ensure, status, tests};

tests![a_null_field_counts_as_absent, a_new_object_starts_without_conditions_and_with_generation_minus_one,];

async fn a_null_field_counts_as_absent(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let fields = [
        "region",
        "managementPolicy",
        "deletionPolicy",
        "deletionProtection",
        "name",
        "description",
        "sseConfig",
        "eTagAlgorithmFamily",
        "fallbackLocation",
        "s3AccessConfig",
        "propagatedSetLevelTags",
        "s3AccessPolicy",
        "tags",
        "pollInterval",
    ];
    let mut spec: serde_json::Map<_, _> =
        fields.map(|field| (field.to_owned(), Value::Null)).into_iter().collect();
    spec.insert("sequenceStoreId".into(), json!(store.id));
    let manifest = json!({
        "apiVersion": "healthomics.dev/v1alpha1", "kind": "SequenceStore",
        "metadata": {"name": "a"}, "spec": spec,
    });
    // Client-side apply drops nulls before it sends the object; these two commands send them.
    for how in [&["create"][..], &["apply", "--server-side"]] {
        let arguments = [&["--namespace", &world.namespace], how, &["--dry-run=server", "-f", "-"]].concat();
        world.cluster.plane.kubectl_stdin(&arguments, &manifest.to_string()).await?.checked()?;
    }
    let create = ["--namespace", &world.namespace, "create", "-f", "-"];
    world.cluster.plane.kubectl_stdin(&create, &manifest.to_string()).await?.checked()?;
    let object = world.until_ready("a").await?;
    ensure!(status(&object).drift.is_empty(), "{:?}", status(&object).drift);
    world.until_condition("a", "Synced", "True", "InSync").await?;
    world.ensure_no_store_changed().await
}

async fn a_new_object_starts_without_conditions_and_with_generation_minus_one(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let object = world.create("a", Default::default()).await?;
    let generation = status(&object).observed_generation;
    ensure!(generation == Some(-1), "observedGeneration {generation:?}");
    ensure!(status(&object).conditions.is_empty(), "a new object has conditions");
    Ok(())
}
