//! The schema of the values is as strict as the program: Helm refuses what would end in a crash loop.

use crate::helm::{CHART, both, ensure_refused, operator_says, template, try_template};

/// A value of the chart, the flag that it becomes, what both refuse, and what both accept.
type Row = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const ROWS: [Row; 13] = [
    (
        "aws.region",
        "region",
        &["ab-c", "US-EAST-1", "useast1", "us-east-"],
        &["us-east-1", "us-gov-west-1", "ap-southeast-12"],
    ),
    ("concurrency", "concurrency", &["0", "257", "1.5", "many"], &["1", "256"]),
    (
        "log.level",
        "log-level",
        &["loud", "loud=very", "info,loud", "info,", "=debug"],
        &["info", "WARN", "off", "info,kube=debug", "kube::client=trace,warn"],
    ),
    ("log.format", "log-format", &["xml", "JSON"], &["json", "text"]),
    ("pollInterval", "poll-interval", &["5", "0s", "5d", "-5m", "99999999999s"], &["30s", "5m", "1h"]),
    ("readSetPollInterval", "read-set-poll-interval", &["60", "0h", "1d"], &["30m", "1h"]),
    ("createGrace", "create-grace", &["1.5m", "m"], &["60s"]),
    ("defaultDeletionPolicy", "default-deletion-policy", &["delete", "Keep"], &["Delete", "Retain"]),
    ("defaultDeletionProtection", "default-deletion-protection", &["on", "1"], &["true", "false"]),
    ("accountBindings.enabled", "account-bindings", &["on", "1"], &["true", "false"]),
    // It may be true only together with the other one.
    ("accountBindings.required", "require-account-binding", &["on", "1"], &["false"]),
    ("quotaShare", "quota-share", &["0", "80", "-1"], &["0.8", "1"]),
    ("clusterName", "cluster-name", &["a;b", "a*"], &["my cluster", "a_b.c:/=+-@d"]),
];

fn program_refuses(flag: &str, value: &str) -> bool {
    let text = operator_says(&["run", &format!("--{flag}={value}")]);
    let understood = text.contains("/nowhere/kubeconfig");
    assert!(understood != text.contains(&format!("--{flag}")), "{text}");
    !understood
}

/// The value in the form of `--set`, which splits at commas.
fn setting(key: &str, value: &str) -> String {
    format!("{key}={}", value.replace(',', "\\,"))
}

#[test]
fn helm_refuses_what_the_program_refuses() {
    for (key, flag, bad, good) in ROWS {
        for value in bad {
            assert!(program_refuses(flag, value), "the program accepts --{flag}={value}");
            ensure_refused(&[&setting(key, value)], key.rsplit('.').next().expect("a key"));
        }
        for value in good {
            assert!(!program_refuses(flag, value), "the program refuses --{flag}={value}");
            template(&both()[1], &[&setting(key, value)]);
        }
    }
}

#[test]
fn the_operations_with_a_quota_are_those_of_the_program() {
    let schema = std::fs::read_to_string(format!("{CHART}/values.schema.json")).expect("the schema");
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    let mut known: Vec<&str> = schema["properties"]["quotas"]["propertyNames"]["enum"]
        .as_array()
        .expect("names")
        .iter()
        .filter_map(|n| n.as_str())
        .collect();
    let text = operator_says(&["run", "--quota=Nothing=1"]);
    let mut named: Vec<&str> =
        text.split("operations: ").nth(1).expect("a list").split(',').map(str::trim).collect();
    named.sort_unstable();
    known.sort_unstable();
    assert_eq!(known, named);
    ensure_refused(&["quotas.GetSequenceStor=1"], "GetSequenceStor");
}

#[test]
fn helm_refuses_names_that_kubernetes_would_refuse() {
    for bad in [
        "nameOverride=Upper",
        "fullnameOverride=Upper",
        "fullnameOverride=ends-",
        "namespaceOverride=a.b",
        "watchNamespaces={Lab}",
        "serviceAccount.name=Upper",
        "priorityClassName=Upper",
        "image.repository=Upper/case",
        "metrics.serviceMonitor.namespace=Upper",
        "prometheusRule.namespace=Upper",
        "dashboards.namespace=Upper",
    ] {
        let key = bad.split('=').next().expect("a key").rsplit('.').next().expect("a key");
        ensure_refused(&[bad], key);
    }
}

/// With `--set` a number with a point arrives as text.
#[test]
fn the_share_of_traced_passes_is_taken_from_set_as_from_a_file() {
    for good in ["0", "0.1", "1", "1.0", "null"] {
        template(&both()[1], &[&setting("tracing.samplingRatio", good)]);
    }
    for bad in ["1.5", "-1", ".5", "half", "2"] {
        ensure_refused(&[&setting("tracing.samplingRatio", bad)], "samplingRatio");
    }
}

#[test]
fn a_misspelt_value_is_refused() {
    for bad in [
        "replica=2",
        "metrics.serviceMonitor.enable=true",
        "accountBindings.enable=true",
        "rbac.aggregate.editor=true",
        "prometheusRule.overrides.SequenceStoreNotReady.four=5m",
    ] {
        ensure_refused(&[bad], bad.split('=').next().expect("a key").rsplit('.').next().expect("a key"));
    }
}

#[test]
fn values_that_exclude_each_other_are_refused() {
    ensure_refused(&["healthProbePort=8080"], "must differ");
    ensure_refused(&["leaderElection.enabled=false"], "requires leaderElection.enabled");
    ensure_refused(&["watchNamespaces={lab}"], "clusterName is required");
    ensure_refused(&["accountBindings.required=true"], "needs accountBindings.enabled");
    ensure_refused(&["metrics.serviceMonitor.enabled=true", "metrics.podMonitor.enabled=true"], "not both");
    ensure_refused(&["metrics.podMonitor.enabled=true", "metrics.enabled=false"], "requires metrics.enabled");
    ensure_refused(&["prometheusRule.enabled=true", "prometheusRule.disabled.Nothing=true"], "alert Nothing");
}

#[test]
fn lint_finds_nothing_in_the_chart_with_the_values_of_ci() {
    let mut files = vec![String::new()];
    for entry in std::fs::read_dir(format!("{CHART}/ci")).expect("ci/ is there") {
        files.push(entry.expect("readable").path().display().to_string());
    }
    assert!(files.len() >= 5, "{files:?}");
    for helm in both() {
        for file in &files {
            let values: &[&str] = if file.is_empty() { &[] } else { &["-f", file] };
            let lint = crate::helm::run(helm, &[&["lint", "--strict", "--quiet", CHART], values].concat());
            assert!(lint.success, "{} {file}: {}{}", helm.display(), lint.stdout, lint.stderr);
            let output = try_template(helm, CHART, &values[values.len().min(1)..]);
            assert!(output.success, "{file}: {}", output.stderr);
        }
    }
}
