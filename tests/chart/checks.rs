//! What others say of the rendered objects: the schemas of Kubernetes, the types of the Prometheus Operator, and a scanner for
//! security. Runs Python and Go programs.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::helm::{CHART, both, go, python, try_template};

/// The objects as Helm 4 renders them with the values of a file in `ci/`, or with the defaults. Each in a namespace of its own.
fn rendered(directory: &Path, values: &str) -> String {
    let file = format!("{CHART}/ci/{values}-values.yaml");
    let namespace = format!("namespaceOverride=of-{values}");
    let settings: &[&str] = if values == "default" { &[&namespace] } else { &[&file, &namespace] };
    let output = try_template(&both()[1], CHART, settings);
    assert!(output.success, "{}", output.stderr);
    let path = directory.join(format!("{values}.yaml"));
    std::fs::write(&path, output.stdout).expect("writable");
    path.display().to_string()
}

const VALIDATE: &str = r#"
import json, sys, yaml, kubernetes_validate
FOREIGN = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "CiliumNetworkPolicy"}
checked = 0
# Most objects are the same in several files.
seen = set()
for file in sys.argv[1:]:
    for document in yaml.safe_load_all(open(file)):
        if not document or document["kind"] in FOREIGN:
            continue
        text = json.dumps({key: value for key, value in document.items() if key != "metadata"}, sort_keys=True)
        if text in seen:
            continue
        seen.add(text)
        for version in ["1.33", "1.34", "1.35", "1.36", "1.37"]:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except Exception as error:
                sys.exit(f"{file}: {document['kind']} {document['metadata']['name']}, Kubernetes {version}: {error}")
            checked += 1
print(checked)
"#;

#[test]
fn kubernetes_1_33_to_1_37_know_every_field_that_the_chart_renders() {
    let directory = tempfile::tempdir().expect("a directory");
    let values =
        ["default", "everything", "hardened", "monitoring", "namespaced", "openshift", "single-replica"];
    let files = values.map(|values| rendered(directory.path(), values));
    let output =
        Command::new(python("kubernetes")).args(["-c", VALIDATE]).args(&files).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let checked: usize = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number");
    assert!(checked > 100, "only {checked} objects");
}

#[test]
fn the_prometheus_operator_knows_every_field_of_monitors_and_rules() {
    let directory = tempfile::tempdir().expect("a directory");
    // The first has a ServiceMonitor and a PrometheusRule, the second a PodMonitor.
    for (values, expected) in [("monitoring", "2"), ("everything", "1")] {
        let file = std::fs::File::open(rendered(directory.path(), values)).expect("rendered");
        let output = go("monitoring").args(["run", "."]).stdin(file).output().expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected);
    }
}

/// The failed checks of checkov. Each file by itself, because it looks for the network policy of a Pod in all files.
fn findings(python: &Path, file: &str) -> BTreeSet<String> {
    let output = Command::new(python)
        .args(["-m", "checkov.main", "--framework", "kubernetes", "--skip-download", "--compact"])
        .args(["--output", "json", "--file", file])
        .output()
        .expect("Python runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}{}", text(&output.stdout), text(&output.stderr)));
    assert!(report["summary"]["passed"].as_u64() > Some(100), "{}", report["summary"]);
    assert_eq!(report["summary"]["parsing_errors"], 0);
    let failed = report["results"]["failed_checks"].as_array().expect("a list");
    failed.iter().filter_map(|check| check["check_id"].as_str().map(Into::into)).collect()
}

#[test]
fn a_security_scanner_finds_what_the_user_has_to_decide_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let [default, hardened] = ["default", "hardened"].map(|values| rendered(directory.path(), values));
    let python = python("checkov");
    let [default, hardened] = std::thread::scope(|threads| {
        let both = [&default, &hardened].map(|file| threads.spawn(|| findings(&python, file)));
        both.map(|thread| thread.join().expect("no panic"))
    });
    // A CPU limit, a digest with which an image is never pulled in vain, a network policy.
    let decisions = ["CKV_K8S_11", "CKV_K8S_15", "CKV_K8S_43", "CKV2_K8S_6"];
    // A controller needs its token.
    let always = ["CKV_K8S_38"];
    let set = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(hardened, set(&always));
    assert_eq!(default, set(&[&always[..], &decisions].concat()));
}
