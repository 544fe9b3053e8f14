//! Kills the operator at every request that changes something, and compares the end with an undisturbed run.
//!
//! The operator is an unmodified binary between two proxies, one on each edge. A request to Kubernetes or HealthOmics that
//! changes something is numbered by edge, verb, resource or operation, and occurrence; an undisturbed run with M of them
//! gives three times M plans: killed before the request is forwarded, after it took effect and before the reply, and
//! after the reply.

mod call;
mod cluster;
mod end;
mod flow;
mod invariants;
mod plan;
mod play;
mod proxy;
mod report;
mod stage;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use crate::cluster::Cluster;
use crate::plan::{Flow, Plan};
use crate::play::{Reference, Verdict};
use crate::report::Report;

/// Anything that can go wrong.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// Kills the operator at every request that changes something.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only these flows.
    #[arg(long, value_enum)]
    flow: Vec<Flow>,
    /// Only plans with so many replicas.
    #[arg(long)]
    replicas: Option<usize>,
    /// Only plans in whose name this stands.
    #[arg(long)]
    plan: Option<String>,
    /// Plans side by side.
    #[arg(long, default_value_t = 16)]
    jobs: usize,
    /// Only so many plans, drawn by --seed.
    #[arg(long)]
    sample: Option<usize>,
    /// Which sample.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Another build of the operator than the one beside this program.
    #[arg(long)]
    operator: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    // Both providers of TLS are linked in by some dependency; one must be chosen. A second choice is the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("faults: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool, Error> {
    let begin = Instant::now();
    let cluster = Arc::new(Cluster::start(arguments.operator.as_deref()).await?);
    let result = play_all(&cluster, &arguments, begin).await;
    if let Some(cluster) = Arc::into_inner(cluster) {
        cluster.plane.stop().await;
    }
    result
}

async fn play_all(cluster: &Arc<Cluster>, arguments: &Arguments, begin: Instant) -> Result<bool, Error> {
    let slots = Arc::new(Semaphore::new(arguments.jobs.max(1)));
    let mut references = Vec::new();
    let mut running = FuturesUnordered::new();
    for (flow, replicas) in crews(arguments) {
        let (cluster, slots) = (cluster.clone(), slots.clone());
        running.push(tokio::spawn(async move {
            let _slot = slots.acquire().await;
            let plan = Plan::reference(flow, replicas);
            play::reference(&cluster, &plan).await.map(|reference| (plan, Arc::new(reference)))
        }));
    }
    while let Some(reference) = running.next().await {
        references.push(reference??);
    }
    references.sort_by_key(|(plan, _)| (plan.replicas, plan.row()));

    let mut plans = Vec::new();
    for (plan, reference) in &references {
        let (flow, replicas) = (plan.flow, plan.replicas);
        let names: Vec<String> = reference.requests.iter().map(ToString::to_string).collect();
        println!("{flow}, {replicas} replica(s), undisturbed: {}", names.join(", "));
        let mut of_flow = plan::kills(flow, replicas, &reference.requests);
        if replicas == 1 {
            of_flow.extend(plan::with_default_grace(flow, &reference.requests));
        }
        if flow == Flow::Create && replicas == 1 {
            of_flow.extend(plan::ambiguous_answers());
        }
        if flow == Flow::Create && replicas == 2 {
            of_flow.push(plan::late_status());
        }
        plans.extend(of_flow.into_iter().map(|plan| (plan, reference.clone())));
    }
    if let Some(part) = &arguments.plan {
        plans.retain(|(plan, _)| plan.name.contains(part.as_str()));
    }
    if let Some(sample) = arguments.sample {
        fastrand::Rng::with_seed(arguments.seed).shuffle(&mut plans);
        plans.truncate(sample);
    }
    println!("{} plans, {} side by side\n", plans.len(), arguments.jobs);
    Ok(play_side_by_side(cluster, plans, &slots, begin).await?)
}

async fn play_side_by_side(
    cluster: &Arc<Cluster>,
    plans: Vec<(Plan, Arc<Reference>)>,
    slots: &Arc<Semaphore>,
    begin: Instant,
) -> Result<bool, tokio::task::JoinError> {
    let mut report = Report::default();
    let mut running = FuturesUnordered::new();
    for (plan, reference) in plans {
        let (cluster, slots) = (cluster.clone(), slots.clone());
        running.push(tokio::spawn(async move {
            let _slot = slots.acquire().await;
            let begin = Instant::now();
            let mut verdict = play::play(&cluster, &plan, &reference.end).await;
            // A pass that came a little later may have had one thing less to say.
            if matches!(verdict, Verdict::NotReached) {
                verdict = play::play(&cluster, &plan, &reference.end).await;
            }
            (plan, verdict, begin.elapsed())
        }));
    }
    while let Some(played) = running.next().await {
        let (plan, verdict, took) = played?;
        report.add(&plan, &verdict, took);
    }
    Ok(report.finish(begin.elapsed()))
}

fn crews(arguments: &Arguments) -> Vec<(Flow, usize)> {
    let wanted = |flow: &Flow| arguments.flow.is_empty() || arguments.flow.contains(flow);
    let flows = Flow::ALL.into_iter().filter(wanted);
    // Two of them run without a lease.
    let crews = flows.flat_map(|flow| [1, 2].map(|replicas| (flow, replicas)));
    crews.filter(|(_, replicas)| arguments.replicas.is_none_or(|wanted| wanted == *replicas)).collect()
}
