//! `plan`: shows what the operator would do now, by the operator's own functions. I/O: reads AWS, Kubernetes and
//! files, writes standard output and error; sends nothing that changes AWS or Kubernetes.

mod bindings;
mod cluster_view;
mod flags;
mod fleet;
mod forecast;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod planner;
mod report;
mod steps;
mod subject;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use kube::ResourceExt;

use super::manifests::{self, Manifests};
use super::output::{eprint, print, printable};
use crate::aws::Aws;
use crate::crd::{DeletionDefaults, DeletionPolicy, OWNER_UID_TAG, SequenceStore, annotation_findings};
use crate::plan::Action;
use crate::store::{Observed, identity};
use bindings::KnownBindings;
use cluster_view::ClusterView;
pub(super) use flags::EXAMPLES;
pub use flags::PlanFlags;
use flags::PlanOutput;
use forecast::Step;
#[cfg(feature = "fuzzing")]
pub use fuzzing::documents as fuzzed_documents;
use planner::{Blind, Planner};
use report::{ObjectPlan, Report};
use subject::Subject;

/// Deadline for reading what one plan depends on, without the time that it waits for the request budget; each call has a
/// deadline of its own too.
const OBSERVE_DEADLINE: Duration = Duration::from_secs(120);

/// `program` is the command as the user typed it. An object that cannot be planned for is reported among the others;
/// only where no plan can be tried at all, the command fails.
pub(super) async fn execute(flags: PlanFlags, program: &'static str) -> Result<ExitCode, String> {
    flags.check(program)?;
    let Manifests { stores: manifests, bindings } = read_files(&flags, program).await?;
    let cluster = ClusterView::connect(&flags, program).await?;
    let mut subjects = if flags.all_namespaces { subject::all(&cluster, program)? } else { Vec::new() };
    for name in &flags.names {
        subjects.push(subject::from_cluster(&cluster, &flags, name).await?);
    }
    for (file, manifest) in manifests {
        subjects.push(subject::from_manifest(&cluster, &flags, &file, &manifest).await?);
    }

    let bindings = KnownBindings::read(&cluster, &bindings, &subjects).await?;
    let planner = Planner::new(&flags, &cluster, (&subjects, bindings), program).await?;
    let objects = if flags.all_namespaces {
        fleet::plan_all(&planner, &flags, subjects).await
    } else {
        let mut objects = Vec::new();
        for subject in subjects {
            let is_rivalled = cluster.is_partial && subject.object.manages();
            let make = async |aws: &Aws, object: &SequenceStore| planner.plan(aws, object).await;
            let mut plan = plan_subject(&planner, &flags, subject, make).await;
            if is_rivalled && plan.is_unowned {
                plan.notes.push(UNSEEN_RIVALS.into());
            }
            objects.push(plan);
        }
        objects
    };
    let report = Report::of(objects);
    show(&report, &flags, program)?;
    Ok(ExitCode::from(report.outcome.exit_code()))
}

/// The manifests of all files, at least one of a SequenceStore.
async fn read_files(flags: &PlanFlags, program: &str) -> Result<Manifests, String> {
    let mut all = Manifests::default();
    for file in &flags.files {
        let Manifests { stores, bindings } = manifests::read(file, program).await?;
        all.stores.extend(stores);
        all.bindings.extend(bindings);
    }
    if !flags.files.is_empty() && all.stores.is_empty() {
        return Err(format!("{} contains no SequenceStore to plan for", flags.files.join(", ")));
    }
    Ok(all)
}

const UNSEEN_RIVALS: &str = "you cannot list objects in other namespaces: if an older one names this store, it becomes the owner instead";

fn show(report: &Report, flags: &PlanFlags, program: &str) -> Result<(), String> {
    match flags.output {
        PlanOutput::Json => {
            let text = serde_json::to_string_pretty(report).map_err(|e| e.to_string())?;
            print(&format!("{text}\n"))?;
        }
        PlanOutput::Text if flags.all_namespaces => print(&fleet::fleet_text(report))?,
        PlanOutput::Text => print(&text::text(report))?,
    }
    // One cause, such as a missing permission, can concern every object.
    let mut errors: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for object in &report.objects {
        if let Some(error) = &object.error {
            let name = printable(&format!("{}/{}", object.namespace, object.name));
            errors.entry(error).or_default().push(name);
        }
    }
    for (error, objects) in errors {
        match &objects[..] {
            [first, _, ..] => eprint(&format!("{program}: {first} and {} more: {error}", objects.len() - 1)),
            one => eprint(&format!("{program}: {}: {error}", one.concat())),
        }
    }
    Ok(())
}

/// `make` makes the plan of the object.
async fn plan_subject(
    planner: &Planner,
    flags: &PlanFlags,
    subject: Subject,
    make: impl AsyncFnOnce(&Aws, &SequenceStore) -> Result<ObjectPlan, Blind>,
) -> ObjectPlan {
    let Subject { object, file, mut notes, rejected } = subject;
    let aws = planner.aws_of_one();
    let mut plan = match rejected {
        Some(message) => report::rejected(&object, message),
        None => match in_time(OBSERVE_DEADLINE, &aws, make(&aws, &object)).await {
            Some(Ok(plan)) => plan,
            Some(Err(blind)) => planner.blind(&object, &blind),
            None => {
                let seconds = OBSERVE_DEADLINE.as_secs();
                report::failed(&object, format!("no plan after {seconds} s: AWS responds too slowly"))
            }
        },
    };
    let region_is_unset = object.spec.region.is_none() && identity::store_id(&object).is_none();
    if let (true, Some(region), None) = (region_is_unset, &plan.region, &flags.place.region) {
        notes.push(format!(
            "region {region} comes from your AWS environment, and the operator's may differ: set spec.region or --region"
        ));
    }
    notes.append(&mut plan.notes);
    ObjectPlan { file, notes, ..plan }
}

/// What comes of a plan; none where it takes longer than the deadline, which does not run while it waits for the request
/// budget.
async fn in_time<T>(deadline: Duration, aws: &Aws, plan: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        plan = plan => Some(plan),
        () = aws.waits().deadline(deadline) => None,
    }
}

fn notes(
    object: &SequenceStore,
    observed: &Observed,
    steps: &[Step],
    deletion: DeletionDefaults,
) -> Vec<String> {
    let findings = annotation_findings(object.annotations());
    let mut notes: Vec<String> = findings.iter().map(ToString::to_string).collect();
    notes.extend(by_default(object, deletion));
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
    let strays = observed.present().and_then(|present| present.strays.clone()).unwrap_or_default();
    if !strays.is_empty() {
        notes.push(format!(
            "other stores have the owner tags of this object too, and the operator does not change them: {}",
            strays.join(", ")
        ));
    }
    notes
}

/// What the defaults of the operator say about the deletion, because the spec does not.
fn by_default(object: &SequenceStore, defaults: DeletionDefaults) -> Vec<String> {
    let mut notes = Vec::new();
    let is_silent = object.manages() && object.spec.deletion_policy.is_none();
    if is_silent && defaults.policy == DeletionPolicy::Retain {
        notes.push(
            "deletionPolicy is Retain by the operator's default: the store stays when the object is deleted"
                .into(),
        );
    }
    if object.spec.deletion_protection.is_none() && defaults.protection {
        notes.push("deletionProtection is true by the operator's default".into());
    }
    notes
}
