//! `plan`: shows what the operator would do now, by the operator's own functions. I/O: reads AWS, Kubernetes and
//! files, writes standard output and error; sends nothing that changes AWS or Kubernetes.

mod cluster_view;
mod documents;
mod flags;
mod forecast;
mod report;
mod steps;
mod subject;
#[cfg(test)]
mod tests;
mod text;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kube::{Client, Config, ResourceExt};

use super::aws_error::explain;
use super::output::{eprint, print};
use crate::aws::Aws;
use crate::controller::context::Context;
use crate::crd::{OWNER_UID_TAG, SequenceStore, annotation_findings};
use crate::observe;
use crate::observe::look::Look;
use crate::plan::{Action, Settings, State, Target};
use crate::store::desired::{self, Defaults};
use crate::store::observed::{Observed, Present};
use crate::store::ownership::OwnerMatch;
use cluster_view::ClusterView;
pub(super) use flags::EXAMPLES;
pub use flags::PlanFlags;
use flags::PlanOutput;
use forecast::{Facts, Step, forecast};
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

    let context = context(&flags, &cluster, &subjects).await?;
    let mut objects = Vec::new();
    for subject in subjects {
        objects.push(plan_subject(&context, &flags, subject, cluster.is_partial, program).await);
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

/// The operator's context, with what is in the cluster in place of its watch.
async fn context(
    flags: &PlanFlags,
    cluster: &ClusterView,
    subjects: &[Subject],
) -> Result<Arc<Context>, String> {
    let omics = Aws::from_environment(flags.place.region.clone()).await;
    let defaults = Defaults { region: omics.default_region(), poll_interval: flags.timing.poll_interval };
    let settings = Settings {
        cluster: cluster.name(flags.place.cluster_name.as_deref(), subjects).await,
        replica: "plan".into(),
        create_grace: flags.timing.create_grace,
    };
    let client = match &cluster.client {
        Some(client) => client.clone(),
        None => no_cluster()?,
    };
    let context = Context::new(client, omics, defaults, settings, Duration::ZERO, 1, 0);
    context.add_cache(cluster.cache());
    Ok(context)
}

/// A client that reaches nothing, for a plan without a cluster.
fn no_cluster() -> Result<Client, String> {
    let nowhere = "http://127.0.0.1:0".parse().map_err(|e| format!("{e}"))?;
    Client::try_from(Config::new(nowhere)).map_err(|e| e.to_string())
}

async fn plan_subject(
    context: &Context,
    flags: &PlanFlags,
    subject: Subject,
    is_partial: bool,
    program: &str,
) -> ObjectPlan {
    let Subject { object, file, mut notes, rejected } = subject;
    let mut plan = match rejected {
        Some(message) => report::rejected(&object, message),
        None => {
            let plan = look_and_plan(context, &object, program);
            tokio::time::timeout(OBSERVE_DEADLINE, plan).await.unwrap_or_else(|_| {
                let seconds = OBSERVE_DEADLINE.as_secs();
                report::failed(&object, format!("no plan after {seconds} s: AWS responds too slowly"))
            })
        }
    };
    let region_is_unset = object.spec.region.is_none() && desired::store_id(&object).is_none();
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

async fn look_and_plan(context: &Context, object: &SequenceStore, program: &str) -> ObjectPlan {
    let look = Look::at(context, object).await;
    let region = look.desired.as_ref().ok().map(|desired| desired.region.clone());
    let claimed = match (&look.observed, &region) {
        (Observed::Searched { found: OwnerMatch::Former { id, .. }, .. }, Some(region)) => {
            claimed(context, object, &look, region, id).await
        }
        _ => None,
    };
    let mut around = Facts {
        defaults: &context.defaults,
        settings: &context.settings,
        owner: &look.owner,
        owner_is_gone: look.owner_is_gone,
        rival: look.rival.as_deref(),
        now: look.now,
        claimed: claimed.as_ref(),
        read_sets: None,
    };
    let mut steps = forecast(object, &look.observed, around);
    let count = match steps.first().map(|step| &step.plan.action) {
        // The operator counts them when AWS has refused; here is the time to tell.
        Some(Action::DeleteStore { region, id }) => context.aws.count_read_sets(region, id).await.ok(),
        _ => None,
    };
    if count.is_some() {
        around.read_sets = count.as_ref();
        steps = forecast(object, &look.observed, around);
    }
    if let Some(error) = blind(&steps, region.as_deref(), program) {
        return report::failed(object, error);
    }
    let mut plan = report::object_plan(object, &look.observed, region.as_deref(), &steps);
    plan.notes = notes(object, &look.observed, &steps);
    plan
}

/// The store of a former object, as it will be when it is this object's own.
async fn claimed(
    context: &Context,
    object: &SequenceStore,
    look: &Look,
    region: &str,
    id: &str,
) -> Option<Present> {
    let target = Target::Store { region: region.to_owned(), id: id.to_owned() };
    match observe::observe(context, object, &look.owner, &target).await {
        Observed::Present(present) => Some(*present),
        _ => None,
    }
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
        matches!(&step.plan.action, Action::Claim { tags, former, .. }
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
