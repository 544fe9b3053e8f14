//! Which namespaces the operator watches, and what it does where it may not list one of them.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use healthomics_simulator::{Fault as AwsFault, FaultAction, StoreRecord};
use kube::api::{Api, PostParams};
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use tokio::process::Command;

use crate::cli_runner::run_to_end;
use crate::kubernetes_proxy::{Fault, KubernetesProxy, is_list_or_watch, is_watch};
use crate::missing_permissions::deny;
use crate::world::{
    ACCOUNT, Cluster, Error, Operator, Start, TIMEOUT, World, closed_address, condition, ensure, message,
    spec_for, status, tests,
};

tests![
    a_namespace_that_may_not_be_listed_holds_up_only_claims_and_deletions,
    a_namespace_that_may_be_listed_but_not_watched_costs_no_polls,
    an_older_object_in_a_namespace_that_could_not_be_listed_keeps_its_store,
    an_empty_or_malformed_namespace_is_refused,
    an_environment_variable_that_is_set_to_nothing_counts_as_unset,
    a_namespace_given_twice_is_watched_once,
    a_namespace_that_does_not_exist_is_mentioned,
    on_sigterm_only_passes_that_have_begun_are_finished,
];

/// Starts an operator that reaches the API server through the proxy and watches a second namespace.
fn operator_of_both(world: &World, proxy: &KubernetesProxy, second: &str) -> Result<Operator, Error> {
    let environment = [("KUBECONFIG", proxy.kubeconfig.display().to_string())].into();
    let flags = vec!["--poll-interval=1h".into(), format!("--watch-namespace={second}")];
    world.operator(&Start { environment, flags, ..Start::default() })
}

/// Makes an object that manages a store whose owner tags AWS lets nobody write.
async fn managed_without_owner_tags(world: &World, name: &str, store: &StoreRecord) -> Result<(), Error> {
    deny(world, "TagResource").await?;
    let operator = world.operator(&Start::default())?;
    world.adopt(name, store).await?;
    let is_managed = |object: &SequenceStore| status(object).managed_store_id.as_ref() == Some(&store.id);
    world.until(name, "managed", is_managed).await?;
    operator.kill().await;
    world.aws.allow_actions(ACCOUNT, None).await?;
    Ok(())
}

async fn a_namespace_that_may_not_be_listed_holds_up_only_claims_and_deletions(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let proxy = KubernetesProxy::start(&world.cluster.kubeconfig).await?;
    let closed = world.another_namespace().await?;
    let path = format!("/namespaces/{closed}/");
    proxy.fail(Fault::forbidden(), move |request| is_list_or_watch(request) && request.contains(&path));
    let (claimed, deleted, polled) = (world.seed().await?, world.seed().await?, world.seed().await?);
    managed_without_owner_tags(&world, "deleted", &deleted).await?;
    world.adopt("claimed", &claimed).await?;
    let poller = SequenceStoreSpec { poll_interval: Some("10s".into()), ..spec_for(&polled) };
    world.create("poller", poller).await?;
    let _operator = operator_of_both(&world, &proxy, &closed)?;

    // They are mirrored, and say what waits for what.
    let waits = |object: &SequenceStore| {
        status(object).store.is_some() && message(object, "Synced").contains(&closed)
    };
    for name in ["claimed", "deleted", "poller"] {
        let object = world.until(name, "mirrored, and waiting for the list", waits).await?;
        ensure!(
            condition(&object, "Ready").is_some_and(|ready| ready.status == "True"),
            "{:?}",
            object.status
        );
    }
    world.delete("deleted").await?;
    world
        .until("deleted", "a deletion that waits", |object| message(object, "Ready").contains(&closed))
        .await?;
    world.ensure_no_store_changed().await?;
    let polls = world.gets_of(&claimed).await?.len();
    let of_others = world.gets_of(&polled).await?.len();
    let end = tokio::time::Instant::now() + TIMEOUT;
    while world.gets_of(&polled).await?.len() < of_others + 2 {
        ensure!(tokio::time::Instant::now() < end, "nothing is polled\n{}", world.logs());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let more = world.gets_of(&claimed).await?.len() - polls;
    ensure!(more == 0, "{more} polls, although the next is due in an hour");

    proxy.heal();
    world.until_condition("claimed", "Synced", "True", "InSync").await?;
    world.until_gone("deleted").await?;
    world.ensure_gone_in_aws(&deleted).await
}

async fn a_namespace_that_may_be_listed_but_not_watched_costs_no_polls(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let proxy = KubernetesProxy::start(&world.cluster.kubeconfig).await?;
    let closed = world.another_namespace().await?;
    let path = format!("/namespaces/{closed}/");
    let is_of_closed = move |request: &str| is_list_or_watch(request) && request.contains(&path);
    let may_list = Arc::new(AtomicBool::new(false));
    let (is_refused, is_allowed) = (is_of_closed.clone(), Arc::clone(&may_list));
    proxy.fail(Fault::forbidden(), move |request| {
        is_refused(request) && (is_watch(request) || !is_allowed.load(Ordering::Relaxed))
    });
    let store = world.seed().await?;
    world.adopt("claimed", &store).await?;
    let _operator = operator_of_both(&world, &proxy, &closed)?;
    world.until_condition("claimed", "Synced", "False", "ObjectsNotListed").await?;
    let polls = world.gets_of(&store).await?.len();
    may_list.store(true, Ordering::Relaxed);
    proxy.until_requests(3, |request| is_of_closed(request) && is_watch(request)).await?;
    let more = world.gets_of(&store).await?.len() - polls;
    ensure!(more == 0, "{more} polls, although the next is due in an hour");
    world.ensure_no_store_changed().await?;
    proxy.heal();
    world.until_condition("claimed", "Synced", "True", "InSync").await?;
    Ok(())
}

async fn an_older_object_in_a_namespace_that_could_not_be_listed_keeps_its_store(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let proxy = KubernetesProxy::start(&world.cluster.kubeconfig).await?;
    let closed = world.another_namespace().await?;
    let path = format!("/namespaces/{closed}/");
    proxy.fail(Fault::forbidden(), move |request| is_list_or_watch(request) && request.contains(&path));
    let (kept, deleted) = (world.seed().await?, world.seed().await?);
    let older: Api<SequenceStore> = Api::namespaced(world.client.clone(), &closed);
    let mut made = 0;
    for (name, store) in [("kept", &kept), ("deleted", &deleted)] {
        let object = SequenceStore::new(name, spec_for(store));
        let object = older.create(&PostParams::default(), &object).await?;
        made = object.metadata.creation_timestamp.ok_or("no creation time")?.0.as_second();
    }
    // Creation times have whole seconds.
    while jiff::Timestamp::now().as_second() <= made {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    world.adopt("kept", &kept).await?;
    world.adopt("deleted", &deleted).await?;
    let _operator = operator_of_both(&world, &proxy, &closed)?;
    for name in ["kept", "deleted"] {
        world.until_condition(name, "Synced", "False", "ObjectsNotListed").await?;
    }
    // This object never managed the store that it names, so nothing waits, and the store stays.
    world.delete("deleted").await?;
    world.until_gone("deleted").await?;
    proxy.heal();
    // The younger object loses.
    world.until_condition("kept", "Ready", "False", "OwnershipConflict").await?;
    world.ensure_there_in_aws(&deleted).await?;
    world.ensure_there_in_aws(&kept).await?;
    let uid = older.get("kept").await?.metadata.uid;
    let end = tokio::time::Instant::now() + TIMEOUT;
    while world.aws.store(&kept.id).await?.and_then(|s| s.tags.get("healthomics.dev/uid").cloned()) != uid {
        ensure!(
            tokio::time::Instant::now() < end,
            "the older object does not claim its store\n{}",
            world.logs()
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn run(
    cluster: &Cluster,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<crate::cli_runner::Output, Error> {
    let mut command = Command::new(&cluster.binary);
    // The port is in use, so that the operator ends in any case.
    command.args(["run"]).args(arguments).env_clear().env("KUBECONFIG", &cluster.kubeconfig);
    command.envs(environment.iter().copied());
    run_to_end(&mut command, "").await
}

/// Arguments, environment variables, and what the error says.
type Mistake<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);

async fn an_empty_or_malformed_namespace_is_refused(cluster: Arc<Cluster>) -> Result<(), Error> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = format!("--health-probe-bind-address={}", taken.local_addr()?);
    let variable = "SEQSTORE_WATCH_NAMESPACE";
    let table: [Mistake; 9] = [
        (&["--watch-namespace="], &[], "all namespaces"),
        (&["--watch-namespace", ""], &[], "all namespaces"),
        (&["--watch-namespace=lab,"], &[], "empty"),
        (&["--watch-namespace=,lab"], &[], "empty"),
        (&["--watch-namespace=lab", "--watch-namespace="], &[], "empty"),
        (&["--watch-namespace=Lab_"], &[], "lower-case"),
        (&["--watch-namespace=-lab"], &[], "hyphen"),
        (&[], &[(variable, "lab,")], "empty"),
        (&[], &[(variable, "Lab_")], "lower-case"),
    ];
    for (arguments, environment, says) in table {
        let arguments = [arguments, &["--cluster-name=e2e", port.as_str()]].concat();
        let output = run(&cluster, &arguments, environment).await?;
        output.ensure_mistake(says)?;
        ensure!(output.stderr.contains("--watch-namespace"), "the flag is not named: {output:?}");
    }
    Ok(())
}

async fn an_environment_variable_that_is_set_to_nothing_counts_as_unset(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = format!("--health-probe-bind-address={}", taken.local_addr()?);
    let unset: Vec<(&str, &str)> = [
        "SEQSTORE_REGION",
        "SEQSTORE_CLUSTER_NAME",
        "SEQSTORE_WATCH_NAMESPACE",
        "SEQSTORE_POLL_INTERVAL",
        "SEQSTORE_CREATE_GRACE",
        "SEQSTORE_CONCURRENCY",
        "SEQSTORE_LOG_FORMAT",
        "SEQSTORE_LOG_LEVEL",
        "SEQSTORE_HEALTH_PROBE_BIND_ADDRESS",
        "SEQSTORE_METRICS_BIND_ADDRESS",
        "SEQSTORE_METRICS_PER_OBJECT",
    ]
    .map(|name| (name, ""))
    .into();
    let output = run(&cluster, &[&port], &unset).await?;
    // It gets as far as the port that is in use.
    ensure!(output.stderr.contains("cannot listen on"), "{output:?}");
    Ok(())
}

async fn a_namespace_given_twice_is_watched_once(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let proxy = KubernetesProxy::start(&world.cluster.kubeconfig).await?;
    let environment = [("KUBECONFIG", proxy.kubeconfig.display().to_string())].into();
    let again = format!("--watch-namespace={}", world.namespace);
    let flags = vec!["--poll-interval=2s".into(), again];
    let _operator = world.operator(&Start { environment, flags, ..Start::default() })?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.until_calls("GetSequenceStore", 4).await?;
    let watches = proxy.requests(is_watch);
    ensure!(watches == 1, "{watches} watches of one namespace");
    Ok(())
}

async fn a_namespace_that_does_not_exist_is_mentioned(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let address = closed_address()?.to_string();
    // A user who may read namespaces: where the operator may not, it cannot know.
    let admin = world.cluster.plane.kubeconfig().display().to_string();
    let flags = vec!["--poll-interval=2s".into(), "--watch-namespace=no-such-namespace".into()];
    let start = Start {
        environment: BTreeMap::from([("KUBECONFIG", admin)]),
        health: address.clone(),
        flags,
        ..Start::default()
    };
    let operator = world.operator(&start)?;
    let body = world.until_answers(&address, "/readyz", "200", "").await?;
    ensure!(body.contains("no-such-namespace"), "/readyz does not mention it: {body}");
    let log = operator.log_text();
    let told = log.lines().filter(|line| line.contains("WARN") && line.contains("no-such-namespace")).count();
    ensure!(told == 1, "{told} warnings: {log}");
    Ok(())
}

async fn on_sigterm_only_passes_that_have_begun_are_finished(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let others = [world.another_namespace().await?, world.another_namespace().await?];
    let slow = AwsFault::always("GetSequenceStore", FaultAction::Delay { ms: 2000 });
    world.aws.script_fault(&slow).await?;
    for namespace in others.iter().chain([&world.namespace]) {
        let api: Api<SequenceStore> = Api::namespaced(world.client.clone(), namespace);
        for number in 0..10 {
            let store = world.seed().await?;
            let object = SequenceStore::new(&format!("a-{number}"), spec_for(&store));
            api.create(&PostParams::default(), &object).await?;
        }
    }
    let mut flags = vec!["--poll-interval=1h".into(), "--concurrency=2".into()];
    flags.extend(others.iter().map(|namespace| format!("--watch-namespace={namespace}")));
    let operator = world.operator(&Start { flags, ..Start::default() })?;
    let begun = world.until_calls("GetSequenceStore", 2).await?.len();
    let code = operator.terminate().await?;
    ensure!(code == Some(0), "exits with {code:?}");
    let begun_later = world.calls("GetSequenceStore").await?.len() - begun;
    ensure!(begun_later <= 2, "{begun_later} passes began after SIGTERM\n{}", world.logs());
    Ok(())
}
