//! `plan --all-namespaces`: plans for every object of the cluster from one listing. I/O, read-only: AWS, and a progress bar on
//! standard error.

use futures::{StreamExt, stream};

use super::flags::PlanFlags;
use super::planner::{Blind, Planner};
use super::report::{ObjectPlan, PlanStep};
use super::subject::Subject;
use super::{Report, plan_subject, text};
use crate::aws::Aws;
use crate::cli::output::printable;
use crate::cli::progress::{progress_bar, set_end};
use crate::cli::retry;
use crate::cli::table::table;
use crate::crd::SequenceStore;

/// Concurrent plans: enough that slow responses do not keep the rate below its limit.
const CONCURRENCY: usize = 16;

/// The plans in the order of the subjects.
pub(super) async fn plan_all(
    planner: &Planner,
    flags: &PlanFlags,
    subjects: Vec<Subject>,
) -> Vec<ObjectPlan> {
    let bar = progress_bar();
    set_end(&bar, subjects.len(), "planning");
    let plans = stream::iter(subjects)
        .map(|subject| async {
            let make = async |aws: &Aws, object: &SequenceStore| plan(planner, aws, object).await;
            let plan = plan_subject(planner, flags, subject, make).await;
            bar.inc(1);
            plan
        })
        .buffered(CONCURRENCY)
        .collect()
        .await;
    bar.finish_and_clear();
    plans
}

async fn plan(planner: &Planner, aws: &Aws, object: &SequenceStore) -> Result<ObjectPlan, Blind> {
    let planned = retry::call(|| async {
        match planner.plan(aws, object).await {
            Err(Blind::Failed(error)) => Err(*error),
            planned => Ok(planned),
        }
    });
    planned.await.unwrap_or_else(|error| Err(Blind::Failed(Box::new(error))))
}

/// One line for each object, and the summary.
pub(super) fn fleet_text(report: &Report) -> String {
    let head = ["NAMESPACE", "NAME", "STORE ID", "RESULT", "NEXT"];
    let rows: Vec<Vec<String>> = report.objects.iter().map(row).collect();
    if rows.is_empty() {
        return "There are no SequenceStores.\n".into();
    }
    format!("{}\n{}\n", table(&head, &rows), text::summary(report))
}

fn row(object: &ObjectPlan) -> Vec<String> {
    let result = if object.error.is_some() { "Error" } else { &object.reason };
    let id = object.store_id.as_deref().unwrap_or_default();
    let next: Vec<&str> = object.steps.iter().map(next).collect();
    [&object.namespace, &object.name, id, result, &next.join(", ")].map(printable).into()
}

fn next(step: &PlanStep) -> &'static str {
    match step.call {
        Some(call) => call,
        None if step.object.is_empty() => "wait",
        None => "update the object",
    }
}
