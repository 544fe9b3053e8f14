//! Memory and CPU time by the number of objects, in the first life of a process and after a restart.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{seconds_between, until_current};
use crate::cluster::Cluster;
use crate::process::Process;
use crate::process_figures::ProcessFigures;
use crate::progress::Progress;
use crate::quotas::Quotas;
use crate::scene::{Program, Scene, Start, Stores, writes};
use crate::{Error, calls};

const READY_DEADLINE: Duration = Duration::from_secs(400);
const CURRENT_DEADLINE: Duration = Duration::from_secs(120);
/// After the last request, until figures are read.
const SETTLE: Duration = Duration::from_secs(4);

/// The first life of a process until so many objects are Ready, while AWS refuses nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FirstLife {
    pub program: Program,
    pub stores: Stores,
    pub objects: usize,
    pub figures: ProcessFigures,
    /// From the start of the process until the last object is Ready.
    pub seconds: f64,
    pub aws_requests: usize,
    pub kubernetes_writes: usize,
}

/// The next life, with all objects settled: the operator at the default quotas, the peer while AWS refuses nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Restart {
    pub program: Program,
    pub stores: Stores,
    pub objects: usize,
    pub figures: ProcessFigures,
    /// From the start of the process until it knows the state of all stores; `None` if that takes too long.
    pub seconds: Option<f64>,
    pub aws_requests: Option<usize>,
    pub refused: Option<usize>,
    pub kubernetes_writes: usize,
}

/// A program that goes on after its restart.
pub struct Resting {
    pub scene: Scene,
    pub process: Process,
    pub program: Program,
    pub objects: usize,
}

/// One size of one series.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    pub program: Program,
    pub stores: Stores,
    pub objects: usize,
}

impl std::fmt::Display for Point {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {} objects, {}", self.objects, self.stores.name(), self.program.name())
    }
}

/// `before`: the sizes that the process of the first life comes by on its way to the size of the point.
pub async fn run(
    cluster: &Arc<Cluster>,
    before: &[usize],
    point: Point,
    progress: &Progress,
) -> Result<(Vec<FirstLife>, Restart, Resting), Error> {
    let Point { program, objects, .. } = point;
    let step = progress.start(point.to_string());
    let scene = Scene::new(cluster, "scale", Quotas::None).await?;
    let sizes: Vec<Point> = before.iter().map(|objects| Point { objects: *objects, ..point }).collect();
    let lives = first_life(&scene, &[sizes.as_slice(), &[point]].concat()).await?;
    let quotas = match program {
        Program::Operator => Quotas::Default,
        Program::Peer => Quotas::None,
    };
    scene.set_quotas(quotas).await?;
    let (restart, process) = restart(&scene, point, quotas).await?;
    let described = lives.iter().map(|life| {
        let ProcessFigures { rss_mib, cpu_seconds, .. } = life.figures;
        format!("{rss_mib:.1} MiB and {cpu_seconds:.1} s CPU, ")
    });
    let described: String = described.collect();
    step.done(format!("{described}{:.1} MiB after a restart", restart.figures.rss_mib));
    Ok((lives, restart, Resting { scene, process, program, objects }))
}

/// One process. The objects of the first size are there before it starts; those of the next are added when it is through.
async fn first_life(scene: &Scene, sizes: &[Point]) -> Result<Vec<FirstLife>, Error> {
    let Some(first) = sizes.first() else { return Ok(Vec::new()) };
    scene.add(first.stores, 0, first.objects).await?;
    let mark = scene.audit_mark().await?;
    let mut process = scene.start(&Start::new(first.program, Quotas::None))?;
    let (mut lives, mut added, mut waited) = (Vec::new(), first.objects, 0.0);
    for point in sizes {
        let Point { program, stores, objects } = *point;
        let began = Instant::now();
        scene.add(stores, added, objects - added).await?;
        added = objects;
        scene.states.until_ready(objects, READY_DEADLINE).await?;
        let seconds = match lives.is_empty() {
            true => scene.states.last_ready().map_or(0.0, |at| seconds_between(process.started, at)),
            false => waited + began.elapsed().as_secs_f64(),
        };
        waited = seconds;
        tokio::time::sleep(SETTLE).await;
        process.check()?;
        lives.push(FirstLife {
            program,
            stores,
            objects,
            figures: process.figures()?,
            seconds,
            aws_requests: scene.requests_since(0).await?.len(),
            kubernetes_writes: writes(&scene.kubernetes_requests(mark.clone()).await?),
        });
    }
    process.terminate().await?;
    Ok(lives)
}

async fn restart(scene: &Scene, point: Point, quotas: Quotas) -> Result<(Restart, Process), Error> {
    let Point { program, stores, objects } = point;
    let mark = scene.audit_mark().await?;
    let since = scene.last_request().await?;
    let mut process = scene.start(&Start::new(program, quotas))?;
    let current = match objects {
        0 => None,
        _ => until_current(&scene.aws, &process, since, objects, CURRENT_DEADLINE).await?,
    };
    tokio::time::sleep(SETTLE).await;
    process.check()?;
    let restart = Restart {
        program,
        stores,
        objects,
        figures: process.figures()?,
        seconds: current.as_ref().map(|current| current.seconds),
        aws_requests: current.as_ref().map(|current| current.requests.len()),
        refused: current.as_ref().map(|current| calls::refused(&current.requests)),
        kubernetes_writes: writes(&scene.kubernetes_requests(mark).await?),
    };
    Ok((restart, process))
}
