//! Drift: the status reports it while it lasts, and the operator corrects it under Manage.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction};
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use serde_json::json;

use crate::assertions::{ensure_reconciling, ensure_stalled};
use crate::world::{
    Cluster, Error, Start, World, condition, ensure, message, observing, spec_for, status, tests,
};

tests![
    observe_reports_drift_while_it_lasts,
    the_operator_reports_drift_while_it_corrects_it,
    a_user_resolves_not_converging_by_setting_the_observed_value,
];

fn described(text: &str, spec: SequenceStoreSpec) -> SequenceStoreSpec {
    SequenceStoreSpec { description: Some(text.into()), ..spec }
}

/// The fields of `status.drift` with their desired and observed values.
fn drift(object: &SequenceStore) -> Vec<(String, Option<String>, Option<String>)> {
    status(object).drift.into_iter().map(|drift| (drift.field, drift.desired, drift.observed)).collect()
}

fn differs(desired: &str, observed: &str) -> Vec<(String, Option<String>, Option<String>)> {
    vec![("description".into(), Some(desired.into()), Some(observed.into()))]
}

async fn observe_reports_drift_while_it_lasts(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.aws.change_store(&store.id, json!({"description": "first"})).await?;
    let observe = observing(&store);
    world.create("a", described("first", observe)).await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    // Drift begins and ends by a change in AWS, then by a change of the spec.
    for (in_aws, in_spec, equal) in [
        (Some("second"), None, false),
        (Some("first"), None, true),
        (None, Some("second"), false),
        (None, Some("first"), true),
    ] {
        if let Some(text) = in_aws {
            world.aws.change_store(&store.id, json!({"description": text})).await?;
        }
        if let Some(text) = in_spec {
            world.patch("a", json!({"spec": {"description": text}})).await?;
        }
        let (synced, reason) = if equal { ("True", "InSync") } else { ("False", "Drifted") };
        let object = world.until_condition("a", "Synced", synced, reason).await?;
        ensure!(
            condition(&object, "Ready").is_some_and(|c| c.status == "True"),
            "not Ready although the store is ACTIVE"
        );
        for kind in ["Reconciling", "Stalled"] {
            ensure!(condition(&object, kind).is_none(), "{:?}", status(&object).conditions);
        }
        let expected = match (equal, in_spec) {
            (true, _) => Vec::new(),
            (false, None) => differs("first", "second"),
            (false, Some(_)) => differs("second", "first"),
        };
        ensure!(drift(&object) == expected, "{:?}", drift(&object));
    }
    world.ensure_no_store_changed().await
}

async fn the_operator_reports_drift_while_it_corrects_it(cluster: Arc<Cluster>) -> Result<(), Error> {
    // With the default grace period the operator corrects once and then waits for reads to catch up.
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.create("a", described("wanted", spec_for(&store))).await?;
    world.until_ready("a").await?;
    let value = json!("behind its back");
    let lagging = FaultAction::Replace { member: "description".into(), value };
    world.aws.script_fault(&Fault::always("GetSequenceStore", lagging)).await?;
    let object = world.until_condition("a", "Ready", "False", "Drifted").await?;
    ensure_reconciling(&object)?;
    ensure!(drift(&object) == differs("wanted", "behind its back"), "{:?}", drift(&object));
    let updates = world.calls("UpdateSequenceStore").await?.len();
    world.until_more_gets(&store, 3).await?;
    let now = world.calls("UpdateSequenceStore").await?.len();
    ensure!(now <= 2 && now - updates <= 1, "{now} updates while a read may still lag");
    world.aws.clear_faults().await?;
    let object = world.until_ready("a").await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    ensure!(
        drift(&object).is_empty() && condition(&object, "Reconciling").is_none(),
        "{:?}",
        status(&object)
    );
    Ok(())
}

async fn a_user_resolves_not_converging_by_setting_the_observed_value(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::with_create_grace(1))?;
    let store = world.seed().await?;
    let value = json!("AWS knows better");
    let replaced = FaultAction::Replace { member: "description".into(), value };
    world.aws.script_fault(&Fault::always("GetSequenceStore", replaced)).await?;
    world.create("a", described("wanted", spec_for(&store))).await?;
    let object = world.until_condition("a", "Ready", "False", "NotConverging").await?;
    ensure_stalled(&object)?;
    ensure!(message(&object, "Ready").contains("description"), "names the field: {object:?}");
    let updates = world.calls("UpdateSequenceStore").await?.len();
    ensure!(updates == 3, "{updates} updates");
    // The message tells the user to set the observed value, which is in status.drift.
    let shown = drift(&object).into_iter().next().and_then(|(_, _, observed)| observed);
    world.patch("a", json!({"spec": {"description": shown}})).await?;
    let object = world.until_ready("a").await?;
    ensure!(condition(&object, "Stalled").is_none() && drift(&object).is_empty(), "{:?}", status(&object));
    ensure!(world.calls("UpdateSequenceStore").await?.len() == updates, "the operator sent another update");
    Ok(())
}
