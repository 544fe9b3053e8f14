//! A cluster without the CRD of AccountBindings, in which it appears while the operator runs.

use std::sync::Arc;

use control_plane::ControlPlane;
use sequencestore_operator::crd::SequenceStoreSpec;

use super::{ACCOUNTS, binding_of, start};
use crate::world::{Cluster, Error, World, ensure, established, status, tests};

tests![a_crd_that_comes_and_goes_needs_no_restart];

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
