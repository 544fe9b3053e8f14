//! Renders the table of metrics for people, `docs/metrics.md`, from a page that has every series. No I/O but what the page
//! needs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use super::Metrics;
use super::account_bindings::AccountBindingSample;
use super::budget::BudgetSample;
use super::credentials::CredentialsSample;
use super::objects::{Condition, Objects, ReadSets, Sample};
use super::page::Page;
use super::reconcile::PassResult;
use super::regions::RegionSample;
use super::workqueue::QueueSample;

const HEAD: &str = include_str!("reference.md");

/// The text of `docs/metrics.md`.
#[must_use]
pub fn metrics_reference() -> String {
    let mut text = HEAD.to_owned();
    for family in families(&metrics_example()) {
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        let help = family.help.replace('<', "&lt;");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}` | {} | {labels} | {help} |", family.name, family.kind);
    }
    text
}

/// One family of series of a page.
#[derive(Debug, Default)]
struct Family {
    name: String,
    kind: String,
    help: String,
    labels: Vec<String>,
}

/// A page on which each family has a sample.
#[must_use]
pub fn metrics_example() -> String {
    let metrics = Arc::new(Metrics::default());
    metrics.aws.begin("GetSequenceStore", "us-east-1").ended("111122223333", "success", "", true);
    metrics.aws.waited("GetSequenceStore", "ordinary", Duration::ZERO);
    metrics.rest_client.begin("GET", &"kubernetes".into()).answered(200);
    metrics.passes.at_most(1);
    metrics.passes.ended(PassResult::Success, Duration::ZERO);
    metrics.workqueue.retried();
    metrics.workqueue.began(Duration::ZERO);
    metrics.workqueue.finished(Duration::ZERO);
    metrics.leadership.set("lease", true);
    let queue = || QueueSample { ready: vec![("ordinary", 0)], ..QueueSample::default() };
    let page = Page::new(metrics).with_objects(Arc::new(Example), true).with_queue(queue).with_budget(|| {
        vec![BudgetSample {
            account: "111122223333".into(),
            region: "us-east-1".into(),
            operation: "GetSequenceStore",
            rate: 4.0,
            full_rate: 4.0,
            waiting: 0,
        }]
    });
    let page = page.with_credentials(|| {
        vec![CredentialsSample { role_arn: String::new(), expiry: 1.0, is_renewal_failing: false }]
    });
    let binding = || AccountBindingSample { name: "genomics".into(), is_ready: true, reason: "RoleAssumed" };
    let page = page.with_account_bindings(move || vec![binding()], true);
    let page = page.with_watches(|| vec![("error", 0)]).with_regions(|| {
        vec![RegionSample {
            region: "us-east-1".into(),
            listing_age: Some(0.0),
            listing_interval: Some(300.0),
            ..RegionSample::default()
        }]
    });
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = page.write(&mut text);
    text
}

#[derive(Debug)]
struct Example;

impl Objects for Example {
    fn visit(&self, visit: &mut dyn FnMut(&Sample<'_>)) {
        let condition = |kind| Condition { kind, status: "True", reason: "Reason", since: 1 };
        visit(&Sample {
            namespace: "lab",
            name: "genomes",
            conditions: vec![condition("Ready"), condition("Stalled")],
            is_drifted: false,
            deleted_at: Some(1),
            deletion_blocked_by: vec!["Reason"],
            read_sets: Some(ReadSets { by_status: vec![("ACTIVE", 1)], counted_at: 1 }),
        });
    }
}

/// The families of a page, in its order.
fn families(page: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    let mut help: BTreeMap<&str, &str> = BTreeMap::new();
    for line in page.lines() {
        if let Some((name, text)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help.insert(name, text);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let help = help.get(name).copied().unwrap_or_default().to_owned();
            families.push(Family { name: name.into(), kind: kind.into(), help, labels: Vec::new() });
        } else if let Some(family) = families.last_mut() {
            let names = line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
            let names = names.map(|(names, _)| names).unwrap_or_default();
            let names = names.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name);
            for name in names.filter(|name| *name != "le") {
                if !family.labels.iter().any(|known| known == name) {
                    family.labels.push(name.to_owned());
                }
            }
        }
    }
    families
}
