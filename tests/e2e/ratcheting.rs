//! Objects that are older than a rule: they go on as they are, and only what is touched must keep the rule.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use sequencestore_operator::crd::crd;
use serde_json::{Value, json};

use crate::admission::examples::object;
use crate::assertions::has_finalizer;
use crate::isolation::lenient_cluster;
use crate::world::{Cluster, Error, World, ensure, status, tests};

tests![objects_older_than_a_rule_stay_usable];

/// Fields as the rules of today refuse them.
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

async fn tried(world: &World, name: &str, patch: Value) -> Result<Option<String>, Error> {
    let parameters = PatchParams { dry_run: true, ..PatchParams::default() };
    match world.api.patch(name, &parameters, &Patch::Merge(patch)).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(refusal)) => Ok(Some(refusal.message.clone())),
        Err(error) => Err(error.into()),
    }
}

async fn objects_older_than_a_rule_stay_usable(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(lenient_cluster(&cluster).await?).await?;
    // Stored while there were no rules: one object for each rule, and one with a name that is too long.
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
    // One that the operator is to hold, and to let go.
    let held = world.seed().await?;
    let spec = json!({"sequenceStoreId": held.id, "description": "two\twords"});
    world.kubectl_apply(&object("held", &spec).to_string()).await?.checked()?;

    // The rules of today.
    let today = serde_json::to_string(&crd())?;
    world.cluster.plane.kubectl_stdin(&["apply", "--server-side", "-f", "-"], &today).await?.checked()?;
    let end = tokio::time::Instant::now() + crate::world::PATIENCE;
    while world.refusal("new", &json!({"name": "two\twords"})).await?.is_none() {
        ensure!(tokio::time::Instant::now() < end, "the rules are not in force");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    ensure!(world.refusal(&long_name[1..], &json!({})).await?.is_some(), "nor is the one on names");

    // The operator writes its status, whatever it says.
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
        let metadata = json!({"metadata": {"annotations": {"note": "x"}, "finalizers": ["example.com/x"]}});
        let refusal = tried(&world, name, metadata).await?;
        ensure!(refusal.is_none(), "{field}: metadata cannot be written: {refusal:?}");
        let refusal = tried(&world, name, json!({"spec": {"deletionPolicy": "Retain"}})).await?;
        ensure!(refusal.is_none(), "{field}: another field cannot be written: {refusal:?}");
        let (_, old) = old_specs().into_iter().find(|(old, _)| old == field).ok_or("the spec")?;
        let touched = touched(&old);
        let refusal = tried(&world, name, json!({"spec": {*field: touched}})).await?;
        ensure!(refusal.is_some_and(|text| text.contains(*field)), "{field}: {touched} is accepted");
        let refusal = tried(&world, name, json!({"spec": {*field: null}})).await?;
        ensure!(refusal.is_none(), "{field} cannot be taken out: {refusal:?}");
    }
    // The rule of the root: other fields are free, and the name can be mended.
    for spec in [json!({"description": "new"}), json!({"name": "short"})] {
        let refusal = tried(&world, &long_name, json!({"spec": spec})).await?;
        ensure!(refusal.is_none(), "{spec}: {refusal:?}");
    }
    Ok(())
}

/// The same mistake once more.
fn touched(old: &Value) -> Value {
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
