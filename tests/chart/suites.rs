//! The suites in the chart's `tests/`, which say of each value what becomes of it. Runs helm-unittest.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::helm::{CHART, go};
use crate::readme::{WHOLE, value_paths};

/// The texts of all suites. helm-unittest makes a folder for snapshots beside them.
fn suites() -> Vec<String> {
    let files = std::fs::read_dir(format!("{CHART}/tests")).expect("the suites");
    let paths = files.map(|file| file.expect("readable").path()).filter(|path| path.is_file());
    paths.map(|path| std::fs::read_to_string(path).expect("text")).collect()
}

#[test]
fn all_suites_pass() {
    let output = go("unittest")
        .args(["run", "github.com/helm-unittest/helm-unittest/cmd/helm-unittest", "--strict", CHART])
        .output()
        .expect("helm-unittest runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let tests: usize = suites().iter().map(|text| text.matches("- it: ").count()).sum();
    let passed = format!("{tests} passed, {tests} total");
    assert!(tests > 50 && text.contains(&passed), "{passed} is not in: {text}");
}

#[test]
fn every_value_is_set_in_a_suite() {
    let mut set = BTreeSet::new();
    for text in suites() {
        let suite: Value = serde_saphyr::from_str(&text).expect("YAML");
        for test in suite["tests"].as_array().expect("tests") {
            collect(&test["set"], "", &mut set);
        }
    }
    let is_set = |path: &str| {
        set.contains(path)
            || WHOLE.iter().any(|w| *w == path && set.iter().any(|s| s.starts_with(&format!("{w}."))))
    };
    let missing: Vec<String> = value_paths().into_iter().filter(|path| !is_set(path)).collect();
    assert!(missing.is_empty(), "no suite sets {missing:?}");
}

/// The paths of all values in a map, also of those within.
fn collect(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        collect(value, &path, found);
        found.insert(path);
    }
}
