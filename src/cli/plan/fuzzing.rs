//! The harness of `plan -f`: a file, as far as it gets without a cluster and without AWS. No I/O.

use serde_json::Value;

use super::forecast::{Facts, MAX_STEPS, forecast};
use super::report::{self, ObjectPlan, Report};
use super::{notes, text};
use crate::cli::manifests::documents;
use crate::crd::{DeletionDefaults, OwnerTags, SequenceStore, SequenceStoreSpec, refusals};
use crate::fuzzing::{is_line, now, settings};
use crate::plan::TakeOver;
use crate::store::{Defaults, Observed, OwnerMatch};

/// A file of manifests, as YAML or JSON.
pub fn documents(data: &[u8]) {
    let file = String::from_utf8_lossy(data);
    let found = match documents::parse(&file) {
        Ok(found) => found,
        Err(why) => {
            assert!(is_line(&why) && why.len() <= 4096, "{why:?}");
            return;
        }
    };
    for kind in &found.skipped {
        assert!(is_line(kind), "{kind:?}");
    }
    for binding in found.bindings.iter().take(16).map(documents::binding) {
        if let Err(why) = binding {
            assert!(is_line(&why), "{why:?}");
        }
    }
    let plans: Vec<ObjectPlan> = found.stores.iter().take(16).map(planned).collect();
    show(&Report::of(plans));
}

/// As without a cluster: the object is new, and AWS has no store of it.
fn planned(manifest: &Value) -> ObjectPlan {
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    let mut object = match documents::object(manifest) {
        Ok(object) => object,
        Err(why) => return report::rejected(&SequenceStore::new(name, SequenceStoreSpec::default()), why),
    };
    object.metadata.namespace.get_or_insert_with(|| "default".into());
    object.metadata.uid.get_or_insert_with(|| "(uid of the new object)".into());
    let refusals = refusals(manifest);
    if !refusals.is_empty() {
        return report::rejected(&object, refusals.join("; "));
    }
    let (settings, deletion) = (settings(), DeletionDefaults::default());
    let defaults =
        Defaults { region: Some("us-east-1".into()), poll_interval: std::time::Duration::from_secs(300) };
    let facts = Facts {
        access: &crate::tenancy::Access::Operator,
        defaults: &defaults,
        settings: &settings,
        owner: &OwnerTags::of(&object, &settings.cluster),
        unlisted: &[],
        take_over: TakeOver::NotAskedFor,
        rival: None,
        now: now(),
        former_store: None,
        read_sets: None,
    };
    let observed = Observed::Searched { found: OwnerMatch::Nothing, account: "123456789012".into() };
    let steps = forecast(&object, &observed, facts);
    assert!((1..=MAX_STEPS).contains(&steps.len()), "{} steps", steps.len());
    let creations = steps
        .iter()
        .filter(|step| step.plan.action.operation() == Some(crate::aws::Operation::CreateSequenceStore));
    assert!(creations.count() <= 1, "more than one store is created");
    let mut plan = report::object_plan(&object, &observed, Some("us-east-1"), &steps, deletion);
    plan.notes = notes(&object, &observed, &steps, deletion);
    plan
}

/// What is printed holds no control character but the ends of its own lines, and the colours that the program sets.
fn show(report: &Report) {
    let text = text::text(report);
    let plain = without_colours(&text);
    assert!(plain.lines().all(is_line), "{plain:?}");
    let json = serde_json::to_string(report).expect("a report is plain data");
    assert!(is_line(&json.replace(['\u{2028}', '\u{2029}', '\u{7f}'], "")) || !json.is_ascii(), "{json}");
}

/// Without sequences such as `ESC [ 1 m`.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        match rest.strip_prefix('m') {
            Some(rest) => plain.push_str(rest),
            None => plain.extend(["\u{1b}[", part]),
        }
    }
    plain
}
