//! What is deleted in the wrong order: objects after their operator, and the CRD before its objects.

use sequencestore_operator::crd::{DeletionBlockReason, SequenceStoreSpec};
use serde_json::json;

use super::super::life::{CRD, Life};
use super::release::OBJECT;
use super::{OTHER, OTHER_ACCOUNT};
use crate::assertions::has_finalizer;
use crate::world::{CHART, Error, ensure, spec_for, status};

pub async fn refused(life: &Life) -> Result<(), Error> {
    let says = "deletes every SequenceStore";
    life.until_refused(&["delete", CRD], says).await?;
    for command in [&["delete", CRD][..], &["delete", "crd", "--all"]] {
        let refused = life.world.kubectl(command).await?;
        ensure!(!refused.success() && refused.stderr.contains(says), "{refused:?}");
    }
    let deleted = life.kubectl(&["get", CRD, "-o", "jsonpath={.metadata.deletionTimestamp}"]).await?;
    ensure!(deleted.is_empty(), "the CRD is being deleted");
    let object = life.world.api.get(OBJECT).await?;
    ensure!(object.metadata.deletion_timestamp.is_none(), "the object is being deleted");
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
    // The same with a whole namespace.
    life.kubectl(&["create", "namespace", "doomed"]).await?;
    let object = json!({
        "apiVersion": "healthomics.dev/v1alpha1", "kind": "SequenceStore",
        "metadata": {"name": "freed", "namespace": "doomed", "finalizers": ["healthomics.dev/sequencestore"]}, "spec": {},
    });
    world.cluster.plane.kubectl_stdin(&["apply", "-f", "-"], &object.to_string()).await?.checked()?;
    life.kubectl(&["delete", "namespace", "doomed", "--wait=false"]).await?;
    let deleted = "--for=jsonpath={.metadata.deletionTimestamp}";
    life.kubectl(&["wait", "seqstore/freed", "-n", "doomed", deleted, "--timeout=60s"]).await?;
    // Without an operator.
    for namespace in [&world.namespace, "doomed"] {
        let free = r#"{"metadata":{"finalizers":[]}}"#;
        life.kubectl(&["patch", "seqstore", "freed", "-n", namespace, "--type=merge", "-p", free]).await?;
    }
    world.until_gone("freed").await?;
    // With the next one.
    life.helm(&install).await?.checked()?;
    let operator = life.operator(OTHER_ACCOUNT).await?;
    world.until_gone("waits").await?;
    world.ensure_gone_in_aws(&first).await?;
    world.ensure_there_in_aws(&second).await?;
    // The right order, and the store stays.
    let id = status(&world.api.get(OBJECT).await?).store.ok_or("no store")?.id;
    world.patch(OBJECT, json!({"spec": {"deletionPolicy": "Retain"}})).await?;
    world.until(OBJECT, "no finalizer", |object| !has_finalizer(object)).await?;
    world.delete(OBJECT).await?;
    world.until_gone(OBJECT).await?;
    ensure!(world.aws.store(&id).await?.is_some(), "the store is gone");
    operator.terminate().await?;
    life.helm(&["uninstall", OTHER]).await?.checked()?;
    life.kubectl(&["wait", "--for=delete", "namespace/doomed", "--timeout=60s"]).await?;
    Ok(())
}

/// As `helm uninstall` deletes the CRD if two values say so.
pub async fn crd_deleted(life: &Life) -> Result<(), Error> {
    let world = &life.world;
    let alone = life.helm(&["install", OTHER, CHART, "--set", "crds.keep=false"]).await?;
    ensure!(!alone.success() && alone.stderr.contains("deleteAllStoresOnUninstall"), "{alone:?}");
    let both = "crds.keep=false,crds.deleteAllStoresOnUninstall=true";
    life.helm(&["install", OTHER, CHART, "--set", both]).await?.checked()?;
    life.until_established().await?;
    let operator = life.operator(OTHER_ACCOUNT).await?;
    let (lost, kept, protected) = (world.seed().await?, world.seed().await?, world.seed().await?);
    let retain: SequenceStoreSpec = serde_json::from_value(json!({"deletionPolicy": "Retain"}))?;
    let objects = [
        ("lost", spec_for(&lost)),
        ("kept", SequenceStoreSpec { sequence_store_id: Some(kept.id.clone()), ..retain }),
        ("protected", SequenceStoreSpec { deletion_protection: Some(true), ..spec_for(&protected) }),
    ];
    for (name, spec) in objects {
        world.create(name, spec).await?;
        world.until_ready(name).await?;
    }
    operator.terminate().await?;
    life.helm(&["uninstall", OTHER]).await?.checked()?;
    world.until_gone("kept").await?;
    // The objects with a finalizer wait. The next operator deletes the store of one, and keeps that of the protected one.
    ensure!(world.api.get("lost").await?.metadata.deletion_timestamp.is_some(), "it does not wait");
    life.helm(&["install", OTHER, CHART, "--set", "crds.enabled=false"]).await?.checked()?;
    let _operator = life.operator(OTHER_ACCOUNT).await?;
    world.until_gone("lost").await?;
    world.until_blocked("protected", DeletionBlockReason::DeletionProtection).await?;
    world.ensure_gone_in_aws(&lost).await?;
    // The way out of it: the protected store stays, its object goes and with it the CRD, and an upgrade brings that back.
    world.patch("protected", json!({"spec": {"deletionPolicy": "Retain"}})).await?;
    life.kubectl(&["wait", "--for=delete", CRD, "--timeout=60s"]).await?;
    life.helm(&["upgrade", OTHER, CHART, "--set", "crds.enabled=true"]).await?.checked()?;
    life.until_established().await?;
    world.ensure_there_in_aws(&kept).await?;
    world.ensure_there_in_aws(&protected).await?;
    world.adopt("protected", &protected).await?;
    world.until_ready("protected").await?;
    Ok(())
}
