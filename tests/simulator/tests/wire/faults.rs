//! Prove the effect of each fault, before and after the commit, on the SDK and on the raw response.

use std::time::Duration;

use aws_sdk_omics::Client;
use aws_sdk_omics::error::SdkError;
use healthomics_simulator::{Fault, FaultAction, SeedStore, Side, SimulatorClient};
use serde_json::json;

use crate::client::{code, omics, simulator};
use crate::raw::{Outcome, exchange, signed};

async fn store_count(control: &SimulatorClient) -> usize {
    control.stores().await.unwrap().len()
}

async fn create(omics: &Client) -> Result<String, &'static str> {
    match omics.create_sequence_store().name("a").send().await {
        Ok(created) => Ok(created.id().to_owned()),
        Err(SdkError::ServiceError(_)) => Err("service"),
        Err(SdkError::DispatchFailure(_)) => Err("dispatch"),
        Err(SdkError::TimeoutError(_)) => Err("timeout"),
        Err(SdkError::ResponseError(_)) => Err("response"),
        Err(_) => Err("other"),
    }
}

/// The result of a Create with the fault before and then after the commit, and the number of stores it left
/// behind.
async fn both_sides(action: FaultAction) -> [(Result<String, &'static str>, usize); 2] {
    let mut results = Vec::new();
    for side in [Side::BeforeCommit, Side::AfterCommit] {
        let simulator = simulator().await;
        let control = simulator.client();
        let fault = Fault { side, ..Fault::once("CreateSequenceStore", action.clone()) };
        control.script_fault(&fault).await.unwrap();
        let result = create(&omics(&simulator)).await;
        let entry = control.ledger().await.unwrap().pop().unwrap();
        assert_eq!(entry.committed, side == Side::AfterCommit);
        assert_eq!(entry.fault.as_deref(), Some(action.name()));
        results.push((result, store_count(&control).await));
        assert!(create(&omics(&simulator)).await.is_ok(), "the fault applies once");
    }
    results.try_into().unwrap()
}

#[tokio::test]
async fn an_error_after_the_commit_leaves_a_store_behind() {
    for action in [
        FaultAction::error("InternalServerException"),
        FaultAction::Html { status: 503 },
        FaultAction::Html { status: 200 },
        FaultAction::Raw { status: 502, headers: [].into(), body: "bad gateway".to_owned() },
    ] {
        let [before, after] = both_sides(action).await;
        assert_eq!(before, (Err("service"), 0));
        assert_eq!(after, (Err("service"), 1));
    }
}

#[tokio::test]
async fn a_reset_after_the_commit_leaves_a_store_behind() {
    let [before, after] = both_sides(FaultAction::Reset).await;
    assert_eq!(before, (Err("dispatch"), 0));
    assert_eq!(after, (Err("dispatch"), 1));
    // The peer sees an RST, not an orderly close.
    let simulator = simulator().await;
    simulator.client().script_fault(&Fault::once("*", FaultAction::Reset)).await.unwrap();
    let request = signed("POST", "/sequencestores", "{}");
    assert_eq!(exchange(&simulator, &request).await, Outcome::Reset);
}

#[tokio::test]
async fn an_empty_object_is_a_success_without_members() {
    let [before, after] = both_sides(FaultAction::EmptyObject).await;
    assert_eq!(before, (Ok(String::new()), 0));
    assert_eq!(after, (Ok(String::new()), 1));
    let [before, _] = both_sides(FaultAction::EmptyBody).await;
    assert_eq!(before.1, 0);
}

#[tokio::test]
async fn a_hang_after_the_commit_leaves_a_store_behind() {
    for (side, left_behind) in [(Side::BeforeCommit, 0), (Side::AfterCommit, 1)] {
        let simulator = simulator().await;
        let (omics, control) = (omics(&simulator), simulator.client());
        let fault = Fault { side, ..Fault::once("CreateSequenceStore", FaultAction::Hang) };
        control.script_fault(&fault).await.unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(300), create(&omics)).await;
        assert!(waited.is_err());
        assert_eq!(store_count(&control).await, left_behind);
        assert_eq!(control.ledger().await.unwrap()[0].status, 0);
    }
}

#[tokio::test]
async fn a_delayed_request_takes_effect_after_the_caller_has_disconnected() {
    let simulator = simulator().await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let fault = Fault::once("CreateSequenceStore", FaultAction::Delay { ms: 300 });
    control.script_fault(&fault).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(100), create(&omics)).await;
    assert!(waited.is_err());
    assert_eq!(store_count(&control).await, 0);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(store_count(&control).await, 1);
}

#[tokio::test]
async fn a_response_is_held_until_released() {
    let simulator = simulator().await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let fault = Fault::once_after_commit("CreateSequenceStore", FaultAction::Hold);
    control.script_fault(&fault).await.unwrap();
    let calling = tokio::spawn(async move { create(&omics).await });
    while control.held().await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let held = control.held().await.unwrap();
    assert_eq!(held[0].operation, "CreateSequenceStore");
    assert!(held[0].committed && !calling.is_finished());
    assert_eq!(store_count(&control).await, 1);
    assert_eq!(control.release_held().await.unwrap(), 1);
    assert_eq!(calling.await.unwrap().unwrap(), held[0].store_id.clone().unwrap());
    assert!(control.held().await.unwrap().is_empty());
}

#[tokio::test]
async fn bodies_can_be_cut_truncated_or_slow() {
    let simulator = simulator().await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let store = control.seed_store(&SeedStore::default()).await.unwrap();
    let get = || omics.get_sequence_store().id(&store.id).send();
    let path = format!("/sequencestore/{}", store.id);

    control.script_fault(&Fault::once("GetSequenceStore", FaultAction::CutBody)).await.unwrap();
    assert!(matches!(get().await, Err(SdkError::ResponseError(_) | SdkError::DispatchFailure(_))));
    control.script_fault(&Fault::once("GetSequenceStore", FaultAction::CutBody)).await.unwrap();
    let Outcome::Closed(cut) = exchange(&simulator, &signed("GET", &path, "")).await else { panic!() };
    let (head, body) = cut.split_once("\r\n\r\n").unwrap();
    let promised =
        head.to_lowercase().split("content-length: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    assert!(body.starts_with('{') && body.len() < promised.parse().unwrap());

    control.script_fault(&Fault::once("GetSequenceStore", FaultAction::TruncatedJson)).await.unwrap();
    let Err(SdkError::ServiceError(error)) = get().await else { panic!() };
    assert_eq!(error.raw().status().as_u16(), 200);

    let slow = FaultAction::SlowBody { chunk_bytes: 40, interval_ms: 15 };
    control.script_fault(&Fault::once("GetSequenceStore", slow)).await.unwrap();
    let start = std::time::Instant::now();
    assert_eq!(get().await.unwrap().id(), store.id);
    assert!(start.elapsed() > Duration::from_millis(60));
}

#[tokio::test]
async fn members_can_be_replaced_or_removed() {
    let simulator = simulator().await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let store = control.seed_store(&SeedStore::default()).await.unwrap();
    let get_with = async |action: FaultAction| {
        control.script_fault(&Fault::once("GetSequenceStore", action)).await.unwrap();
        omics.get_sequence_store().id(&store.id).send().await.unwrap()
    };
    let replace = |member: &str, value| FaultAction::Replace { member: member.to_owned(), value };
    assert_eq!(
        get_with(replace("status", json!("PENDING_KMS"))).await.status().unwrap().as_str(),
        "PENDING_KMS"
    );
    assert_eq!(get_with(replace("status", json!(null))).await.status(), None);
    assert_ne!(get_with(FaultAction::WrongId).await.id(), store.id);
    let wrong = get_with(FaultAction::WrongArn).await;
    assert_eq!(wrong.id(), store.id);
    assert_ne!(wrong.arn(), store.arn);
    let odd = replace("status", json!("ODD"));
    control.script_fault(&Fault::once("ListSequenceStores", odd)).await.unwrap();
    let listed = omics.list_sequence_stores().send().await.unwrap();
    assert_eq!(listed.sequence_stores()[0].status().unwrap().as_str(), "ODD");
    let record = control.store(&store.id).await.unwrap().unwrap();
    assert_eq!(record, store, "the faults changed only the responses");
}

#[tokio::test]
async fn a_stale_read_returns_the_previous_version() {
    let simulator = simulator().await;
    let (omics, control) = (omics(&simulator), simulator.client());
    control.script_fault(&Fault::always("GetSequenceStore", FaultAction::StaleRead)).await.unwrap();
    let id = omics.create_sequence_store().name("one").send().await.unwrap().id().to_owned();
    let get = || omics.get_sequence_store().id(&id).send();
    assert_eq!(code(get().await), "ResourceNotFoundException");
    omics.update_sequence_store().id(&id).name("two").send().await.unwrap();
    assert_eq!(get().await.unwrap().name(), Some("one"));
    control.clear_faults().await.unwrap();
    assert_eq!(get().await.unwrap().name(), Some("two"));
    let every_other = Fault { every: 2, ..Fault::always("GetSequenceStore", FaultAction::StaleRead) };
    control.script_fault(&every_other).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(get().await.unwrap().name().unwrap().to_owned());
    }
    assert_eq!(seen, ["two", "one", "two", "one"]);
    control.clear_faults().await.unwrap();
    omics.delete_sequence_store().id(&id).send().await.unwrap();
    control.script_fault(&Fault::once("GetSequenceStore", FaultAction::StaleRead)).await.unwrap();
    assert_eq!(get().await.unwrap().name(), Some("two"), "Get still returns the deleted store");
    assert_eq!(code(get().await), "ResourceNotFoundException");
}

#[tokio::test]
async fn a_fault_applies_only_to_matching_requests_within_its_skip_and_count() {
    let simulator = simulator().await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let one = control.seed_store(&SeedStore::default()).await.unwrap();
    let two = control.seed_store(&SeedStore::default()).await.unwrap();
    let throttled = || FaultAction::error("ThrottlingException");
    let fault = Fault {
        operation: None,
        store_id: Some(one.id.clone()),
        times: Some(2),
        skip: 1,
        ..Fault::always("", throttled())
    };
    let number = control.script_fault(&fault).await.unwrap();
    let get = async |id: &str| omics.get_sequence_store().id(id).send().await.is_ok();
    let tags = omics.list_tags_for_resource().resource_arn(&one.arn);
    assert!(get(&two.id).await && get(&one.id).await);
    assert!(!get(&one.id).await && get(&two.id).await);
    assert_eq!(control.faults().await.unwrap().keys().copied().collect::<Vec<_>>(), [number]);
    assert_eq!(code(tags.send().await), "ThrottlingException");
    assert!(control.faults().await.unwrap().is_empty());
    assert!(get(&one.id).await);
    let affected: Vec<_> =
        control.ledger().await.unwrap().into_iter().filter(|e| e.fault.is_some()).collect();
    assert_eq!(affected.len(), 2);
    assert!(affected.iter().all(|entry| entry.fault_number == Some(number) && entry.status == 429));

    let elsewhere = Fault { account: Some("999999999999".to_owned()), ..Fault::always("*", throttled()) };
    control.script_fault(&elsewhere).await.unwrap();
    assert!(get(&one.id).await);
    let here = Fault { region: Some("us-east-1".to_owned()), ..Fault::always("*", throttled()) };
    control.script_fault(&here).await.unwrap();
    assert!(!get(&one.id).await);
}
