//! The clock of the operator's node is off: it works all the same where the response of AWS tells the time, and says what to do
//! where it cannot.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use sequencestore_operator::crd::SequenceStoreSpec;

use super::ledger::{ensure_one_store, ensure_signed_by_the_source, until_ready_when_asked};
use super::sources::{WebIdentity, without_keys};
use crate::assertions::ensure_reconciling;
use crate::metrics::page::Measured;
use crate::world::{Cluster, Error, Start, World, ensure, message, tests};

tests![
    a_clock_that_is_off_costs_one_request_for_each_client,
    credentials_that_seem_over_on_arrival_are_used,
    a_signature_that_aws_keeps_refusing_for_its_date_says_to_set_the_clock,
    the_page_shows_when_credentials_expire,
];

const MINUTE: i64 = 60_000;

async fn a_clock_that_is_off_costs_one_request_for_each_client(cluster: Arc<Cluster>) -> Result<(), Error> {
    for ahead in [10 * MINUTE, -10 * MINUTE] {
        let world = World::new(cluster.clone()).await?;
        world.aws.set_knobs(&Knobs { clock_ahead_ms: ahead, ..Knobs::default() }).await?;
        let _operator = world.operator(&Start::default())?;
        world.create("a", SequenceStoreSpec::default()).await?;
        world.until_ready("a").await?;
        world.patch("a", serde_json::json!({"spec": {"description": "changed"}})).await?;
        world
            .until("a", "the new generation", |object| {
                object
                    .status
                    .as_ref()
                    .is_some_and(|status| status.observed_generation == object.metadata.generation)
            })
            .await?;
        ensure_one_store(&world).await?;
        let refused: Vec<_> =
            world.aws.ledger().await?.into_iter().filter(|call| call.status == 403).collect();
        let names: Vec<_> = refused.iter().map(|call| call.operation.as_str()).collect();
        let events: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
        let events = events.list(&ListParams::default()).await?.items.into_iter();
        let denial = events.filter_map(|event| event.reason).find(|reason| reason == "AccessDenied");
        ensure!(denial.is_none(), "{ahead}: the object was denied");
        // One client for stores and one for STS. Two requests of one client may be under way at once.
        ensure!((1..=4).contains(&refused.len()), "{ahead}: {names:?}");
        ensure!(refused.iter().all(|call| !call.is_mutating()), "{ahead}: {names:?}");
    }
    Ok(())
}

/// The clock of the operator is two hours ahead, and a session lasts for one.
async fn credentials_that_seem_over_on_arrival_are_used(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    world.aws.set_knobs(&Knobs { clock_ahead_ms: -120 * MINUTE, ..Knobs::default() }).await?;
    let token = WebIdentity::new(directory.path(), "operator")?;
    let _operator = world.operator(&without_keys(token.environment()))?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_ready("a").await?;
    world.until_calls("GetSequenceStore", 5).await?;
    ensure_signed_by_the_source(&world).await?;
    ensure_one_store(&world).await?;
    let assumed = world.calls("sts:AssumeRoleWithWebIdentity").await?.len();
    ensure!(assumed <= 2, "STS is asked {assumed} times");
    Ok(())
}

async fn a_signature_that_aws_keeps_refusing_for_its_date_says_to_set_the_clock(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    for code in ["InvalidSignatureException", "RequestTimeTooSkewed"] {
        let world = World::new(cluster.clone()).await?;
        let refusal = FaultAction::Error {
            code: code.into(),
            status: None,
            message: Some(
                "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (20260101T001500Z - 5 min.)".into(),
            ),
            retry_after_ms: None,
        };
        world.aws.script_fault(&Fault::always("*", refusal)).await?;
        let _operator = world.operator(&without_keys_of_its_own())?;
        world.create("a", SequenceStoreSpec::default()).await?;
        let object = world.until_condition("a", "Ready", "False", "AccessDenied").await?;
        ensure_reconciling(&object)?;
        let text = message(&object, "Ready");
        ensure!(text.contains("clock of the operator's node") && text.contains(code), "{text}");
        ensure!(!text.contains("20260101"), "changes from call to call: {text}");
        world.aws.clear_faults().await?;
        until_ready_when_asked(&world, "a").await?;
        ensure_one_store(&world).await?;
    }
    Ok(())
}

fn without_keys_of_its_own() -> Start {
    Start { flags: vec!["--poll-interval=2s".into(), "--denied-grace=3s".into()], ..Start::default() }
}

async fn the_page_shows_when_credentials_expire(cluster: Arc<Cluster>) -> Result<(), Error> {
    const EXPIRY: &str = "sequencestore_aws_credentials_expiry_timestamp_seconds";
    let (world, directory) = (World::new(cluster).await?, tempfile::tempdir()?);
    let agent = super::sources::Source::start(&world, directory.path(), super::sources::HOUR).await?;
    let start = without_keys(agent.agent_environment());
    let measured = Measured::start_with(&world, start)?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_ready("a").await?;
    let page = measured.page().await?;
    let issued: jiff::Timestamp = agent.issued()[0].expiration.parse()?;
    let shown = i64::try_from(page.sum(EXPIRY, &[("role_arn", "")]))?;
    ensure!(shown == issued.as_second(), "{shown} for {issued}");
    ensure!(page.count(EXPIRY, &[]) == 1, "{}", page.text);
    drop(measured);
    // Keys without an end have none.
    let measured = Measured::start(&world, &[])?;
    world.reconcile_now("a").await?;
    measured.until("a request", |page| page.count("sequencestore_aws_requests_total", &[]) > 0).await?;
    let page = measured.page().await?;
    ensure!(page.count(EXPIRY, &[]) == 0, "{}", page.text);
    Ok(())
}
