//! Counts of read sets harm nothing: a failed one changes no condition, they act with the identity of the object, and nobody waits
//! for them.

use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use healthomics_simulator::{Fault, FaultAction, Knobs};
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use serde_json::json;

use super::counts::{counting, every, pages, read_sets, until_total};
use crate::bindings::{self, ACCOUNTS};
use crate::called_operations::allowed;
use crate::world::{
    ACCOUNT, Cluster, Error, Start, TIMEOUT, World, condition, ensure, observing, spec_for, status, tests,
};

tests![
    a_denied_count_is_told_and_changes_no_condition,
    a_count_that_fails_for_a_moment_is_no_news,
    the_policy_with_read_sets_is_enough_to_count_what_is_only_observed,
    under_a_binding_the_role_of_its_session_counts,
    nothing_waits_for_counts,
];

const LIST: &str = "ListReadSets";

/// Ready and Synced, and nothing else.
fn ensure_well(object: &SequenceStore) -> Result<(), Error> {
    let is_true = |kind| condition(object, kind).is_some_and(|condition| condition.status == "True");
    ensure!(
        is_true("Ready") && is_true("Synced") && status(object).conditions.len() == 2,
        "{:?}",
        status(object).conditions
    );
    Ok(())
}

async fn a_denied_count_is_told_and_changes_no_condition(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let mut actions = allowed(&["--for", "full"])?;
    actions.remove("omics:ListReadSets");
    world.aws.allow_actions(ACCOUNT, Some(actions.iter().cloned().collect())).await?;
    let _operator = world.operator(&every("1h"))?;
    let store = world.seed().await?;
    world.create("genomes", counting(spec_for(&store))).await?;
    let told = |object: &SequenceStore| read_sets(object).is_some_and(|shown| shown.message.is_some());
    let object = world.until("genomes", "a message", told).await?;
    let shown = read_sets(&object).ok_or("no read sets")?;
    let message = shown.message.unwrap_or_default();
    ensure!(message.contains("omics:ListReadSets") && message.contains("allow"), "{message}");
    ensure!(shown.total.is_none() && shown.observed_time.is_none(), "it was never counted: {object:?}");
    world.until_ready("genomes").await?;
    ensure_well(&world.until_condition("genomes", "Synced", "True", "InSync").await?)?;

    world.aws.allow_actions(ACCOUNT, None).await?;
    world.aws.add_read_sets(&store.id, 3, "ACTIVE").await?;
    world.reconcile_now("genomes").await?;
    let counted = until_total(&world, "genomes", "3").await?;
    ensure!(counted.message.is_none(), "{counted:?}");

    world.aws.allow_actions(ACCOUNT, Some(actions.into_iter().collect())).await?;
    world.reconcile_now("genomes").await?;
    let object = world.until("genomes", "a message again", told).await?;
    let shown = read_sets(&object).ok_or("no read sets")?;
    ensure!((shown.total, shown.observed_time) == (counted.total, counted.observed_time), "{object:?}");
    ensure_well(&object)
}

async fn a_count_that_fails_for_a_moment_is_no_news(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    for _ in 0..2 {
        world.aws.script_fault(&Fault::once(LIST, FaultAction::error("InternalServerException"))).await?;
    }
    let _operator = world.operator(&every("1h"))?;
    let store = world.seed().await?;
    world.create("genomes", counting(spec_for(&store))).await?;
    let shown = |object: &SequenceStore| read_sets(object).is_some();
    let object = world.until("genomes", "a count", shown).await?;
    ensure!(read_sets(&object).is_some_and(|shown| shown.message.is_none()), "{object:?}");
    let calls = world.calls(LIST).await?;
    ensure!(calls.len() == 3, "{} calls", calls.len());
    world.aws.script_fault(&Fault::always(LIST, FaultAction::error("InternalServerException"))).await?;
    world.reconcile_now("genomes").await?;
    let lasts = |object: &SequenceStore| read_sets(object).is_some_and(|shown| shown.message.is_some());
    let object = world.until("genomes", "a failure that lasts", lasts).await?;
    ensure!(world.calls(LIST).await?.len() >= 6, "told too soon");
    ensure_well(&object)
}

async fn the_policy_with_read_sets_is_enough_to_count_what_is_only_observed(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let actions = allowed(&["--for", "observe", "--read-sets"])?;
    world.aws.allow_actions(ACCOUNT, Some(actions.into_iter().collect())).await?;
    let _operator = world.operator(&every("1h"))?;
    let store = world.seed().await?;
    world.aws.add_read_sets(&store.id, 4, "ARCHIVED").await?;
    world.create("watched", counting(observing(&store))).await?;
    until_total(&world, "watched", "4").await?;
    world.until_ready("watched").await?;
    let ledger = world.aws.ledger().await?;
    let denied: Vec<&str> =
        ledger.iter().filter(|call| call.status == 403).map(|call| call.operation.as_str()).collect();
    ensure!(denied.is_empty(), "denied: {denied:?}");
    ensure!(world.mutating_calls().await?.is_empty(), "something was changed");
    Ok(())
}

async fn under_a_binding_the_role_of_its_session_counts(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&bindings::start(&["--read-set-poll-interval=1s"]))?;
    let binding = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    world.create("genomes", counting(SequenceStoreSpec::default())).await?;
    until_total(&world, "genomes", "0").await?;
    let object = world.until_ready("genomes").await?;
    let id = status(&object).store.ok_or("no store")?.id;
    world.aws.add_read_sets(&id, 2, "ACTIVE").await?;
    until_total(&world, "genomes", "2").await?;
    let calls = world.calls(LIST).await?;
    world.ensure_acted_as(&calls, ACCOUNTS[0], (&world.namespace, &binding))?;

    // Without the binding nobody counts: the operator's own identity would be the wrong one.
    world.unbind(&binding).await?;
    world.until_condition("genomes", "Ready", "False", "BindingMissing").await?;
    // A count that is under way ends first.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = world.calls(LIST).await?.len();
    let own = world.seed().await?;
    world.create("own", counting(observing(&own))).await?;
    let end = tokio::time::Instant::now() + TIMEOUT;
    while pages(&world, &own).await?.len() < 4 {
        ensure!(tokio::time::Instant::now() < end, "an object without a binding is not counted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let others: Vec<_> =
        world.calls(LIST).await?.into_iter().filter(|call| call.store_id.as_ref() != Some(&own.id)).collect();
    ensure!(others.len() == before, "{} more calls", others.len() - before);
    world.ensure_acted_as(&others, ACCOUNTS[0], (&world.namespace, &binding))
}

/// The stores of a dozen objects have more pages than the background share pays for in minutes, and passes have one worker.
async fn nothing_waits_for_counts(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    world.aws.set_knobs(&Knobs { quotas: true, ..Knobs::default() }).await?;
    let mut stores = Vec::new();
    for _ in 0..12 {
        let store = world.seed().await?;
        world.aws.add_read_sets(&store.id, 900, "ACTIVE").await?;
        stores.push(store);
    }
    let flags = ["--concurrency=1", "--poll-interval=1h", "--create-grace=2s"];
    let flags = flags.map(ToOwned::to_owned).to_vec();
    let environment = [("SEQSTORE_QUOTA", String::new())].into();
    let _operator = world.operator(&Start { flags, environment, ..Start::default() })?;
    let create = |(number, store)| {
        let world = &world;
        async move { world.create(&format!("full-{number}"), counting(observing(store))).await }
    };
    try_join_all(stores.iter().enumerate().map(create)).await?;
    for number in 0..stores.len() {
        world.until_ready(&format!("full-{number}")).await?;
    }
    // The counts wait for their turn by now.
    world.until_calls(LIST, 3).await?;
    let seq = world.aws.last_seq().await?;
    world.create("new", SequenceStoreSpec::default()).await?;
    world.until_ready("new").await?;
    let since = world.aws.ledger_since(seq).await?;
    let created = since.iter().find(|call| call.operation == "CreateSequenceStore").ok_or("no creation")?;
    let ahead = since.iter().filter(|call| call.operation == LIST && call.seq < created.seq).count();
    // One in two seconds.
    ensure!(ahead <= 4, "{ahead} pages came before the creation");
    let all = world.calls(LIST).await?;
    ensure!(all.len() < 12 * 9, "all was counted before the creation: {} pages", all.len());
    let time = |call: &healthomics_simulator::LedgerEntry| call.time.parse::<jiff::Timestamp>();
    let (first, last) = (time(&all[0])?, time(&all[all.len() - 1])?);
    let most = 3.0 + 0.5 * last.duration_since(first).as_secs_f64();
    let is_slow = all.len() as f64 <= most;
    ensure!(is_slow, "{} pages in {:?}", all.len(), last.duration_since(first));
    ensure!(pages(&world, &stores[0]).await?.len() <= 9, "more pages than there are");
    let edited = json!({"spec": {"description": "edited meanwhile"}});
    world.patch("new", edited).await?;
    world.until_calls("UpdateSequenceStore", 1).await?;
    Ok(())
}
