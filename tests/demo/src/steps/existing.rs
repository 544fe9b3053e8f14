//! Stores that are in AWS already: adopted, followed, observed, protected while they hold data, kept.

use std::collections::BTreeMap;

use healthomics_simulator::{SeedStore, StoreRecord};
use serde_json::json;

use super::life::{conditions, is_settled};
use super::{ARCHIVE, GENOMES};
use crate::Error;
use crate::tour::{Tour, condition};

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

/// An object that adopts the first store.
pub const GENOMES_MANIFEST: &str = "\
apiVersion: healthomics.dev/v1alpha1
kind: SequenceStore
metadata:
  name: genomes
spec:
  sequenceStoreId: \"3936421177\"
";

pub(super) async fn adopt(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Adopt a store that is there already",
        "Somebody made two stores in the console. One is adopted by its id; AWS is still creating it.",
    );
    seed(tour, "CREATING").await?;
    let line = |store: &StoreRecord| {
        format!("{} {} {}", store.id, store.name.as_deref().unwrap_or_default(), store.status)
    };
    let stores = tour.aws.stores().await?;
    tour.screen.in_aws(&stores.iter().map(line).collect::<Vec<_>>().join(", "));
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
    tour.check("Ready and Synced are True, and nothing is left to do", is_settled(&status), || {
        status["conditions"].to_string()
    })?;

    let object = tour.object("genomes").await?.unwrap_or_default();
    let tags = tour.store(GENOMES).await?.ok_or("the store is gone")?.tags;
    tour.screen.in_aws(&format!("tags of the store: {tags:?}"));
    let ours = tags.get("healthomics.dev/uid").map(String::as_str) == object["metadata"]["uid"].as_str();
    tour.check("the store carries the uid of its owner, this object", ours, || format!("{tags:?}"))
}

pub(super) async fn follow(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "A field that the spec does not name is left alone",
        "Somebody changes the store in AWS. The status follows; there is nothing to put right.",
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
    let of_it: Vec<_> = changes.iter().filter(|call| call.store_id.as_deref() == Some(GENOMES)).collect();
    let only = matches!(of_it[..], [call] if call.operation == "TagResource");
    tour.check("the owner tags are all that the operator has written to it", only, || format!("{of_it:?}"))
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

pub(super) async fn observe(tour: &Tour<'_>) -> Result<(), Error> {
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

pub(super) async fn blocked(tour: &Tour<'_>) -> Result<(), Error> {
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

pub(super) async fn deleted(tour: &Tour<'_>) -> Result<(), Error> {
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

pub(super) async fn let_go(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Delete an object that only observes",
        "It goes at once, and the store stays. So it is with deletionPolicy: Retain.",
    );
    let before = tour.aws.stores().await?;
    tour.run("kubectl delete seqstore archive --timeout=10s").await?;
    tour.run("kubectl get seqstore").await?;
    let object = tour.object("archive").await?;
    tour.check("the object is gone", object.is_none(), || format!("{object:?}"))?;
    let after = tour.aws.stores().await?;
    let same = after.len() == 1 && after == before;
    tour.check("the store is exactly as it was", same, || format!("{after:?}\nbefore: {before:?}"))
}
