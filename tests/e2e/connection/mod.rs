//! `spec.writeConnectionTo`: the operator keeps a ConfigMap that says how to reach the store, and never touches one that does
//! not belong to the object. Each test gives the operator the rights of the chart's value in its own namespace.

pub mod at_rest;
pub mod conflicts;
pub mod crashes;
pub mod keeping;
pub mod rights;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use control_plane::service_account_user;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use sequencestore_operator::crd::{ConnectionTarget, SequenceStore, SequenceStoreSpec};
use serde_json::{Value, json};

use crate::chart::permissions::{granted, until_known};
use crate::kubernetes_proxy::KubernetesProxy;
use crate::world::{
    Cluster, Error, Operator, SERVICE_ACCOUNT, SYSTEM_NAMESPACE, Start, TIMEOUT, World, condition, ensure,
    status,
};

/// The ConfigMap of the tests.
pub const NAME: &str = "genomes-store";

/// A world whose operator has the right to keep ConfigMaps.
async fn started(cluster: Arc<Cluster>) -> Result<(World, Operator), Error> {
    let world = World::new(cluster).await?;
    grant(&world).await?;
    let operator = world.operator(&Start::default())?;
    Ok((world, operator))
}

/// The same, and all requests of the operator go through a proxy.
async fn with_proxy(cluster: Arc<Cluster>) -> Result<(World, KubernetesProxy, Operator), Error> {
    let world = World::new(cluster).await?;
    grant(&world).await?;
    let proxy = KubernetesProxy::start(&world.cluster.kubeconfig).await?;
    let operator = world.operator(&through(&proxy))?;
    Ok((world, proxy, operator))
}

fn through(proxy: &KubernetesProxy) -> Start {
    let environment = [("KUBECONFIG", proxy.kubeconfig.display().to_string())].into();
    Start { environment, ..Start::default() }
}

/// A spec that asks for the ConfigMap of this name.
fn asking(name: &str) -> SequenceStoreSpec {
    let write_connection_to = Some(ConnectionTarget { config_map: name.into() });
    SequenceStoreSpec { write_connection_to, ..SequenceStoreSpec::default() }
}

fn target(name: Option<&str>) -> Value {
    json!({"spec": {"writeConnectionTo": name.map(|name| json!({"configMap": name}))}})
}

/// What the chart grants for ConfigMaps, and nothing else of it, in the namespace of this world.
pub async fn grant(world: &World) -> Result<(), Error> {
    let rendered = world.cluster.rendered(&["connectionConfigMaps.enabled=true"]).await?.checked()?.stdout;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&rendered)?;
    let rules = documents.iter().filter_map(|document| document["rules"].as_array()).flatten();
    let rule = rules.into_iter().find(|rule| rule["resources"] == json!(["configmaps"])).ok_or("no rule")?;
    let metadata = json!({"name": "config-maps"});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": [rule],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "config-maps"},
        "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": SYSTEM_NAMESPACE}],
    });
    let objects = [role, binding];
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    world.kubectl_apply(&list.to_string()).await?.checked()?;
    let user = service_account_user(SYSTEM_NAMESPACE, SERVICE_ACCOUNT);
    until_known(world, &user, &world.namespace, &granted(&objects)).await
}

/// The ConfigMaps of this world's namespace, as its administrator sees them.
struct ConfigMaps(Api<ConfigMap>);

impl ConfigMaps {
    fn of(world: &World) -> Self {
        Self(Api::namespaced(world.client.clone(), &world.namespace))
    }

    async fn get(&self, name: &str) -> Result<Option<ConfigMap>, Error> {
        Ok(self.0.get_opt(name).await?)
    }

    /// Somebody makes a ConfigMap that has nothing to do with the operator.
    async fn create(&self, name: &str) -> Result<ConfigMap, Error> {
        let foreign = json!({"metadata": {"name": name}, "data": {"SEQUENCE_STORE_ID": "theirs"}});
        Ok(self.0.create(&PostParams::default(), &serde_json::from_value(foreign)?).await?)
    }

    async fn patch(&self, name: &str, patch: Value) -> Result<ConfigMap, Error> {
        Ok(self.0.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?)
    }

    async fn delete(&self, name: &str) -> Result<(), Error> {
        self.0.delete(name, &kube::api::DeleteParams::default()).await?;
        Ok(())
    }

    /// Waits until the ConfigMap is as wanted; none is one that is not there.
    async fn until(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(Option<&ConfigMap>) -> bool,
    ) -> Result<Option<ConfigMap>, Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let found = self.get(name).await?;
            if wanted(found.as_ref()) {
                return Ok(found);
            }
            ensure!(tokio::time::Instant::now() < end, "ConfigMap {name} never: {what}; it is {found:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn until_gone(&self, name: &str) -> Result<(), Error> {
        self.until(name, "gone", |found| found.is_none()).await.map(drop)
    }

    /// Waits until the ConfigMap says what the status of this object says, no less and no more.
    async fn until_right(&self, world: &World, object: &str, name: &str) -> Result<ConfigMap, Error> {
        let wanted = connection(&world.api.get(object).await?)?;
        let is_right = |found: Option<&ConfigMap>| {
            found.is_some_and(|found| found.data.as_ref() == Some(&wanted) && found.binary_data.is_none())
        };
        let found = self.until(name, &format!("{wanted:?}\n{}", world.logs()), is_right).await?;
        Ok(found.ok_or("no ConfigMap")?)
    }
}

/// What the ConfigMap of this object must say.
fn connection(object: &SequenceStore) -> Result<BTreeMap<String, String>, Error> {
    let status = status(object);
    let store = status.store.ok_or("no store")?;
    let s3 = store.s3_access.unwrap_or_default();
    let facts = [
        ("ID", Some(store.id)),
        ("ARN", Some(store.arn)),
        ("S3_URI", s3.s3_uri),
        ("S3_ACCESS_POINT_ARN", s3.s3_access_point_arn),
        ("REGION", status.region),
        ("ACCOUNT_ID", status.account_id),
    ];
    let known = facts.into_iter().filter_map(|(key, fact)| Some((format!("SEQUENCE_STORE_{key}"), fact?)));
    Ok(known.collect())
}

/// The name of the ConfigMap on record.
fn recorded(object: &SequenceStore) -> Option<String> {
    status(object).connection.map(|connection| connection.config_map)
}

/// A request about a ConfigMap.
fn about_config_maps(verb: &'static str) -> impl Fn(&str) -> bool + Clone + Send + Sync + 'static {
    move |request: &str| request.starts_with(verb) && request.contains("/configmaps")
}

/// The object is Stalled because of its ConfigMap alone: its store is as the spec wants it.
fn ensure_only_the_config_map_is_missing(object: &SequenceStore) -> Result<(), Error> {
    let conditions = status(object).conditions;
    let is =
        |kind: &str, value: &str| condition(object, kind).is_some_and(|condition| condition.status == value);
    ensure!(is("Ready", "False") && is("Synced", "True") && is("Stalled", "True"), "{conditions:?}");
    ensure!(condition(object, "Reconciling").is_none(), "{conditions:?}");
    Ok(())
}

/// The ConfigMap belongs to this object, and Kubernetes removes it with the object.
fn ensure_owned(config_map: &ConfigMap, object: &SequenceStore) -> Result<(), Error> {
    let owners = config_map.owner_references();
    let [owner] = owners else { return Err(format!("owners: {owners:?}").into()) };
    ensure!(Some(&owner.uid) == object.metadata.uid.as_ref(), "another owner: {owner:?}");
    ensure!(owner.controller == Some(true) && owner.kind == "SequenceStore", "{owner:?}");
    ensure!(owner.name == object.name_any() && owner.api_version == "healthomics.dev/v1alpha1", "{owner:?}");
    ensure!(owner.block_owner_deletion.is_none(), "{owner:?}");
    Ok(())
}
