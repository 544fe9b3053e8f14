//! The chart inside of an umbrella chart: twice under two aliases, with global values, switched off.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::helm::{all, both, container, documents, name, run, the, umbrella};

fn two_operators() -> Value {
    let of = |namespace: &str, first: bool| {
        let crds = json!({"enabled": first});
        json!({"clusterName": "x", "watchNamespaces": [namespace], "crds": crds})
    };
    json!({"east": of("east", true), "west": of("west", false)})
}

fn rendered(helm: &std::path::Path, release: &str, chart: &str) -> Vec<Value> {
    let output = run(helm, &["template", release, chart, "--namespace", "b"]);
    assert!(output.success, "{}", output.stderr);
    documents(&output.stdout)
}

#[test]
fn two_aliases_share_no_object_and_each_namespace_is_protected() {
    let directory = tempfile::tempdir().expect("a directory");
    let chart = umbrella(directory.path(), &["east", "west"], &two_operators());
    // The second release name contains both aliases.
    for release in ["r", "east-west"] {
        for helm in both() {
            let objects = rendered(helm, release, &chart);
            let mut seen = BTreeSet::new();
            for object in &objects {
                let key = [&object["kind"], &object["metadata"]["namespace"], &object["metadata"]["name"]];
                assert!(seen.insert(key.map(ToString::to_string)), "twice: {key:?}");
            }
            assert_eq!(all("Deployment", &objects).count(), 2);
            for namespace in ["east", "west"] {
                let bindings = all("ValidatingAdmissionPolicyBinding", &objects);
                let protecting =
                    bindings.filter(|b| b["spec"]["matchResources"].to_string().contains(namespace));
                let names: Vec<&Value> = protecting.map(|b| &b["spec"]["policyName"]).collect();
                assert_eq!(names.len(), 1, "{namespace}: {names:?}");
                assert!(all("ValidatingAdmissionPolicy", &objects).any(|policy| names[0] == name(policy)));
            }
        }
    }
}

#[test]
fn two_aliases_select_different_pods() {
    let directory = tempfile::tempdir().expect("a directory");
    let chart = umbrella(directory.path(), &["east", "west"], &two_operators());
    for helm in both() {
        let objects = rendered(helm, "r", &chart);
        let selectors: BTreeSet<String> =
            all("Deployment", &objects).map(|d| d["spec"]["selector"].to_string()).collect();
        assert_eq!(selectors.len(), 2, "{selectors:?}");
    }
}

#[test]
fn global_values_and_enabled_work_in_an_umbrella() {
    let directory = tempfile::tempdir().expect("a directory");
    let global = json!({"imageRegistry": "mirror.example.org", "imagePullSecrets": ["one", {"name": "two"}], "other": 1});
    let values = json!({"global": global, "sequencestore-operator": {"enabled": true, "image": {"registry": "ignored"}}});
    let chart = umbrella(directory.path(), &[""], &values);
    for helm in both() {
        let objects = rendered(helm, "r", &chart);
        assert_eq!(
            container(&objects)["image"],
            concat!("mirror.example.org/sequencestore-operator:", env!("CARGO_PKG_VERSION"))
        );
        let pod = &the("Deployment", &objects)["spec"]["template"]["spec"];
        assert_eq!(pod["imagePullSecrets"], json!([{"name": "one"}, {"name": "two"}]));
        let off = run(helm, &["template", "r", &chart, "--set", "sequencestore-operator.enabled=false"]);
        assert!(off.success && documents(&off.stdout).is_empty(), "{}", off.stdout);
    }
}
