//! A watch that is dead, refused, or about a kind that does not exist is noticed, shown by the probes, and recovers
//! without a restart.

use std::sync::Arc;

use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::{Value, json};

use crate::isolation::cluster_without_rules;
use crate::kubernetes_proxy::{Fault, KubernetesProxy, is_list_or_watch, is_watch};
use crate::world::{Cluster, Error, Operator, Start, World, closed_address, ensure, tests};

tests![
    a_list_or_a_watch_that_is_never_answered_is_given_up,
    readiness_ends_with_the_permission_to_list_and_returns_with_it,
    readiness_needs_account_bindings_that_are_known,
    a_kind_that_the_api_server_no_longer_knows_is_named_until_it_returns,
    the_operator_survives_the_deletion_of_the_crd,
    a_watch_that_is_refused_as_too_old_is_listed_again,
    a_watch_that_sends_nothing_but_errors_is_listed_again_and_named,
    a_missing_api_group_is_named_at_start,
    a_watch_that_is_not_heard_fails_the_liveness_probe,
];

struct Watched {
    world: World,
    proxy: KubernetesProxy,
    address: String,
}

impl Watched {
    async fn new(cluster: Arc<Cluster>) -> Result<Self, Error> {
        let world = World::new(cluster).await?;
        let proxy = KubernetesProxy::start(&world.cluster.kubeconfig).await?;
        let address = closed_address()?.to_string();
        Ok(Self { world, proxy, address })
    }

    fn operator(&self, flags: &[&str]) -> Result<Operator, Error> {
        let environment = [("KUBECONFIG", self.proxy.kubeconfig.display().to_string())].into();
        let flags = [&["--poll-interval=2s"], flags].concat().into_iter().map(Into::into).collect();
        self.world.operator(&Start { environment, health: self.address.clone(), flags, ..Start::default() })
    }

    /// Waits until the operator is ready and its watch has begun, which comes a moment after the list.
    async fn until_watching(&self) -> Result<(), Error> {
        self.until("/readyz", "200", "ok").await?;
        self.proxy.until_requests(1, is_watch).await
    }

    /// Waits until the probe answers with this code and a body with this text.
    async fn until(&self, path: &str, code: &str, says: &str) -> Result<(), Error> {
        self.world.until_answers(&self.address, path, code, says).await.map(drop)
    }
}

async fn a_list_or_a_watch_that_is_never_answered_is_given_up(cluster: Arc<Cluster>) -> Result<(), Error> {
    let watched = Watched::new(cluster).await?;
    let (world, proxy) = (&watched.world, &watched.proxy);
    let (first, second) = (world.seed().await?, world.seed().await?);
    proxy.fail(Fault::Swallow, is_list_or_watch);
    let _operator = watched.operator(&[])?;
    proxy.until_requests(1, is_list_or_watch).await?;
    proxy.heal();
    world.adopt("listed", &first).await?;
    world.until_ready("listed").await?;
    watched.until_watching().await?;
    // The start of a watch.
    let before = proxy.requests(is_watch);
    proxy.fail(Fault::Swallow, is_watch);
    proxy.end_watches();
    proxy.until_requests(before + 1, is_watch).await?;
    proxy.heal();
    world.adopt("watched", &second).await?;
    world.until_ready("watched").await?;
    Ok(())
}

async fn readiness_ends_with_the_permission_to_list_and_returns_with_it(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let watched = Watched::new(cluster).await?;
    let (world, proxy) = (&watched.world, &watched.proxy);
    let operator = watched.operator(&[])?;
    watched.until_watching().await?;
    proxy.fail(Fault::forbidden(), is_list_or_watch);
    proxy.end_watches();
    watched.until("/readyz", "503", &world.namespace).await?;
    watched.until("/readyz", "503", "list and watch").await?;
    // A restart would not give the permission back.
    watched.until("/healthz", "200", "").await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    proxy.heal();
    watched.until("/readyz", "200", "ok").await?;
    world.until_ready("a").await?;
    ensure!(!operator.log_text().contains("ObjectMeta"), "the log holds a dump");
    Ok(())
}

async fn readiness_needs_account_bindings_that_are_known(cluster: Arc<Cluster>) -> Result<(), Error> {
    let watched = Watched::new(cluster).await?;
    let (world, proxy) = (&watched.world, &watched.proxy);
    proxy.fail(Fault::forbidden(), |request| request.contains("/accountbindings?"));
    let _operator = watched.operator(&["--account-bindings"])?;
    watched.until("/readyz", "503", "may not list and watch AccountBindings").await?;
    watched.until("/healthz", "200", "").await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_condition("a", "Ready", "False", "BindingNotReady").await?;
    proxy.heal();
    watched.until("/readyz", "200", "ok").await?;
    world.until_ready("a").await?;
    Ok(())
}

async fn a_kind_that_the_api_server_no_longer_knows_is_named_until_it_returns(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let watched = Watched::new(cluster).await?;
    let (world, proxy) = (&watched.world, &watched.proxy);
    let _operator = watched.operator(&[])?;
    watched.until_watching().await?;
    proxy.fail(Fault::no_api_group(), |request| request.contains("/apis/healthomics.dev"));
    proxy.end_watches();
    watched.until("/readyz", "503", "CustomResourceDefinition").await?;
    watched.until("/healthz", "200", "").await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    proxy.heal();
    watched.until("/readyz", "200", "ok").await?;
    world.until_ready("a").await?;
    Ok(())
}

async fn the_operator_survives_the_deletion_of_the_crd(cluster: Arc<Cluster>) -> Result<(), Error> {
    // A cluster of its own, whose definition nobody else needs.
    let watched = Watched::new(cluster_without_rules(&cluster).await?).await?;
    let world = &watched.world;
    let (first, second) = (world.seed().await?, world.seed().await?);
    let definition = world.kubectl(&["get", "crd", "sequencestores.healthomics.dev", "-o", "json"]).await?;
    let mut definition: Value = serde_json::from_str(&definition.checked()?.stdout)?;
    definition["metadata"] = json!({"name": "sequencestores.healthomics.dev"});
    let _operator = watched.operator(&[])?;
    watched.until("/readyz", "200", "ok").await?;
    world.kubectl(&["delete", "crd", "sequencestores.healthomics.dev"]).await?.checked()?;
    watched.until("/readyz", "503", "CustomResourceDefinition").await?;
    watched.until("/healthz", "200", "").await?;
    world.kubectl_apply(&definition.to_string()).await?.checked()?;
    watched.until("/readyz", "200", "ok").await?;
    for (name, store) in [("first", &first), ("second", &second)] {
        world.adopt(name, store).await?;
        world.until_ready(name).await?;
    }
    Ok(())
}

async fn a_watch_that_is_refused_as_too_old_is_listed_again(cluster: Arc<Cluster>) -> Result<(), Error> {
    let watched = Watched::new(cluster).await?;
    let (world, proxy) = (&watched.world, &watched.proxy);
    let _operator = watched.operator(&[])?;
    watched.until_watching().await?;
    let is_list = |request: &str| is_list_or_watch(request) && !is_watch(request);
    let before = proxy.requests(is_list);
    let expired = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410,
        "message": "too old resource version"});
    proxy.fail(Fault::Answer(410, expired.to_string()), is_watch);
    proxy.end_watches();
    proxy.until_requests(before + 2, is_list).await?;
    let store = world.seed().await?;
    // The list alone finds it.
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    proxy.heal();
    watched.until("/readyz", "200", "ok").await
}

async fn a_watch_that_sends_nothing_but_errors_is_listed_again_and_named(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let watched = Watched::new(cluster).await?;
    let (world, proxy) = (&watched.world, &watched.proxy);
    let _operator = watched.operator(&[])?;
    watched.until_watching().await?;
    proxy.break_watches_off();
    let store = world.seed().await?;
    // The list alone finds it.
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    watched.until("/readyz", "503", &world.namespace).await?;
    watched.until("/healthz", "200", "").await?;
    proxy.mend_watches();
    watched.until("/readyz", "200", "ok").await
}

async fn a_missing_api_group_is_named_at_start(cluster: Arc<Cluster>) -> Result<(), Error> {
    let watched = Watched::new(cluster).await?;
    let (world, proxy) = (&watched.world, &watched.proxy);
    proxy.fail(Fault::no_api_group(), |request| request.contains("/apis/healthomics.dev"));
    let operator = watched.operator(&[])?;
    watched.until("/readyz", "503", "CustomResourceDefinition").await?;
    watched.until("/healthz", "200", "").await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    proxy.until_requests(3, |request| request.contains("/apis/healthomics.dev")).await?;
    let log = operator.log_text();
    ensure!(
        log.contains("sequencestores.healthomics.dev is not installed"),
        "the log does not say so: {log}"
    );
    ensure!(!log.contains("Failed to parse error data"), "the log holds a dump: {log}");
    let told = log.matches("is not installed").count();
    ensure!(told == 1, "the log says it {told} times");
    proxy.heal();
    world.until_ready("a").await?;
    watched.until("/readyz", "200", "ok").await
}

async fn a_watch_that_is_not_heard_fails_the_liveness_probe(cluster: Arc<Cluster>) -> Result<(), Error> {
    let watched = Watched::new(cluster).await?;
    let (world, proxy) = (&watched.world, &watched.proxy);
    let _operator = watched.operator(&["--watch-timeout=1s"])?;
    watched.until("/readyz", "200", "ok").await?;
    watched.until("/healthz", "200", "ok").await?;
    watched.until_watching().await?;
    proxy.fail(Fault::Swallow, is_list_or_watch);
    proxy.silence_watches();
    watched.until("/healthz", "500", &world.namespace).await?;
    proxy.heal();
    proxy.unsilence_watches();
    watched.until("/healthz", "200", "ok").await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    Ok(())
}
