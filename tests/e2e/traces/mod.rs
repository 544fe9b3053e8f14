//! Traces: a span for each pass and each request to AWS, sent to a collector if one is named, which delays nothing.

pub mod collector;

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction};
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;
use tokio::net::TcpListener;

use crate::process::put_level;
use crate::world::{
    Cluster, Error, Operator, Start, TIMEOUT, World, closed_address, ensure, spec_for, tests,
};
use collector::{Collector, Span, named};

tests![
    each_request_to_aws_is_a_span_with_the_id_that_aws_gave_it,
    a_request_is_a_child_of_the_pass_that_sent_it,
    an_error_of_aws_has_its_code_and_request_id_in_its_span,
    the_end_of_the_process_sends_the_last_spans,
    the_level_of_the_log_does_not_decide_which_spans_are_sent,
    no_span_holds_anything_of_a_spec,
    without_a_collector_nothing_collects_spans,
    a_collector_that_hangs_or_is_down_delays_neither_passes_nor_the_end,
    wrong_settings_of_traces_do_not_keep_the_operator_from_its_work,
];

/// Creates an object whose store does not exist yet, lets the operator run until it is ready, and ends the operator.
async fn created(cluster: Arc<Cluster>, more: &[(&'static str, &str)]) -> Result<(World, Collector), Error> {
    let (world, collector) = (World::new(cluster).await?, Collector::start().await?);
    let operator = world.operator(&collector.named(more))?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_ready("a").await?;
    // The operator asks who it is beside its work.
    world.until_calls("sts:GetCallerIdentity", 1).await?;
    let code = operator.terminate().await?;
    ensure!(code == Some(0), "SIGTERM: {code:?}\n{}", world.logs());
    Ok((world, collector))
}

/// Operation and request id of each, sorted.
fn requests(spans: &[Span]) -> Vec<(String, String)> {
    let requests = spans.iter().filter(|span| span.is_request());
    let mut all: Vec<_> = requests
        .map(|span| (span.get("rpc.method").to_owned(), span.get("aws.request_id").to_owned()))
        .collect();
    all.sort();
    all
}

async fn each_request_to_aws_is_a_span_with_the_id_that_aws_gave_it(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, collector) = created(cluster, &[]).await?;
    let spans = collector.spans()?;
    let ledger = world.aws.ledger().await?.into_iter();
    let name = |operation: &str| operation.trim_start_matches("sts:").to_owned();
    let mut expected: Vec<_> = ledger.map(|entry| (name(&entry.operation), entry.request_id)).collect();
    expected.sort();
    ensure!(expected.iter().any(|(operation, _)| operation == "CreateSequenceStore"), "{expected:?}");
    ensure!(requests(&spans) == expected, "sent {expected:#?}\nspans {:#?}", requests(&spans));
    for span in spans.iter().filter(|span| span.is_request()) {
        ensure!(span.name == format!("{}.{}", span.get("rpc.service"), span.get("rpc.method")), "{span:?}");
        let of_aws = span.get("rpc.system") == "aws-api" && span.get("cloud.region") == crate::world::REGION;
        ensure!(of_aws && span.get("attempt") == "1", "{span:?}");
    }
    Ok(())
}

async fn a_request_is_a_child_of_the_pass_that_sent_it(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, collector) =
        created(cluster, &[("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")]).await?;
    let (object, spans) = (world.api.get("a").await?, collector.spans()?);
    let passes: Vec<&Span> = spans.iter().filter(|span| span.name == "pass").collect();
    let mut children = 0;
    for request in spans.iter().filter(|span| span.is_request() && span.get("rpc.service") == "Omics") {
        let pass = passes.iter().find(|pass| pass.id == request.parent && pass.trace == request.trace);
        ensure!(pass.is_some(), "{request:?} is in none of {passes:?}");
        children += 1;
    }
    ensure!(children >= 3, "{spans:#?}");
    for pass in passes {
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        for (attribute, value) in [
            ("kind", "SequenceStore"),
            ("namespace", &world.namespace),
            ("name", "a"),
            ("uid", uid),
            ("generation", "1"),
            ("result", "requeue_after"),
        ] {
            ensure!(pass.get(attribute) == value, "{attribute} is not {value}: {pass:?}");
        }
        ensure!(pass.parent.is_empty() && pass.status == 0 && pass.events == 0, "{pass:?}");
        for (attribute, value) in [
            ("service.name", "sequencestore-operator"),
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("deployment.environment.name", "test"),
        ] {
            let found = pass.resource.get(attribute).map(String::as_str);
            ensure!(found == Some(value), "{attribute}: {:?}", pass.resource);
        }
    }
    Ok(())
}

async fn an_error_of_aws_has_its_code_and_request_id_in_its_span(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, collector) = (World::new(cluster).await?, Collector::start().await?);
    let store = world.seed().await?;
    world
        .aws
        .script_fault(&Fault::once("ListTagsForResource", FaultAction::error("ThrottlingException")))
        .await?;
    let _operator = world.operator(&collector.named(&[("OTEL_SERVICE_NAME", "stores")]))?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let never = SequenceStoreSpec { sequence_store_id: Some("9876543210".into()), ..Default::default() };
    world.create("never", never).await?;
    world.until_condition("never", "Ready", "False", "StoreNotFound").await?;
    world
        .aws
        .script_fault(&Fault::always("GetSequenceStore", FaultAction::error("AccessDeniedException")))
        .await?;
    world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    let ledger = world.aws.ledger().await?;
    for (operation, code, class, attempt) in [
        ("GetSequenceStore", "AccessDeniedException", "denied", "1"),
        ("ListTagsForResource", "ThrottlingException", "throttled", "1"),
        ("ListTagsForResource", "", "", "2"),
    ] {
        let is_wanted = |span: &Span| {
            let found = ["rpc.method", "error.type", "class", "attempt"].map(|name| span.get(name));
            found == [operation, code, class, attempt]
        };
        let span = collector.until(&format!("of {operation} with {code}"), is_wanted).await?;
        let id = span.get("aws.request_id");
        let entry = ledger.iter().find(|entry| entry.request_id == id);
        let is_that = entry.is_some_and(|entry| {
            entry.operation == operation && entry.error.as_deref().unwrap_or_default() == code
        });
        ensure!(is_that, "{span:?} is {entry:?} in the ledger");
        ensure!(span.status == if code.is_empty() { 0 } else { 2 }, "{span:?}");
        ensure!(span.resource.get("service.name").is_some_and(|name| name == "stores"), "{span:?}");
    }
    let failed = collector.until("of a failed pass", |span| span.name == "pass" && span.status == 2).await?;
    let found = ["result", "error.type"].map(|name| failed.get(name));
    ensure!(found == ["error", "denied"], "{failed:?}");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/monitoring.md"))?;
    for attribute in collector.spans()?.iter().flat_map(|span| span.attributes.keys()) {
        ensure!(page.contains(&format!("`{attribute}`")), "docs/monitoring.md does not name {attribute}");
    }
    // That a store does not exist is an answer.
    let missing = |span: &Span| span.get("error.type") == "ResourceNotFoundException";
    let missing = collector.until("of a store that does not exist", missing).await?;
    ensure!(missing.get("class") == "not_found" && missing.status == 0, "{missing:?}");
    Ok(())
}

async fn the_end_of_the_process_sends_the_last_spans(cluster: Arc<Cluster>) -> Result<(), Error> {
    let hour =
        [("OTEL_BSP_SCHEDULE_DELAY", "3600000"), ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20a")];
    let (_world, collector) = created(cluster, &hour).await?;
    let sent = collector.sent();
    let [sent] = &sent[..] else { return Err(format!("{} requests", sent.len()).into()) };
    let header = |name| sent.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ensure!(sent.path == "/v1/traces" && header("content-type") == "application/x-protobuf", "{}", sent.path);
    ensure!(header("authorization") == "Basic a", "{:?}", sent.headers);
    Ok(())
}

async fn the_level_of_the_log_does_not_decide_which_spans_are_sent(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, collector) = (World::new(cluster).await?, Collector::start().await?);
    let health = closed_address()?.to_string();
    let start = collector.named(&[("SEQSTORE_LOG_LEVEL", "off")]);
    let operator = world.operator(&Start { health: health.clone(), ..start })?;
    for (name, level) in
        [("at-off", "debug"), ("at-debug", "error"), ("at-error", "trace"), ("at-trace", "off")]
    {
        world.adopt(name, &world.seed().await?).await?;
        world.until_ready(name).await?;
        let pass = collector.until(name, |span| span.name == "pass" && span.get("name") == name).await?;
        collector.until("of its requests", |span| span.is_request() && span.parent == pass.id).await?;
        let is_silent = operator.log_text().is_empty();
        ensure!(is_silent == (name == "at-off"), "the log at {name} is: {}", operator.log_text());
        put_level(&health, level).await?;
    }
    let log = operator.log_text();
    ensure!(
        log.contains(" TRACE ") && !log.contains("otel.name=Omics"),
        "the log is not at trace, or has spans for collectors"
    );
    Ok(())
}

async fn no_span_holds_anything_of_a_spec(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, collector) = (World::new(cluster).await?, Collector::start().await?);
    let _operator = world.operator(&collector.named(&[("SEQSTORE_LOG_LEVEL", "trace")]))?;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/canary-principal"},
        "Action": "s3:GetObject", "Resource": "*",
    }]});
    let spec = |store: &healthomics_simulator::StoreRecord| SequenceStoreSpec {
        s3_access_policy: policy.as_object().cloned(),
        tags: Some([("canary-key".to_owned(), "canary-value".to_owned())].into()),
        description: Some("canary-description".into()),
        ..spec_for(store)
    };
    world.create("accepted", spec(&world.seed().await?)).await?;
    world.until_ready("accepted").await?;
    // AWS quotes what it rejects.
    let quoting = FaultAction::Error {
        code: "ValidationException".into(),
        status: None,
        message: Some(format!("Invalid principal in policy: {policy}")),
        retry_after_ms: None,
    };
    world.aws.script_fault(&Fault::always("PutS3AccessPolicy", quoting)).await?;
    world.create("rejected", spec(&world.seed().await?)).await?;
    let rejected = |span: &Span| span.get("error.type") == "ValidationException";
    let span = collector.until("of the rejected policy", rejected).await?;
    collector.until("of its pass", |pass| pass.id == span.parent && pass.get("name") == "rejected").await?;
    for sent in collector.sent() {
        let text = String::from_utf8_lossy(&sent.body);
        ensure!(!text.contains("canary"), "{text}");
    }
    ensure!(collector.spans()?.iter().all(|span| span.events == 0), "a span has events");
    Ok(())
}

/// The threads that send spans.
fn threads(operator: &Operator) -> Result<usize, Error> {
    let pid = operator.child.id().ok_or("the operator has ended")?;
    let mut found = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let name = std::fs::read_to_string(task?.path().join("comm")).unwrap_or_default();
        found += usize::from(name.starts_with("OpenTelemetry"));
    }
    Ok(found)
}

async fn without_a_collector_nothing_collects_spans(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, collector) = (World::new(cluster).await?, Collector::start().await?);
    for (name, start) in [("a", Start::default()), ("b", collector.named(&[("OTEL_SDK_DISABLED", "true")]))] {
        let operator = world.operator(&start)?;
        world.adopt(name, &world.seed().await?).await?;
        world.until_ready(name).await?;
        ensure!(threads(&operator)? == 0, "a thread waits for spans: {start:?}");
        operator.terminate().await?;
    }
    // Traces are on, and none is sampled.
    let operator = world.operator(&collector.named(&[("OTEL_TRACES_SAMPLER", "always_off")]))?;
    world.adopt("c", &world.seed().await?).await?;
    world.until_ready("c").await?;
    ensure!(threads(&operator)? == 1, "no thread waits for spans");
    operator.terminate().await?;
    ensure!(collector.sent().is_empty(), "{} requests", collector.sent().len());
    Ok(())
}

async fn a_collector_that_hangs_or_is_down_delays_neither_passes_nor_the_end(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let hangs = format!("http://{}", silent.local_addr()?);
    let down = format!("http://{}", closed_address()?);
    for (name, endpoint) in [("hangs", &hangs), ("down", &down)] {
        let mut start = named(endpoint);
        // A queue that is full almost at once.
        start.environment.extend([
            ("OTEL_BSP_MAX_QUEUE_SIZE", "2".to_owned()),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1".to_owned()),
        ]);
        let operator = world.operator(&start)?;
        world.adopt(name, &world.seed().await?).await?;
        world.until_ready(name).await?;
        // The connection stays open and is never answered.
        let held = match name {
            "hangs" => Some(tokio::time::timeout(TIMEOUT, silent.accept()).await??),
            _ => None,
        };
        let store = world.seed().await?;
        world.adopt(&format!("{name}-too"), &store).await?;
        world.until_ready(&format!("{name}-too")).await?;
        let code = operator.terminate().await?;
        ensure!(code == Some(0), "{name}: {code:?}\n{}", world.logs());
        drop(held);
    }
    Ok(())
}

async fn wrong_settings_of_traces_do_not_keep_the_operator_from_its_work(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, collector) = (World::new(cluster).await?, Collector::start().await?);
    let _operator = world.operator(&collector.named(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]))?;
    world.adopt("a", &world.seed().await?).await?;
    world.until_ready("a").await?;
    ensure!(collector.sent().is_empty(), "{} requests", collector.sent().len());
    Ok(())
}
