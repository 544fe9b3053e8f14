//! Which measures run, with how many objects, and which run side by side. I/O: runs them.
//!
//! What waits for quotas or for time costs little CPU, so it runs beside the rest. What measures time or CPU at full
//! load runs alone with it.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::Error;
use crate::arguments::{Arguments, Measure};
use crate::cluster::Cluster;
use crate::measures::bindings::Lived;
use crate::measures::scale::{Point, Resting};
use crate::measures::{
    bindings, cold_start, creations, drift, failover, new_objects, rest, scale, scrape, storm,
};
use crate::progress::Progress;
use crate::results::Results;
use crate::scene::{Program, Scene, Stores};
use crate::tenants::Binds;

/// The sizes of one run.
#[derive(Clone, Debug)]
struct Sizes {
    cold_starts: usize,
    observed: &'static [usize],
    /// For each process of a first life the sizes that it comes by. One process for the two largest: a creation costs the
    /// machine much more than an observation.
    created: &'static [&'static [usize]],
    peer: &'static [usize],
    creations: Vec<(usize, f64)>,
    new_objects: usize,
    peer_at_rest: usize,
    rest_seconds: u64,
    drift: drift::Sizes,
    failover: &'static [(&'static str, usize)],
    storm_phase_seconds: u64,
    bindings: bindings::Sizes,
}

fn sizes(arguments: &Arguments) -> Sizes {
    if arguments.quick {
        return Sizes {
            cold_starts: 3,
            observed: &[0, 100, 300],
            created: &[&[30, 100]],
            peer: &[0, 100, 300],
            creations: vec![(30, 1.0), (100, 100.0)],
            new_objects: 60,
            peer_at_rest: 60,
            rest_seconds: 60,
            drift: drift::Sizes { observed: 5, managed: 1, changes: 1 },
            failover: &[("TERM", 1), ("KILL", 1)],
            storm_phase_seconds: 20,
            bindings: bindings::Sizes { namespaces: 100, rest_seconds: 60 },
        };
    }
    Sizes {
        cold_starts: 5,
        observed: &[0, 100, 1000, 5000, 10_000],
        created: &[&[100], &[1000], &[5000, 10_000]],
        peer: &[0, 1000, 10_000],
        creations: vec![(arguments.creations, 1.0), (100, 1.0)],
        new_objects: 300,
        peer_at_rest: 1000,
        rest_seconds: 300,
        drift: drift::Sizes { observed: 100, managed: 5, changes: 3 },
        failover: &[("TERM", 3), ("KILL", 2), ("STOP", 1)],
        storm_phase_seconds: 150,
        bindings: bindings::Sizes { namespaces: 1000, rest_seconds: 300 },
    }
}

/// What every part of a run gets.
#[derive(Clone)]
struct Run {
    cluster: Arc<Cluster>,
    arguments: Arguments,
    sizes: Sizes,
    progress: Arc<Progress>,
}

pub async fn run(
    cluster: Arc<Cluster>,
    arguments: &Arguments,
    progress: Arc<Progress>,
) -> Result<Results, Error> {
    let run = Run { cluster, arguments: arguments.clone(), sizes: sizes(arguments), progress };
    let mut results = Results { quick: arguments.quick, ..Results::default() };
    // Before anything else loads the machine: it measures milliseconds.
    results.absorb(or_failure("cold start", run.cold_starts().await));
    let mut parts = JoinSet::new();
    for (objects, factor) in run.sizes.creations.clone() {
        let run = run.clone();
        parts.spawn(async move { or_failure("creations", run.creation(objects, factor).await) });
    }
    for program in Program::BOTH {
        let run = run.clone();
        parts.spawn(async move { or_failure("changes behind the back", run.drift(program).await) });
    }
    let peer = run.clone();
    parts.spawn(async move { or_failure("the peer at rest", peer.peer_at_rest().await) });
    for program in Program::BOTH {
        let run = run.clone();
        parts.spawn(async move { or_failure("new objects and storm", run.quotas(program).await) });
    }
    let main = run.clone();
    parts.spawn(async move { main.main().await });
    absorb_all(&mut results, parts).await;
    results.sort();
    results.seconds = run.progress.elapsed().as_secs_f64();
    Ok(results)
}

/// One measure that fails takes no other with it: the run goes on, and says so at its end.
fn or_failure(measure: &str, result: Result<Results, Error>) -> Results {
    result.unwrap_or_else(|error| Results {
        failures: vec![format!("{measure}: {error}")],
        ..Results::default()
    })
}

/// Waits for all parts. One that panics takes no other with it either.
async fn absorb_all(results: &mut Results, mut parts: JoinSet<Results>) {
    while let Some(part) = parts.join_next().await {
        results.absorb(part.unwrap_or_else(|error| or_failure("a measure", Err(error.into()))));
    }
}

impl Run {
    async fn cold_starts(&self) -> Result<Results, Error> {
        let mut results = Results::default();
        if self.arguments.wants(Measure::ColdStart) {
            for program in Program::BOTH {
                let measured =
                    cold_start::run(&self.cluster, program, self.sizes.cold_starts, &self.progress).await?;
                results.cold_start.push(measured);
            }
        }
        Ok(results)
    }

    async fn creation(&self, objects: usize, factor: f64) -> Result<Results, Error> {
        let mut results = Results::default();
        if self.arguments.wants(Measure::Creations) {
            let measured = creations::run(&self.cluster, objects, factor, &self.progress).await?;
            results.creations.push(measured);
        }
        Ok(results)
    }

    async fn drift(&self, program: Program) -> Result<Results, Error> {
        let mut results = Results::default();
        if self.arguments.wants(Measure::Drift) {
            let measured = drift::run(&self.cluster, program, self.sizes.drift, &self.progress).await?;
            results.drift.push(measured);
        }
        Ok(results)
    }

    async fn peer_at_rest(&self) -> Result<Results, Error> {
        let mut results = Results::default();
        if self.arguments.wants(Measure::Rest) {
            let resting = rest::settled(&self.cluster, Program::Peer, self.sizes.peer_at_rest).await?;
            results.rest.push(rest::run(resting, self.sizes.rest_seconds, &self.progress).await?);
        }
        Ok(results)
    }

    /// The measures that load the machine or need it for themselves, one after the other.
    async fn main(&self) -> Results {
        let mut waiting = JoinSet::new();
        let mut results = self.scale(&mut waiting).await;
        results.absorb(self.bindings(&mut waiting).await);
        if !self.arguments.quick {
            results.absorb(or_failure("creations", self.creation(1000, 100.0).await));
        }
        results.absorb(or_failure("failover", self.failover().await));
        absorb_all(&mut results, waiting).await;
        results
    }

    /// The operator with the most observed objects goes on after its restart, beside the other measures.
    async fn scale(&self, waiting: &mut JoinSet<Results>) -> Results {
        let mut results = Results::default();
        if !self.arguments.wants(Measure::Scale) && !self.arguments.wants(Measure::Rest) {
            return results;
        }
        for (before, point) in self.points() {
            match scale::run(&self.cluster, &before, point, &self.progress).await {
                Ok((lives, restart, resting)) => {
                    results.first_lives.extend(lives);
                    results.restarts.push(restart);
                    let scraped = self.scrapes(point, &resting.scene).await;
                    results.absorb(or_failure("pages of metrics", scraped));
                    if self.rests(point) && self.arguments.wants(Measure::Rest) {
                        let run = self.clone();
                        waiting.spawn(async move { or_failure("rest", run.at_rest(resting).await) });
                    }
                }
                Err(error) => results.failures.push(format!("{point}: {error}")),
            }
        }
        results
    }

    /// With no objects and with the most, in processes of their own: the one that rests is left alone.
    async fn scrapes(&self, point: Point, scene: &Scene) -> Result<Results, Error> {
        let is_own = point.program == Program::Operator && point.stores == Stores::Observed;
        let is_meant = self.rests(point) || is_own && point.objects == 0;
        let mut results = Results::default();
        if !is_meant || !self.arguments.wants(Measure::Scale) {
            return Ok(results);
        }
        if self.cluster.programs.has("--metrics-per-object") {
            results.scrapes = scrape::run(scene, point.objects, &self.progress).await?;
        } else if point.objects == 0 {
            results.missing.push("Pages of metrics: this operator has none.".to_owned());
        }
        Ok(results)
    }

    fn rests(&self, point: Point) -> bool {
        point.program == Program::Operator
            && point.stores == Stores::Observed
            && Some(point.objects) == self.largest()
    }

    fn largest(&self) -> Option<usize> {
        let most = self.arguments.most.unwrap_or(usize::MAX);
        self.sizes.observed.iter().copied().filter(|objects| *objects <= most).max()
    }

    /// The sizes that are measured, each after those that its process comes by before.
    fn points(&self) -> Vec<(Vec<usize>, Point)> {
        let each = |sizes: &[usize]| sizes.iter().map(|objects| vec![*objects]).collect();
        let series: [(_, _, Vec<Vec<usize>>); 3] = [
            (Program::Operator, Stores::Observed, each(self.sizes.observed)),
            (
                Program::Operator,
                Stores::Created,
                self.sizes.created.iter().map(|life| life.to_vec()).collect(),
            ),
            (Program::Peer, Stores::Observed, each(self.sizes.peer)),
        ];
        // For the measure `rest` alone, only the process that rests.
        let all = self.arguments.wants(Measure::Scale);
        let most = self.arguments.most.unwrap_or(usize::MAX);
        let mut points = Vec::new();
        for (program, stores, lives) in series {
            for mut sizes in lives {
                sizes.retain(|objects| *objects <= most);
                let Some(objects) = sizes.pop() else { continue };
                let point = Point { program, stores, objects };
                if all || self.rests(point) {
                    points.push((sizes, point));
                }
            }
        }
        points
    }

    async fn at_rest(&self, resting: Resting) -> Result<Results, Error> {
        let rest = rest::run(resting, self.sizes.rest_seconds, &self.progress).await?;
        Ok(Results { rest: vec![rest], ..Results::default() })
    }

    async fn quotas(&self, program: Program) -> Result<Results, Error> {
        let mut results = Results::default();
        let (new, storms) = (self.arguments.wants(Measure::NewObjects), self.arguments.wants(Measure::Storm));
        if new || storms {
            let objects = self.sizes.new_objects;
            let (measured, scene) = new_objects::run(&self.cluster, program, objects, &self.progress).await?;
            results.new_objects.push(measured);
            if storms {
                let seconds = self.sizes.storm_phase_seconds;
                results.storm.push(storm::run(scene, program, objects, seconds, &self.progress).await?);
            }
        }
        Ok(results)
    }

    /// Those whose cost at rest is measured go on beside the other measures, each with a control plane of its own.
    async fn bindings(&self, waiting: &mut JoinSet<Results>) -> Results {
        let mut results = Results::default();
        if !self.arguments.wants(Measure::Bindings) {
            return results;
        }
        if !self.cluster.programs.has("--account-bindings") {
            results.missing.push("AccountBindings: this operator has no `--account-bindings`.".to_owned());
            return results;
        }
        for binds in Binds::ALL {
            match bindings::lives(&self.cluster, binds, self.sizes.bindings, &self.progress).await {
                Ok(Lived::Done(measured)) => results.bindings.push(*measured),
                Ok(Lived::Rests(resting)) => {
                    let run = self.clone();
                    waiting.spawn(async move {
                        or_failure("bindings at rest", run.bindings_at_rest(*resting).await)
                    });
                }
                Err(error) => results.failures.push(format!("bindings, {}: {error}", binds.name())),
            }
        }
        results
    }

    async fn bindings_at_rest(&self, resting: bindings::Resting) -> Result<Results, Error> {
        let measured = bindings::rest(resting, &self.progress).await?;
        Ok(Results { bindings: vec![measured], ..Results::default() })
    }

    async fn failover(&self) -> Result<Results, Error> {
        let mut results = Results::default();
        if !self.arguments.wants(Measure::Failover) {
            return Ok(results);
        }
        if self.cluster.programs.has("--leader-elect") {
            results.failover = failover::run(&self.cluster, self.sizes.failover, &self.progress).await?;
        } else {
            results.missing.push("Failover: this operator has no `--leader-elect`.".to_owned());
        }
        Ok(results)
    }
}
