//! The steps of the tour, one function each, in the order they are listed in: first the life of one store, then
//! what becomes of stores that are there already.

mod existing;
mod life;

use std::collections::BTreeMap;

use crate::Error;
use crate::parts::{RELEASE, SYSTEM_NAMESPACE};
use crate::tour::Tour;
pub use existing::{GENOMES_MANIFEST, seed};

/// Id of the store that the tour adopts and deletes.
pub const GENOMES: &str = "3936421177";
/// Id of the store that the tour only looks at.
pub const ARCHIVE: &str = "7148590366";

/// All steps.
pub async fn run(tour: &Tour<'_>) -> Result<(), Error> {
    welcome(tour).await?;
    life::create(tour).await?;
    life::ready(tour).await?;
    life::update(tour).await?;
    life::correct(tour).await?;
    life::delete(tour).await?;
    existing::adopt(tour).await?;
    existing::follow(tour).await?;
    existing::observe(tour).await?;
    existing::blocked(tour).await?;
    existing::deleted(tour).await?;
    existing::let_go(tour).await?;
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

async fn ledger(tour: &Tour<'_>) -> Result<(), Error> {
    tour.step("The account of it all", "Every request that reached AWS, and what it was answered.");
    let mut requests: BTreeMap<(String, String), usize> = BTreeMap::new();
    for entry in tour.aws.ledger().await? {
        // The answer to a request whose caller was killed reached nobody.
        let answer = match (entry.error, entry.status) {
            (Some(error), _) => error,
            (None, 0) => "no answer".to_owned(),
            (None, status) => status.to_string(),
        };
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
    let (created, updated) = (done("CreateSequenceStore"), done("UpdateSequenceStore"));
    let cohort = created.first().copied().flatten();
    let once = created.len() == 1 && updated == [cohort, cohort];
    tour.check("one store was created, updated once and corrected once", once, || {
        format!("{created:?}, {updated:?}")
    })?;
    let deleted = done("DeleteSequenceStore");
    tour.check("two were deleted: cohort and genomes", deleted == [cohort, Some(GENOMES)], || {
        format!("{deleted:?}")
    })?;
    tour.screen.line("\nThat was the tour. `make sandbox` leaves the same parts running for you.");
    Ok(())
}
