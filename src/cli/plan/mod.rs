//! `plan`: what the operator would do now. It looks and decides by the operator's own functions and sends
//! nothing that changes anything. I/O.

pub mod documents;
mod flags;
mod planner;
pub mod foresee;
pub mod report;
mod steps;
pub mod target;
#[cfg(test)]
mod tests;
pub mod text;

pub(in crate::cli) use flags::EXAMPLES;
pub use flags::{Output, Plan};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kube::{Client, Config, ResourceExt};

use super::{aws_failure as aws, print, tell};
use crate::aws::Aws;
use crate::cli::PlanOutput;
use crate::controller::context::Context;
use crate::crd::{OWNER_UID_TAG, SequenceStore, annotation_findings};
use crate::observe;
use crate::plan::{Action, Settings, State, Target};
use crate::store::desired::{self, Defaults};
use crate::store::observed::{Observed, Present};
use crate::store::ownership::OwnerMatch;
use foresee::Step;
use planner::Planner;
use crate::store::identity;
use report::{ObjectPlan, Report};
use target::{Surrounding, Wanted};

/// The longest that the look for one object may take: each of its calls has a deadline of its own.
const LOOK_DEADLINE: Duration = Duration::from_secs(120);

/// Makes plans and prints them.
///
/// # Errors
/// One line, where not even one plan could be tried.
pub async fn plan(flags: Plan, program: &'static str) -> Result<ExitCode, String> {
    let mut manifests = Vec::new();
    for file in &flags.files {
        manifests.extend(target::read(file, program).await?);
    }
    let cluster = Surrounding::reach(&flags, program).await?;
    let mut wanted = Vec::new();
    for name in &flags.names {
        wanted.push(target::named(&cluster, &flags, name).await?);
    }
    for (file, manifest) in manifests {
        wanted.push(target::described(&cluster, &flags, &file, &manifest).await?);
    }

    let planner = Planner::new(&flags, &cluster, &wanted).await?;
    let mut objects = Vec::new();
    for wanted in wanted {
        objects.push(planned(&planner, &flags, wanted, cluster.is_partial, program).await);
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
            tell(&format!("{program}: {}/{}: {error}", object.namespace, object.name));
        }
    }
    Ok(())
}

async fn planned(
    planner: &Planner,
    flags: &Plan,
    wanted: Wanted,
    is_partial: bool,
    program: &str,
) -> ObjectPlan {
    let Wanted { object, file, mut notes, refused } = wanted;
    let mut plan = match refused {
        Some(message) => report::refused(&object, message),
        None => match tokio::time::timeout(LOOK_DEADLINE, planner.plan(&object, program)).await {
            Ok(plan) => plan,
            Err(_) => {
                let text = format!("no plan within {} s: AWS answers too slowly", LOOK_DEADLINE.as_secs());
                report::failed(&object, text)
            }
        },
    };
    let unset = object.spec.region.is_none() && identity::store_id(&object).is_none();
    if let (true, Some(region), None) = (unset, &plan.region, &flags.place.region) {
        notes.push(format!(
            "region {region} is this environment's; the operator may have another: set spec.region or --region"
        ));
    }
    if is_partial && plan.is_unowned && object.manages() {
        notes.push(
            "objects of other namespaces cannot be listed: an older one that names this store would keep it"
                .into(),
        );
    }
    notes.append(&mut plan.notes);
    ObjectPlan { file, notes, ..plan }
}

/// Why these credentials see too little for a plan. The operator's may see more.
fn blind(steps: &[Step], region: Option<&str>, program: &str) -> Option<String> {
    match &steps.first()?.plan.state {
        State::CallFailed(error) | State::TagsUnreadable(error) | State::PolicyUnreadable(error) => {
            Some(aws::failure(error, region, program))
        }
        State::WrongAccount { recorded, credentials } => Some(format!(
            "the store on record is in account {recorded}, and these credentials are of account {credentials}: \
             use credentials of account {recorded}"
        )),
        _ => None,
    }
}

fn notes(object: &SequenceStore, observed: &Observed, steps: &[Step]) -> Vec<String> {
    let findings = annotation_findings(object.annotations());
    let mut notes: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let uid = object.uid_str();
    for step in steps {
        let Action::Claim { tags, former, .. } = &step.plan.action else { continue };
        if *former == uid && !tags.contains_key(OWNER_UID_TAG) {
            notes.push(
                "owner tags differ from what --cluster-name makes them: give the operator's own --cluster-name".into(),
            );
        }
    }
    if let Some(present) = observed.present().filter(|present| !present.duplicates.is_empty()) {
        notes.push(format!(
            "these stores carry the owner tags of this object as well, and are left alone: {}",
            present.duplicates.join(", ")
        ));
    }
    notes
}
