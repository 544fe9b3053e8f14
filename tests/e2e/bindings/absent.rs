//! Clusters of their own: without the CRD of AccountBindings, in which it appears while the operator runs, and without a binding
//! that selects by labels.

use std::sync::Arc;

use control_plane::ControlPlane;
use sequencestore_operator::crd::SequenceStoreSpec;

use super::{ACCOUNTS, binding_of, start};
use crate::kubernetes_proxy::{Fault, KubernetesProxy};
use crate::world::{Cluster, Error, World, ensure, established, status, tests};

tests![
    a_crd_that_comes_and_goes_needs_no_restart,
    the_first_binding_that_selects_by_labels_disturbs_no_other_namespace,
];

/// Longer than the time between two passes of an object.
const MOMENT: std::time::Duration = std::time::Duration::from_secs(3);

const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");

/// Has the CRD of SequenceStores alone.
async fn cluster_without_bindings(like: &Cluster) -> Result<Arc<Cluster>, Error> {
    let plane = ControlPlane::start().await?;
    apply_crd(&plane, "sequencestores").await?;
    let (kubeconfig, binary) = (plane.kubeconfig().to_owned(), like.binary.clone());
    Ok(Arc::new(Cluster { plane, kubeconfig, binary }))
}

async fn apply_crd(plane: &ControlPlane, name: &str) -> Result<(), Error> {
    let file = format!("{CRDS}/{name}.yaml");
    plane.kubectl(&["apply", "--server-side", "-f", &file]).await?.checked()?;
    established(plane).await
}

async fn a_crd_that_comes_and_goes_needs_no_restart(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster_without_bindings(&cluster).await?).await?;
    let other = world.another_namespace().await?;
    let _operator = world.operator(&start(&[&format!("--watch-namespace={other}")]))?;
    // Without the CRD there are no bindings.
    world.create("operators", SequenceStoreSpec::default()).await?;
    let ready = world.until_ready("operators").await?;
    ensure!(binding_of(&ready).is_none(), "{:?}", status(&ready));
    apply_crd(&world.cluster.plane, "accountbindings").await?;
    world.bind(&other, ACCOUNTS[0]).await?;
    let tenant = world.tenant(&other);
    // The operator looks for the CRD every 10 s; until then the namespace has no binding.
    tokio::time::sleep(std::time::Duration::from_secs(15)).await;
    tenant.create("tenants", serde_json::json!({})).await?;
    let ready = tenant.until_ready("tenants").await?;
    ensure!(status(&ready).account_id.as_deref() == Some(ACCOUNTS[0]), "{:?}", status(&ready));
    // With the CRD all bindings go. What got on record under one is left alone.
    let plane = &world.cluster.plane;
    plane.kubectl(&["delete", "crd", "accountbindings.healthomics.dev"]).await?.checked()?;
    tenant.until_reason("tenants", "False", "BindingMissing").await?;
    world.one_more_pass("operators").await?;
    world.until_ready("operators").await?;
    Ok(())
}

async fn the_first_binding_that_selects_by_labels_disturbs_no_other_namespace(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let cluster = cluster_without_bindings(&cluster).await?;
    apply_crd(&cluster.plane, "accountbindings").await?;
    let world = World::new(cluster).await?;
    let other = world.another_namespace().await?;
    let proxy = KubernetesProxy::start(&world.cluster.kubeconfig).await?;
    let mut started = start(&[&format!("--watch-namespace={other}")]);
    started.environment.insert("KUBECONFIG", proxy.kubeconfig.display().to_string());
    let _operator = world.operator(&started)?;
    let spec = SequenceStoreSpec { poll_interval: Some("1h".into()), ..SequenceStoreSpec::default() };
    world.create("operators", spec).await?;
    world.until_ready("operators").await?;
    // The labels of a large cluster take their time.
    let is_list = |request: &str| request.starts_with("GET /api/v1/namespaces?");
    proxy.fail(Fault::HoldBack, is_list);
    tokio::time::sleep(MOMENT).await;
    let mark = world.mark();
    let selector = serde_json::json!({"matchLabels": {"kubernetes.io/metadata.name": other}});
    let spec = serde_json::json!({"namespaceSelector": selector, "roleArn": super::role(ACCOUNTS[0])});
    let binding = world.bind_with(&other, spec).await?;
    proxy.until_requests(1, is_list).await?;
    // Whoever gets a pass because of it has it in this time.
    tokio::time::sleep(MOMENT).await;
    proxy.heal();
    let shown = world.until_binding(&binding, "True", "RoleAssumed").await?.status.unwrap_or_default();
    ensure!(shown.namespaces == Some(1), "{shown:?}");
    let requests = world.cluster.plane.audit().requests_since(&mark);
    let writes = requests.iter().filter(|request| {
        request.full_resource() == "sequencestores/status"
            && request.namespace.as_deref() == Some(&world.namespace)
    });
    let writes: Vec<_> = writes.map(|request| &request.uri).collect();
    ensure!(writes.is_empty(), "it was refused for a moment: {writes:?}");
    world.unbind(&binding).await
}
