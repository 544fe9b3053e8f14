//! The chart's ValidatingAdmissionPolicy: the API server refuses to delete a protected object.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{Patch, PatchParams};
use sequencestore_operator::crd::{DeletionBlockReason, SequenceStoreSpec};
use serde_json::json;

use crate::assertions::has_finalizer;
use crate::world::{
    CHART, Cluster, Error, POLICY_LABEL, SERVICE_ACCOUNT, SYSTEM_NAMESPACE, TIMEOUT, World, ensure, spec_for,
    tests,
};

tests![
    the_api_server_refuses_to_delete_a_protected_object,
    two_releases_of_the_same_name_keep_separate_policies,
    a_deleted_namespace_waits_for_a_protected_object,
    chart_values_disable_or_scope_the_policy,
    with_protection_by_default_the_api_server_refuses_what_does_not_say_otherwise,
];

fn protected() -> SequenceStoreSpec {
    SequenceStoreSpec { deletion_protection: Some(true), ..SequenceStoreSpec::default() }
}

impl World {
    /// Applies the policy of the shared release to this namespace.
    async fn enable_policy(&self) -> Result<(), Error> {
        let labels = json!({"metadata": {"labels": {POLICY_LABEL: "on"}}});
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.patch(&self.namespace, &PatchParams::default(), &Patch::Merge(labels)).await?;
        Ok(())
    }

    /// Installs the chart into this namespace, which alone it watches.
    async fn install(&self, settings: &[&str]) -> Result<(), Error> {
        let watch = format!("watchNamespaces={{{}}}", self.namespace);
        let mut install = vec!["install", SERVICE_ACCOUNT, CHART, "--namespace", &self.namespace];
        let usual = ["crds.enabled=false", "rbac.aggregate.view=false", "clusterName=x", &watch];
        for setting in usual.iter().chain(settings) {
            install.extend(["--set", setting]);
        }
        self.cluster.plane.helm(&install).await?.checked()?;
        Ok(())
    }

    /// Waits until the policy is in force: tries to delete the object in a dry run until this policy refuses.
    async fn until_refused(&self, name: &str, policy: &str) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let output = self.kubectl(&["delete", "seqstore", name, "--dry-run=server"]).await?;
            if !output.success() && output.stderr.contains(&format!("'{policy}'")) {
                return Ok(());
            }
            ensure!(tokio::time::Instant::now() < end, "{policy} does not refuse: {output:?}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

fn policy_of(namespace: &str) -> String {
    format!("{SERVICE_ACCOUNT}.sequencestore-operator.{namespace}.deletion-protection.healthomics.dev")
}

async fn the_api_server_refuses_to_delete_a_protected_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    world.enable_policy().await?;
    let store = world.seed().await?;
    world
        .create("genomes", SequenceStoreSpec { deletion_protection: Some(true), ..spec_for(&store) })
        .await?;
    world
        .create(
            "free",
            SequenceStoreSpec { deletion_protection: Some(false), ..SequenceStoreSpec::default() },
        )
        .await?;
    world.until_ready("genomes").await?;
    world.until_refused("genomes", &policy_of(SYSTEM_NAMESPACE)).await?;
    let refused = world.kubectl(&["delete", "seqstore", "genomes"]).await?;
    ensure!(!refused.success(), "the deletion passes");
    let way_out = format!(
        "spec.deletionProtection of genomes is true. To lift it: kubectl --namespace {} patch seqstore genomes \
         --type=merge -p '{{\"spec\":{{\"deletionProtection\":false}}}}'",
        world.namespace
    );
    ensure!(refused.stderr.contains(&way_out), "{}", refused.stderr);
    // The same for a deletion of all objects of the namespace.
    let refused = world.kubectl(&["delete", "seqstore", "--all", "--wait=false"]).await?;
    ensure!(refused.stderr.contains(&way_out), "{}", refused.stderr);
    let object = world.api.get("genomes").await?;
    ensure!(object.metadata.deletion_timestamp.is_none(), "the refused deletion set deletionTimestamp");
    world.until_gone("free").await?;
    ensure!(world.deletes().await? == 1, "not exactly the unprotected store was deleted");
    world.ensure_there_in_aws(&store).await?;

    // The patch from the message removes the protection.
    let lift = "{\"spec\":{\"deletionProtection\":false}}";
    world.kubectl(&["patch", "seqstore", "genomes", "--type=merge", "-p", lift]).await?.checked()?;
    world.kubectl(&["delete", "seqstore", "genomes", "--timeout=60s"]).await?.checked()?;
    world.ensure_gone_in_aws(&store).await
}

async fn two_releases_of_the_same_name_keep_separate_policies(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(Arc::clone(&cluster)).await?;
    world.create("genomes", protected()).await?;
    // The same release name in another namespace, as the chart's README describes.
    let namespace = world.namespace.clone();
    world.install(&[]).await?;
    world.until_refused("genomes", &policy_of(&namespace)).await?;
    // It does not apply to other namespaces.
    let other = World::new(Arc::clone(&cluster)).await?;
    other.create("elsewhere", protected()).await?;
    other.kubectl(&["delete", "seqstore", "elsewhere"]).await?.checked()?;
    // Under two policies: the second one stays in force after the first release is uninstalled.
    world.enable_policy().await?;
    cluster.plane.helm(&["uninstall", SERVICE_ACCOUNT, "--namespace", &namespace]).await?.checked()?;
    world.until_refused("genomes", &policy_of(SYSTEM_NAMESPACE)).await?;
    Ok(())
}

async fn a_deleted_namespace_waits_for_a_protected_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    world.enable_policy().await?;
    let store = world.seed().await?;
    world
        .create("genomes", SequenceStoreSpec { deletion_protection: Some(true), ..spec_for(&store) })
        .await?;
    world.until_ready("genomes").await?;
    ensure!(has_finalizer(&world.api.get("genomes").await?), "no finalizer");
    world.until_refused("genomes", &policy_of(SYSTEM_NAMESPACE)).await?;
    world
        .cluster
        .plane
        .kubectl(&["delete", "namespace", &world.namespace, "--wait=false"])
        .await?
        .checked()?;
    world.until_blocked("genomes", DeletionBlockReason::DeletionProtection).await?;
    world.ensure_there_in_aws(&store).await?;
    world.patch("genomes", json!({"spec": {"deletionProtection": false}})).await?;
    world.until_gone("genomes").await?;
    world.ensure_gone_in_aws(&store).await?;
    let gone = format!("namespace/{}", world.namespace);
    world.cluster.plane.kubectl(&["wait", "--for=delete", &gone, "--timeout=60s"]).await?.checked()?;
    Ok(())
}

async fn chart_values_disable_or_scope_the_policy(cluster: Arc<Cluster>) -> Result<(), Error> {
    let rendered = async |values: &[&str]| -> Result<String, Error> {
        Ok(cluster.rendered(values).await?.checked()?.stdout)
    };
    let all = rendered(&[]).await?;
    ensure!(
        all.contains("name: \"a.sequencestore-operator.b.deletion-protection.healthomics.dev\""),
        "no policy by default"
    );
    ensure!(!all.contains("namespaceSelector"), "the policy is limited to some namespaces by default");
    let none = rendered(&["admissionPolicy.enabled=false"]).await?;
    ensure!(!none.contains("ValidatingAdmissionPolicy"), "the policy is rendered although it is disabled");
    let some = rendered(&["clusterName=x", "watchNamespaces={lab,prod}"]).await?;
    ensure!(
        some.contains("namespaceSelector") && some.contains("- prod"),
        "the policy ignores watchNamespaces"
    );
    Ok(())
}

async fn with_protection_by_default_the_api_server_refuses_what_does_not_say_otherwise(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    world.install(&["defaultDeletionProtection=true"]).await?;
    world.create("silent", SequenceStoreSpec::default()).await?;
    world.create("says-so", protected()).await?;
    world
        .create(
            "free",
            SequenceStoreSpec { deletion_protection: Some(false), ..SequenceStoreSpec::default() },
        )
        .await?;
    let null = json!({
        "apiVersion": "healthomics.dev/v1alpha1",
        "kind": "SequenceStore",
        "metadata": {"name": "null"},
        "spec": {"deletionProtection": null},
    });
    world.kubectl_apply(&null.to_string()).await?.checked()?;
    world.until_refused("silent", &policy_of(&world.namespace)).await?;
    let by_default = "is true by default. To lift it";
    for (name, what) in [("silent", by_default), ("null", by_default), ("says-so", "is true. To lift it")] {
        let refused = world.kubectl(&["delete", "seqstore", name]).await?;
        ensure!(!refused.success() && refused.stderr.contains(what), "{refused:?}");
    }
    world.kubectl(&["delete", "seqstore", "free"]).await?.checked()?;
    // The patch from the message lifts the protection, also of an object that has none in its spec.
    world.patch("silent", json!({"spec": {"deletionProtection": false}})).await?;
    world.kubectl(&["delete", "seqstore", "silent"]).await?.checked()?;
    Ok(())
}
