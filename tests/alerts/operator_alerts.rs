//! Alerts about the operator itself: its process, its Lease, its watches, its passes and its queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use control_plane::ControlPlane;
use healthomics_simulator::{Fault, FaultAction};
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::{Value, json};

use crate::Test;
use crate::stage::Stage;
use crate::world::{
    CHART, Error, SERVICE_ACCOUNT, SYSTEM_NAMESPACE, Start, TIMEOUT, World, ensure, established, tests,
};

pub const FIRST: &[Test] = &[
    ("no_operator_fires_until_one_runs", |stage| Box::pin(no_operator(stage))),
    ("a_missing_crd_fires_until_it_is_installed", |stage| Box::pin(a_missing_crd(stage))),
];

tests![
    a_healthy_operator_fires_nothing,
    replicas_without_a_leader_fire_until_one_leads,
    a_watch_without_permission_fires_until_it_is_granted,
    passes_that_fail_fire_until_they_succeed,
    a_queue_that_grows_fires_until_it_shrinks,
];

async fn no_operator(stage: Arc<Stage>) -> Result<(), Error> {
    stage.until_fires("OmicsOperatorDown", &[]).await?;
    let _scene = stage.scene().await?;
    stage.until_resolved("OmicsOperatorDown", &[]).await
}

async fn a_missing_crd(stage: Arc<Stage>) -> Result<(), Error> {
    let plane = &stage.cluster.plane;
    delete_the_crd(plane).await?;
    let (_world, scraped) = stage.scene().await?;
    let labels = [("job", scraped.job.as_str())];
    stage.until_fires("OmicsOperatorCrdMissing", &labels).await?;
    let other = stage.prometheus.alerts("OmicsOperatorWatchFailing", &labels).await?;
    ensure!(other.is_empty(), "one cause has one alert: {other:?}");
    let crd = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/sequencestores.yaml");
    plane.kubectl(&["apply", "--server-side", "-f", crd]).await?.checked()?;
    stage.until_resolved("OmicsOperatorCrdMissing", &labels).await?;
    established(plane).await
}

/// As a user may: the chart's policy refuses it until it is turned off, which the API server notices a moment later.
async fn delete_the_crd(plane: &ControlPlane) -> Result<(), Error> {
    let crd = ["delete", "crd", "sequencestores.healthomics.dev"];
    let refused = plane.kubectl(&crd).await?;
    ensure!(refused.stderr.contains("protectCrd=false"), "{}", refused.stderr);
    let off = ["--reset-then-reuse-values", "--set", "admissionPolicy.protectCrd=false"];
    let upgrade = ["upgrade", SERVICE_ACCOUNT, CHART, "--namespace", SYSTEM_NAMESPACE];
    plane.helm(&[&upgrade[..], &off].concat()).await?.checked()?;
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match plane.kubectl(&crd).await?.checked() {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// The rights of a Role for the ServiceAccount `account` of `namespace`, in this world.
async fn grant(world: &World, rules: Value, (namespace, account): (&str, &str)) -> Result<(), Error> {
    let group = "rbac.authorization.k8s.io";
    let api = format!("{group}/v1");
    let role = json!({"apiVersion": api, "kind": "Role", "metadata": {"name": "granted"}, "rules": rules});
    let binding = json!({
        "apiVersion": api, "kind": "RoleBinding", "metadata": {"name": "granted"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "granted"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    });
    for object in [role, binding] {
        world.kubectl_apply(&object.to_string()).await?.checked()?;
    }
    Ok(())
}

async fn grant_leases(world: &World) -> Result<(), Error> {
    let rules = json!([
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"]},
    ]);
    grant(world, rules, (SYSTEM_NAMESPACE, SERVICE_ACCOUNT)).await
}

fn with_election(world: &World) -> Start {
    let mut start = Start::with_create_grace(1);
    start.flags.extend([
        "--leader-elect".into(),
        format!("--leader-election-namespace={}", world.namespace),
        "--leader-election-lease-duration=6s".into(),
        "--leader-election-renew-deadline=4s".into(),
        "--leader-election-retry-period=1s".into(),
    ]);
    start
}

async fn a_healthy_operator_fires_nothing(stage: Arc<Stage>) -> Result<(), Error> {
    let world = World::new(Arc::clone(&stage.cluster)).await?;
    grant_leases(&world).await?;
    let scraped = stage.operator(&world, with_election(&world)).await?;
    world.create("created", SequenceStoreSpec::default()).await?;
    world.adopt("adopted", &world.seed().await?).await?;
    world.until_ready("created").await?;
    world.until_ready("adopted").await?;
    stage.ensure_quiet(&scraped.job).await
}

async fn replicas_without_a_leader_fire_until_one_leads(stage: Arc<Stage>) -> Result<(), Error> {
    let world = World::new(Arc::clone(&stage.cluster)).await?;
    let scraped = stage.operator(&world, with_election(&world)).await?;
    let labels = [("job", scraped.job.as_str()), ("name", "sequencestore-operator")];
    stage.until_fires("OmicsOperatorNoLeader", &labels).await?;
    grant_leases(&world).await?;
    stage.until_resolved("OmicsOperatorNoLeader", &labels).await
}

async fn a_watch_without_permission_fires_until_it_is_granted(stage: Arc<Stage>) -> Result<(), Error> {
    let world = World::new(Arc::clone(&stage.cluster)).await?;
    let powerless = stage.cluster.plane.kubeconfig_for("default", "default").await?;
    let environment = [("KUBECONFIG", powerless.display().to_string())].into();
    let scraped = stage.operator(&world, Start { environment, ..Start::default() }).await?;
    let labels = [("job", scraped.job.as_str())];
    stage.until_fires("OmicsOperatorWatchFailing", &labels).await?;
    let rules = json!([
        {"apiGroups": ["healthomics.dev"], "resources": ["sequencestores"], "verbs": ["get", "list", "watch"]},
    ]);
    grant(&world, rules, ("default", "default")).await?;
    stage.until_resolved("OmicsOperatorWatchFailing", &labels).await
}

async fn passes_that_fail_fire_until_they_succeed(stage: Arc<Stage>) -> Result<(), Error> {
    let (world, scraped) = stage.scene().await?;
    for name in ["a", "b", "c"] {
        world.adopt(name, &world.seed().await?).await?;
        world.until_ready(name).await?;
    }
    let unavailable = FaultAction::error("InternalServerException");
    world.aws.script_fault(&Fault::always("GetSequenceStore", unavailable)).await?;
    let labels = [("job", scraped.job.as_str())];
    stage.until_fires("OmicsOperatorReconcileErrors", &labels).await?;
    world.aws.clear_faults().await?;
    stage.until_resolved("OmicsOperatorReconcileErrors", &labels).await
}

async fn a_queue_that_grows_fires_until_it_shrinks(stage: Arc<Stage>) -> Result<(), Error> {
    let world = World::new(Arc::clone(&stage.cluster)).await?;
    let flags = vec!["--concurrency=1".into(), "--poll-interval=1h".into()];
    let start = Start { flags, ..Start::default() };
    let scraped = stage.operator(&world, start).await?;
    let slow = FaultAction::Delay { ms: 2000 };
    world.aws.script_fault(&Fault::always("GetSequenceStore", slow)).await?;
    let labels = [("job", scraped.job.as_str())];
    // Not more than the machine can do beside the other tests.
    let every = Duration::from_millis(25);
    stage.until_fires_with_ever_more("OmicsOperatorQueueBacklog", &labels, &world, every).await?;
    // No longer growing is enough; a backlog that shrinks needs nobody.
    stage.until_resolved("OmicsOperatorQueueBacklog", &labels).await?;
    Ok(())
}
