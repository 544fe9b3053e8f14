//! The steps of the tour, one function each, in the order they are listed in.

use std::collections::BTreeMap;
use std::time::Duration;

use healthomics_simulator::{Fault, FaultAction, SeedStore, StoreRecord};
use serde_json::json;

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
    create(tour).await?;
    correct(tour).await?;
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
    )?;

    let object = tour.object("genomes").await?.unwrap_or_default();
    let tags = tour.store(GENOMES).await?.ok_or("the store is gone")?.tags;
    tour.screen.in_aws(&format!("tags of the store: {tags:?}"));
    let ours = tags.get("healthomics.dev/uid").map(String::as_str) == object["metadata"]["uid"].as_str();
    tour.check("the store carries the uid of its owner, this object", ours, || format!("{tags:?}"))
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
    let mut tags = tour.store(GENOMES).await?.ok_or("the store is gone")?.tags;
    tags.insert("cost-centre".into(), "4711".into());
    let change = json!({"description": "Moved to cold storage", "tags": tags});
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
    let only = changes.len() == 1 && changes[0].operation == "TagResource";
    tour.check("the owner tags are all that the operator has changed so far", only, || format!("{changes:?}"))
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

const COHORT_MANIFEST: &str = "\
apiVersion: healthomics.dev/v1alpha1
kind: SequenceStore
metadata:
  name: cohort
spec:
  description: Reads of the 2026 cohort
  eTagAlgorithmFamily: SHA256up
  deletionPolicy: Retain
  tags:
    team: genomics
";

async fn create(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Create a store",
        "Without sequenceStoreId the operator makes a new store, named like the object, and puts its id on record. \
         Here it is killed with kill -9 after AWS has made the store and before it hears of that.",
    );
    let hold = Fault::once_after_commit("CreateSequenceStore", FaultAction::Hold);
    tour.aws.script_fault(&hold).await?;
    tour.manifest("cohort.yaml", COHORT_MANIFEST)?;
    tour.run("kubectl apply -f cohort.yaml").await?;
    while tour.aws.held().await?.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tour.screen
        .in_aws("the store is made; the answer is still on its way: kill -9, and another operator starts");
    tour.parts.operator.kill_and_start_again()?;
    let status = tour.status("cohort").await?;
    tour.check("the id was lost", status["store"].is_null(), || status["store"].to_string())?;
    tour.aws.release_held().await?;
    let mut watch = tour.watch("kubectl get seqstore cohort --watch")?;
    watch.until("Available").await?;
    drop(watch);
    let stores = tour.aws.stores().await?;
    let made: Vec<_> = stores.iter().filter(|store| store.name.as_deref() == Some("cohort")).collect();
    tour.check("there is one such store in AWS, and not two", made.len() == 1, || format!("{made:?}"))?;
    let status = tour.status("cohort").await?;
    let id = made.first().map(|store| store.id.as_str());
    tour.check("its id is on record", status["store"]["id"].as_str() == id, || status["store"].to_string())?;
    let tags = made.first().map(|store| store.tags.clone()).unwrap_or_default();
    let tagged =
        tags.get("team").is_some_and(|team| team == "genomics") && tags.contains_key("healthomics.dev/uid");
    tour.check("it has its tags, and those of its owner", tagged, || format!("{tags:?}"))
}

async fn correct(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Somebody changes what the spec says",
        "The spec of cohort names the description, so the operator writes it back.",
    );
    let status = tour.status("cohort").await?;
    let id = status["store"]["id"].as_str().ok_or("cohort has no id on record")?;
    let wanted = Some("Reads of the 2026 cohort");
    tour.screen.in_aws("description := \"oops\"");
    tour.aws.change_store(id, json!({"description": "oops"})).await?;
    let mut description = Some("oops".to_owned());
    for _ in 0..100 {
        description = tour.store(id).await?.and_then(|store| store.description);
        if description.as_deref() == wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tour.screen.in_aws(&format!("description is {description:?}"));
    let back = description.as_deref() == wanted;
    tour.check("the description in AWS is that of the spec again", back, || format!("{description:?}"))?;
    tour.run("kubectl wait seqstore/cohort --for=condition=Synced").await?;
    Ok(())
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
        "Delete objects and keep their stores",
        "archive only observes, and cohort has deletionPolicy Retain: both go at once, and the stores stay.",
    );
    let before = tour.aws.stores().await?;
    tour.run("kubectl delete seqstore archive cohort --timeout=10s").await?;
    tour.run("kubectl get seqstore").await?;
    let gone = tour.object("archive").await?.is_none() && tour.object("cohort").await?.is_none();
    tour.check("the objects are gone", gone, String::new)?;
    let after = tour.aws.stores().await?;
    let same = after.len() == 2 && after == before;
    tour.check("the stores are exactly as they were", same, || format!("{after:?}\nbefore: {before:?}"))
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
    let archive = changes.iter().filter(|entry| entry.store_id.as_deref() == Some(ARCHIVE)).count();
    tour.check("no change of archive was ever asked for", archive == 0, || format!("{changes:?}"))?;
    let done = |operation: &str| -> Vec<Option<&str>> {
        let entries = changes.iter().filter(|entry| entry.committed && entry.operation == operation);
        entries.map(|entry| entry.store_id.as_deref()).collect()
    };
    let deleted = done("DeleteSequenceStore");
    tour.check("one store was deleted: genomes", deleted == [Some(GENOMES)], || format!("{deleted:?}"))?;
    let (created, updated) = (done("CreateSequenceStore"), done("UpdateSequenceStore"));
    let once = created.len() == 1 && updated == created;
    tour.check("one was created, and corrected once", once, || format!("{created:?}, {updated:?}"))?;
    tour.screen.line("\nThat was the tour. `make sandbox` leaves the same parts running for you.");
    Ok(())
}
