//! The steps about stores that already exist in AWS: adopt, report changes, observe, block and finish a deletion.

use std::collections::BTreeMap;

use healthomics_simulator::{SeedStore, StoreRecord};
use serde_json::json;

use super::life::{conditions_command, is_settled};
use super::{ARCHIVE, GENOMES};
use crate::Error;
use crate::tour::{Tour, condition};

/// Creates the stores `genomes` and `archive` in the simulated AWS.
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

/// An object that adopts the store `genomes`.
const GENOMES_MANIFEST: &str = "\
apiVersion: healthomics.dev/v1alpha1
kind: SequenceStore
metadata:
  name: genomes
spec:
  sequenceStoreId: \"3936421177\"
";

pub(super) async fn adopt(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Adopt an existing store",
        "Somebody has created two stores in the AWS console. The object adopts one of them, by its ID. AWS is still\n\
         creating this store.",
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
    let reconciling = condition(&status, "Reconciling").is_some_and(|c| c["status"] == "True");
    tour.screen.in_aws("the store becomes ACTIVE");
    tour.aws.change_store(GENOMES, json!({"status": "ACTIVE"})).await?;
    watch.until("Available").await?;
    drop(watch);
    tour.check("while AWS was creating the store, the object was Reconciling", reconciling, || {
        status.to_string()
    })?;

    tour.run("kubectl wait seqstore/genomes --for=condition=Ready --for=condition=Synced").await?;
    tour.run(&conditions_command("genomes")).await?;
    let status = tour.status("genomes").await?;
    tour.check("Ready and Synced are True, and Reconciling is absent", is_settled(&status), || {
        status["conditions"].to_string()
    })?;

    let object = tour.object("genomes").await?.unwrap_or_default();
    let tags = tour.store(GENOMES).await?.ok_or("the store is gone")?.tags;
    tour.screen.in_aws(&format!("tags of the store: {tags:?}"));
    let owned = tags.get("healthomics.dev/uid").map(String::as_str) == object["metadata"]["uid"].as_str();
    tour.check("the store's tags contain the uid of its owner, this object", owned, || format!("{tags:?}"))
}

pub(super) async fn leave_unset_fields_alone(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "The operator does not change fields that the spec does not set",
        "Somebody changes the store in AWS. The operator only updates the status.",
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
    tour.check("the status also has the new tag", status["store"]["tags"]["cost-centre"] == "4711", || {
        status["store"].to_string()
    })?;
    let changes = tour.changes().await?;
    let requests: Vec<_> =
        changes.iter().filter(|request| request.store_id.as_deref() == Some(GENOMES)).collect();
    let only_tags = matches!(requests[..], [request] if request.operation == "TagResource");
    tour.check("the operator has changed nothing but the owner tags of this store", only_tags, || {
        format!("{requests:?}")
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

pub(super) async fn observe(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Observe a store, and see how it differs from the spec",
        "With managementPolicy: Observe the operator never changes anything in AWS. It reports a difference by setting\n\
         Synced to False.",
    );
    tour.manifest("archive.yaml", ARCHIVE_MANIFEST)?;
    tour.run("kubectl apply -f archive.yaml").await?;
    tour.run("kubectl wait seqstore/archive --for=condition=Synced=false --for=condition=Ready").await?;
    tour.run(&conditions_command("archive")).await?;
    tour.run("kubectl get seqstore archive -o jsonpath-as-json='{.status.drift[*]}'").await?;
    let status = tour.status("archive").await?;
    let drift =
        json!([{"field": "description", "desired": "Reads before 2021", "observed": "Reads before 2020"}]);
    tour.check("status.drift contains this difference and no other", status["drift"] == drift, || {
        status["drift"].to_string()
    })?;
    let reason = condition(&status, "Synced").map(|c| c["reason"].clone()).unwrap_or_default();
    tour.check("the reason of Synced is Drifted", reason == "Drifted", || reason.to_string())?;
    let object = tour.object("archive").await?.unwrap_or_default();
    let finalizers = &object["metadata"]["finalizers"];
    tour.check("an object that only observes has no finalizer", finalizers.is_null(), || {
        finalizers.to_string()
    })
}

pub(super) async fn block_deletion(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Delete an object whose store contains data",
        "AWS deletes only empty stores, and the operator never deletes read sets. The status says what blocks the\n\
         deletion.",
    );
    tour.screen.in_aws("somebody imports three read sets into genomes");
    tour.aws.add_read_sets(GENOMES, 3, "ACTIVE").await?;
    tour.run("kubectl delete seqstore genomes --wait=false").await?;
    tour.run("kubectl wait seqstore/genomes --for=jsonpath='{.status.deletionBlockedBy[0].reason}'=ReadSets")
        .await?;
    tour.run("kubectl get seqstore genomes").await?;
    tour.run("kubectl get seqstore genomes -o jsonpath-as-json='{.status.deletionBlockedBy[*]}'").await?;
    let status = tour.status("genomes").await?;
    let block = &status["deletionBlockedBy"][0];
    let counted = block["readSets"] == "3" && block["readSetsByStatus"] == json!({"ACTIVE": 3});
    tour.check("the status contains the number of read sets", counted, || block.to_string())?;
    let store = tour.store(GENOMES).await?;
    let untouched = store.as_ref().is_some_and(|store| store.read_set_count == 3);
    tour.check("the store still exists and contains all read sets", untouched, || format!("{store:?}"))
}

pub(super) async fn finish_deletion(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Without read sets, the operator deletes the store",
        "It retries by itself. The finalizer keeps the object until AWS reports that the store no longer exists.",
    );
    let mut watch = tour.watch("kubectl get seqstore genomes --watch")?;
    watch.until("DeletionBlocked").await?;
    tour.screen.in_aws("somebody deletes the read sets");
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

pub(super) async fn delete_observing_object(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step(
        "Delete an object that only observes",
        "Kubernetes deletes the object at once, and the store remains. The same applies to deletionPolicy: Retain.",
    );
    let before = tour.aws.stores().await?;
    tour.run("kubectl delete seqstore archive --timeout=10s").await?;
    tour.run("kubectl get seqstore").await?;
    let object = tour.object("archive").await?;
    tour.check("the object is gone", object.is_none(), || format!("{object:?}"))?;
    let after = tour.aws.stores().await?;
    let same = after.len() == 1 && after == before;
    tour.check("the store is unchanged", same, || format!("{after:?}\nbefore: {before:?}"))
}
