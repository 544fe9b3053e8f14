//! Runs the steps of the tour in order: first the life of a store that the operator creates, then what it does with
//! stores that already exist.

mod existing;
mod life;

use std::collections::BTreeMap;

use crate::Error;
use crate::stack::{RELEASE, SYSTEM_NAMESPACE};
use crate::tour::Tour;
pub use existing::seed;

/// The ID of the store that the tour adopts and deletes.
pub const GENOMES: &str = "3936421177";
/// The ID of the store that the tour only observes.
pub const ARCHIVE: &str = "7148590366";

pub async fn run(tour: &Tour<'_>) -> Result<(), Error> {
    welcome(tour).await?;
    life::create(tour).await?;
    life::ready(tour).await?;
    life::update(tour).await?;
    life::correct_drift(tour).await?;
    life::delete(tour).await?;
    existing::adopt(tour).await?;
    existing::leave_unset_fields_alone(tour).await?;
    existing::observe(tour).await?;
    existing::block_deletion(tour).await?;
    existing::finish_deletion(tour).await?;
    existing::delete_observing_object(tour).await?;
    summary(tour).await
}

async fn welcome(tour: &Tour<'_>) -> Result<(), Error> {
    tour.screen
        .line("\nA tour of sequencestore-operator: AWS HealthOmics sequence stores as Kubernetes objects.");
    tour.screen.explain(&format!(
        "Kubernetes: a real kube-apiserver and etcd, at {}\n\
         AWS:        a simulator of the HealthOmics API, at {}\n\
         Operator:   a process with the token of the chart's ServiceAccount, because no node can run its Pod;\n\
         \u{20}           it polls each store every 2 s here (every 5 min by default) and logs to\n\
         \u{20}           {}",
        tour.stack.plane.server(),
        tour.stack.simulator.url(),
        tour.stack.operator.log().display(),
    ));
    tour.step(
        "What the chart installed",
        "The operator has few permissions: no Secrets, no Pods, no wildcards.",
    );
    tour.run(&format!("helm list --namespace {SYSTEM_NAMESPACE}")).await?;
    let role = tour.run(&format!("kubectl describe clusterrole {RELEASE}")).await?;
    let is_minimal = role.contains("sequencestores") && !role.contains("secrets") && !role.contains('*');
    tour.check("the operator cannot read Secrets, and its ClusterRole has no wildcard", is_minimal, || {
        role.clone()
    })
}

async fn summary(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step("Summary", "All requests that AWS received, and how it responded.");
    let mut requests: BTreeMap<(String, String), usize> = BTreeMap::new();
    for entry in tour.aws.ledger().await? {
        // Status 0 means that the simulator sent no response.
        let response = match (entry.error, entry.status) {
            (Some(error), _) => error,
            (None, 0) => "no response".to_owned(),
            (None, status) => status.to_string(),
        };
        *requests.entry((entry.operation, response)).or_default() += 1;
    }
    tour.screen.line("");
    for ((operation, response), count) in &requests {
        tour.screen.output(&format!("{count:4}  {operation:22} {response}"));
    }
    let changes = tour.changes().await?;
    let archive = changes.iter().filter(|entry| entry.store_id.as_deref() == Some(ARCHIVE)).count();
    tour.check("the operator never tried to change archive", archive == 0, || format!("{changes:?}"))?;
    let committed = |operation: &str| -> Vec<Option<&str>> {
        let entries = changes.iter().filter(|entry| entry.committed && entry.operation == operation);
        entries.map(|entry| entry.store_id.as_deref()).collect()
    };
    let (created, updated) = (committed("CreateSequenceStore"), committed("UpdateSequenceStore"));
    let cohort = created.first().copied().flatten();
    let once = created.len() == 1 && updated == [cohort, cohort];
    tour.check("one store was created, updated once and corrected once", once, || {
        format!("{created:?}, {updated:?}")
    })?;
    let deleted = committed("DeleteSequenceStore");
    let expected = [cohort, Some(GENOMES)];
    tour.check("two stores were deleted: cohort and genomes", deleted == expected, || {
        format!("{deleted:?}")
    })?;
    tour.screen
        .line("\nThis is the end of the tour. `make sandbox` keeps the same setup running for you to try.");
    Ok(())
}
