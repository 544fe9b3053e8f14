//! Errors of the API server delay an object; they neither end its polls nor make the operator ask in a loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use healthomics_simulator::StoreRecord;
use sequencestore_operator::crd::SequenceStore;
use serde_json::json;

use crate::kubernetes_proxy::{Fault, KubernetesProxy};
use crate::world::{Cluster, Error, Operator, Start, World, ensure, status, tests};

tests![
    a_passing_not_found_does_not_end_the_polls_of_an_object,
    a_passing_not_found_does_not_strand_a_deletion,
    a_conflict_is_retried_on_a_freshly_read_object,
    refusals_that_last_are_retried_less_and_less_often,
    the_status_is_written_once_the_api_server_takes_it,
    an_object_that_is_gone_is_forgotten,
];

async fn with_proxy(cluster: Arc<Cluster>) -> Result<(World, KubernetesProxy, Operator), Error> {
    let world = World::new(cluster).await?;
    let proxy = KubernetesProxy::start(&world.cluster.kubeconfig).await?;
    let kubeconfig = [("KUBECONFIG", proxy.kubeconfig.display().to_string())].into();
    let operator = world.operator(&Start { environment: kubeconfig, ..Start::default() })?;
    Ok((world, proxy, operator))
}

fn refusal(code: u16, reason: &str) -> Fault {
    let text = format!("the API server answers {code}");
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": text,
        "reason": reason, "code": code});
    Fault::Answer(code, body.to_string())
}

fn writes_status(name: &str) -> impl Fn(&str) -> bool + Clone + Send + Sync + 'static {
    let path = format!("/sequencestores/{name}/status");
    move |request| request.starts_with("PATCH ") && request.contains(&path)
}

fn concerns(name: &str) -> impl Fn(&str) -> bool + Clone + Send + Sync + 'static {
    let path = format!("/sequencestores/{name}");
    move |request| {
        request.contains(&format!("{path}/"))
            || request.contains(&format!("{path}?"))
            || request.ends_with(&path)
    }
}

/// Changes the store in AWS, so that the next poll has a status to write.
async fn change(world: &World, store: &StoreRecord, text: &str) -> Result<(), Error> {
    world.aws.change_store(&store.id, json!({"description": text})).await?;
    Ok(())
}

fn shows(text: &'static str) -> impl Fn(&SequenceStore) -> bool {
    move |object| status(object).store.is_some_and(|store| store.description.as_deref() == Some(text))
}

async fn a_passing_not_found_does_not_end_the_polls_of_an_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, proxy, _operator) = with_proxy(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    // The first time only the write fails, the second time every request about the object.
    for (index, text) in ["first", "second"].into_iter().enumerate() {
        let met = proxy.requests(writes_status("a"));
        match index {
            0 => proxy.fail(refusal(404, "NotFound"), writes_status("a")),
            _ => proxy.fail(refusal(404, "NotFound"), concerns("a")),
        }
        change(&world, &store, text).await?;
        proxy.until_requests(met + 1, writes_status("a")).await?;
        proxy.heal();
        world.until("a", text, shows(text)).await?;
    }
    Ok(())
}

async fn a_passing_not_found_does_not_strand_a_deletion(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, proxy, _operator) = with_proxy(cluster).await?;
    for (name, is_everything) in [("write", false), ("everything", true)] {
        let store = world.seed().await?;
        world.adopt(name, &store).await?;
        world.until_ready(name).await?;
        let writes_finalizer = move |request: &str| {
            let path = format!("/sequencestores/{name}?");
            request.starts_with("PATCH ") && request.contains(&path)
        };
        let met = proxy.requests(writes_finalizer);
        let all = concerns(name);
        let begun = Arc::new(AtomicUsize::new(0));
        // From the write that removes the finalizer on.
        proxy.fail(refusal(404, "NotFound"), move |request| {
            begun.fetch_add(usize::from(writes_finalizer(request)), Ordering::Relaxed);
            writes_finalizer(request) || (is_everything && all(request) && begun.load(Ordering::Relaxed) > 0)
        });
        world.delete(name).await?;
        proxy.until_requests(met + 1, writes_finalizer).await?;
        proxy.heal();
        let began = Instant::now();
        world.until_gone(name).await?;
        world.ensure_gone_in_aws(&store).await?;
        // The search for overlooked objects is not what finds it.
        ensure!(began.elapsed() < Duration::from_secs(45), "{name}: stranded for {:?}", began.elapsed());
    }
    Ok(())
}

async fn an_object_that_is_gone_is_forgotten(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, proxy, _operator) = with_proxy(cluster).await?;
    let (gone, other) = (world.seed().await?, world.seed().await?);
    for (name, store) in [("gone", &gone), ("other", &other)] {
        world.adopt(name, store).await?;
        world.until_ready(name).await?;
    }
    let orphan = json!({"metadata": {"finalizers": null}, "spec": {"deletionPolicy": "Retain"}});
    world.patch("gone", orphan).await?;
    world.delete("gone").await?;
    world.until_gone("gone").await?;
    world.one_more_pass("other").await?;
    // Two more polls of the other object, and none of the one that is gone.
    let (polls, requests) = (world.gets_of(&gone).await?.len(), proxy.requests(concerns("gone")));
    world.until_more_gets(&other, 3).await?;
    ensure!(world.gets_of(&gone).await?.len() <= polls + 1, "an object that is gone is still polled");
    ensure!(proxy.requests(concerns("gone")) <= requests + 2, "an object that is gone is still asked for");
    Ok(())
}

async fn a_conflict_is_retried_on_a_freshly_read_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, proxy, _operator) = with_proxy(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    // From now on the operator's copy of the object is old.
    proxy.silence_watches();
    world.patch("a", json!({"metadata": {"labels": {"edited": "yes"}}})).await?;
    change(&world, &store, "new").await?;
    let met = proxy.requests(writes_status("a"));
    world.until("a", "the new description", shows("new")).await?;
    let tries = proxy.requests(writes_status("a")) - met;
    ensure!(tries <= 3, "{tries} writes");
    Ok(())
}

async fn refusals_that_last_are_retried_less_and_less_often(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, proxy, _operator) = with_proxy(cluster).await?;
    let mut objects = Vec::new();
    for (code, reason) in [(409, "Conflict"), (403, "Forbidden"), (422, "Invalid"), (500, "InternalError")] {
        let (name, store) = (format!("code-{code}"), world.seed().await?);
        world.adopt(&name, &store).await?;
        world.until_ready(&name).await?;
        proxy.fail(refusal(code, reason), writes_status(&name));
        objects.push((name, store));
    }
    for (_, store) in &objects {
        change(&world, store, "new").await?;
    }
    let tries = |name: &str| proxy.requests(writes_status(name));
    let met: Vec<usize> = objects.iter().map(|(name, _)| tries(name)).collect();
    let start = Instant::now();
    proxy.until_requests(met[0] + 6, writes_status(&objects[0].0)).await?;
    // At least 1, 1, 2, 4 and 8 seconds between them; a fixed wait of a second would take 5.
    let time = start.elapsed();
    ensure!(time >= Duration::from_secs(12), "{}: six tries within {time:?}", objects[0].0);
    for ((name, _), met) in objects.iter().zip(&met) {
        let count = tries(name) - met;
        let most = 4 + time.as_secs().max(1).ilog2() as usize;
        ensure!(count <= most, "{name}: {count} tries within {time:?}");
    }
    proxy.heal();
    for (name, _) in &objects {
        world.until(name, "the new description", shows("new")).await?;
    }
    Ok(())
}

async fn the_status_is_written_once_the_api_server_takes_it(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, proxy, _operator) = with_proxy(cluster).await?;
    let codes = [
        (403, "Forbidden"),
        (410, "Gone"),
        (422, "Invalid"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
    ];
    let mut objects = Vec::new();
    for (code, reason) in codes {
        let (name, store) = (format!("code-{code}"), world.seed().await?);
        world.adopt(&name, &store).await?;
        objects.push((name, store, refusal(code, reason)));
    }
    for (name, store, fault) in objects {
        world.until_ready(&name).await?;
        let (refused, writes) = (Arc::new(AtomicUsize::new(0)), writes_status(&name));
        let counted = Arc::clone(&refused);
        proxy.fail(fault, move |request| writes(request) && counted.fetch_add(1, Ordering::Relaxed) < 2);
        change(&world, &store, "new").await?;
        world.until(&name, "the new description", shows("new")).await?;
        ensure!(refused.load(Ordering::Relaxed) >= 2, "{name}: nothing was refused");
    }
    Ok(())
}
