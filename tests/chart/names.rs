//! Names of the chart's objects: valid, never the same for two installations, and as they were where they were good.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::helm::{CHART, all, both, documents, name, run, template, the};

fn rendered(release: &str) -> Vec<Value> {
    let [of_helm_3, of_helm_4] = both().each_ref().map(|helm| {
        let output = run(helm, &["template", release, CHART, "--namespace", "b"]);
        assert!(output.success, "{}", output.stderr);
        documents(&output.stdout)
    });
    let names = |objects: &[Value]| objects.iter().map(|o| name(o).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names(&of_helm_3), names(&of_helm_4));
    of_helm_4
}

#[test]
fn a_release_named_like_the_chart_has_short_names() {
    let objects = rendered("sequencestore-operator");
    for kind in ["Deployment", "ServiceAccount", "PodDisruptionBudget"] {
        assert_eq!(name(the(kind, &objects)), "sequencestore-operator");
    }
    assert_eq!(name(the("Service", &objects)), "sequencestore-operator-metrics");
    let policies: Vec<&str> = all("ValidatingAdmissionPolicy", &objects).map(name).collect();
    let of = "sequencestore-operator.sequencestore-operator.b";
    assert_eq!(
        policies,
        [format!("{of}.crd-protection.healthomics.dev"), format!("{of}.deletion-protection.healthomics.dev")]
    );
}

#[test]
fn long_release_names_that_begin_alike_give_different_names() {
    let long = "x".repeat(48);
    let names = ["-a", "-b"].map(|end| {
        let objects = rendered(&format!("{long}{end}"));
        ensure_valid(&objects);
        name(the("Deployment", &objects)).to_owned()
    });
    assert_ne!(names[0], names[1]);
    // Cut at a hyphen, too.
    ensure_valid(&rendered(&format!("{}-{}", "x".repeat(38), "y".repeat(14))));
}

#[test]
fn every_release_name_that_helm_accepts_gives_valid_names() {
    for release in ["a.b", "1st", "a.b.c-sequencestore-operator", "9", &format!("{}.y", "x".repeat(47))] {
        ensure_valid(&rendered(release));
    }
    assert_ne!(name(the("Deployment", &rendered("a.b"))), name(the("Deployment", &rendered("a-b"))));
}

/// As the API server of Kubernetes 1.33 demands it: a Service begins with a letter and has no dot.
fn ensure_valid(objects: &[Value]) {
    let is_label = |text: &str| {
        let inner = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        inner && !text.is_empty() && text.len() <= 63 && !text.starts_with('-') && !text.ends_with('-')
    };
    for object in objects {
        let name = name(object);
        let parts: Vec<&str> = name.split('.').collect();
        assert!(name.len() <= 253 && parts.iter().all(|part| is_label(part)), "{name}");
        if ["ServiceAccount", "Service", "Deployment", "Role", "RoleBinding"]
            .iter()
            .any(|kind| object["kind"] == *kind)
        {
            assert!(is_label(name), "{name}");
        }
        if object["kind"] == "Service" {
            assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
        }
        for (key, value) in object["metadata"]["labels"].as_object().into_iter().flatten() {
            let value = value.as_str().expect("text");
            assert!(value.len() <= 63 && !value.ends_with(['-', '.', '_']), "{key}: {value}");
        }
    }
}

#[test]
fn another_namespace_than_that_of_the_release_can_be_set() {
    for helm in both() {
        let objects = template(
            helm,
            &[
                "namespaceOverride=elsewhere",
                "metrics.serviceMonitor.enabled=true",
                "networkPolicy.enabled=true",
            ],
        );
        let found: BTreeSet<&str> =
            objects.iter().filter_map(|o| o["metadata"]["namespace"].as_str()).collect();
        assert_eq!(found, BTreeSet::from(["elsewhere"]));
        for object in objects.iter() {
            for subject in object["subjects"].as_array().into_iter().flatten() {
                assert_eq!(subject["namespace"], "elsewhere");
            }
        }
        let monitor = the("ServiceMonitor", &objects);
        assert_eq!(monitor["spec"]["namespaceSelector"]["matchNames"][0], "elsewhere");
    }
}
