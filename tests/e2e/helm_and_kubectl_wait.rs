//! `helm install --wait` and `kubectl wait`: for each state of an object, whether they wait, succeed or fail.

use std::sync::Arc;

use control_plane::CommandOutput;
use healthomics_simulator::{Fault, FaultAction};
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::assertions::ensure_stalled;
use crate::world::{Cluster, Error, Start, World, condition, ensure, status, tests};

tests![
    helm_waits_until_the_operator_reports_ready,
    helm_fails_at_once_on_a_stalled_object,
    observed_drift_does_not_delay_helm,
    helm_waits_through_a_transient_failure,
    helm_waits_for_an_edit_to_be_applied,
    a_pause_keeps_a_ready_object_ready,
    helm_uninstall_waits_until_the_store_is_deleted,
    the_keep_annotation_keeps_the_store_after_helm_uninstall,
];

/// Long enough for a tool to check once, too short for the state to change.
const SHORT: &str = "3s";
const LONG: &str = "60s";

/// A release named `r` whose chart holds one SequenceStore, `a`.
struct Release<'a> {
    world: &'a World,
    directory: tempfile::TempDir,
}

impl<'a> Release<'a> {
    fn new(world: &'a World) -> Result<Self, Error> {
        let directory = tempfile::tempdir()?;
        std::fs::write(
            directory.path().join("Chart.yaml"),
            "apiVersion: v2\nname: stores\nversion: 0.1.0\ndescription: One store\n",
        )?;
        std::fs::create_dir(directory.path().join("templates"))?;
        Ok(Self { world, directory })
    }

    async fn apply(&self, spec: Value, timeout: &str) -> Result<CommandOutput, Error> {
        self.apply_annotated(spec, json!({}), timeout).await
    }

    async fn apply_annotated(
        &self,
        spec: Value,
        annotations: Value,
        timeout: &str,
    ) -> Result<CommandOutput, Error> {
        let (version, kind) = ("healthomics.dev/v1alpha1", "SequenceStore");
        let metadata = json!({"name": "a", "annotations": annotations});
        let object = json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec});
        std::fs::write(self.directory.path().join("templates/store.yaml"), object.to_string())?;
        let chart = self.directory.path().display().to_string();
        self.helm(&["upgrade", "--install", "r", &chart, "--wait", "--timeout", timeout]).await
    }

    async fn uninstall(&self, timeout: &str) -> Result<CommandOutput, Error> {
        self.helm(&["uninstall", "r", "--wait", "--timeout", timeout]).await
    }

    async fn helm(&self, args: &[&str]) -> Result<CommandOutput, Error> {
        let args = [args, &["--namespace", &self.world.namespace]].concat();
        Ok(self.world.cluster.plane.helm(&args).await?)
    }
}

impl World {
    async fn kubectl_wait(&self, timeout: &str) -> Result<CommandOutput, Error> {
        let timeout = format!("--timeout={timeout}");
        self.kubectl(&["wait", "--for=condition=Ready", &timeout, "seqstore/a"]).await
    }

    /// Helm and kubectl both ran into their timeout.
    async fn ensure_timed_out(&self, helm: &CommandOutput) -> Result<(), Error> {
        ensure!(!helm.success() && helm.stderr.contains("deadline exceeded"), "helm: {helm:?}");
        ensure!(helm.stderr.contains("not ready. status: InProgress"), "helm: {helm:?}");
        let kubectl = self.kubectl_wait("1s").await?;
        ensure!(!kubectl.success() && kubectl.stderr.contains("timed out"), "kubectl: {kubectl:?}");
        Ok(())
    }

    async fn ensure_kubectl_wait_succeeds(&self) -> Result<(), Error> {
        self.kubectl_wait(SHORT).await?.checked()?;
        Ok(())
    }
}

async fn helm_waits_until_the_operator_reports_ready(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let release = Release::new(&world)?;
    let fresh = release.apply(json!({"description": "one"}), SHORT).await?;
    world.ensure_timed_out(&fresh).await?;
    let object = world.api.get("a").await?;
    ensure!(status(&object).observed_generation == Some(-1), "{:?}", object.status);
    let _operator = world.operator(&Start::default())?;
    release.apply(json!({"description": "two"}), LONG).await?.checked()?;
    let object = world.api.get("a").await?;
    let ready = condition(&object, "Ready").is_some_and(|ready| ready.status == "True");
    ensure!(ready, "helm did not wait: {:?}", object.status);
    let store = status(&object).store.unwrap_or_default();
    ensure!(store.description.as_deref() == Some("two"), "helm did not wait for this generation: {store:?}");
    world.ensure_kubectl_wait_succeeds().await
}

async fn helm_fails_at_once_on_a_stalled_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let release = Release::new(&world)?;
    let output = release.apply(json!({"sequenceStoreId": "9876543210"}), LONG).await?;
    ensure!(!output.success() && output.stderr.contains("not ready. status: Failed"), "{output:?}");
    ensure!(!output.stderr.contains("deadline exceeded"), "helm waited to the end: {output:?}");
    ensure_stalled(&world.api.get("a").await?)?;
    let kubectl = world.kubectl_wait("1s").await?;
    ensure!(!kubectl.success() && kubectl.stderr.contains("timed out"), "{kubectl:?}");
    Ok(())
}

async fn observed_drift_does_not_delay_helm(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let spec = json!({"sequenceStoreId": store.id, "managementPolicy": "Observe", "description": "another"});
    Release::new(&world)?.apply(spec, LONG).await?.checked()?;
    world.ensure_kubectl_wait_succeeds().await?;
    world.until_condition("a", "Synced", "False", "Drifted").await?;
    Ok(())
}

async fn helm_waits_through_a_transient_failure(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let throttling = Fault::always("GetSequenceStore", FaultAction::error("ThrottlingException"));
    world.aws.script_fault(&throttling).await?;
    let release = Release::new(&world)?;
    let spec = json!({"sequenceStoreId": store.id});
    let output = release.apply(spec.clone(), SHORT).await?;
    world.ensure_timed_out(&output).await?;
    world.until_condition("a", "Ready", "False", "Throttled").await?;
    let output = release.apply(spec.clone(), SHORT).await?;
    world.ensure_timed_out(&output).await?;
    world.aws.clear_faults().await?;
    release.apply(spec, LONG).await?.checked()?;
    world.ensure_kubectl_wait_succeeds().await
}

async fn helm_waits_for_an_edit_to_be_applied(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, operator) = World::with_operator(cluster).await?;
    let release = Release::new(&world)?;
    release.apply(json!({"description": "one"}), LONG).await?.checked()?;
    operator.kill().await;
    let output = release.apply(json!({"description": "two"}), SHORT).await?;
    let object = world.api.get("a").await?;
    let ready = condition(&object, "Ready").is_some_and(|ready| ready.status == "True");
    ensure!(ready && object.metadata.generation > status(&object).observed_generation, "{object:?}");
    world.ensure_timed_out(&output).await?;
    let _operator = world.operator(&Start::default())?;
    release.apply(json!({"description": "two"}), LONG).await?.checked()?;
    world.ensure_kubectl_wait_succeeds().await?;
    let store = status(&world.api.get("a").await?).store.unwrap_or_default();
    ensure!(store.description.as_deref() == Some("two"), "{store:?}");
    Ok(())
}

async fn a_pause_keeps_a_ready_object_ready(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let release = Release::new(&world)?;
    let paused = json!({"healthomics.dev/paused": "true"});
    // A new object that is paused has never been Ready.
    let output = release.apply_annotated(json!({}), paused.clone(), SHORT).await?;
    world.ensure_timed_out(&output).await?;
    world.until_condition("a", "Ready", "False", "Paused").await?;
    release.apply(json!({}), LONG).await?.checked()?;
    release.apply_annotated(json!({}), paused, LONG).await?.checked()?;
    world.until_condition("a", "Synced", "False", "Paused").await?;
    world.ensure_kubectl_wait_succeeds().await
}

async fn helm_uninstall_waits_until_the_store_is_deleted(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let release = Release::new(&world)?;
    let spec = json!({"sequenceStoreId": store.id, "deletionProtection": true});
    release.apply(spec, LONG).await?.checked()?;
    let output = release.uninstall(SHORT).await?;
    ensure!(!output.success() && output.stderr.contains("Terminating"), "{output:?}");
    world.until_condition("a", "Ready", "False", "DeletionBlocked").await?;
    world.ensure_there_in_aws(&store).await?;
    let kubectl = world.kubectl_wait("1s").await?;
    ensure!(!kubectl.success() && kubectl.stderr.contains("timed out"), "{kubectl:?}");
    // Helm has removed the release although it timed out; the deletion continues without it.
    world.patch("a", json!({"spec": {"deletionProtection": false}})).await?;
    world.until_gone("a").await?;
    world.ensure_gone_in_aws(&store).await?;

    let store = world.seed().await?;
    release.apply(json!({"sequenceStoreId": store.id}), LONG).await?.checked()?;
    release.uninstall(LONG).await?.checked()?;
    // No look at once: Helm 4.3 also takes an object for gone whose state it has not seen yet, which a busy machine makes happen.
    world.until_gone("a").await?;
    world.ensure_gone_in_aws(&store).await
}

async fn the_keep_annotation_keeps_the_store_after_helm_uninstall(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let release = Release::new(&world)?;
    // The same annotation as in the example.
    let example = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/genomes.yaml"));
    ensure!(example.contains("helm.sh/resource-policy: keep\n"), "the example keeps nothing");
    let keep = json!({"helm.sh/resource-policy": "keep"});
    release.apply_annotated(json!({"sequenceStoreId": store.id}), keep, LONG).await?.checked()?;
    release.uninstall(LONG).await?.checked()?;
    let object = world.api.get("a").await?;
    ensure!(object.metadata.deletion_timestamp.is_none(), "{} is being deleted", object.name_any());
    world.ensure_there_in_aws(&store).await
}
