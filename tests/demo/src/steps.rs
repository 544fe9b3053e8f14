//! The steps of the tour, one function each, in the order they are listed in.

use std::collections::BTreeMap;

use healthomics_simulator::{SeedStore, StoreRecord};
use serde_json::{Value, json};

use crate::Error;
use crate::parts::{RELEASE, SYSTEM_NAMESPACE};
use crate::tour::{Tour, condition};

/// Id of the store that the tour adopts and deletes.
pub const GENOMES: &str = "3936421177";
/// Id of the store that the tour only looks at.
pub const ARCHIVE: &str = "7148590366";

/// All steps.
pub async fn run(tour: &Tour<'_>) -> Result<(), Error> {
    welcome(tour).await?;
    two_stores(tour).await?;
    adopt(tour).await?;
    mirror(tour).await?;
    follow(tour).await?;
    observe(tour).await?;
    blocked(tour).await?;
    deleted(tour).await?;
    let_go(tour).await?;
    ledger(tour).await
}

async fn welcome(tour: &Tour<'_>) -> Result<(), Error> {
    tour.screen
        .line("\nA tour of sequencestore-operator: AWS HealthOmics sequence stores as Kubernetes objects.");
    tour.screen.say(&format!(
        "Kubernetes: a real kube-apiserver and etcd, at {}\n\
         AWS:        a simulator of the HealthOmics API, at {}\n\
         Operator:   a process with the token of the chart's ServiceAccount, as there is no node to run a Pod;\n\
         \u{20}           it looks at each store every 2 s here (5 min by default); its log is\n\
         \u{20}           {}",
        tour.parts.plane.server(),
        tour.parts.simulator.url(),
        tour.parts.operator.log().display(),
    ));
    tour.step(
        "What the chart installed",
        "The rights of the operator are few: no Secrets, no Pods, no wildcards.",
    );
    tour.run(&format!("helm list --namespace {SYSTEM_NAMESPACE}")).await?;
    let rights = tour.run(&format!("kubectl describe clusterrole {RELEASE}")).await?;
    let few = rights.contains("sequencestores") && !rights.contains("secrets") && !rights.contains('*');
    tour.check("the operator cannot read Secrets, and has no wildcard", few, || rights.clone())
}

/// Puts the two stores into the simulated AWS.
pub async fn seed(tour: &Tour<'_>, genomes_status: &str) -> Result<(), Error> {
    let genomes = SeedStore {
        id: Some(GENOMES.into()),
        name: Some("genomes".into()),
        description: Some("Reads of the 2025 cohort".into()),
        status: genomes_status.into(),
        tags: BTreeMap::from([("team".into(), "genomics".into())]),
        ..SeedStore::default()
    };
    let archive = SeedStore {
        id: Some(ARCHIVE.into()),
        name: Some("archive".into()),
        description: Some("Reads before 2020".into()),
        e_tag_algorithm_family: Some("SHA256up".into()),
        ..SeedStore::default()
    };
    tour.aws.seed_store(&genomes).await?;
    tour.aws.seed_store(&archive).await?;
    Ok(())
}

async fn two_stores(tour: &Tour<'_>) -> Result<(), Error> {
    seed(tour, "CREATING").await?;
    tour.step(
        "Two stores are in AWS already",
        "Somebody made them in the console. Kubernetes knows nothing of them yet.",
    );
    let stores = tour.aws.stores().await?;
    let line = |store: &StoreRecord| {
        format!("{} {} {}", store.id, store.name.as_deref().unwrap_or_default(), store.status)
    };
    tour.screen.in_aws(&stores.iter().map(line).collect::<Vec<_>>().join(", "));
    tour.run("kubectl get sequencestores").await?;
    let asked = tour.aws.ledger().await?;
    tour.check("AWS was asked nothing: there is no object", asked.is_empty(), || format!("{asked:?}"))
}

/// An object that adopts the first store.
pub const GENOMES_MANIFEST: &str = "\
apiVersion: healthomics.dev/v1alpha1
kind: SequenceStore
metadata:
  name: genomes
spec:
  sequenceStoreId: \"3936421177\"
";

async fn adopt(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Adopt a store by its id",
        "Watch READY and REASON: they follow the store, which AWS is still creating.",
    );
    tour.manifest("genomes.yaml", GENOMES_MANIFEST)?;
    tour.run("kubectl apply -f genomes.yaml").await?;
    let mut watch = tour.watch("kubectl get seqstore genomes --watch")?;
    watch.until("Creating").await?;
    let status = tour.status("genomes").await?;
    let working = condition(&status, "Reconciling").is_some_and(|c| c["status"] == "True");
    tour.screen.in_aws("the store becomes ACTIVE");
    tour.aws.change_store(GENOMES, json!({"status": "ACTIVE"})).await?;
    watch.until("Available").await?;
    drop(watch);
    tour.check("while AWS worked, the object was Reconciling", working, || status.to_string())?;

    tour.run("kubectl wait seqstore/genomes --for=condition=Ready --for=condition=Synced").await?;
    tour.run(&conditions("genomes")).await?;
    let status = tour.status("genomes").await?;
    let is = |kind, reason| {
        condition(&status, kind).is_some_and(|c| c["status"] == "True" && c["reason"] == reason)
    };
    tour.check(
        "Ready and Synced are True, and nothing is left to do",
        is("Ready", "Available") && is("Synced", "InSync") && condition(&status, "Reconciling").is_none(),
        || status["conditions"].to_string(),
    )
}

/// One line for each condition.
fn conditions(name: &str) -> String {
    let line = r#"{.type}={.status} {.reason}: {.message}{"\n"}"#;
    format!("kubectl get seqstore {name} -o jsonpath='{{range .status.conditions[*]}}{line}{{end}}'")
}

async fn mirror(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "The status is a mirror",
        "status.store is what GetSequenceStore answers, member for member, and the tags.",
    );
    tour.run("kubectl get seqstore genomes -o jsonpath-as-json='{.status.store}'").await?;
    let status = tour.status("genomes").await?;
    let shown = &status["store"];
    let store = tour.store(GENOMES).await?.ok_or("the store is gone")?;
    let truth = json!({
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
    });
    tour.check("every member equals the one in AWS", *shown == truth, || {
        format!("{shown:#}\nin AWS: {truth:#}")
    })?;
    let account = status["accountId"] == store.account.as_str() && status["region"] == store.region.as_str();
    tour.check("account and region of the store are on record", account, || status.to_string())
}

async fn follow(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Somebody changes the store behind Kubernetes' back",
        "The next look brings it into the status; the spec does not name these fields, so nothing is put right.",
    );
    tour.screen.in_aws("description := \"Moved to cold storage\", tag cost-centre := \"4711\"");
    let change =
        json!({"description": "Moved to cold storage", "tags": {"team": "genomics", "cost-centre": "4711"}});
    tour.aws.change_store(GENOMES, change).await?;
    tour.run(
        "kubectl wait seqstore/genomes --for=jsonpath='{.status.store.description}'='Moved to cold storage'",
    )
    .await?;
    tour.run("kubectl get seqstore genomes -o jsonpath='{.status.store.tags}'").await?;
    let status = tour.status("genomes").await?;
    tour.check("the new tag is there too", status["store"]["tags"]["cost-centre"] == "4711", || {
        status["store"].to_string()
    })?;
    let changes = tour.changes().await?;
    tour.check("so far the operator has changed nothing in AWS", changes.is_empty(), || {
        format!("{changes:?}")
    })
}

const ARCHIVE_MANIFEST: &str = "\
apiVersion: healthomics.dev/v1alpha1
kind: SequenceStore
metadata:
  name: archive
spec:
  sequenceStoreId: \"7148590366\"
  managementPolicy: Observe
  description: Reads before 2021
";

async fn observe(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Observe a store, and see where it differs",
        "Under managementPolicy Observe nothing in AWS is ever changed. A difference is reported: Synced is False.",
    );
    tour.manifest("archive.yaml", ARCHIVE_MANIFEST)?;
    tour.run("kubectl apply -f archive.yaml").await?;
    tour.run("kubectl wait seqstore/archive --for=condition=Synced=false --for=condition=Ready").await?;
    tour.run(&conditions("archive")).await?;
    tour.run("kubectl get seqstore archive -o jsonpath-as-json='{.status.drift[*]}'").await?;
    let status = tour.status("archive").await?;
    let drift =
        json!([{"field": "description", "desired": "Reads before 2021", "observed": "Reads before 2020"}]);
    tour.check("the difference is named, and only that", status["drift"] == drift, || {
        status["drift"].to_string()
    })?;
    let reason = condition(&status, "Synced").map(|c| c["reason"].clone()).unwrap_or_default();
    tour.check("the reason is Drifted", reason == "Drifted", || reason.to_string())?;
    let object = tour.object("archive").await?.unwrap_or_default();
    let finalizers = &object["metadata"]["finalizers"];
    tour.check("an object that only observes holds no finalizer", finalizers.is_null(), || {
        finalizers.to_string()
    })
}

async fn blocked(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Delete an object whose store holds data",
        "AWS deletes only empty stores, and the operator never empties one: the object says why it is still there.",
    );
    tour.screen.in_aws("three read sets are imported into genomes");
    tour.aws.add_read_sets(GENOMES, 3, "ACTIVE").await?;
    tour.run("kubectl delete seqstore genomes --wait=false").await?;
    tour.run("kubectl wait seqstore/genomes --for=jsonpath='{.status.deletionBlockedBy[0].reason}'=ReadSets")
        .await?;
    tour.run("kubectl get seqstore genomes").await?;
    tour.run("kubectl get seqstore genomes -o jsonpath-as-json='{.status.deletionBlockedBy[*]}'").await?;
    let status = tour.status("genomes").await?;
    let block = &status["deletionBlockedBy"][0];
    let counted = block["readSets"] == "3" && block["readSetsByStatus"] == json!({"ACTIVE": 3});
    tour.check("the read sets are counted", counted, || block.to_string())?;
    let store = tour.store(GENOMES).await?;
    let whole = store.as_ref().is_some_and(|store| store.read_set_count == 3);
    tour.check("store and read sets are all there", whole, || format!("{store:?}"))
}

async fn deleted(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "The read sets go, and so does the store",
        "The operator tries again by itself. Its finalizer keeps the object until AWS says that the store is gone.",
    );
    let mut watch = tour.watch("kubectl get seqstore genomes --watch")?;
    watch.until("DeletionBlocked").await?;
    tour.screen.in_aws("somebody moves the read sets elsewhere");
    tour.aws.remove_read_sets(GENOMES).await?;
    watch.until("DELETING").await?;
    drop(watch);
    tour.run("kubectl wait seqstore/genomes --for=delete --timeout=60s").await?;
    tour.run("kubectl get seqstore").await?;
    let object = tour.object("genomes").await?;
    tour.check("the object is gone", object.is_none(), || format!("{object:?}"))?;
    let store = tour.store(GENOMES).await?;
    tour.check("the store is gone", store.is_none(), || format!("{store:?}"))?;
    let other = tour.store(ARCHIVE).await?;
    tour.check("the other store is there", other.is_some(), || "it is gone".into())
}

async fn let_go(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Delete the object that only observes",
        "Nothing in AWS belongs to it, so it goes at once and the store stays.",
    );
    let before = tour.store(ARCHIVE).await?;
    tour.run("kubectl delete seqstore archive --timeout=10s").await?;
    tour.run("kubectl get seqstore").await?;
    let object = tour.object("archive").await?;
    tour.check("the object is gone", object.is_none(), || format!("{object:?}"))?;
    let after = tour.store(ARCHIVE).await?;
    let same = after.is_some() && after == before;
    tour.check("the store is exactly as it was", same, || format!("{after:?}\nbefore: {before:?}"))
}

async fn ledger(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "The account of it all",
        "What happened to the first object, and every request that reached AWS.",
    );
    tour.run("kubectl get events --field-selector=involvedObject.name=genomes -o custom-columns=TYPE:.type,REASON:.reason,MESSAGE:.message").await?;
    let mut requests: BTreeMap<(String, String), usize> = BTreeMap::new();
    for entry in tour.aws.ledger().await? {
        let answer = entry.error.unwrap_or_else(|| entry.status.to_string());
        *requests.entry((entry.operation, answer)).or_default() += 1;
    }
    tour.screen.line("");
    for ((operation, answer), count) in &requests {
        tour.screen.output(&format!("{count:4}  {operation:22} {answer}"));
    }
    let changes = tour.changes().await?;
    let ours = changes
        .iter()
        .all(|entry| entry.operation == "DeleteSequenceStore" && entry.store_id.as_deref() == Some(GENOMES));
    tour.check("the only changes asked of AWS were deletions of genomes", ours, || format!("{changes:?}"))?;
    let accepted: Vec<&Value> =
        changes.iter().filter(|entry| entry.committed).map(|entry| &entry.parameters).collect();
    tour.check("one of them was carried out", accepted.len() == 1, || format!("{accepted:?}"))?;
    tour.screen.line("\nThat was the tour. `make sandbox` leaves the same parts running for you.");
    Ok(())
}
