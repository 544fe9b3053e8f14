//! Kills the operator, or stops and wakes a leader, at every request that changes something, and compares the final state
//! with that of a run without a fault. Needs a control plane on loopback, which it starts, and no AWS.
//!
//! Each operator process is the unmodified binary between two proxies: one to the API server and one to the HealthOmics
//! simulator. A *reference run* without a fault numbers the requests that change something by kind. Each of its M
//! requests gives three plans: the operator is killed before the proxy forwards the request, after the request took
//! effect but before the response, and after the response. With two replicas that elect a leader, the leader stands still
//! (SIGSTOP) at each of these moments, and wakes up after the other replica took over; or its Lease is stolen.

mod cluster;
mod environment;
mod flow;
mod injector;
mod invariants;
mod plan;
mod proxy;
mod replicas;
mod report;
mod request;
mod run;
mod snapshot;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use crate::cluster::Cluster;
use crate::plan::{FaultPlan, Flow};
use crate::report::Report;
use crate::run::{Outcome, ReferenceRun};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Kills the operator, or stops and wakes a leader, at every request that changes something, and checks that it recovers.
#[derive(Debug, Parser)]
struct Arguments {
    /// Run only these flows.
    #[arg(long, value_enum)]
    flow: Vec<Flow>,
    /// Run only plans with this number of replicas, 1 or 2.
    #[arg(long)]
    replicas: Option<usize>,
    /// Run only plans with, or without, leader election.
    #[arg(long)]
    election: Option<bool>,
    /// Run only plans whose name contains this text.
    #[arg(long)]
    plan: Option<String>,
    /// How many plans to run in parallel.
    #[arg(long, default_value_t = 16)]
    jobs: usize,
    /// Run only this many plans, chosen at random.
    #[arg(long)]
    sample: Option<usize>,
    /// The seed of the random choice.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Run all plans in namespaces that act with the role of an AccountBinding.
    #[arg(long)]
    binding: bool,
    /// The operator's binary, instead of the one in the directory of this program.
    #[arg(long)]
    operator: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    // Dependencies enable both TLS providers of rustls, so one must be chosen. It fails only if one is already chosen.
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

/// Returns whether the operator survived all plans.
async fn run(arguments: Arguments) -> Result<bool, Error> {
    let started = Instant::now();
    let cluster = Arc::new(Cluster::start(arguments.operator.as_deref(), arguments.binding).await?);
    let result = run_all(&cluster, &arguments, started).await;
    if let Some(cluster) = Arc::into_inner(cluster) {
        cluster.plane.stop().await;
    }
    result
}

async fn run_all(cluster: &Arc<Cluster>, arguments: &Arguments, started: Instant) -> Result<bool, Error> {
    let slots = Arc::new(Semaphore::new(arguments.jobs.max(1)));
    let references = run_references(cluster, arguments, &slots).await?;
    let mut plans = Vec::new();
    for (plan, reference) in &references {
        let names: Vec<String> = reference.requests.iter().map(ToString::to_string).collect();
        println!("{}, {} replica(s), reference run: {}", plan.row(), plan.replicas, names.join(", "));
        let of_flow = fault_plans(plan, reference);
        plans.extend(of_flow.into_iter().map(|plan| (plan, reference.clone())));
    }
    if let Some(part) = &arguments.plan {
        plans.retain(|(plan, _)| plan.name.contains(part.as_str()));
    }
    if let Some(sample) = arguments.sample {
        fastrand::Rng::with_seed(arguments.seed).shuffle(&mut plans);
        plans.truncate(sample);
    }
    println!("{} plans, {} in parallel\n", plans.len(), arguments.jobs);
    Ok(run_plans(cluster, plans, &slots, started).await?)
}

/// Runs each selected flow without a fault. Sorted, so that a sample with the same seed is the same each time.
async fn run_references(
    cluster: &Arc<Cluster>,
    arguments: &Arguments,
    slots: &Arc<Semaphore>,
) -> Result<Vec<(FaultPlan, Arc<ReferenceRun>)>, Error> {
    let mut references = Vec::new();
    let mut running = FuturesUnordered::new();
    for plan in selected_flows(arguments) {
        let (cluster, slots) = (cluster.clone(), slots.clone());
        running.push(tokio::spawn(async move {
            let _slot = slots.acquire().await;
            run::run_reference(&cluster, &plan).await.map(|reference| (plan, Arc::new(reference)))
        }));
    }
    while let Some(reference) = running.next().await {
        references.push(reference??);
    }
    references.sort_by_key(|(plan, _)| (plan.replicas, plan.row()));
    Ok(references)
}

fn fault_plans(plan: &FaultPlan, reference: &ReferenceRun) -> Vec<FaultPlan> {
    let FaultPlan { flow, replicas, election, .. } = *plan;
    if election {
        return plan::leader_faults(flow, &reference.requests);
    }
    let mut plans = plan::kills(flow, replicas, &reference.requests);
    if replicas == 1 {
        plans.extend(plan::kill_with_default_grace(flow, &reference.requests));
    }
    if flow == Flow::Create && replicas == 1 {
        plans.extend(plan::ambiguous_responses());
    }
    if flow == Flow::Create && replicas == 2 {
        plans.push(plan::late_status());
    }
    plans
}

async fn run_plans(
    cluster: &Arc<Cluster>,
    plans: Vec<(FaultPlan, Arc<ReferenceRun>)>,
    slots: &Arc<Semaphore>,
    started: Instant,
) -> Result<bool, tokio::task::JoinError> {
    let mut report = Report::default();
    let mut running = FuturesUnordered::new();
    for (plan, reference) in plans {
        let (cluster, slots) = (cluster.clone(), slots.clone());
        running.push(tokio::spawn(async move {
            let _slot = slots.acquire().await;
            let started = Instant::now();
            let mut outcome = run::run_plan(&cluster, &plan, &reference.final_state).await;
            // With other timing, a reconciliation may have one status less to write. Try once more.
            if matches!(outcome, Outcome::FaultNotReached) {
                outcome = run::run_plan(&cluster, &plan, &reference.final_state).await;
            }
            (plan, outcome, started.elapsed())
        }));
    }
    while let Some(finished) = running.next().await {
        let (plan, outcome, took) = finished?;
        report.add(&plan, &outcome, took);
    }
    Ok(report.finish(started.elapsed()))
}

/// The flows to run, each with one replica, with two that are both active, and with two that elect one of them.
fn selected_flows(arguments: &Arguments) -> Vec<FaultPlan> {
    let selected = |flow: &Flow| arguments.flow.is_empty() || arguments.flow.contains(flow);
    let flows = Flow::ALL.into_iter().filter(selected);
    let all = flows.flat_map(|flow| {
        let [one, two] = [1, 2].map(|replicas| FaultPlan::reference(flow, replicas));
        [one, two, FaultPlan::reference_with_election(flow)]
    });
    all.filter(|plan| arguments.replicas.is_none_or(|wanted| wanted == plan.replicas))
        .filter(|plan| arguments.election.is_none_or(|wanted| wanted == plan.election))
        .collect()
}
