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
use crate::bindings::{ACCOUNTS, about_stores, role};
use crate::world::{
    CHART, Cluster, Error, SERVICE_ACCOUNT, Start, TIMEOUT, World, closed_address, condition, ensure,
    message, status, tests,
};

tests![
    without_any_one_permission_something_is_missing_until_it_is_back,
    without_any_one_permission_of_account_bindings_something_is_missing_until_it_is_back,
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
    /// It is not known with which identity the objects act, so that they do not.
    Identity(&'static str),
    /// The binding of the namespace says nothing.
    BindingStatus,
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

/// What an operator that reads AccountBindings needs besides.
fn needed_for_bindings() -> Vec<(Permission, Missing)> {
    let group = "healthomics.dev";
    let bindings = Missing::Identity("may not list and watch AccountBindings");
    let namespaces = Missing::Identity("may not list and watch namespaces");
    vec![
        (permission("list", "accountbindings", group), bindings),
        (permission("watch", "accountbindings", group), bindings),
        (permission("patch", "accountbindings/status", group), Missing::BindingStatus),
        (permission("list", "namespaces", ""), namespaces),
        (permission("watch", "namespaces", ""), namespaces),
    ]
}

/// An operator of one namespace, whose ServiceAccount lacks a permission.
struct Scene {
    world: World,
    /// ServiceAccount, roles and bindings.
    objects: Vec<Value>,
    user: String,
    health: String,
    /// Name of the AccountBinding of the namespace, which selects it by a label; none where the operator reads none.
    binding: Option<String>,
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
        self.world.cluster.plane.kubectl_stdin(&["apply", "-f", "-"], &list.to_string()).await?.checked()?;
        let (in_default, others): (Vec<Value>, Vec<Value>) =
            objects.into_iter().partition(|object| object["metadata"]["namespace"] == EVENTS_OF_BINDINGS);
        for (namespace, objects) in [(EVENTS_OF_BINDINGS, in_default), (&self.world.namespace, others)] {
            let mut there = granted(&objects);
            there.retain(|permission, _| Some(permission) != left_out);
            until_known(&self.world, &self.user, namespace, &there).await?;
        }
        Ok(())
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
            Missing::Identity(text) => {
                let object = self.world.until_condition("used", "Ready", "False", "BindingNotReady").await?;
                ensure!(message(&object, "Ready").contains(text), "{}", message(&object, "Ready"));
                let calls = about_stores(self.world.aws.ledger().await?);
                let own = calls.iter().filter(|call| call.role_arn.is_none()).count();
                ensure!(own == 0, "{own} calls with the operator's own identity");
            }
            Missing::BindingStatus => {
                let binding = self.binding.as_deref().ok_or("no binding")?;
                let status = self.world.bindings().get(binding).await?.status.unwrap_or_default();
                ensure!(status.conditions.is_empty(), "{status:?}");
            }
        }
        Ok(())
    }

    /// The binding is used, and says so.
    async fn until_bound(&self) -> Result<(), Error> {
        let Some(binding) = &self.binding else { return Ok(()) };
        let shown = self.world.until_binding(binding, "True", "RoleAssumed").await?.status;
        ensure!(shown.as_ref().is_some_and(|shown| shown.namespaces == Some(1)), "{shown:?}");
        self.world.unbind(binding).await
    }
}

/// What the chart makes for the one namespace of this name.
async fn rendered(cluster: &Cluster, namespace: &str, more: &[&str]) -> Result<Vec<Value>, Error> {
    let watch = format!("watchNamespaces={{{namespace}}}");
    let template = ["template", SERVICE_ACCOUNT, CHART, "--namespace", namespace, "--set", &watch];
    let settings = ["--set", "clusterName=x,connectionConfigMaps.enabled=true"];
    documents(&cluster.plane.helm(&[&template[..], &settings, more].concat()).await?.checked()?.stdout)
}

/// Objects that the chart makes for any namespace, without what is of the whole cluster; but with the role for AccountBindings.
struct Rendered {
    text: String,
    has_bindings: bool,
}

/// The namespace of Events about what has no namespace.
const EVENTS_OF_BINDINGS: &str = "default";

/// Part of a name that the role for AccountBindings has in the cluster.
const OF_BINDINGS: &str = "-account-bindings";

impl Rendered {
    async fn new(cluster: &Cluster, more: &[&str]) -> Result<(Self, BTreeSet<Permission>), Error> {
        let kinds = ["ServiceAccount", "Role", "RoleBinding"];
        let is_needed = |object: &Value| {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            kinds.iter().any(|kind| object["kind"] == *kind) || name.ends_with(OF_BINDINGS)
        };
        let mut objects = rendered(cluster, "the-namespace", more).await?;
        objects.retain(is_needed);
        let permissions = granted(&objects).into_keys().collect();
        let text = Value::from(objects).to_string();
        Ok((Self { has_bindings: text.contains(OF_BINDINGS), text }, permissions))
    }

    /// What is cluster-wide gets a name of its own.
    fn for_namespace(&self, namespace: &str) -> Result<Vec<Value>, Error> {
        let name = format!("{SERVICE_ACCOUNT}{OF_BINDINGS}");
        let text = self.text.replace(&name, &format!("the-namespace{OF_BINDINGS}"));
        Ok(serde_json::from_str(&text.replace("the-namespace", namespace))?)
    }
}

/// An operator that reads AccountBindings finds one.
async fn bound(world: &World) -> Result<String, Error> {
    let labels = json!({"kubernetes.io/metadata.name": world.namespace});
    let spec = json!({"namespaceSelector": {"matchLabels": labels}, "roleArn": role(ACCOUNTS[0])});
    world.bind_with(&world.namespace, spec).await
}

async fn one_less(
    cluster: Arc<Cluster>,
    rendered: &Rendered,
    (left_out, missing): (Permission, Missing),
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let objects = rendered.for_namespace(&world.namespace)?;
    let binding = if rendered.has_bindings { Some(bound(&world).await?) } else { None };
    let user = service_account_user(&world.namespace, SERVICE_ACCOUNT);
    let health = closed_address()?.to_string();
    let scene = Scene { world, objects, user, health, binding };
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
    let bindings = rendered.has_bindings.then_some("--account-bindings");
    let flags = flags.into_iter().chain(bindings).map(str::to_owned).collect();
    let health = scene.health.clone();
    let _operator =
        world.operator(&Start { environment: environment.into(), flags, health, ..Start::default() })?;
    let mended = async {
        scene.until_denied(&mark, &left_out).await?;
        scene.ensure_missing(missing).await?;
        scene.grant_without(None).await
    };
    tokio::try_join!(whole_life(world, true), mended)?;
    scene.until_bound().await?;
    let (_, mut denied) = used(world, &mark, &scene.user).await?;
    denied.remove(&optional());
    ensure!(denied == BTreeSet::from([left_out]), "denied: {denied:?}");
    Ok(())
}

async fn without_any_one_permission_something_is_missing_until_it_is_back(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (rendered, granted) = Rendered::new(&cluster, &[]).await?;
    ensure_listed(&needed(), &granted)?;
    each(cluster, &rendered, needed()).await
}

/// The others are as without bindings.
async fn without_any_one_permission_of_account_bindings_something_is_missing_until_it_is_back(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (rendered, granted) = Rendered::new(&cluster, &["--set", "accountBindings.enabled=true"]).await?;
    ensure_listed(&[needed(), needed_for_bindings()].concat(), &granted)?;
    each(cluster, &rendered, needed_for_bindings()).await
}

fn ensure_listed(rows: &[(Permission, Missing)], granted: &BTreeSet<Permission>) -> Result<(), Error> {
    let listed: BTreeSet<Permission> = rows.iter().map(|(permission, _)| permission.clone()).collect();
    ensure!(listed == *granted, "tested: {listed:?}; granted: {granted:?}");
    Ok(())
}

async fn each(
    cluster: Arc<Cluster>,
    rendered: &Rendered,
    rows: Vec<(Permission, Missing)>,
) -> Result<(), Error> {
    let rows = rows.into_iter().map(|row| {
        let (cluster, what) = (Arc::clone(&cluster), format!("{row:?}"));
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
