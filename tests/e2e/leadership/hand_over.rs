//! The leader stops, dies or stands still, and the other replica goes on.

use std::sync::Arc;

use healthomics_simulator::Knobs;
use sequencestore_operator::crd::SequenceStoreSpec;

use super::{LONG, SHORT};
use crate::kubernetes_proxy::{Fault, KubernetesProxy};
use crate::world::{Cluster, Error, TIMEOUT, World, ensure, tests};

tests![
    only_the_leader_calls_aws_and_the_standby_is_ready,
    a_stopped_leader_hands_over_at_once_and_nothing_is_done_twice,
    a_killed_leader_is_followed_after_its_lease_and_nothing_is_done_twice,
    a_leader_that_wakes_up_late_changes_nothing_in_aws_and_is_a_standby,
];

async fn only_the_leader_calls_aws_and_the_standby_is_ready(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::with_lease(cluster).await?;
    let [(first, _first), (second, _second)] = world.pair(LONG).await?;
    let store = world.seed().await?;
    world.adopt("adopted", &store).await?;
    world.create("created", SequenceStoreSpec::default()).await?;
    for name in ["adopted", "created"] {
        world.until_ready(name).await?;
    }
    world.until_more_gets(&store, 2).await?;
    second.until_readiness(&world, "200", "ok").await?;
    let calls = second.calls(&world).await?;
    ensure!(calls.is_empty(), "the standby calls AWS: {calls:?}");
    world.ensure_calls_only_of(&[&first]).await
}

async fn a_stopped_leader_hands_over_at_once_and_nothing_is_done_twice(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::with_lease(cluster).await?;
    world.aws.set_knobs(&Knobs { creating_gets: 2, deleting_gets: 2, ..Knobs::default() }).await?;
    // Nobody waits for the end of this Lease: it lasts as long as a test may.
    let [(first, running), (second, _second)] = world.pair(LONG).await?;
    let doomed = world.create("doomed", SequenceStoreSpec::default()).await?;
    world.until_ready("doomed").await?;
    for number in 0..6 {
        world.create(&format!("store-{number}"), SequenceStoreSpec::default()).await?;
    }
    world.delete("doomed").await?;
    // Creations and a deletion are on their way.
    world.until_calls("CreateSequenceStore", 3).await?;
    let code = running.terminate().await?;
    ensure!(code == Some(0), "SIGTERM: {code:?}\n{}", world.logs());
    let lease = world.until_leads(&second).await?;
    ensure!(lease.lease_transitions == Some(1), "{lease:?}");
    let ended = first.calls(&world).await?.len();
    for number in 0..6 {
        world.until_ready(&format!("store-{number}")).await?;
    }
    world.until_gone("doomed").await?;
    ensure!(first.calls(&world).await?.len() == ended, "the first replica calls AWS after its end");
    world.ensure_one_store_each(7).await?;
    ensure!(world.deletes().await? == 1, "{} deletes of {:?}", world.deletes().await?, doomed.metadata.uid);
    Ok(())
}

async fn a_killed_leader_is_followed_after_its_lease_and_nothing_is_done_twice(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::with_lease(cluster).await?;
    world.aws.set_knobs(&Knobs { deleting_gets: 2, ..Knobs::default() }).await?;
    let [(_, running), (second, _second)] = world.pair(SHORT).await?;
    let (kept, gone) = (world.seed().await?, world.seed().await?);
    world.adopt("kept", &kept).await?;
    world.adopt("gone", &gone).await?;
    world.until_ready("kept").await?;
    world.until_ready("gone").await?;
    world.delete("gone").await?;
    world.until_calls("DeleteSequenceStore", 1).await?;
    running.kill().await;
    world.until_leads(&second).await?;
    world.until_gone("gone").await?;
    world.until_more_gets(&kept, 1).await?;
    ensure!(world.deletes().await? == 1, "{} deletes", world.deletes().await?);
    world.ensure_gone_in_aws(&gone).await?;
    world.ensure_there_in_aws(&kept).await
}

async fn a_leader_that_wakes_up_late_changes_nothing_in_aws_and_is_a_standby(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::with_lease(cluster).await?;
    let proxy = KubernetesProxy::start(&world.cluster.kubeconfig).await?;
    let mut first = super::Replica::new(&world, "first", SHORT)?;
    first.start.environment.insert("KUBECONFIG", proxy.kubeconfig.display().to_string());
    let running = world.operator(&first.start)?;
    world.until_leads(&first).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    // The last look before the delete is answered, and the process is stopped before it goes on.
    let is_look = |request: &str| request.starts_with("GET ") && request.ends_with("/sequencestores/a");
    let before = proxy.requests(is_look);
    proxy.fail(Fault::HoldBack, is_look);
    world.delete("a").await?;
    proxy.until_requests(before + 1, is_look).await?;
    running.signal("-STOP").await?;
    let changes = first.changes(&world).await?;
    ensure!(!changes.contains(&"DeleteSequenceStore".to_owned()), "{changes:?}");
    proxy.heal();

    let second = super::Replica::new(&world, "second", SHORT)?;
    let other = world.operator(&second.start)?;
    world.until_leads(&second).await?;
    world.until_calls("DeleteSequenceStore", 1).await?;
    let is_lease = |request: &str| request.contains("/leases/");
    let looks = proxy.requests(is_lease);
    running.signal("-CONT").await?;
    world.until_gone("a").await?;
    // It looks at the Lease once as the former leader, and then as a standby, when no pass of before runs any more.
    proxy.until_requests(looks + 3, is_lease).await?;
    ensure!(first.changes(&world).await? == changes, "woken up: {:?}", first.changes(&world).await?);
    ensure!(world.deletes().await? == 1, "{} deletes", world.deletes().await?);

    // The former leader leads again when it is its turn.
    other.kill().await;
    world.until_leads(&first).await?;
    let next = world.seed().await?;
    world.adopt("b", &next).await?;
    world.until_ready("b").await?;
    let end = tokio::time::Instant::now() + TIMEOUT;
    while first.changes(&world).await?.len() == changes.len() {
        ensure!(tokio::time::Instant::now() < end, "the store is adopted by nobody\n{}", world.logs());
        tokio::time::sleep(super::POLL).await;
    }
    Ok(())
}
