//! The steps about a store that the operator creates: create (with the operator killed meanwhile), ready, update,
//! drift, delete.

use std::time::Duration;

use healthomics_simulator::{Fault, FaultAction, LedgerEntry, StoreRecord, UpdatingWhen};
use serde_json::{Value, json};

use crate::Error;
use crate::tour::{Tour, condition};

/// The name of the object and of its store.
const COHORT: &str = "cohort";

const COHORT_MANIFEST: &str = "\
apiVersion: healthomics.dev/v1alpha1
kind: SequenceStore
metadata:
  name: cohort
spec:
  description: Reads of the 2026 cohort
  eTagAlgorithmFamily: SHA256up
  tags:
    team: genomics
";

const UPDATED_DESCRIPTION: &str = "Reads of the 2026 cohort, second release";

/// Kills the operator after AWS has created the store and before the operator receives the response.
pub(super) async fn create(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Create: an object without sequenceStoreId, and kill -9 in the middle",
        "The operator creates a store with the name of the object. The tour kills the operator after AWS has created\n\
         the store and before the operator receives the response. A less careful operator would now lose the store\n\
         or create a second one.",
    );
    let hold = Fault::once_after_commit("CreateSequenceStore", FaultAction::Hold);
    tour.aws.script_fault(&hold).await?;
    tour.manifest("cohort.yaml", COHORT_MANIFEST)?;
    tour.run("kubectl apply -f cohort.yaml").await?;
    while tour.aws.held().await?.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let created = only_store(tour).await?;
    tour.screen.in_aws(&format!("store {} is created; AWS has not responded yet", created.id));
    let killed = tour.stack.operator.kill_and_restart()?;
    tour.screen.command(&format!("kill -9 {killed}    # the operator; the tour starts a new one"));
    let status = tour.status(COHORT).await?;
    let no_id = status["store"].is_null();
    tour.check("the operator did not receive the response: the status contains no store ID", no_id, || {
        status["store"].to_string()
    })?;
    tour.aws.release_held().await?;
    Ok(())
}

pub(super) async fn ready(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Ready: the new operator finds the store instead of creating a second one",
        "It searches for a store whose tags contain the uid of the object. The Create request has set these tags.",
    );
    let mut watch = tour.watch("kubectl get seqstore cohort --watch")?;
    watch.until("Available").await?;
    drop(watch);
    tour.run("kubectl wait seqstore/cohort --for=condition=Ready --for=condition=Synced").await?;
    tour.run(&conditions_command(COHORT)).await?;
    let store = only_store(tour).await?;
    let creates = requests(tour, "CreateSequenceStore").await?;
    tour.check("there is one store in AWS, and not two", creates.len() == 1, || format!("{creates:?}"))?;

    tour.run("kubectl get seqstore cohort -o jsonpath-as-json='{.status.store}'").await?;
    let object = tour.object(COHORT).await?.unwrap_or_default();
    let (shown, expected) = (&object["status"]["store"], expected_status(&store));
    tour.check("status.store equals the response of GetSequenceStore", *shown == expected, || {
        format!("{shown:#}\nin AWS: {expected:#}")
    })?;
    let uid = store.tags.get("healthomics.dev/uid").map(String::as_str);
    let tagged = store.tags.get("team").is_some_and(|team| team == "genomics")
        && uid == object["metadata"]["uid"].as_str();
    tour.check("the store has the tags of the spec and the owner tags", tagged, || {
        format!("{:?}", store.tags)
    })
}

pub(super) async fn update(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Update: edit the spec, and the operator updates the store",
        "It sends only the fields that differ.",
    );
    let usual = tour.aws.knobs().await?;
    // Keep the store in UPDATING until the watch below has shown it.
    let slow = healthomics_simulator::Knobs {
        updating_when: UpdatingWhen::Always,
        updating_ms: 60_000,
        ..usual.clone()
    };
    tour.aws.set_knobs(&slow).await?;
    let patch = json!({"spec": {"description": UPDATED_DESCRIPTION}});
    tour.run(&format!("kubectl patch seqstore cohort --type=merge -p '{patch}'")).await?;
    let mut watch = tour.watch("kubectl get seqstore cohort --watch")?;
    watch.until("UPDATING").await?;
    let store = only_store(tour).await?;
    tour.screen.in_aws("the update is done: the store is ACTIVE again");
    tour.aws.set_knobs(&usual).await?;
    tour.aws.change_store(&store.id, json!({"status": "ACTIVE"})).await?;
    watch.until("Available").await?;
    drop(watch);
    tour.run("kubectl wait seqstore/cohort --for=condition=Synced").await?;
    tour.run("kubectl get seqstore cohort -o jsonpath='{.status.store.description}'").await?;
    let store = only_store(tour).await?;
    let updated = store.description.as_deref() == Some(UPDATED_DESCRIPTION);
    tour.check("AWS has the new description", updated, || format!("{:?}", store.description))?;
    let updates = requests(tour, "UpdateSequenceStore").await?;
    let sent: Vec<&Value> = updates.iter().map(|request| &request.parameters).collect();
    let minimal =
        matches!(sent[..], [sent] if sent["description"] == UPDATED_DESCRIPTION && sent["name"].is_null());
    tour.check(
        "the operator sent one UpdateSequenceStore, with the description and nothing else",
        minimal,
        || format!("{sent:?}"),
    )
}

pub(super) async fn correct_drift(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Drift: somebody changes the store in AWS, and the operator changes it back",
        "The spec sets the description, so the operator restores it and reports that in Events.",
    );
    let store = only_store(tour).await?;
    tour.screen.in_aws("description := \"oops\"");
    tour.aws.change_store(&store.id, json!({"description": "oops"})).await?;
    let mut description = Some("oops".to_owned());
    for _ in 0..300 {
        description = tour.store(&store.id).await?.and_then(|store| store.description);
        if description.as_deref() == Some(UPDATED_DESCRIPTION) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tour.screen.in_aws(&format!("description is {:?}", description.as_deref().unwrap_or_default()));
    let restored = description.as_deref() == Some(UPDATED_DESCRIPTION);
    tour.check("the description in AWS is that of the spec again", restored, || format!("{description:?}"))?;
    tour.run("kubectl wait seqstore/cohort --for=condition=Synced").await?;
    let events = tour.run(&events_command(COHORT)).await?;
    let reported =
        events.contains("differs from the spec in description") && events.contains("description of the");
    tour.check("Events report the difference and the update", reported, || events.clone())
}

pub(super) async fn delete(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Delete: the operator deletes the store with its object",
        "The finalizer keeps the object until AWS reports that the store no longer exists.",
    );
    let store = only_store(tour).await?;
    tour.run("kubectl delete seqstore cohort --timeout=60s").await?;
    tour.run("kubectl get seqstore").await?;
    let object = tour.object(COHORT).await?;
    tour.check("the object is gone", object.is_none(), || format!("{object:?}"))?;
    let left = tour.store(&store.id).await?;
    tour.check("the store is gone", left.is_none(), || format!("{left:?}"))?;
    let deletes = requests(tour, "DeleteSequenceStore").await?;
    tour.check("the operator sent one DeleteSequenceStore", deletes.len() == 1, || format!("{deletes:?}"))
}

/// The store of the object. An error if AWS has no store, or several, of that name.
async fn only_store(tour: &Tour<'_>) -> Result<StoreRecord, Error> {
    let stores = tour.aws.stores().await?;
    let mut named: Vec<_> =
        stores.into_iter().filter(|store| store.name.as_deref() == Some(COHORT)).collect();
    match (named.pop(), named.is_empty()) {
        (Some(store), true) => Ok(store),
        (found, _) => {
            Err(format!("expected exactly one store of the name {COHORT}: {found:?} {named:?}").into())
        }
    }
}

async fn requests(tour: &Tour<'_>, operation: &str) -> Result<Vec<LedgerEntry>, Error> {
    Ok(tour.changes().await?.into_iter().filter(|request| request.operation == operation).collect())
}

/// What `status.store` must contain for a store.
fn expected_status(store: &StoreRecord) -> Value {
    json!({
        "id": store.id,
        "arn": store.arn,
        "name": store.name,
        "description": store.description,
        "creationTime": store.creation_time,
        "updateTime": store.update_time,
        "eTagAlgorithmFamily": store.e_tag_algorithm_family,
        "status": store.status,
        "tags": store.tags,
        "s3Access": {"s3Uri": store.s3_access.s3_uri, "s3AccessPointArn": store.s3_access.s3_access_point_arn},
    })
}

/// A command that prints one line for each condition.
pub(super) fn conditions_command(name: &str) -> String {
    let line = r#"{.type}={.status} {.reason}: {.message}{"\n"}"#;
    format!("kubectl get seqstore {name} -o jsonpath='{{range .status.conditions[*]}}{line}{{end}}'")
}

/// A command that prints one line for each Event of an object.
fn events_command(name: &str) -> String {
    let columns = "TYPE:.type,REASON:.reason,MESSAGE:.message";
    format!("kubectl get events --field-selector=involvedObject.name={name} -o custom-columns={columns}")
}

/// Whether the object is Ready and Synced, and the operator has nothing left to do.
pub(super) fn is_settled(status: &Value) -> bool {
    let is = |kind, reason| {
        condition(status, kind).is_some_and(|c| c["status"] == "True" && c["reason"] == reason)
    };
    is("Ready", "Available") && is("Synced", "InSync") && condition(status, "Reconciling").is_none()
}
