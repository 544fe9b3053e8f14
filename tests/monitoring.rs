//! The files for monitoring: alerts that promtool accepts and that fire when they should, a runbook for each, and
//! dashboards that Grafana can load. No control plane; `tests/alerts` makes the alerts fire.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const RULES: &str = "charts/sequencestore-operator/files/alerts/sequencestore-operator.yaml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn alerts() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(&read(RULES)).expect("YAML");
    let groups = file["groups"].as_array().expect("groups").iter();
    groups.flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

fn files(directory: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(directory)).unwrap_or_else(|error| panic!("{directory}: {error}"));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}

fn promtool(arguments: &[&str]) {
    let promtool = control_plane::prometheus_binaries().expect("promtool").promtool;
    let output = Command::new(promtool).args(arguments).current_dir(root()).output().expect("promtool runs");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn promtool_accepts_the_alerts() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", RULES]);
}

#[test]
fn the_alerts_fire_when_they_should_and_not_before() {
    promtool(&["test", "rules", "tests/alerts/unit.yaml"]);
    let unit = read("tests/alerts/unit.yaml");
    for alert in alerts() {
        let name = text(&alert, "alert");
        assert!(unit.contains(&format!("alertname=\"{name}\"")), "no unit test of {name}");
    }
}

#[test]
fn every_alert_has_its_runbook_and_every_runbook_its_alert() {
    let index = read("docs/runbooks/README.md");
    let mut names = BTreeSet::from(["README".to_owned()]);
    for alert in alerts() {
        let name = text(&alert, "alert").to_owned();
        let page = read(&format!("docs/runbooks/{name}.md"));
        for heading in [
            format!("# {name}\n"),
            "\n## Symptom\n".into(),
            "\n## How to see it\n".into(),
            "\n## What to do\n".into(),
        ] {
            assert!(page.contains(&heading), "docs/runbooks/{name}.md has no {heading:?}");
        }
        let wait = alert["for"].as_str().unwrap_or("1h");
        let severity = text(&alert["labels"], "severity");
        let row = index.lines().find(|line| line.starts_with(&format!("| [{name}]({name}.md) |")));
        let row = row.unwrap_or_else(|| panic!("{name} is not in the table of docs/runbooks/README.md"));
        assert!(row.ends_with(&format!("for {wait} | {severity} |")), "{row}: {wait}, {severity}");
        names.insert(name);
    }
    let pages: BTreeSet<String> = files("docs/runbooks", ".md")
        .iter()
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(pages, names, "each page is that of an alert");
}

#[test]
fn every_alert_says_what_is_wrong_and_only_lost_data_is_critical() {
    for alert in alerts() {
        let name = text(&alert, "alert");
        assert!(name.starts_with("OmicsOperator") || name.starts_with("SequenceStore"), "{name}");
        let annotations = &alert["annotations"];
        assert!(
            text(annotations, "summary").ends_with('.') && text(annotations, "description").ends_with('.'),
            "{name}"
        );
        let expected = if name == "SequenceStoreMissing" { "critical" } else { "warning" };
        assert_eq!(text(&alert["labels"], "severity"), expected, "{name}");
        if name.starts_with("SequenceStore") {
            assert!(
                text(annotations, "description").contains("{{ $labels.namespace }}/{{ $labels.name }}"),
                "{name}"
            );
        }
    }
}

#[test]
fn the_dashboards_have_what_grafana_needs() {
    let mut uids = BTreeSet::new();
    let dashboards = files("charts/sequencestore-operator/files/dashboards", ".json");
    assert_eq!(dashboards.len(), 3);
    for file in dashboards {
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(&file).expect("text")).expect("JSON");
        let file = file.display();
        assert!(dashboard["schemaVersion"].as_u64() >= Some(36), "{file}");
        assert!(
            !text(&dashboard, "title").is_empty() && !text(&dashboard, "description").is_empty(),
            "{file}"
        );
        // Whoever imports a dashboard brings no id of a database along.
        assert!(dashboard.get("id").is_none() && uids.insert(text(&dashboard, "uid").to_owned()), "{file}");
        let variables = dashboard["templating"]["list"].as_array().expect("variables");
        let variables: Vec<&str> = variables.iter().map(|variable| text(variable, "name")).collect();
        assert_eq!(variables[..2], ["datasource", "job"], "{file}");
        let panels = dashboard["panels"].as_array().expect("panels");
        ids_are_unique_and_nothing_overlaps(&file.to_string(), panels);
        for panel in panels.iter().filter(|panel| panel["type"] != "row") {
            panel_is_whole(&format!("{file}: {}", panel["title"]), panel, &variables);
        }
    }
}

fn ids_are_unique_and_nothing_overlaps(file: &str, panels: &[Value]) {
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{file}: {} twice", panel["id"]);
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap_or_else(|| panic!("{file}: {panel}"));
        assert!(side("x") + side("w") <= 24, "{file}: {} leaves the grid", panel["title"]);
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{file}: {} covers another panel", panel["title"]);
            }
        }
    }
}

fn panel_is_whole(what: &str, panel: &Value, variables: &[&str]) {
    assert!(["stat", "table", "timeseries"].contains(&text(panel, "type")), "{what}");
    assert!(!text(panel, "title").is_empty() && text(panel, "description").ends_with('.'), "{what}");
    assert!(!text(&panel["fieldConfig"]["defaults"], "unit").is_empty(), "{what}");
    assert_eq!(panel["datasource"]["uid"], "${datasource}", "{what}");
    let targets = panel["targets"].as_array().expect("targets");
    let references: BTreeSet<&str> = targets.iter().map(|target| text(target, "refId")).collect();
    assert!(!targets.is_empty() && references.len() == targets.len(), "{what}");
    for target in targets {
        assert_eq!(target["datasource"]["uid"], "${datasource}", "{what}");
        assert!(!text(target, "legendFormat").is_empty(), "{what}");
        let used = text(target, "expr").split('$').skip(1);
        let used = used
            .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default());
        for variable in used.filter(|variable| *variable != "__rate_interval") {
            assert!(variables.contains(&variable), "{what}: the variable {variable} is not defined");
        }
    }
}
