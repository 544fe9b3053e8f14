//! The life of a store: created, ready, updated, corrected, deleted. The operator is killed in the middle of the creation.

use std::time::Duration;

use healthomics_simulator::{Fault, FaultAction, LedgerEntry, StoreRecord, UpdatingWhen};
use serde_json::{Value, json};

use crate::Error;
use crate::tour::{Tour, condition};

/// Name of the object, and so of its store.
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

/// What the object says its store's description is to be, after the update.
const SECOND: &str = "Reads of the 2026 cohort, second release";

/// Creates a store, with kill -9 at the worst moment.
pub(super) async fn create(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Create: an object without sequenceStoreId, and kill -9 in the middle",
        "The operator makes a new store, named like the object. It is killed after AWS has made the store and\n\
         before it hears of that: the moment in which a store is easily made twice, or lost.",
    );
    let hold = Fault::once_after_commit("CreateSequenceStore", FaultAction::Hold);
    tour.aws.script_fault(&hold).await?;
    tour.manifest("cohort.yaml", COHORT_MANIFEST)?;
    tour.run("kubectl apply -f cohort.yaml").await?;
    while tour.aws.held().await?.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let made = only_store(tour).await?;
    tour.screen.in_aws(&format!("store {} is made; the answer is still on its way", made.id));
    let killed = tour.parts.operator.kill_and_start_again()?;
    tour.screen.command(&format!("kill -9 {killed}    # the operator; another one is started"));
    let status = tour.status(COHORT).await?;
    tour.check("the answer never came: no id is on record", status["store"].is_null(), || {
        status["store"].to_string()
    })?;
    tour.aws.release_held().await?;
    Ok(())
}

/// The store is found again and becomes ready.
pub(super) async fn ready(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Ready: the new operator finds the store, and makes no second one",
        "It looks for a store that carries the uid of the object in its tags; they were written in the Create itself.",
    );
    let mut watch = tour.watch("kubectl get seqstore cohort --watch")?;
    watch.until("Available").await?;
    drop(watch);
    tour.run("kubectl wait seqstore/cohort --for=condition=Ready --for=condition=Synced").await?;
    tour.run(&conditions(COHORT)).await?;
    let store = only_store(tour).await?;
    let creates = calls(tour, "CreateSequenceStore").await?;
    tour.check("there is one store in AWS, and not two", creates.len() == 1, || format!("{creates:?}"))?;

    tour.run("kubectl get seqstore cohort -o jsonpath-as-json='{.status.store}'").await?;
    let object = tour.object(COHORT).await?.unwrap_or_default();
    let (shown, truth) = (&object["status"]["store"], truth(&store));
    tour.check("status.store is what GetSequenceStore answers, member for member", *shown == truth, || {
        format!("{shown:#}\nin AWS: {truth:#}")
    })?;
    let uid = store.tags.get("healthomics.dev/uid").map(String::as_str);
    let tagged = store.tags.get("team").is_some_and(|team| team == "genomics")
        && uid == object["metadata"]["uid"].as_str();
    tour.check("it has its tags, and those of its owner", tagged, || format!("{:?}", store.tags))
}

/// A change of the spec reaches AWS.
pub(super) async fn update(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step("Update: edit the spec, and the store follows", "Only what differs is sent to AWS.");
    let usual = tour.aws.knobs().await?;
    // Until the tour says so, for a reader to see it.
    let slow = healthomics_simulator::Knobs {
        updating_when: UpdatingWhen::Always,
        updating_ms: 60_000,
        ..usual.clone()
    };
    tour.aws.set_knobs(&slow).await?;
    let patch = json!({"spec": {"description": SECOND}});
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
    let there = store.description.as_deref() == Some(SECOND);
    tour.check("AWS has the new description", there, || format!("{:?}", store.description))?;
    let updates = calls(tour, "UpdateSequenceStore").await?;
    let sent: Vec<&Value> = updates.iter().map(|call| &call.parameters).collect();
    let only = matches!(sent[..], [sent] if sent["description"] == SECOND && sent["name"].is_null());
    tour.check("it took one UpdateSequenceStore, with the description and nothing else", only, || {
        format!("{sent:?}")
    })
}

/// A change in AWS is put right.
pub(super) async fn correct(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Drift: somebody changes the store in AWS, and it is changed back",
        "The spec names the description, so the operator writes it again, and Events tell of it.",
    );
    let store = only_store(tour).await?;
    tour.screen.in_aws("description := \"oops\"");
    tour.aws.change_store(&store.id, json!({"description": "oops"})).await?;
    let mut description = Some("oops".to_owned());
    for _ in 0..300 {
        description = tour.store(&store.id).await?.and_then(|store| store.description);
        if description.as_deref() == Some(SECOND) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tour.screen.in_aws(&format!("description is {:?}", description.as_deref().unwrap_or_default()));
    let back = description.as_deref() == Some(SECOND);
    tour.check("the description in AWS is that of the spec again", back, || format!("{description:?}"))?;
    tour.run("kubectl wait seqstore/cohort --for=condition=Synced").await?;
    let events = tour.run(&events(COHORT)).await?;
    let told =
        events.contains("differs from the spec in description") && events.contains("description of the");
    tour.check("Events tell what differed and that it was updated", told, || events.clone())
}

/// The object and the store go together.
pub(super) async fn delete(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Delete: the store goes with its object",
        "The finalizer holds the object until AWS says that the store is gone.",
    );
    let store = only_store(tour).await?;
    tour.run("kubectl delete seqstore cohort --timeout=60s").await?;
    tour.run("kubectl get seqstore").await?;
    let object = tour.object(COHORT).await?;
    tour.check("the object is gone", object.is_none(), || format!("{object:?}"))?;
    let left = tour.store(&store.id).await?;
    tour.check("the store is gone", left.is_none(), || format!("{left:?}"))?;
    let deletes = calls(tour, "DeleteSequenceStore").await?;
    tour.check("it took one DeleteSequenceStore", deletes.len() == 1, || format!("{deletes:?}"))
}

/// The store of the object, which has to be the only one of its name.
async fn only_store(tour: &Tour<'_>) -> Result<StoreRecord, Error> {
    let stores = tour.aws.stores().await?;
    let mut named: Vec<_> =
        stores.into_iter().filter(|store| store.name.as_deref() == Some(COHORT)).collect();
    match (named.pop(), named.is_empty()) {
        (Some(store), true) => Ok(store),
        (found, _) => Err(format!("not one store of the name {COHORT}: {found:?} {named:?}").into()),
    }
}

async fn calls(tour: &Tour<'_>, operation: &str) -> Result<Vec<LedgerEntry>, Error> {
    Ok(tour.changes().await?.into_iter().filter(|call| call.operation == operation).collect())
}

/// A store as the status has to show it.
fn truth(store: &StoreRecord) -> Value {
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

/// One line for each condition.
pub(super) fn conditions(name: &str) -> String {
    let line = r#"{.type}={.status} {.reason}: {.message}{"\n"}"#;
    format!("kubectl get seqstore {name} -o jsonpath='{{range .status.conditions[*]}}{line}{{end}}'")
}

/// One line for each Event of an object.
pub(super) fn events(name: &str) -> String {
    let columns = "TYPE:.type,REASON:.reason,MESSAGE:.message";
    format!("kubectl get events --field-selector=involvedObject.name={name} -o custom-columns={columns}")
}

/// Whether the object is at rest.
pub(super) fn is_settled(status: &Value) -> bool {
    let is = |kind, reason| {
        condition(status, kind).is_some_and(|c| c["status"] == "True" && c["reason"] == reason)
    };
    is("Ready", "Available") && is("Synced", "InSync") && condition(status, "Reconciling").is_none()
}
