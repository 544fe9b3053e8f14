//! The Lease is the only right that leader election needs, and nothing runs without it.

use std::sync::Arc;

use kube::api::ListParams;

use super::{LONG, Replica, SHORT};
use crate::world::{Cluster, Error, SERVICE_ACCOUNT, SYSTEM_NAMESPACE, Start, World, ensure, tests};

tests![
    without_the_permission_no_pass_runs_and_readiness_names_it,
    a_leader_that_loses_the_permission_stops_and_goes_on_with_it,
    without_the_flag_there_is_no_lease,
    the_roles_of_the_chart_are_enough_and_allow_one_lease,
    the_chart_runs_several_replicas_only_with_an_election,
];

async fn without_the_permission_no_pass_runs_and_readiness_names_it(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let first = Replica::new(&world, "first", LONG)?;
    let operator = world.operator(&first.start)?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    first.until_readiness(&world, "503", "leases.coordination.k8s.io").await?;
    first.until_readiness(&world, "503", &world.namespace).await?;
    ensure!(world.aws.ledger().await?.is_empty(), "AWS is called without the Lease");
    ensure!(world.api.get("a").await?.status.is_some_and(|s| s.conditions.is_empty()), "a pass ran");
    let told = operator.log_text().matches("runs no passes").count();
    ensure!(told == 1, "the log says it {told} times\n{}", world.logs());
    world.grant().await?;
    world.until_ready("a").await?;
    first.until_readiness(&world, "200", "ok").await
}

async fn a_leader_that_loses_the_permission_stops_and_goes_on_with_it(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::with_lease(cluster).await?;
    let first = Replica::new(&world, "first", SHORT)?;
    let _operator = world.operator(&first.start)?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.kubectl(&["delete", "rolebinding", "lease"]).await?.checked()?;
    first.until_readiness(&world, "503", "leases.coordination.k8s.io").await?;
    let requested = world.reconcile_now("a").await?;
    world.grant().await?;
    let handled = |object: &sequencestore_operator::crd::SequenceStore| {
        crate::world::status(object).last_handled_reconcile_at.as_deref() == Some(&*requested)
    };
    world.until("a", "the pass that was asked for meanwhile", handled).await?;
    first.until_readiness(&world, "200", "ok").await
}

async fn without_the_flag_there_is_no_lease(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::with_lease(cluster).await?;
    let mark = world.mark();
    let _operator = world.operator(&Start::default())?;
    world.create("a", Default::default()).await?;
    world.until_ready("a").await?;
    let leases = world.leases().list(&ListParams::default()).await?.items;
    ensure!(leases.is_empty(), "{leases:?}");
    let writes = world.operator_writes(&mark);
    ensure!(!writes.is_empty() && !writes.keys().any(|(_, resource)| resource == "leases"), "{writes:?}");
    Ok(())
}

async fn the_roles_of_the_chart_are_enough_and_allow_one_lease(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let flags = vec![
        "--poll-interval=2s".into(),
        "--leader-elect".into(),
        format!("--leader-election-lease-name={SERVICE_ACCOUNT}"),
    ];
    // As in a Pod of the chart.
    let environment = [("POD_NAMESPACE", SYSTEM_NAMESPACE.to_owned())].into();
    let operator = world.operator(&Start { flags, environment, ..Start::default() })?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    ensure!(operator.terminate().await? == Some(0), "{}", world.logs());
    let user = format!("--as=system:serviceaccount:{SYSTEM_NAMESPACE}:{SERVICE_ACCOUNT}");
    let the_lease = format!("leases/{SERVICE_ACCOUNT}");
    let ask = async |verb: &str, lease: &str, namespace: &str| -> Result<bool, Error> {
        let lease = lease.replace("leases", "leases.coordination.k8s.io");
        let answer =
            world.cluster.plane.kubectl(&["auth", "can-i", verb, &lease, &user, "-n", namespace]).await?;
        Ok(answer.stdout.trim() == "yes")
    };
    for (verb, lease, allowed) in [
        ("create", "leases", true),
        ("get", the_lease.as_str(), true),
        ("update", the_lease.as_str(), true),
        ("patch", the_lease.as_str(), false),
        ("delete", the_lease.as_str(), false),
        ("get", "leases/other", false),
        ("update", "leases/other", false),
        ("list", "leases", false),
        ("watch", "leases", false),
    ] {
        ensure!(ask(verb, lease, SYSTEM_NAMESPACE).await? == allowed, "{verb} {lease}: not {allowed}");
    }
    ensure!(!ask("create", "leases", "default").await?, "Leases in another namespace");
    Ok(())
}

async fn the_chart_runs_several_replicas_only_with_an_election(cluster: Arc<Cluster>) -> Result<(), Error> {
    let two = cluster.rendered(&[]).await?.checked()?.stdout;
    for part in [
        "replicas: 2",
        "type: RollingUpdate",
        "--leader-elect",
        "--leader-election-lease-name=a-",
        "POD_NAMESPACE",
    ] {
        ensure!(two.contains(part), "{part} is missing");
    }
    let refused = cluster.rendered(&["leaderElection.enabled=false"]).await?;
    ensure!(!refused.success() && refused.stderr.contains("requires leaderElection.enabled"), "{refused:?}");
    let one = cluster.rendered(&["leaderElection.enabled=false", "replicas=1"]).await?.checked()?.stdout;
    ensure!(
        one.contains("type: Recreate") && !one.contains("leader-elect") && !one.contains("leases"),
        "{one}"
    );
    Ok(())
}
