//! Prove how client tokens make Create and Update idempotent, with each knob for them.

use std::time::Duration;

use aws_sdk_omics::Client;
use healthomics_simulator::TokenMismatch;

use crate::client::{code, omics, simulator, with_knobs};

async fn create(omics: &Client, name: &str, token: &str) -> Result<String, String> {
    let result = omics.create_sequence_store().name(name).client_token(token).send().await;
    match result {
        Ok(created) => Ok(created.id().to_owned()),
        failed => Err(code(failed)),
    }
}

#[tokio::test]
async fn a_repeated_token_returns_the_first_result() {
    let simulator = simulator().await;
    let omics = omics(&simulator);
    let first = create(&omics, "a", "t").await.unwrap();
    assert_eq!(create(&omics, "a", "t").await.unwrap(), first);
    assert_ne!(create(&omics, "a", "u").await.unwrap(), first, "names are not unique");
    let ledger = simulator.client().ledger().await.unwrap();
    let effects: Vec<_> = ledger.iter().map(|entry| (entry.committed, entry.replayed)).collect();
    assert_eq!(effects, [(true, false), (false, true), (true, false)]);
    assert_eq!(ledger[1].store_id.as_deref(), Some(first.as_str()));
    assert_eq!(create(&omics, "b", "t").await.unwrap_err(), "ValidationException");
}

#[tokio::test]
async fn a_token_is_forgotten_after_its_window() {
    let forever = with_knobs(|knobs| knobs.token_window_ms = None).await;
    let none = with_knobs(|knobs| knobs.token_window_ms = Some(0)).await;
    let short = with_knobs(|knobs| knobs.token_window_ms = Some(80)).await;
    for (simulator, at_once, later) in [(&forever, true, true), (&none, false, false), (&short, true, false)]
    {
        let omics = omics(simulator);
        let first = create(&omics, "a", "t").await.unwrap();
        assert_eq!(create(&omics, "a", "t").await.unwrap() == first, at_once);
        tokio::time::sleep(Duration::from_millis(120)).await;
        assert_eq!(create(&omics, "a", "t").await.unwrap() == first, later);
    }
}

#[tokio::test]
async fn a_token_with_other_parameters_can_replay_or_create_anew() {
    let replay = with_knobs(|knobs| knobs.token_mismatch = TokenMismatch::Replay).await;
    let client = omics(&replay);
    let first = create(&client, "a", "t").await.unwrap();
    assert_eq!(create(&client, "b", "t").await.unwrap(), first);
    let new = with_knobs(|knobs| knobs.token_mismatch = TokenMismatch::NewResource).await;
    let client = omics(&new);
    let first = create(&client, "a", "t").await.unwrap();
    assert_ne!(create(&client, "b", "t").await.unwrap(), first);
}

#[tokio::test]
async fn a_knob_decides_whether_a_token_survives_the_deletion_of_its_store() {
    for survives in [true, false] {
        let simulator = with_knobs(|knobs| knobs.token_survives_delete = survives).await;
        let omics = omics(&simulator);
        let first = create(&omics, "a", "t").await.unwrap();
        omics.delete_sequence_store().id(&first).send().await.unwrap();
        assert_eq!(create(&omics, "a", "t").await.unwrap() == first, survives);
    }
}

#[tokio::test]
async fn the_same_token_can_be_used_for_create_and_for_update() {
    let simulator = simulator().await;
    let omics = omics(&simulator);
    let id = create(&omics, "a", "t").await.unwrap();
    let update = |name: &str| omics.update_sequence_store().id(&id).name(name).client_token("t").send();
    update("b").await.unwrap();
    simulator.client().change_store(&id, serde_json::json!({"name": "c"})).await.unwrap();
    assert_eq!(update("b").await.unwrap().name(), Some("b"));
    let record = simulator.client().store(&id).await.unwrap().unwrap();
    assert_eq!(record.name.as_deref(), Some("c"), "a replayed update changes nothing");
    assert_eq!(code(update("d").await), "ValidationException");
}

#[tokio::test]
async fn a_failed_call_does_not_use_up_its_token() {
    let simulator = simulator().await;
    let omics = omics(&simulator);
    assert_eq!(create(&omics, "\t", "t").await.unwrap_err(), "ValidationException");
    create(&omics, "a", "t").await.unwrap();
}
