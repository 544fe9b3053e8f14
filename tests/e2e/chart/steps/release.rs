//! From one chart to the next, back, and to another release. The store of the object goes through all of it unchanged.

use std::fs;
use std::path::Path;

use kube::Api;
use kube::api::PostParams;
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use serde_json::{Value, json};

use super::super::life::{CRD, Life};
use super::{OTHER, OTHER_ACCOUNT};
use crate::world::{CHART, Error, SERVICE_ACCOUNT, SYSTEM_NAMESPACE, ensure, status};

/// The object that lives on while releases come and go.
pub const OBJECT: &str = "genomes";
const LOCATION: &str = "s3://reads/genomes/";

/// The chart as an older version: without most of the values, and with a CRD that lacks a field and the short name.
fn older_chart(life: &Life) -> Result<String, Error> {
    let chart = life.directory.path().join("older");
    copy(Path::new(CHART), &chart)?;
    let values = "rbac: {create: true, aggregateRoles: true}\ncrds: {enabled: true}\n";
    fs::write(chart.join("values.yaml"), values)?;
    let file = chart.join("files/crds/sequencestores.yaml");
    let mut crd: Value = serde_saphyr::from_str(&fs::read_to_string(&file)?)?;
    let spec = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let fields = spec["properties"].as_object_mut().ok_or("no fields")?;
    ensure!(fields.remove("fallbackLocation").is_some(), "the CRD has no such field");
    let names = crd["spec"]["names"].as_object_mut().ok_or("no names")?;
    ensure!(names.remove("shortNames").is_some(), "the CRD has no short name");
    fs::write(file, crd.to_string())?;
    Ok(chart.display().to_string())
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Which CRD is installed, by both marks.
async fn ensure_crd(life: &Life, is_newer: bool) -> Result<(), Error> {
    let crd: Value = serde_json::from_str(&life.kubectl(&["get", CRD, "-o", "json"]).await?)?;
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let has_field = spec["properties"].get("fallbackLocation").is_some();
    let has_name = crd["spec"]["names"]["shortNames"] == json!(["seqstore"]);
    ensure!(
        has_field == is_newer && has_name == is_newer,
        "the newer CRD: field {has_field}, name {has_name}"
    );
    Ok(())
}

async fn ensure_replicas(life: &Life, wanted: &str) -> Result<(), Error> {
    let get =
        ["get", "deployment", SERVICE_ACCOUNT, "-n", SYSTEM_NAMESPACE, "-o", "jsonpath={.spec.replicas}"];
    let replicas = life.world.cluster.plane.kubectl(&get).await?.checked()?.stdout;
    ensure!(replicas == wanted, "{replicas} replicas, and the user set {wanted}");
    Ok(())
}

pub async fn from_helm_3(life: &Life) -> Result<(), Error> {
    let older = older_chart(life)?;
    life.helm3(&format!("install {SERVICE_ACCOUNT} {older} --set replicas=1")).await?.checked()?;
    ensure_crd(life, false).await?;
    life.helm3(&format!("upgrade {SERVICE_ACCOUNT} {CHART} --reuse-values")).await?.checked()?;
    ensure_crd(life, true).await?;
    life.helm(&["upgrade", SERVICE_ACCOUNT, CHART, "--reset-then-reuse-values"]).await?.checked()?;
    life.helm(&["rollback", SERVICE_ACCOUNT, "1"]).await?.checked()?;
    ensure_crd(life, false).await?;
    ensure_replicas(life, "1").await
}

pub async fn upgrade(life: &Life) -> Result<(), Error> {
    let (world, older) = (&life.world, older_chart(life)?);
    let before = life.changes().await?.len();
    life.helm(&["install", SERVICE_ACCOUNT, &older, "--set", "replicas=1"]).await?.checked()?;
    life.until_established().await?;
    ensure_crd(life, false).await?;
    let operator = life.operator(SERVICE_ACCOUNT).await?;
    world.create(OBJECT, SequenceStoreSpec::default()).await?;
    world.until_ready(OBJECT).await?;
    operator.terminate().await?;
    let mut manifests = Vec::new();
    for flag in ["--reuse-values", "--reset-then-reuse-values"] {
        life.helm(&["upgrade", SERVICE_ACCOUNT, CHART, flag]).await?.checked()?;
        ensure_crd(life, true).await?;
        ensure_replicas(life, "1").await?;
        manifests.push(life.helm(&["get", "manifest", SERVICE_ACCOUNT]).await?.checked()?.stdout);
    }
    ensure!(manifests[0] == manifests[1], "the older values leave something out");
    // The new field works for the object that is older than it.
    let operator = life.operator(SERVICE_ACCOUNT).await?;
    world.patch(OBJECT, json!({"spec": {"fallbackLocation": LOCATION}})).await?;
    let set = |object: &SequenceStore| {
        status(object).store.and_then(|store| store.fallback_location).as_deref() == Some(LOCATION)
    };
    world.until(OBJECT, "the new field", set).await?;
    operator.terminate().await?;
    let changes = life.changes().await?.split_off(before);
    ensure!(changes == ["CreateSequenceStore", "UpdateSequenceStore"], "changed in AWS: {changes:?}");
    Ok(())
}

/// The operator of this release finds the object as it was, and changes nothing in AWS.
async fn ensure_goes_on(life: &Life, account: &str) -> Result<(), Error> {
    let operator = life.operator(account).await?;
    let (world, changes) = (&life.world, life.changes().await?);
    world.one_more_pass(OBJECT).await?;
    let object = world.until_ready(OBJECT).await?;
    let id = status(&object).store.ok_or("no store in status")?.id;
    let store = world.aws.store(&id).await?.ok_or("the store is gone")?;
    ensure!(store.fallback_location.as_deref() == Some(LOCATION), "the store has changed: {store:?}");
    ensure!(operator.terminate().await? == Some(0), "{}", world.logs());
    ensure!(life.changes().await? == changes, "changed in AWS: {:?}", life.changes().await);
    Ok(())
}

pub async fn rollback(life: &Life) -> Result<(), Error> {
    let uid = life.world.api.get(OBJECT).await?.metadata.uid;
    life.helm(&["rollback", SERVICE_ACCOUNT, "1"]).await?.checked()?;
    ensure_crd(life, false).await?;
    let object = life.world.api.get(OBJECT).await?;
    ensure!(object.metadata.uid == uid, "the object is another one");
    ensure!(object.spec.fallback_location.is_none(), "the older API shows the field: {:?}", object.spec);
    // The setting stays in AWS, and the field is gone from the object once that is written.
    ensure_goes_on(life, SERVICE_ACCOUNT).await?;
    life.helm(&["rollback", SERVICE_ACCOUNT, "3"]).await?.checked()?;
    ensure_crd(life, true).await?;
    let object = life.world.api.get(OBJECT).await?;
    ensure!(object.metadata.uid == uid, "the object is another one");
    ensure!(object.spec.fallback_location.is_none(), "the field is back: {:?}", object.spec);
    ensure_goes_on(life, SERVICE_ACCOUNT).await
}

pub async fn aliases(life: &Life) -> Result<(), Error> {
    let directory = umbrella(life).await?;
    // The policy of the other release applies to all namespaces.
    life.helm(&["upgrade", SERVICE_ACCOUNT, CHART, "--set", "admissionPolicy.enabled=false"])
        .await?
        .checked()?;
    for helm in ["helm", &life.helm3.display().to_string()] {
        life.shell(&format!("{helm} install r {directory} -n {SYSTEM_NAMESPACE}")).await?.checked()?;
        for alias in ["east", "west"] {
            let policy = format!("'r.{alias}.{SYSTEM_NAMESPACE}.deletion-protection.healthomics.dev'");
            life.until_refused(&["delete", "seqstore", "protected", "-n", alias], &policy).await?;
        }
        life.shell(&format!("{helm} uninstall r -n {SYSTEM_NAMESPACE}")).await?.checked()?;
    }
    for alias in ["east", "west"] {
        let lift = r#"{"spec":{"deletionProtection":false}}"#;
        life.kubectl(&["patch", "seqstore", "protected", "-n", alias, "--type=merge", "-p", lift]).await?;
        life.delete(&["seqstore", "protected", "-n", alias]).await?;
    }
    Ok(())
}

/// Writes a chart that holds this one twice, each for a namespace with a protected object; the path of that chart.
async fn umbrella(life: &Life) -> Result<String, Error> {
    let directory = life.directory.path().join("umbrella");
    copy(Path::new(CHART), &directory.join("charts/sequencestore-operator"))?;
    let (name, version) = ("sequencestore-operator", env!("CARGO_PKG_VERSION"));
    let dependency = |alias: &str| json!({"name": name, "version": version, "alias": alias});
    let dependencies = [dependency("east"), dependency("west")];
    let chart =
        json!({"apiVersion": "v2", "name": "umbrella", "version": "1.0.0", "dependencies": dependencies});
    fs::write(directory.join("Chart.yaml"), chart.to_string())?;
    let mut values = json!({});
    for alias in ["east", "west"] {
        life.kubectl(&["create", "namespace", alias]).await?;
        let rbac = json!({"aggregate": {"view": false}});
        values[alias] =
            json!({"clusterName": "x", "watchNamespaces": [alias], "crds": {"enabled": false}, "rbac": rbac});
        let api: Api<SequenceStore> = Api::namespaced(life.world.client.clone(), alias);
        let spec: SequenceStoreSpec = serde_json::from_value(json!({"deletionProtection": true}))?;
        api.create(&PostParams::default(), &SequenceStore::new("protected", spec)).await?;
    }
    fs::write(directory.join("values.yaml"), values.to_string())?;
    Ok(directory.display().to_string())
}

pub async fn reinstallation(life: &Life) -> Result<(), Error> {
    let uid = life.world.api.get(OBJECT).await?.metadata.uid;
    life.helm(&["uninstall", SERVICE_ACCOUNT]).await?.checked()?;
    ensure!(life.world.api.get(OBJECT).await?.metadata.uid == uid, "the object is another one");
    for (helm, name) in [("helm", OTHER), (&life.helm3.display().to_string(), "third-name")] {
        let install = format!("{helm} install {name} {CHART} -n {SYSTEM_NAMESPACE}");
        let refused = life.shell(&install).await?;
        ensure!(
            !refused.success() && refused.stderr.contains("invalid ownership metadata"),
            "{helm}: {refused:?}"
        );
        let uninstall = format!("{helm} uninstall {name} -n {SYSTEM_NAMESPACE}");
        life.shell(&format!("{install} --take-ownership")).await?.checked()?;
        ensure!(life.world.api.get(OBJECT).await?.metadata.uid == uid, "the object is another one");
        let owner = "jsonpath={.metadata.annotations.meta\\.helm\\.sh/release-name}";
        ensure!(life.kubectl(&["get", CRD, "-o", owner]).await? == name, "the CRD has another owner");
        if name == OTHER {
            ensure_goes_on(life, OTHER_ACCOUNT).await?;
        }
        life.shell(&uninstall).await?.checked()?;
    }
    Ok(())
}

pub async fn crd_of_kubectl(life: &Life) -> Result<(), Error> {
    life.delete_crd().await?;
    let crd = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/sequencestores.yaml");
    let install = ["install", OTHER, CHART];
    for flag in ["--server-side", "--server-side=false"] {
        life.kubectl(&["apply", flag, "-f", crd]).await?;
        life.until_established().await?;
        let refused = life.helm(&install).await?;
        ensure!(!refused.success() && refused.stderr.contains("invalid ownership metadata"), "{refused:?}");
        life.helm(&[&install[..], &["--take-ownership"]].concat()).await?.checked()?;
        life.helm(&["uninstall", OTHER]).await?.checked()?;
        life.delete_crd().await?;
    }
    Ok(())
}
