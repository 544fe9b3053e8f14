//! Clears every clearable field with `""`, `[]` or `{}` through each tool people apply with, and checks the store in AWS.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use healthomics_simulator::{SeedStore, StoreRecord};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::admission::examples::object;
use crate::world::{Cluster, Error, World, ensure, status, tests};

tests![
    client_side_apply_clears_every_field,
    server_side_apply_clears_every_field,
    helm_upgrade_clears_every_field,
    kubectl_edit_clears_every_field,
];

/// The tool that replaces the spec in the cluster.
#[derive(Clone, Copy, Debug)]
enum Tool {
    ClientSideApply,
    ServerSideApply,
    Helm,
    Edit,
}

/// Each clearable field with a value and with the value that clears it, in the order of the schema.
fn fields(store: &StoreRecord) -> Vec<(&'static str, Value, Value)> {
    let statement = json!({
        "Sid": "Read", "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::123456789012:root"]},
        "Action": ["s3:ListBucket"], "Resource": [store.s3_access.s3_access_point_arn],
    });
    vec![
        ("fallbackLocation", json!("s3://fallback/p/"), json!("")),
        ("propagatedSetLevelTags", json!(["a", "b"]), json!([])),
        ("s3AccessConfig", json!({"accessLogLocation": "s3://logs/p/"}), json!({"accessLogLocation": ""})),
        ("s3AccessPolicy", json!({"Version": "2012-10-17", "Statement": [statement]}), json!({})),
        ("tags", json!({"team": "genomics", "cohort": "2026"}), json!({})),
    ]
}

/// A spec that sets every clearable field, except those to clear.
fn spec(store: &StoreRecord, cleared: &[&str]) -> Value {
    let mut spec = json!({"sequenceStoreId": store.id});
    for (field, set, clear) in fields(store) {
        spec[field] = if cleared.contains(&field) { clear } else { set };
    }
    spec
}

/// The clearable fields that are set in AWS.
fn shown(store: &StoreRecord) -> Vec<&'static str> {
    let own_tags = store.tags.keys().filter(|key| !key.starts_with("healthomics.dev/") && *key != "foreign");
    let all = [
        ("fallbackLocation", store.fallback_location.is_some()),
        ("propagatedSetLevelTags", !store.propagated_set_level_tags.is_empty()),
        ("s3AccessConfig", store.s3_access.access_log_location.is_some()),
        (
            "s3AccessPolicy",
            store.s3_access_policy.as_ref().is_some_and(|policy| policy.contains("\"Sid\":\"Read\"")),
        ),
        ("tags", own_tags.count() > 0),
    ];
    all.into_iter().filter(|(_, shown)| *shown).map(|(field, _)| field).collect()
}

async fn every_field_is_cleared(cluster: Arc<Cluster>, tool: Tool) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let directory = tempfile::tempdir()?;
    let foreign = [("foreign".to_owned(), "stays".to_owned())].into();
    let store = world.seed_with(SeedStore { tags: foreign, ..SeedStore::default() }).await?;
    let all: Vec<&str> = fields(&store).iter().map(|(field, ..)| *field).collect();
    apply_with(&world, tool, &spec(&store, &[]), directory.path()).await?;
    world.until_condition("genomes", "Synced", "True", "InSync").await?;
    let in_aws = world.aws.store(&store.id).await?.ok_or("store")?;
    ensure!(shown(&in_aws) == all, "{tool:?} has set {:?}", shown(&in_aws));
    // Clears one field at a time and checks that the others keep their values.
    for (number, field) in all.iter().enumerate() {
        let (cleared, left) = (&all[..=number], &all[number + 1..]);
        let wanted = spec(&store, cleared);
        apply_with(&world, tool, &wanted, directory.path()).await?;
        let arrived =
            world.kubectl(&["get", "seqstore", "genomes", "-o", "jsonpath={.spec}"]).await?.checked()?;
        let arrived: Value = serde_json::from_str(&arrived.stdout)?;
        ensure!(arrived == wanted, "{tool:?} clears {field}: {arrived}");
        world
            .until("genomes", "seen", |object| {
                let seen = status(object).observed_generation == object.metadata.generation;
                seen && crate::world::condition(object, "Synced")
                    .is_some_and(|synced| synced.reason == "InSync")
            })
            .await?;
        let in_aws = world.aws.store(&store.id).await?.ok_or("store")?;
        ensure!(shown(&in_aws) == left, "{tool:?} has cleared {field}, and AWS shows {:?}", shown(&in_aws));
        ensure!(in_aws.tags.get("foreign").is_some_and(|value| value == "stays"), "{:?}", in_aws.tags);
    }
    Ok(())
}

async fn apply_with(world: &World, tool: Tool, spec: &Value, directory: &Path) -> Result<(), Error> {
    let manifest = object("genomes", spec).to_string();
    let plane = &world.cluster.plane;
    let apply = |how: &'static [&'static str]| {
        [&["--namespace", &world.namespace, "apply"], how, &["-f", "-"]].concat()
    };
    match tool {
        Tool::ClientSideApply => plane.kubectl_stdin(&apply(&[]), &manifest).await?.checked()?,
        Tool::ServerSideApply => {
            plane.kubectl_stdin(&apply(&["--server-side"]), &manifest).await?.checked()?
        }
        Tool::Helm => {
            let chart = directory.join("chart");
            std::fs::create_dir_all(chart.join("templates"))?;
            std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: stores\nversion: 0.1.0\n")?;
            // The spec comes from the chart's values, as in most charts.
            let template = object("genomes", &json!("SPEC")).to_string();
            let template = template.replace("\"SPEC\"", "{{ toJson .Values.spec }}");
            std::fs::write(chart.join("templates/store.yaml"), template)?;
            let values = directory.join("values.json");
            std::fs::write(&values, json!({"spec": spec}).to_string())?;
            let (chart, values) = (chart.to_string_lossy(), values.to_string_lossy());
            let upgrade = [
                "upgrade",
                "--install",
                "stores",
                &chart,
                "--namespace",
                &world.namespace,
                "--values",
                &values,
            ];
            plane.helm(&upgrade).await?.checked()?
        }
        Tool::Edit => return edit(world, spec, &manifest, directory).await,
    };
    Ok(())
}

/// Runs `kubectl edit` with a sed script as the editor, which clears the fields in the text.
async fn edit(world: &World, spec: &Value, manifest: &str, directory: &Path) -> Result<(), Error> {
    let create = ["--namespace", &world.namespace, "create", "-f", "-"];
    if world.api.get_opt("genomes").await?.is_none() {
        world.cluster.plane.kubectl_stdin(&create, manifest).await?.checked()?;
        return Ok(());
    }
    // Replaces the line of the field (indented by two spaces) and deletes the deeper lines and list items below it.
    let mut script = String::new();
    for (field, value) in spec.as_object().ok_or("a spec")? {
        if *value == json!("") || *value == json!([]) || *value == json!({}) {
            script += &format!(
                "/^  {field}:/,/^  [a-zA-Z]/{{/^  {field}:/s|.*|  {field}: {value}|;/^   /d;/^  - /d}}\n"
            );
        }
        if value["accessLogLocation"] == json!("") {
            script += "s|^    accessLogLocation:.*|    accessLogLocation: \"\"|\n";
        }
    }
    let file = directory.join("edit.sed");
    std::fs::write(&file, script)?;
    let output = Command::new(&world.cluster.plane.binaries().kubectl)
        .args(["--namespace", &world.namespace, "edit", "seqstore", "genomes"])
        .envs(world.cluster.plane.environment())
        .env("KUBE_EDITOR", format!("sed -i -f {}", file.display()))
        .stdin(Stdio::null())
        .output()
        .await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn client_side_apply_clears_every_field(cluster: Arc<Cluster>) -> Result<(), Error> {
    every_field_is_cleared(cluster, Tool::ClientSideApply).await
}

async fn server_side_apply_clears_every_field(cluster: Arc<Cluster>) -> Result<(), Error> {
    every_field_is_cleared(cluster, Tool::ServerSideApply).await
}

async fn helm_upgrade_clears_every_field(cluster: Arc<Cluster>) -> Result<(), Error> {
    every_field_is_cleared(cluster, Tool::Helm).await
}

async fn kubectl_edit_clears_every_field(cluster: Arc<Cluster>) -> Result<(), Error> {
    every_field_is_cleared(cluster, Tool::Edit).await
}
