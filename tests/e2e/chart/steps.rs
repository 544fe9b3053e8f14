//! The steps of a release, each as the one before left the cluster. Every step ends with what the next one needs.

use std::fs;
use std::path::Path;

use control_plane::service_account_user;
use kube::Api;
use kube::api::PostParams;
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use serde_json::json;

use super::Life;
use crate::assertions::has_finalizer;
use crate::world::{CHART, Error, SERVICE_ACCOUNT, SYSTEM_NAMESPACE, TIMEOUT, ensure};

const CRD: &str = "crd/sequencestores.healthomics.dev";
const OTHER: &str = "another-name";
const OTHER_ACCOUNT: &str = "another-name-sequencestore-operator";

pub async fn administrator(life: &Life) -> Result<(), Error> {
    life.kubectl(&["create", "namespace", "lab"]).await?;
    life.shell("kubectl create rolebinding anna-is-admin -n lab --clusterrole=admin --user=anna")
        .await?
        .checked()?;
    let readme = fs::read_to_string(format!("{CHART}/README.md"))?;
    let section = readme.split("### An administrator of one namespace").nth(1).ok_or("no section")?;
    let blocks: Vec<&str> =
        section.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let as_anna = blocks[1]
        .replace("helm install", "helm install --kube-as-user anna --kube-as-group system:authenticated");
    // The cluster role admin alone is not enough.
    let refused = life.shell(&as_anna).await?;
    ensure!(!refused.success() && refused.stderr.contains("not currently held"), "{refused:?}");
    life.shell("helm uninstall sequencestore-operator -n lab").await?.checked()?;
    life.shell(blocks[0]).await?.checked()?;
    life.until_established().await?;
    life.shell(&as_anna).await?.checked()?;
    // The operator of the namespace has what it needs there, and nothing elsewhere.
    let account = format!("--as={}", service_account_user("lab", SERVICE_ACCOUNT));
    let may = async |verb: &str, resource: &str, namespace: &str| {
        let ask = ["auth", "can-i", verb, resource, &account, "-n", namespace];
        life.world.cluster.plane.kubectl(&ask).await.map(|answer| answer.stdout.trim() == "yes")
    };
    for (verb, resource) in
        [("watch", "seqstore"), ("patch", "seqstore/status"), ("create", "events.events.k8s.io")]
    {
        ensure!(may(verb, resource, "lab").await?, "the operator may not {verb} {resource}");
        ensure!(!may(verb, resource, "default").await?, "the operator may {verb} {resource} elsewhere");
    }
    life.shell("helm uninstall sequencestore-operator -n lab --kube-as-user anna").await?.checked()?;
    // As before, for the steps that follow.
    life.kubectl(&["delete", "validatingadmissionpolicybindings,validatingadmissionpolicies", "--all"])
        .await?;
    life.kubectl(&[
        "delete",
        "clusterrole",
        "sequencestore-operator-view",
        "sequencestore-operator-installer",
    ])
    .await?;
    life.kubectl(&["delete", "namespace", "lab", "--wait=false"]).await?;
    delete_crd(life).await
}

/// The policy may still be in force for a moment after its deletion.
async fn delete_crd(life: &Life) -> Result<(), Error> {
    let end = tokio::time::Instant::now() + TIMEOUT;
    loop {
        let output = life.world.kubectl(&["delete", CRD, "--timeout=60s"]).await?;
        if output.success() {
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < end, "{output:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// The chart as an older version: without most of the values, and with a CRD that has no short name.
fn older_chart(life: &Life) -> Result<String, Error> {
    let chart = life.directory.path().join("older");
    copy(Path::new(CHART), &chart)?;
    fs::write(
        chart.join("values.yaml"),
        "rbac: {create: true, aggregateRoles: true}\ncrds: {enabled: true}\n",
    )?;
    let crd = chart.join("files/crds/sequencestores.yaml");
    let text = fs::read_to_string(&crd)?;
    let older = text.replace("    shortNames:\n    - seqstore\n", "");
    ensure!(older != text, "the CRD has no short name");
    fs::write(crd, older)?;
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

async fn short_names(life: &Life) -> Result<String, Error> {
    life.kubectl(&["get", CRD, "-o", "jsonpath={.spec.names.shortNames}"]).await
}

pub async fn upgrade(life: &Life) -> Result<(), Error> {
    let older = older_chart(life)?;
    life.helm(&["install", SERVICE_ACCOUNT, &older, "--set", "replicas=1"]).await?.checked()?;
    life.until_established().await?;
    life.world.create("kept", retained()).await?;
    ensure!(short_names(life).await?.is_empty(), "the older CRD has a short name");
    for flag in ["--reuse-values", "--reset-then-reuse-values"] {
        life.helm(&["upgrade", SERVICE_ACCOUNT, CHART, flag]).await?.checked()?;
        ensure!(short_names(life).await?.contains("seqstore"), "the CRD is not upgraded with {flag}");
        let deployment =
            ["get", "deployment", SERVICE_ACCOUNT, "-n", SYSTEM_NAMESPACE, "-o", "jsonpath={.spec.replicas}"];
        let replicas = life.world.cluster.plane.kubectl(&deployment).await?.checked()?.stdout;
        ensure!(replicas == "1", "{flag} keeps what the user set, not {replicas}");
    }
    ensure!(life.world.api.get_opt("kept").await?.is_some(), "the object is gone");
    Ok(())
}

fn retained() -> SequenceStoreSpec {
    serde_json::from_value(json!({"deletionPolicy": "Retain"})).expect("a spec")
}

pub async fn rollback(life: &Life) -> Result<(), Error> {
    life.helm(&["rollback", SERVICE_ACCOUNT, "1"]).await?.checked()?;
    ensure!(short_names(life).await?.is_empty(), "the CRD is still the new one");
    ensure!(life.world.api.get_opt("kept").await?.is_some(), "the object is gone");
    life.helm(&["rollback", SERVICE_ACCOUNT, "3"]).await?.checked()?;
    ensure!(short_names(life).await?.contains("seqstore"), "the CRD is still the old one");
    ensure!(life.world.api.get_opt("kept").await?.is_some(), "the object is gone");
    Ok(())
}

pub async fn crd_protection(life: &Life) -> Result<(), Error> {
    let says = "deletes every SequenceStore";
    life.until_refused(&["delete", CRD], says).await?;
    for command in [&["delete", CRD][..], &["delete", "crd", "--all"]] {
        let refused = life.world.kubectl(command).await?;
        ensure!(!refused.success() && refused.stderr.contains(says), "{refused:?}");
    }
    let deleted = life.kubectl(&["get", CRD, "-o", "jsonpath={.metadata.deletionTimestamp}"]).await?;
    ensure!(deleted.is_empty(), "the CRD is being deleted");
    ensure!(life.world.api.get_opt("kept").await?.is_some(), "the object is gone");
    Ok(())
}

pub async fn aliases(life: &Life) -> Result<(), Error> {
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
        let spec = SequenceStoreSpec { deletion_protection: Some(true), ..retained() };
        api.create(&PostParams::default(), &SequenceStore::new("genomes", spec)).await?;
    }
    fs::write(directory.join("values.yaml"), values.to_string())?;
    // The policy of the other release applies to all namespaces.
    life.helm(&["upgrade", SERVICE_ACCOUNT, CHART, "--set", "admissionPolicy.enabled=false"])
        .await?
        .checked()?;
    let directory = directory.display().to_string();
    for helm in ["helm", &life.helm3.display().to_string()] {
        life.shell(&format!("{helm} install r {directory} -n {SYSTEM_NAMESPACE}")).await?.checked()?;
        for alias in ["east", "west"] {
            let policy = format!("'r.{alias}.{SYSTEM_NAMESPACE}.deletion-protection.healthomics.dev'");
            life.until_refused(&["delete", "seqstore", "genomes", "-n", alias], &policy).await?;
        }
        life.shell(&format!("{helm} uninstall r -n {SYSTEM_NAMESPACE}")).await?.checked()?;
    }
    for alias in ["east", "west"] {
        life.kubectl(&[
            "patch",
            "seqstore",
            "genomes",
            "-n",
            alias,
            "--type=merge",
            "-p",
            r#"{"spec":{"deletionProtection":false}}"#,
        ])
        .await?;
        let deleted = format!("kubectl delete seqstore genomes -n {alias} --timeout=60s");
        life.shell(&format!("until {deleted}; do sleep 0.2; done")).await?.checked()?;
    }
    Ok(())
}

pub async fn reinstallation(life: &Life) -> Result<(), Error> {
    let uid = life.world.api.get("kept").await?.metadata.uid;
    life.helm(&["uninstall", SERVICE_ACCOUNT]).await?.checked()?;
    ensure!(life.world.api.get("kept").await?.metadata.uid == uid, "the object is another one");
    for (helm, name) in [("helm", OTHER), (&life.helm3.display().to_string(), "third-name")] {
        let install = format!("{helm} install {name} {CHART} -n {SYSTEM_NAMESPACE}");
        let refused = life.shell(&install).await?;
        ensure!(
            !refused.success() && refused.stderr.contains("invalid ownership metadata"),
            "{helm}: {refused:?}"
        );
        let uninstall = format!("{helm} uninstall {name} -n {SYSTEM_NAMESPACE}");
        life.shell(&format!("{uninstall} --ignore-not-found")).await?.checked()?;
        life.shell(&format!("{install} --take-ownership")).await?.checked()?;
        ensure!(life.world.api.get("kept").await?.metadata.uid == uid, "the object is another one");
        let owner = "jsonpath={.metadata.annotations.meta\\.helm\\.sh/release-name}";
        ensure!(life.kubectl(&["get", CRD, "-o", owner]).await? == name, "the CRD has another owner");
        life.shell(&uninstall).await?.checked()?;
    }
    Ok(())
}

pub async fn wrong_order(life: &Life) -> Result<(), Error> {
    let world = &life.world;
    // Helm 3 was the last to write the CRD.
    let install = ["install", OTHER, CHART, "--take-ownership", "--force-conflicts"];
    life.helm(&install).await?.checked()?;
    let operator = life.operator(OTHER_ACCOUNT).await?;
    let (first, second) = (world.seed().await?, world.seed().await?);
    for (name, store) in [("waits", &first), ("freed", &second)] {
        world.adopt(name, store).await?;
        ensure!(has_finalizer(&world.until_ready(name).await?), "no finalizer");
    }
    operator.terminate().await?;
    life.helm(&["uninstall", OTHER]).await?.checked()?;
    for name in ["waits", "freed"] {
        world.delete(name).await?;
        let object = world.api.get(name).await?;
        ensure!(object.metadata.deletion_timestamp.is_some(), "{name} is not being deleted");
    }
    // Without an operator.
    life.kubectl(&["patch", "seqstore", "freed", "--type=merge", "-p", r#"{"metadata":{"finalizers":[]}}"#])
        .await?;
    world.until_gone("freed").await?;
    // With the next one.
    life.helm(&install).await?.checked()?;
    let operator = life.operator(OTHER_ACCOUNT).await?;
    world.until_gone("waits").await?;
    world.ensure_gone_in_aws(&first).await?;
    world.ensure_there_in_aws(&second).await?;
    operator.terminate().await?;
    Ok(())
}
