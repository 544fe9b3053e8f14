//! `plan`: shows what the operator would do now, by the operator's own functions. I/O: reads AWS, Kubernetes and
//! files, writes standard output and error; sends nothing that changes AWS or Kubernetes.

mod cluster_view;
mod documents;
mod flags;
mod forecast;
mod planner;
mod report;
mod steps;
mod subject;
#[cfg(test)]
mod tests;
mod text;

use std::process::ExitCode;
use std::time::Duration;

use kube::ResourceExt;

use super::aws_error::explain;
use super::output::{eprint, print};
use crate::crd::{OWNER_UID_TAG, SequenceStore, annotation_findings};
use crate::plan::{Action, State};
use crate::store::{Observed, identity};
use cluster_view::ClusterView;
pub(super) use flags::EXAMPLES;
pub use flags::PlanFlags;
use flags::PlanOutput;
use forecast::Step;
use planner::Planner;
use report::{ObjectPlan, Report};
use subject::Subject;

/// Deadline for reading what one plan depends on; each call has a deadline of its own too.
const OBSERVE_DEADLINE: Duration = Duration::from_secs(120);

/// `program` is the command as the user typed it. An object that cannot be planned for is reported among the others;
/// only where no plan can be tried at all, the command fails.
pub(super) async fn execute(flags: PlanFlags, program: &'static str) -> Result<ExitCode, String> {
    let mut manifests = Vec::new();
    for file in &flags.files {
        manifests.extend(subject::read_manifests(file, program).await?);
    }
    let cluster = ClusterView::connect(&flags, program).await?;
    let mut subjects = Vec::new();
    for name in &flags.names {
        subjects.push(subject::from_cluster(&cluster, &flags, name).await?);
    }
    for (file, manifest) in manifests {
        subjects.push(subject::from_manifest(&cluster, &flags, &file, &manifest).await?);
    }

    let planner = Planner::new(&flags, &cluster, &subjects, program).await?;
    let mut objects = Vec::new();
    for subject in subjects {
        objects.push(plan_subject(&planner, &flags, subject, cluster.is_partial).await);
    }
    let report = Report::of(objects);
    show(&report, flags.output, program)?;
    Ok(ExitCode::from(report.outcome.exit_code()))
}

fn show(report: &Report, output: PlanOutput, program: &str) -> Result<(), String> {
    match output {
        PlanOutput::Json => {
            let text = serde_json::to_string_pretty(report).map_err(|e| e.to_string())?;
            print(&format!("{text}\n"));
        }
        PlanOutput::Text => print(&text::text(report)),
    }
    for object in &report.objects {
        if let Some(error) = &object.error {
            eprint(&format!("{program}: {}/{}: {error}", object.namespace, object.name));
        }
    }
    Ok(())
}

async fn plan_subject(
    planner: &Planner,
    flags: &PlanFlags,
    subject: Subject,
    is_partial: bool,
) -> ObjectPlan {
    let Subject { object, file, mut notes, rejected } = subject;
    let mut plan = match rejected {
        Some(message) => report::rejected(&object, message),
        None => {
            let plan = planner.plan(&object);
            tokio::time::timeout(OBSERVE_DEADLINE, plan).await.unwrap_or_else(|_| {
                let seconds = OBSERVE_DEADLINE.as_secs();
                report::failed(&object, format!("no plan after {seconds} s: AWS responds too slowly"))
            })
        }
    };
    let region_is_unset = object.spec.region.is_none() && identity::store_id(&object).is_none();
    if let (true, Some(region), None) = (region_is_unset, &plan.region, &flags.place.region) {
        notes.push(format!(
            "region {region} comes from your AWS environment, and the operator's may differ: set spec.region or --region"
        ));
    }
    if is_partial && plan.is_unowned && object.manages() {
        notes.push(
            "you cannot list objects in other namespaces: if an older one names this store, it becomes the owner instead"
                .into(),
        );
    }
    notes.append(&mut plan.notes);
    ObjectPlan { file, notes, ..plan }
}

/// Why these credentials do not show enough for a plan. The operator's credentials may show more.
fn blind(steps: &[Step], region: Option<&str>, program: &str) -> Option<String> {
    match &steps.first()?.plan.state {
        State::CallFailed(error) | State::TagsUnreadable(error) | State::PolicyUnreadable(error) => {
            Some(explain(error, region, program))
        }
        State::WrongAccount { recorded, credentials } => Some(format!(
            "the store recorded in status is in account {recorded}, but your credentials belong to account \
             {credentials}: use credentials of account {recorded}"
        )),
        _ => None,
    }
}

fn notes(object: &SequenceStore, observed: &Observed, steps: &[Step]) -> Vec<String> {
    let findings = annotation_findings(object.annotations());
    let mut notes: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let uid = object.uid_str();
    let rewrites_own_tags = |step: &Step| {
        matches!(&step.plan.action, Action::Adopt { tags, former, .. }
            if *former == uid && !tags.contains_key(OWNER_UID_TAG))
    };
    if steps.iter().any(rewrites_own_tags) {
        notes.push(
            "the owner tags of the store name another cluster: set --cluster-name to the value that the operator uses"
                .into(),
        );
    }
    if let Some(present) = observed.present().filter(|present| !present.duplicates.is_empty()) {
        notes.push(format!(
            "other stores have the owner tags of this object too, and the operator does not change them: {}",
            present.duplicates.join(", ")
        ));
    }
    notes
}
