//! The chart's roles are exact: the operator uses each permission, and without any one of them something is missing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use control_plane::{AuditMark, service_account_user};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::permissions::{Permission, ensure_exact, granted, optional, permission, until_known, used};
use super::pod::{SETTINGS, documents, events, start_pod, whole_life};
use crate::assertions::has_finalizer;
use crate::world::{
    CHART, Cluster, Error, SERVICE_ACCOUNT, Start, TIMEOUT, World, closed_address, condition, ensure, status,
    tests,
};

tests![
    without_any_one_permission_something_is_missing_until_it_is_back,
    with_watch_namespaces_roles_are_enough_and_nothing_in_them_is_unused,
];

/// How many operators with a permission less run at the same time.
const AT_ONCE: usize = 4;
const WAITS: Duration = Duration::from_millis(400);

/// What is missing without a permission.
#[derive(Clone, Copy, Debug)]
enum Missing {
    /// The replica is not ready, and says this.
    Readiness(&'static str),
    Creation,
    Status,
    Event,
    /// An Event that comes again is not counted.
    Series,
    /// The object has no ConfigMap, or not the one that it asks for, and says so.
    ConfigMap,
    /// A ConfigMap that no object asks for is still there, and on record.
    Removal,
}

/// All but `get namespaces`, without which the operator does not start: `steps::rights` shows it.
fn needed() -> Vec<(Permission, Missing)> {
    let (stores, events, leases) = ("healthomics.dev", "events.k8s.io", "coordination.k8s.io");
    let lists = Missing::Readiness("list and watch");
    let leads = Missing::Readiness("leases.coordination.k8s.io");
    vec![
        (permission("list", "sequencestores", stores), lists),
        (permission("watch", "sequencestores", stores), lists),
        (permission("get", "sequencestores", stores), Missing::Creation),
        (permission("patch", "sequencestores", stores), Missing::Creation),
        (permission("patch", "sequencestores/status", stores), Missing::Status),
        (permission("create", "events", events), Missing::Event),
        (permission("patch", "events", events), Missing::Series),
        (permission("get", "configmaps", ""), Missing::ConfigMap),
        (permission("create", "configmaps", ""), Missing::ConfigMap),
        (permission("update", "configmaps", ""), Missing::ConfigMap),
        (permission("delete", "configmaps", ""), Missing::Removal),
        (permission("create", "leases", leases), leads),
        (permission("get", "leases", leases), leads),
        (permission("update", "leases", leases), leads),
    ]
}

/// An operator of one namespace, whose ServiceAccount lacks a permission.
struct Scene {
    world: World,
    /// ServiceAccount, roles and bindings.
    objects: Vec<Value>,
    user: String,
    health: String,
}

impl Scene {
    /// Grants what the chart grants, but not this.
    async fn grant_without(&self, left_out: Option<&Permission>) -> Result<(), Error> {
        let mut objects = self.objects.clone();
        for rule in objects.iter_mut().filter_map(|object| object["rules"].as_array_mut()).flatten() {
            let Some(left_out) = left_out else { continue };
            if rule["resources"] == json!([left_out.resource]) && rule["apiGroups"] == json!([left_out.group])
            {
                let verbs = rule["verbs"].as_array_mut().ok_or("no verbs")?;
                verbs.retain(|verb| verb != &left_out.verb);
            }
        }
        // A rule without verbs is no rule.
        for rules in objects.iter_mut().filter_map(|object| object["rules"].as_array_mut()) {
            rules.retain(|rule| rule["verbs"] != json!([]));
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.world.kubectl_apply(&list.to_string()).await?.checked()?;
        let mut there = granted(&objects);
        there.retain(|permission, _| Some(permission) != left_out);
        until_known(&self.world, &self.user, &self.world.namespace, &there).await
    }

    async fn until_denied(&self, mark: &AuditMark, wanted: &Permission) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        while !used(&self.world, mark, &self.user).await?.1.contains(wanted) {
            ensure!(tokio::time::Instant::now() < end, "never asks for {wanted:?}\n{}", self.world.logs());
            tokio::time::sleep(WAITS).await;
        }
        Ok(())
    }

    async fn ensure_missing(&self, missing: Missing) -> Result<(), Error> {
        match missing {
            Missing::Readiness(text) => {
                self.world.until_answers(&self.health, "/readyz", "503", text).await?;
            }
            Missing::Creation => {
                let object = self.world.api.get("used").await?;
                ensure!(self.world.mutating_calls().await?.is_empty(), "a store was created");
                ensure!(condition(&object, "Ready").is_none_or(|ready| ready.status != "True"), "{object:?}");
            }
            Missing::Status => {
                let object = self.world.api.get("used").await?;
                ensure!(status(&object).conditions.is_empty(), "{object:?}");
                ensure!(has_finalizer(&object), "no finalizer: {object:?}");
            }
            Missing::Event => ensure!(events(&self.world).await?.is_empty(), "an Event"),
            Missing::ConfigMap => {
                self.world.until_condition("used", "Ready", "False", "ConnectionDenied").await?;
            }
            Missing::Removal => {
                let object = self.world.until_ready("used").await?;
                ensure!(status(&object).connection.is_some(), "forgotten: {object:?}");
            }
            Missing::Series => {
                let events = events(&self.world).await?;
                ensure!(!events.is_empty(), "no Event");
                ensure!(events.iter().all(|event| event.series.is_none()), "{events:?}");
            }
        }
        Ok(())
    }
}

/// What the chart makes for the one namespace of this name.
async fn rendered(cluster: &Cluster, namespace: &str) -> Result<Vec<Value>, Error> {
    let watch = format!("watchNamespaces={{{namespace}}}");
    let template = ["template", SERVICE_ACCOUNT, CHART, "--namespace", namespace, "--set", &watch];
    let settings = ["--set", "clusterName=x,connectionConfigMaps.enabled=true"];
    documents(&cluster.plane.helm(&[&template[..], &settings].concat()).await?.checked()?.stdout)
}

async fn one_less(cluster: Arc<Cluster>, rendered: &str, row: (Permission, Missing)) -> Result<(), Error> {
    let (left_out, missing) = row;
    let world = World::new(cluster).await?;
    let rendered: Vec<Value> = serde_json::from_str(&rendered.replace("the-namespace", &world.namespace))?;
    let kinds = ["ServiceAccount", "Role", "RoleBinding"];
    let objects = rendered.into_iter().filter(|object| kinds.iter().any(|kind| object["kind"] == *kind));
    let user = service_account_user(&world.namespace, SERVICE_ACCOUNT);
    let health = closed_address()?.to_string();
    let scene = Scene { world, objects: objects.collect(), user, health };
    scene.grant_without(Some(&left_out)).await?;
    let world = &scene.world;
    let mark = world.mark();
    let kubeconfig = world.cluster.plane.kubeconfig_for(&world.namespace, SERVICE_ACCOUNT).await?;
    let environment =
        [("KUBECONFIG", kubeconfig.display().to_string()), ("POD_NAMESPACE", world.namespace.clone())];
    let lease = format!("--leader-election-lease-name={SERVICE_ACCOUNT}");
    let flags = [
        "--poll-interval=1s",
        "--create-grace=1s",
        "--leader-elect",
        &lease,
        "--leader-election-lease-duration=6s",
        "--leader-election-renew-deadline=4s",
        "--leader-election-retry-period=1s",
    ];
    let flags = flags.map(str::to_owned).to_vec();
    let health = scene.health.clone();
    let _operator =
        world.operator(&Start { environment: environment.into(), flags, health, ..Start::default() })?;
    let mended = async {
        scene.until_denied(&mark, &left_out).await?;
        scene.ensure_missing(missing).await?;
        scene.grant_without(None).await
    };
    tokio::try_join!(whole_life(world, true), mended)?;
    let (_, mut denied) = used(world, &mark, &scene.user).await?;
    denied.remove(&optional());
    ensure!(denied == BTreeSet::from([left_out]), "denied: {denied:?}");
    Ok(())
}

async fn without_any_one_permission_something_is_missing_until_it_is_back(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let rendered = rendered(&cluster, "the-namespace").await?;
    let listed: BTreeSet<Permission> = needed().into_iter().map(|(permission, _)| permission).collect();
    let chart: BTreeSet<Permission> = granted(&rendered).into_keys().collect();
    ensure!(listed == chart, "tested: {listed:?}; granted: {chart:?}");
    let rendered = Value::from(rendered).to_string();
    let rows = needed().into_iter().map(|row| {
        let (cluster, what) = (Arc::clone(&cluster), format!("{row:?}"));
        let rendered = &rendered;
        async move { one_less(cluster, rendered, row).await.map_err(|error| format!("{what}: {error}")) }
    });
    stream::iter(rows).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(())
}

async fn with_watch_namespaces_roles_are_enough_and_nothing_in_them_is_unused(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(Arc::clone(&cluster)).await?;
    let namespace = world.namespace.as_str();
    let watch = format!("watchNamespaces={{{namespace}}}");
    let install = ["install", SERVICE_ACCOUNT, CHART, "--namespace", namespace, "--set", &watch];
    // What is cluster-wide is there already.
    let rest = "clusterName=x,connectionConfigMaps.enabled=true,crds.enabled=false,rbac.aggregate.view=false,admissionPolicy.enabled=false";
    cluster.plane.helm(&[&install[..], &["--set", rest], &SETTINGS].concat()).await?.checked()?;
    let manifest = ["get", "manifest", SERVICE_ACCOUNT, "--namespace", namespace];
    let documents = documents(&cluster.plane.helm(&manifest).await?.checked()?.stdout)?;
    let kinds: BTreeSet<&str> = documents.iter().filter_map(|object| object["kind"].as_str()).collect();
    ensure!(!kinds.iter().any(|kind| kind.starts_with("Cluster")), "{kinds:?}");
    let granted = granted(&documents);
    let user = service_account_user(namespace, SERVICE_ACCOUNT);
    until_known(&world, &user, namespace, &granted).await?;
    let mark = world.mark();
    let (operator, user) = start_pod(&world, &documents, namespace).await?;
    whole_life(&world, true).await?;
    ensure!(operator.terminate().await? == Some(0), "{}", world.logs());
    ensure_exact(&world, &mark, &user, &granted).await?;
    let account = format!("--as={user}");
    let elsewhere = ["auth", "can-i", "list", "sequencestores", &account, "-n", "default"];
    ensure!(!cluster.plane.kubectl(&elsewhere).await?.success(), "it may list objects elsewhere");
    cluster.plane.helm(&["uninstall", SERVICE_ACCOUNT, "--namespace", namespace]).await?.checked()?;
    Ok(())
}
