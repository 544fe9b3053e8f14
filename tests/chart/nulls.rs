//! Values that are null or absent, as after `helm upgrade --reuse-values` from an older chart.

use serde_json::{Map, Value, json};

use crate::helm::{CHART, both, template, template_of, umbrella, values_file};
use crate::readme::WHOLE;

fn defaults() -> Map<String, Value> {
    let text = std::fs::read_to_string(format!("{CHART}/values.yaml")).expect("values");
    serde_saphyr::from_str(&text).expect("YAML")
}

/// The same keys with null in place of each value, at the ends of the tree. What is in a value that is shown as a whole goes to
/// Kubernetes as it is: there, null takes a setting away.
fn with_null_leaves(values: &Map<String, Value>) -> Value {
    let null = |(key, value): (&String, &Value)| {
        let inner = value.as_object().filter(|map| !map.is_empty() && !WHOLE.contains(&key.as_str()));
        (key.clone(), inner.map_or(Value::Null, with_null_leaves))
    };
    Value::Object(values.iter().map(null).collect())
}

#[test]
fn null_in_place_of_any_value_means_the_default() {
    let directory = tempfile::tempdir().expect("a directory");
    let blocks: Map<String, Value> = defaults().keys().map(|key| (key.clone(), Value::Null)).collect();
    let blocks = values_file(directory.path(), "blocks.yaml", &Value::Object(blocks));
    let leaves = values_file(directory.path(), "leaves.yaml", &with_null_leaves(&defaults()));
    for helm in both() {
        let expected = template(helm, &[]);
        for file in [&blocks, &leaves] {
            assert!(template(helm, &[file]) == expected, "{} with {file}", helm.display());
        }
        for setting in [
            "healthProbePort=null",
            "commonLabels=null",
            "log=null",
            "crds.annotations=null",
            "rbac.aggregate=null",
        ] {
            assert!(template(helm, &[setting]) == expected, "{setting}");
        }
    }
}

#[test]
fn null_from_a_parent_chart_means_the_default() {
    let directory = tempfile::tempdir().expect("a directory");
    let blocks: Map<String, Value> = defaults().keys().map(|key| (key.clone(), Value::Null)).collect();
    let chart = umbrella(directory.path(), &[""], &json!({"sequencestore-operator": blocks}));
    for helm in both() {
        assert!(template_of(helm, &chart, &[]) == template(helm, &[]), "{}", helm.display());
    }
}

#[test]
fn values_of_an_older_chart_are_completed() {
    let directory = tempfile::tempdir().expect("a directory");
    // Only what such a chart had, as `--reuse-values` passes it on: without the values of this chart.
    let chart = directory.path().join("chart");
    let parent = umbrella(directory.path(), &[""], &json!({}));
    std::fs::rename(format!("{parent}/charts/sequencestore-operator"), &chart).expect("moved");
    std::fs::write(
        chart.join("values.yaml"),
        "rbac: {create: true, aggregateRoles: true}\ncrds: {}\nreplicas: 2\n",
    )
    .expect("written");
    for helm in both() {
        let objects = template_of(helm, &chart.display().to_string(), &[]);
        assert!(objects == template(helm, &[]), "{}", helm.display());
    }
}

#[test]
fn null_takes_a_setting_for_kubernetes_away() {
    for helm in both() {
        let objects = template(helm, &["resources.limits=null", "podSecurityContext.fsGroup=null"]);
        let pod = &crate::helm::the("Deployment", &objects)["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["resources"].get("limits"), None);
        assert_eq!(pod["securityContext"].get("fsGroup"), None);
        assert_eq!(pod["securityContext"]["runAsUser"], 65532);
    }
}
