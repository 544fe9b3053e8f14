//! Alerts and dashboards: what the chart makes of the values for single alerts, and where it puts the dashboards.

use serde_json::{Value, json};

use crate::helm::{all, both, ensure_refused, template, the};

/// The rules of all alerts and recordings that Helm renders with these settings.
fn rules(objects: &[Value]) -> Vec<&Value> {
    let groups = the("PrometheusRule", objects)["spec"]["groups"].as_array().expect("groups").iter();
    groups.flat_map(|group| group["rules"].as_array().expect("rules")).collect()
}

fn alerts(objects: &[Value]) -> Vec<&str> {
    rules(objects).into_iter().filter_map(|rule| rule["alert"].as_str()).collect()
}

const CHANGED: [&str; 8] = [
    "prometheusRule.enabled=true",
    "prometheusRule.disabled.SequenceStoreStalled=true",
    "prometheusRule.overrides.SequenceStoreNotReady.for=30m",
    "prometheusRule.overrides.SequenceStoreNotReady.labels.severity=info",
    "prometheusRule.ruleLabels.team=genomics",
    "prometheusRule.runbookUrl=https://runbooks.example.com",
    "prometheusRule.additionalRules[0].record=a",
    "prometheusRule.additionalRules[0].expr=vector(1)",
];

#[test]
fn single_alerts_are_changed_and_left_out() {
    for helm in both() {
        let (usual, changed) = (template(helm, &CHANGED[..1]), template(helm, &CHANGED));
        let expected: Vec<&str> =
            alerts(&usual).into_iter().filter(|name| *name != "SequenceStoreStalled").collect();
        assert_eq!(alerts(&changed), expected);
        let rules = rules(&changed);
        let rule = |name: &str| *rules.iter().find(|rule| rule["alert"] == name).expect("the alert");
        let (changed, other) = (rule("SequenceStoreNotReady"), rule("SequenceStoreMissing"));
        assert!(changed["for"] == "30m" && other["for"] == "1m", "{changed} {other}");
        assert_eq!(changed["labels"], json!({"severity": "info", "team": "genomics"}));
        assert_eq!(other["labels"], json!({"severity": "critical", "team": "genomics"}));
        let annotations = &other["annotations"];
        assert_eq!(annotations["runbook_url"], "https://runbooks.example.com/SequenceStoreMissing.md");
        let description = annotations["description"].as_str().expect("a description");
        assert!(description.contains("{{ $labels.name }}"), "{description}");
        assert!(rules.iter().any(|rule| rule["record"] == "a"), "{rules:?}");
    }
}

#[test]
fn the_name_of_an_alert_that_does_not_exist_is_refused_and_all_names_are_said() {
    for wrong in ["disabled.SequenceStoreMising=true", "overrides.SequenceStoreMising.for=1m"] {
        let wrong = format!("prometheusRule.{wrong}");
        for says in ["SequenceStoreMising", "SequenceStoreMissing"] {
            ensure_refused(&["prometheusRule.enabled=true", &wrong], says);
        }
    }
}

#[test]
fn dashboards_are_config_maps_only_where_they_are_asked_for() {
    for helm in both() {
        // Null as well as absent: values of an older release have no such block.
        for values in [&[][..], &["dashboards=null", "prometheusRule=null"]] {
            let objects = template(helm, values);
            let found = all("ConfigMap", &objects).chain(all("PrometheusRule", &objects)).count();
            assert_eq!(found, 0, "{} {values:?}", helm.display());
        }
        let values = ["dashboards.enabled=true", "dashboards.namespace=monitoring", "dashboards.labels=null"];
        let mut found = Vec::new();
        for object in all("ConfigMap", &template(helm, &values)) {
            assert_eq!(object["metadata"]["namespace"], "monitoring");
            for (file, dashboard) in object["data"].as_object().expect("files") {
                let dashboard: Value = serde_json::from_str(dashboard.as_str().expect("text")).expect("JSON");
                assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() > 5), "{file}");
                found.push(file.clone());
            }
        }
        found.sort();
        let expected = ["sequencestore-aws.json", "sequencestore-fleet.json", "sequencestore-store.json"];
        assert_eq!(found, expected);
    }
}
