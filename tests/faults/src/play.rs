//! Plays one plan: what the user does, the disturbance, and the judgement at the end.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Error;
use crate::call::Nth;
use crate::cluster::Cluster;
use crate::end::{End, GLANCE, PATIENCE, wait_for};
use crate::plan::{Disturbance, Plan};
use crate::world::World;

/// The undisturbed run must not move any more for this long; every trailing request is in it.
const QUIET: Duration = Duration::from_secs(5);
/// How long a run stays where it should be: more than one pass of the restarted operator.
const HOLD: Duration = Duration::from_millis(3000);
/// How long to wait for a disturbance once the end is reached without it.
const TRAILING: Duration = Duration::from_secs(8);

/// An undisturbed run: where it ended, and the requests that changed something on the way.
pub struct Reference {
    pub end: End,
    pub requests: Vec<Nth>,
}

/// How a plan ended.
#[derive(Clone, Debug)]
pub enum Verdict {
    Survived,
    /// It ended well, but this run never made the request to disturb.
    NotReached,
    /// What differed, and what the operators logged.
    Failed(String),
}

/// Plays the undisturbed run of a flow.
pub async fn reference(cluster: &Cluster, plan: &Plan) -> Result<Reference, Error> {
    let world = World::new(cluster, plan).await?;
    let played = async {
        begin(&world, plan).await?;
        wait_for(&world, "the end of the flow", |end| plan.flow.is_reached(end)).await?;
        sleep(QUIET).await;
        let end = End::of(&world).await?;
        let broken = broken(&world).await?;
        if !plan.flow.is_reached(&end) || !broken.is_empty() {
            return Err(format!("it does not stay there: {broken:?} {end:#?}").into());
        }
        Ok(Reference { end, requests: world.stage.seen() })
    };
    let result = played.await.map_err(|error: Error| {
        format!("the undisturbed run of {} fails: {error}\n{}", plan.flow, world.logs()).into()
    });
    world.stage.close().await;
    result
}

/// Plays a plan and compares its end with the undisturbed one.
pub async fn play(cluster: &Cluster, plan: &Plan, reference: &End) -> Verdict {
    let world = match World::new(cluster, plan).await {
        Ok(world) => world,
        Err(error) => return Verdict::Failed(format!("    it could not begin: {error}\n")),
    };
    let verdict = match judge(&world, plan, reference).await {
        Ok(verdict) => verdict,
        Err(error) => Verdict::Failed(format!("    {error}\n")),
    };
    let verdict = match verdict {
        Verdict::Failed(text) => Verdict::Failed(format!("{text}{}", world.logs())),
        other => other,
    };
    world.stage.close().await;
    verdict
}

async fn begin(world: &World, plan: &Plan) -> Result<(), Error> {
    plan.flow.prepare(world).await?;
    world.stage.begin();
    plan.flow.act(world).await
}

async fn judge(world: &World, plan: &Plan, reference: &End) -> Result<Verdict, Error> {
    begin(world, plan).await?;
    let until = Instant::now() + PATIENCE;
    let mut arrived: Option<Instant> = None;
    loop {
        let end = End::of(world).await?;
        let broken = broken(world).await?;
        if !broken.is_empty() {
            let text: String = broken.iter().map(|line| format!("    ! {line}\n")).collect();
            return Ok(Verdict::Failed(format!("{text}{}", end.differences(reference))));
        }
        if plan.flow.accepts(&end, reference, plan.replicas) {
            let arrived = *arrived.get_or_insert_with(Instant::now);
            let struck = world.stage.struck_at();
            if struck.is_some_and(|struck| arrived.max(struck).elapsed() >= HOLD) {
                return Ok(Verdict::Survived);
            }
            if struck.is_none() && arrived.elapsed() >= TRAILING {
                return Ok(Verdict::NotReached);
            }
        } else {
            arrived = None;
        }
        if Instant::now() >= until {
            let never = "    ! the end of the undisturbed run is not reached (- wanted, + found)\n";
            return Ok(Verdict::Failed(format!("{never}{}", end.differences(reference))));
        }
        sleep(GLANCE).await;
    }
}

/// Invariants that were broken so far.
async fn broken(world: &World) -> Result<Vec<String>, Error> {
    let mut broken = world.stage.violations();
    broken.extend(world.harm().await?);
    // One store for each object, ever: so there never were two live ones at a time.
    let stores = world.stores().await?;
    if stores.len() > 1 {
        let ids: Vec<String> = stores.iter().map(|store| format!("{} {}", store.id, store.status)).collect();
        broken.push(format!("{} stores were made for one object: {}", stores.len(), ids.join(", ")));
    }
    Ok(broken)
}

/// Whether a plan's run can miss the request it means to disturb: replicas share the work differently each time.
pub fn may_miss(plan: &Plan) -> bool {
    plan.replicas > 1 && matches!(plan.disturbance, Disturbance::Kill { .. })
}
