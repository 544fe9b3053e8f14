//! Objects that are older than a validation rule: the operator handles them, and only a changed field must obey the rule.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use sequencestore_operator::crd::crd;
use serde_json::{Value, json};

use crate::admission::examples::object;
use crate::assertions::has_finalizer;
use crate::isolation::cluster_without_rules;
use crate::world::{Cluster, Error, World, ensure, status, tests};

tests![objects_older_than_a_rule_stay_usable];

/// Fields with values that the current rules refuse.
fn old_specs() -> Vec<(&'static str, Value)> {
    vec![
        ("name", json!("two\twords")),
        ("fallbackLocation", json!("s3://bucket/no-slash")),
        ("propagatedSetLevelTags", json!(["a", "a"])),
        ("sseConfig", json!({"type": "KMS", "keyArn": "alias/genomes"})),
        ("s3AccessConfig", json!({"accessLogLocation": "logs"})),
        ("tags", json!({"aws:x": "v", "a#b": "a,b"})),
        ("region", json!("us-east-1 ")),
    ]
}

async fn dry_run_patch(world: &World, name: &str, patch: Value) -> Result<Option<String>, Error> {
    let parameters = PatchParams { dry_run: true, ..PatchParams::default() };
    match world.api.patch(name, &parameters, &Patch::Merge(patch)).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(refusal)) => Ok(Some(refusal.message.clone())),
        Err(error) => Err(error.into()),
    }
}

async fn objects_older_than_a_rule_stay_usable(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster_without_rules(&cluster).await?).await?;
    // Created without rules: one object for each rule, and one with a name that is too long.
    let long_name = "n".repeat(200);
    let mut names = Vec::new();
    for (number, (field, value)) in old_specs().into_iter().enumerate() {
        let store = world.seed().await?;
        let mut spec =
            json!({"sequenceStoreId": store.id, "region": "us-east-1", "managementPolicy": "Observe"});
        spec[field] = value;
        let name = format!("old-{number}");
        world.kubectl_apply(&object(&name, &spec).to_string()).await?.checked()?;
        names.push((name, field));
    }
    world.kubectl_apply(&object(&long_name, &json!({"region": "us-east-1"})).to_string()).await?.checked()?;
    // An invalid object to which the operator adds its finalizer, and which it deletes later.
    let held = world.seed().await?;
    let spec = json!({"sequenceStoreId": held.id, "description": "two\twords"});
    world.kubectl_apply(&object("held", &spec).to_string()).await?.checked()?;

    // Installs the current rules.
    let today = serde_json::to_string(&crd())?;
    world.cluster.plane.kubectl_stdin(&["apply", "--server-side", "-f", "-"], &today).await?.checked()?;
    let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
    while world.refusal("new", &json!({"name": "two\twords"})).await?.is_none() {
        ensure!(tokio::time::Instant::now() < end, "the rules are not in force");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    ensure!(world.refusal(&long_name[1..], &json!({})).await?.is_some(), "the rule on names is not in force");

    // The operator writes the status of each of them, whatever it reports.
    let _operator = world.operator(&crate::world::Start::default())?;
    for name in names.iter().map(|(name, _)| name).chain([&long_name]) {
        world
            .until(name, "a status", |object| {
                let generation = object.metadata.generation;
                status(object).observed_generation == generation && !status(object).conditions.is_empty()
            })
            .await?;
    }
    world.until("held", "a finalizer", has_finalizer).await?;
    world.until_condition("held", "Stalled", "True", "InvalidSpec").await?;
    world.delete("held").await?;
    world.until_gone("held").await?;
    world.ensure_gone_in_aws(&held).await?;
    for (name, field) in &names {
        ensure_only_changes_are_checked(&world, name, field).await?;
    }
    // The rule on the whole object: other fields are free, and `spec.name` can be set.
    for spec in [json!({"description": "new"}), json!({"name": "short"})] {
        let refusal = dry_run_patch(&world, &long_name, json!({"spec": spec})).await?;
        ensure!(refusal.is_none(), "{spec}: {refusal:?}");
    }
    Ok(())
}

/// The API server accepts changes of metadata and of other fields, and the removal of the invalid field, but no other
/// invalid value.
async fn ensure_only_changes_are_checked(world: &World, name: &str, field: &str) -> Result<(), Error> {
    let metadata = json!({"metadata": {"annotations": {"note": "x"}, "finalizers": ["example.com/x"]}});
    let refusal = dry_run_patch(world, name, metadata).await?;
    ensure!(refusal.is_none(), "{field}: metadata cannot be written: {refusal:?}");
    let refusal = dry_run_patch(world, name, json!({"spec": {"deletionPolicy": "Retain"}})).await?;
    ensure!(refusal.is_none(), "{field}: another field cannot be written: {refusal:?}");
    let (_, old) = old_specs().into_iter().find(|(old, _)| *old == field).ok_or("the spec")?;
    let touched = same_mistake(&old);
    let refusal = dry_run_patch(world, name, json!({"spec": {field: touched}})).await?;
    ensure!(refusal.is_some_and(|text| text.contains(field)), "{field}: {touched} is accepted");
    let refusal = dry_run_patch(world, name, json!({"spec": {field: null}})).await?;
    ensure!(refusal.is_none(), "{field} cannot be removed: {refusal:?}");
    Ok(())
}

/// Another value with the same mistake.
fn same_mistake(old: &Value) -> Value {
    match old {
        Value::String(text) => {
            json!(text.replace("two", "three").replace("no-slash", "none").replace(' ', "  "))
        }
        Value::Array(_) => json!(["b", "b"]),
        Value::Object(members) if members.contains_key("keyArn") => {
            json!({"type": "KMS", "keyArn": "alias/others-of-mine"})
        }
        Value::Object(members) if members.contains_key("accessLogLocation") => {
            json!({"accessLogLocation": "others"})
        }
        _ => json!({"aws:x": "w"}),
    }
}
