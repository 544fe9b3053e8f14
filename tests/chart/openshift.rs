//! OpenShift assigns user, group and fsGroup, and refuses a Pod that names others.

use serde_json::{Value, json};

use crate::helm::{both, template, template_of, the, umbrella, values_file};

fn ensure_no_ids(objects: &[Value], how: &str) {
    let pod = &the("Deployment", objects)["spec"]["template"]["spec"];
    for context in [&pod["securityContext"], &pod["containers"][0]["securityContext"]] {
        for id in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert_eq!(context.get(id), None, "{how}: {id}");
        }
    }
    assert_eq!(
        pod["securityContext"],
        json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}),
        "{how}"
    );
}

#[test]
fn one_switch_leaves_the_ids_out_however_it_is_set() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = values_file(directory.path(), "openshift.yaml", &json!({"openshift": true}));
    let chart = umbrella(directory.path(), &[""], &json!({"sequencestore-operator": {"openshift": true}}));
    for helm in both() {
        ensure_no_ids(&template(helm, &["openshift=true"]), "--set");
        ensure_no_ids(&template(helm, &[&file]), "-f");
        ensure_no_ids(&template_of(helm, &chart, &[]), "a parent chart");
    }
}

#[test]
fn the_image_has_a_numeric_user_so_that_no_id_is_needed() {
    let dockerfile = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Dockerfile"));
    let user = dockerfile.lines().filter_map(|line| line.strip_prefix("USER ")).next_back().expect("a user");
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 10_000)), "{user}");
}
