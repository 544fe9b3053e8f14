//! Somebody changes an object again and again: it gets no more than its share of passes, and denials keep their wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use healthomics_simulator::{Fault, FaultAction};
use sequencestore_operator::crd::DeletionBlockReason;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, Cluster, Error, Start, World, ensure, tests};

tests![
    edits_in_a_loop_do_not_drive_passes,
    requests_in_a_loop_do_not_shorten_the_wait_after_a_denial,
    requests_in_a_loop_do_not_repeat_a_denied_read,
    requests_in_a_loop_do_not_repeat_a_refused_delete,
    a_first_request_ends_the_wait_after_a_denial,
];

/// Enough for a few seconds, and each one long after the pass before it, had that one begun at once.
const EDITS: usize = 60;
const BETWEEN_EDITS: Duration = Duration::from_millis(60);

/// The longest poll interval: only the edits can be the cause of a pass.
fn rare_polls() -> Start {
    Start { flags: vec!["--poll-interval=1h".into()], ..Start::default() }
}

/// Returns how long it took, until the operator has seen all edits.
async fn edit_in_a_loop(world: &World, edit: impl Fn(usize) -> Value) -> Result<Duration, Error> {
    let start = Instant::now();
    for number in 0..EDITS {
        world.patch("a", edit(number)).await?;
        tokio::time::sleep(BETWEEN_EDITS).await;
    }
    world.one_more_pass("a").await?;
    Ok(start.elapsed())
}

/// How often a call that AWS refuses may be sent in that time: once before the loop, once at its start, and then in gaps of
/// 10 seconds, 20, 40 and so on.
fn most_refused_calls(time: Duration) -> usize {
    2 + (1..).take_while(|gaps| Duration::from_secs(10 * ((1 << gaps) - 1)) <= time).count()
}

fn request(number: usize) -> Value {
    json!({"metadata": {"annotations": {"healthomics.dev/reconcile-requested-at": format!("loop-{number}")}}})
}

async fn edits_in_a_loop_do_not_drive_passes(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&rare_polls())?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let other =
        |number: usize| json!({"metadata": {"annotations": {"healthomics.dev/other": number.to_string()}}});
    let protection = |number: usize| json!({"spec": {"deletionProtection": number.is_multiple_of(2)}});
    let edits: [(&str, &(dyn Fn(usize) -> Value + Sync)); 3] =
        [("requests", &request), ("annotations", &other), ("edits of the spec", &protection)];
    for (what, edit) in edits {
        let before = world.gets_of(&store).await?.len();
        let time = edit_in_a_loop(&world, edit).await?;
        let passes = world.gets_of(&store).await?.len() - before;
        ensure!(passes >= 1, "no pass for {EDITS} {what}");
        // They begin at least a second apart.
        let most = time.as_secs() as usize + 2;
        ensure!(passes <= most, "{passes} passes for {EDITS} {what} in {time:?}");
    }
    Ok(())
}

async fn requests_in_a_loop_do_not_shorten_the_wait_after_a_denial(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&rare_polls())?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let allowed = ["omics:Get*", "omics:List*"].map(String::from).to_vec();
    world.aws.allow_actions(ACCOUNT, Some(allowed)).await?;
    world.patch("a", json!({"spec": {"tags": {"team": "x"}}})).await?;
    world.until_condition("a", "Synced", "False", "AccessDenied").await?;
    let time = edit_in_a_loop(&world, request).await?;
    let tried = world.calls("TagResource").await?.into_iter().filter(|call| call.error.is_some()).count();
    ensure!(tried <= most_refused_calls(time), "{tried} denied calls for {EDITS} requests in {time:?}");
    Ok(())
}

async fn requests_in_a_loop_do_not_repeat_a_denied_read(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&rare_polls())?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.aws.allow_actions(ACCOUNT, Some(Vec::new())).await?;
    world.reconcile_now("a").await?;
    world.until_condition("a", "Ready", "False", "AccessDenied").await?;
    let time = edit_in_a_loop(&world, request).await?;
    let denied = world.gets_of(&store).await?.into_iter().filter(|call| call.error.is_some()).count();
    ensure!(denied <= most_refused_calls(time), "{denied} denied calls for {EDITS} requests in {time:?}");
    // The wait is not lost: the last request is handled once it is over.
    world.aws.allow_actions(ACCOUNT, None).await?;
    world.until_ready("a").await?;
    Ok(())
}

async fn requests_in_a_loop_do_not_repeat_a_refused_delete(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&rare_polls())?;
    let store = world.seed().await?;
    world.aws.add_read_sets(&store.id, 2, "ACTIVE").await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.delete("a").await?;
    world.until_blocked("a", DeletionBlockReason::ReadSets).await?;
    let time = edit_in_a_loop(&world, request).await?;
    let deletes = world.deletes().await?;
    ensure!(deletes <= most_refused_calls(time), "{deletes} deletes for {EDITS} requests in {time:?}");
    Ok(())
}

async fn a_first_request_ends_the_wait_after_a_denial(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&rare_polls())?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let denied = FaultAction::error("AccessDeniedException");
    world.aws.script_fault(&Fault::always("TagResource", denied)).await?;
    world.patch("a", json!({"spec": {"tags": {"team": "x"}}})).await?;
    world.until_condition("a", "Synced", "False", "AccessDenied").await?;
    world.aws.clear_faults().await?;
    world.reconcile_now("a").await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    Ok(())
}
