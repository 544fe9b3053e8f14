//! The admission policies in `examples/policies-for-tenants.yaml`, on the real API server, as a tenant's ServiceAccount.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use sequencestore_operator::crd::SequenceStore;
use serde_json::{Value, json};

use crate::world::{Cluster, Error, TIMEOUT, World, ensure, tests};

tests![tenants_may_write_what_the_policies_of_the_platform_allow];

const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/policies-for-tenants.yaml");

const TENANT: &str = r#"
apiVersion: v1
kind: ServiceAccount
metadata: {name: tenant}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: tenant}
rules:
  - {apiGroups: [healthomics.dev], resources: [sequencestores], verbs: [create, get, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tenant}
subjects: [{kind: ServiceAccount, name: tenant}]
"#;

const MAY_DELETE: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: may-delete}
rules:
  - {apiGroups: [healthomics.dev], resources: [sequencestores], verbs: [deletestore]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: may-delete}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: may-delete}
subjects: [{kind: ServiceAccount, name: tenant}]
"#;

struct Tenant(Api<SequenceStore>);

impl Tenant {
    /// What the API server says to this spec; nothing where it accepts it.
    async fn refusal(&self, spec: Value) -> Result<Option<String>, Error> {
        let object = SequenceStore::new("store", serde_json::from_value(spec)?);
        match self.0.create(&PostParams::default(), &object).await {
            Ok(_) => {
                self.0.delete("store", &DeleteParams::default()).await?;
                Ok(None)
            }
            Err(error) => Ok(Some(error.to_string())),
        }
    }

    /// A new policy, or a new right, holds after a moment.
    async fn until(&self, spec: Value, wanted: impl Fn(Option<&str>) -> bool) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let refusal = self.refusal(spec.clone()).await?;
            if wanted(refusal.as_deref()) {
                return Ok(());
            }
            ensure!(tokio::time::Instant::now() < end, "{spec}: {refusal:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn tenants_may_write_what_the_policies_of_the_platform_allow(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let plane = &world.cluster.plane;
    plane.kubectl(&["apply", "--server-side", "-f", POLICIES]).await?.checked()?;
    plane.kubectl(&["label", "namespace", &world.namespace, "sequence-stores=tenant"]).await?.checked()?;
    world.kubectl_apply(TENANT).await?.checked()?;
    let client = plane.client_for(&world.namespace, "tenant").await?;
    let tenant = Tenant(Api::namespaced(client, &world.namespace));
    let with = |more: Value| {
        let mut spec =
            json!({"deletionPolicy": "Retain", "tags": {"cost-center": "42", "data-owner": "lab"}});
        let members = more.as_object().cloned().unwrap_or_default();
        spec.as_object_mut().expect("an object").extend(members);
        spec
    };
    let says =
        |words: &'static str| move |refusal: Option<&str>| refusal.is_some_and(|text| text.contains(words));
    let policy = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "*"}]});
    tenant.until(with(json!({"deletionPolicy": null})), says("verb deletestore")).await?;
    tenant.until(with(json!({"deletionPolicy": "Delete"})), says("verb deletestore")).await?;
    tenant.until(with(json!({"tags": {"cost-center": "42"}})), says("cost-center and data-owner")).await?;
    tenant.until(with(json!({"s3AccessPolicy": policy})), says("not allowed in this namespace")).await?;
    tenant.until(with(json!({})), |refusal| refusal.is_none()).await?;
    let observing = json!({"sequenceStoreId": "1234567890", "managementPolicy": "Observe"});
    tenant.until(observing, |refusal| refusal.is_none()).await?;
    // An object of before the policies stays usable, but cannot be made one that deletes its store.
    let object = SequenceStore::new("kept", serde_json::from_value(with(json!({})))?);
    tenant.0.create(&PostParams::default(), &object).await?;
    let patch = |spec: Value| Patch::Merge(json!({"spec": spec}));
    let turned =
        tenant.0.patch("kept", &PatchParams::default(), &patch(json!({"deletionPolicy": "Delete"}))).await;
    ensure!(turned.is_err(), "the policy holds for edits too");
    world.kubectl_apply(MAY_DELETE).await?.checked()?;
    tenant.until(with(json!({"deletionPolicy": "Delete"})), |refusal| refusal.is_none()).await?;
    Ok(())
}
