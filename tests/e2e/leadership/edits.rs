//! People and programs change the Lease.

use std::sync::Arc;

use kube::api::{DeleteParams, PostParams};
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;

use super::{LEASE, LONG, POLL, Replica, SHORT};
use crate::world::{Cluster, Error, TIMEOUT, World, ensure, tests};

tests![
    a_lease_that_is_taken_by_hand_ends_the_term_and_nothing_is_done_twice,
    a_deleted_lease_is_made_again_by_the_leader,
    a_malformed_lease_locks_nobody_out,
];

async fn a_lease_that_is_taken_by_hand_ends_the_term_and_nothing_is_done_twice(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::with_lease(cluster).await?;
    let [(first, _first), (second, _second)] = world.pair(SHORT).await?;
    for round in 0..2 {
        for number in 0..3 {
            world.create(&format!("store-{round}-{number}"), SequenceStoreSpec::default()).await?;
        }
        world.until_calls("CreateSequenceStore", 3 * round + 1).await?;
        let before = world.lease().await?;
        world.edit_lease(json!({"holderIdentity": format!("somebody-{round}")})).await?;
        let end = tokio::time::Instant::now() + TIMEOUT;
        let after = loop {
            let lease = world.lease().await?;
            let holder = lease.holder_identity.clone().unwrap_or_default();
            if holder.starts_with("first-") || holder.starts_with("second-") {
                break lease;
            }
            ensure!(tokio::time::Instant::now() < end, "nobody leads: {lease:?}\n{}", world.logs());
            tokio::time::sleep(POLL).await;
        };
        // It was no renewal of the term before.
        ensure!(after.acquire_time != before.acquire_time, "{before:?} {after:?}");
        ensure!(after.lease_transitions == before.lease_transitions.map(|n| n + 1), "{before:?} {after:?}");
        for number in 0..3 {
            world.until_ready(&format!("store-{round}-{number}")).await?;
        }
    }
    world.ensure_one_store_each(6).await?;
    world.ensure_calls_only_of(&[&first, &second]).await
}

async fn a_deleted_lease_is_made_again_by_the_leader(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::with_lease(cluster).await?;
    let [(first, _first), (second, _second)] = world.pair(LONG).await?;
    let before = world.leases().get(LEASE).await?.metadata.uid;
    // The standby looks more often than the leader renews, and leaves the Lease to it.
    for _ in 0..3 {
        world.leases().delete(LEASE, &DeleteParams::default()).await?;
        world.until_leads(&first).await?;
    }
    ensure!(world.leases().get(LEASE).await?.metadata.uid != before, "it is another Lease");
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    ensure!(second.calls(&world).await?.is_empty(), "the standby calls AWS");
    Ok(())
}

async fn a_malformed_lease_locks_nobody_out(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::with_lease(cluster).await?;
    let latest = "9999-12-31T23:59:59.999999Z";
    for spec in [
        json!({}),
        json!({"holderIdentity": "nobody"}),
        json!({"leaseDurationSeconds": 5, "leaseTransitions": i32::MAX}),
        json!({"holderIdentity": "nobody", "leaseDurationSeconds": 1, "renewTime": latest, "acquireTime": latest}),
    ] {
        let lease = json!({"metadata": {"name": LEASE}, "spec": spec});
        // By kubectl: the dates do not fit into the types of the client.
        let mut manifest = lease.clone();
        manifest["apiVersion"] = json!("coordination.k8s.io/v1");
        manifest["kind"] = json!("Lease");
        world.kubectl_apply(&manifest.to_string()).await?.checked()?;
        let first = Replica::new(&world, "first", SHORT)?;
        let running = world.operator(&first.start)?;
        world.until_taken(&first).await.map_err(|error| format!("{spec}: {error}"))?;
        running.kill().await;
        world.kubectl(&["delete", "lease", LEASE]).await?.checked()?;
    }
    // The API server itself refuses these.
    for spec in [
        json!({"leaseDurationSeconds": 0}),
        json!({"leaseDurationSeconds": -1}),
        json!({"leaseTransitions": -1}),
    ] {
        let lease = serde_json::from_value(json!({"metadata": {"name": LEASE}, "spec": spec}))?;
        let created = world.leases().create(&PostParams::default(), &lease).await;
        ensure!(created.is_err(), "{spec} is accepted");
    }
    Ok(())
}

impl World {
    /// Like `until_leads`, for a Lease whose dates the client cannot read before.
    async fn until_taken(&self, replica: &Replica) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let shown =
                self.kubectl(&["get", "lease", LEASE, "-o", "jsonpath={.spec.holderIdentity}"]).await?;
            if shown.stdout.starts_with(replica.name) {
                return Ok(());
            }
            ensure!(tokio::time::Instant::now() < end, "never taken: {shown:?}\n{}", self.logs());
            tokio::time::sleep(POLL).await;
        }
    }
}
