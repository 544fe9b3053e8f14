//! Objects that cannot be decoded, or are very large, harm no other object, and the log holds nothing of their content.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use serde_json::{Value, json};

use crate::assertions::has_finalizer;
use crate::cli_runner::CliUser;
use crate::isolation::cluster_without_rules;
use crate::world::{Cluster, Error, Start, TIMEOUT, World, ensure, message, tests};

tests![
    an_object_nested_too_deep_stops_no_other_object,
    an_object_nested_too_deep_and_being_deleted_keeps_its_finalizer,
    an_older_object_that_cannot_be_decoded_keeps_its_store,
    no_policy_text_is_in_the_log_at_any_level,
    forty_objects_of_the_largest_size_fit_into_the_memory_of_the_pod,
];

/// Stands in policies, and must not stand in the log.
const MARKER: &str = "MarkerOfThePolicy";

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(MARKER), |inner, _| json!([inner]))
}

fn manifest(name: &str, store_id: &str, principal: &Value, finalizers: &[&str]) -> Value {
    let statement =
        json!({"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "*"});
    json!({
        "apiVersion": "healthomics.dev/v1alpha1", "kind": "SequenceStore",
        "metadata": {"name": name, "finalizers": finalizers},
        "spec": {"sequenceStoreId": store_id, "s3AccessPolicy": {"Version": "2012-10-17", "Statement": [statement]}},
    })
}

fn trace() -> Start {
    Start { flags: vec!["--poll-interval=2s".into(), "--log-level=trace".into()], ..Start::default() }
}

fn ensure_unmarked(log: &str) -> Result<(), Error> {
    let line = log.lines().find(|line| line.contains(MARKER));
    ensure!(line.is_none(), "the log holds text of a policy: {:.600}", line.unwrap_or_default());
    Ok(())
}

async fn an_object_nested_too_deep_stops_no_other_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (first, second) = (world.seed().await?, world.seed().await?);
    let deep = |name: &str| manifest(name, "1111111111", &nested(130), &[]).to_string();
    world.kubectl(&["get", "seqstore"]).await?.checked()?;
    world.kubectl_apply(&deep("deep")).await?.checked()?;
    world.adopt("before", &first).await?;
    let operator = world.operator(&trace())?;
    world.until_ready("before").await?;
    // One in the first list, and one in the watch.
    let note = world.until_event("deep", "NotUnderstood").await?;
    ensure!(note.contains("nested"), "the Event does not say why: {note}");
    world.kubectl_apply(&deep("deep-too")).await?.checked()?;
    world.until_event("deep-too", "NotUnderstood").await?;
    world.adopt("after", &second).await?;
    world.until_ready("after").await?;
    ensure_unmarked(&operator.log_text())?;
    // Nor does it stop the commands.
    let admin = CliUser::admin(&world);
    let plan = world.run(&admin, &["plan", &format!("{}/after", world.namespace)]).await?;
    ensure!(matches!(plan.code, Some(0 | 1)) && plan.stdout.contains("after"), "{plan:?}");
    let plan = world.run(&admin, &["plan", &format!("{}/deep", world.namespace)]).await?;
    plan.ensure_mistake("nested more than")?;
    ensure!(!plan.stderr.contains(MARKER), "{plan:?}");
    world.kubectl(&["delete", "seqstore", "deep", "deep-too"]).await?.checked()?;
    Ok(())
}

async fn an_object_nested_too_deep_and_being_deleted_keeps_its_finalizer(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    let deep = manifest("deep", &store.id, &nested(130), &["healthomics.dev/sequencestore"]);
    world.kubectl_apply(&deep.to_string()).await?.checked()?;
    world.kubectl(&["delete", "seqstore", "deep", "--wait=false"]).await?.checked()?;
    let _operator = world.operator(&Start::default())?;
    world.until_event("deep", "NotUnderstood").await?;
    // Passes of another object come and go after it.
    let other = world.seed().await?;
    world.adopt("other", &other).await?;
    world.until_ready("other").await?;
    let api: Api<k8s_openapi::api::events::v1::Event> =
        Api::namespaced(world.client.clone(), &world.namespace);
    let events: Vec<Event> = api.list(&Default::default()).await?.items;
    ensure!(events.iter().any(|event| event.reason.as_deref() == Some("NotUnderstood")), "no Event");
    let typed: Api<kube::core::PartialObjectMeta<sequencestore_operator::crd::SequenceStore>> =
        Api::namespaced(world.client.clone(), &world.namespace);
    let metadata = typed.get_metadata("deep").await?.metadata;
    ensure!(metadata.deletion_timestamp.is_some(), "the object is not being deleted");
    ensure!(metadata.finalizers.is_some_and(|all| !all.is_empty()), "the finalizer is gone");
    world.ensure_there_in_aws(&store).await?;
    // Once the object is corrected, it is deleted with the rules of every other object.
    let corrected = json!([{"op": "remove", "path": "/spec/s3AccessPolicy"}]).to_string();
    world.kubectl(&["patch", "seqstore", "deep", "--type=json", "--patch", &corrected]).await?.checked()?;
    world.until_gone("deep").await?;
    ensure!(has_finalizer(&world.api.get("other").await?), "the other object has lost its finalizer");
    Ok(())
}

async fn an_older_object_that_cannot_be_decoded_keeps_its_store(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    world.kubectl_apply(&manifest("older", &store.id, &nested(130), &[]).to_string()).await?.checked()?;
    // Creation times have whole seconds.
    let made = jiff::Timestamp::now().as_second() + 1;
    while jiff::Timestamp::now().as_second() <= made {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    world.adopt("younger", &store).await?;
    let _operator = world.operator(&Start::default())?;
    let object = world.until_condition("younger", "Ready", "False", "OwnershipConflict").await?;
    ensure!(message(&object, "Ready").contains("older"), "{:?}", object.status);
    world.delete("younger").await?;
    world.until_gone("younger").await?;
    world.ensure_there_in_aws(&store).await?;
    world.ensure_no_store_changed().await
}

async fn no_policy_text_is_in_the_log_at_any_level(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    let operator = world.operator(&trace())?;
    let mut written = manifest("a", &store.id, &json!("*"), &[]);
    written["spec"]["s3AccessPolicy"]["Statement"][0]["Sid"] = json!(MARKER);
    written["spec"]["s3AccessPolicy"]["Statement"][0]["Resource"] =
        json!(store.s3_access.s3_access_point_arn);
    // AWS refuses the policy, and quotes it.
    let quoted = FaultAction::Error {
        code: "ValidationException".into(),
        status: None,
        message: Some(format!("invalid statement {MARKER}")),
        retry_after_ms: None,
    };
    world.aws.script_fault(&Fault::once("PutS3AccessPolicy", quoted)).await?;
    world.kubectl_apply(&written.to_string()).await?.checked()?;
    let object = world.until_condition("a", "Ready", "False", "InvalidSpec").await?;
    ensure!(
        message(&object, "Ready").contains(MARKER),
        "its reader is not told AWS's words: {:?}",
        object.status
    );
    // AWS takes it, and shows it.
    world.reconcile_now("a").await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    world.reconcile_now("a").await?;
    world.until_calls("GetS3AccessPolicy", 2).await?;
    world.delete("a").await?;
    world.until_gone("a").await?;
    let log = operator.log_text();
    ensure!(log.contains(" TRACE "), "the log is not at trace");
    ensure_unmarked(&log)
}

async fn forty_objects_of_the_largest_size_fit_into_the_memory_of_the_pod(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    // A cluster of its own: the others would read these objects too.
    let world = World::new(cluster_without_rules(&cluster).await?).await?;
    let store = world.seed().await?;
    let resource = format!("/apis/healthomics.dev/v1alpha1/namespaces/{}/sequencestores", world.namespace);
    for number in 0..40 {
        let large = manifest(&format!("large-{number:02}"), "1111111111", &json!("x".repeat(1_400_000)), &[]);
        let request = axum::http::Request::post(&resource)
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&large)?)?;
        world.client.request::<Value>(request).await?;
    }
    // The last page.
    world.adopt("small", &store).await?;
    let operator = world.operator(&Start::default())?;
    let pid = operator.child.id().ok_or("the operator has ended")?;
    world.until_ready("small").await?;
    let end = tokio::time::Instant::now() + TIMEOUT;
    loop {
        let events: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
        let events = events.list(&Default::default()).await?.items;
        let told = events.iter().filter(|event| event.reason.as_deref() == Some("NotUnderstood")).count();
        if told >= 40 {
            break;
        }
        ensure!(tokio::time::Instant::now() < end, "only {told} Events\n{}", world.logs());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kilobytes: usize = peak.trim().trim_end_matches(" kB").parse()?;
    println!("peak memory with 40 objects of 1.4 MB: {} MiB", kilobytes / 1024);
    ensure!(kilobytes < 160 * 1024, "the peak is {} MiB, and the Pod may have 256", kilobytes / 1024);
    Ok(())
}
