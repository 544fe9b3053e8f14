//! The CRD, with which every SequenceStore would go.

use crate::helm::{CHART, all, both, ensure_refused, run, template, the};

#[test]
fn the_crd_is_kept_unless_two_values_say_otherwise() {
    let policy = |objects: &[serde_json::Value]| {
        the("CustomResourceDefinition", objects)["metadata"]["annotations"]["helm.sh/resource-policy"].clone()
    };
    for helm in both() {
        assert_eq!(policy(&template(helm, &[])), "keep");
        assert_eq!(policy(&template(helm, &["crds.deleteAllStoresOnUninstall=true"])), "keep");
        let gone = template(helm, &["crds.keep=false", "crds.deleteAllStoresOnUninstall=true"]);
        assert!(policy(&gone).is_null());
        // No annotation of the user's undoes it.
        assert_eq!(policy(&template(helm, &["crds.annotations.helm\\.sh/resource-policy=delete"])), "keep");
    }
    ensure_refused(&["crds.keep=false"], "deleteAllStoresOnUninstall");
}

/// An operator that does not read AccountBindings would let people believe in them.
#[test]
fn the_crd_of_account_bindings_is_there_only_where_the_operator_reads_them() {
    let crds = |helm: &std::path::Path, settings: &[&str]| {
        let objects = template(helm, settings);
        let crds = all("CustomResourceDefinition", &objects);
        crds.map(|crd| crate::helm::name(crd).to_owned()).collect::<Vec<_>>()
    };
    let (stores, bindings) = ("sequencestores.healthomics.dev", "accountbindings.healthomics.dev");
    for helm in both() {
        assert_eq!(crds(helm, &[]), [stores]);
        assert_eq!(crds(helm, &["accountBindings.enabled=true"]), [bindings, stores]);
        let kept = template(helm, &["accountBindings.enabled=true"]);
        for crd in all("CustomResourceDefinition", &kept) {
            assert_eq!(crd["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
        }
    }
}

#[test]
fn the_policy_that_protects_the_crd_is_there_unless_it_is_turned_off() {
    let protects = |settings: &[&str]| {
        let objects = template(&both()[1], settings);
        all("ValidatingAdmissionPolicy", &objects)
            .filter(|p| crate::helm::name(p).contains("crd-protection"))
            .count()
            == 1
    };
    assert!(protects(&[]));
    for off in ["admissionPolicy.enabled=false", "admissionPolicy.protectCrd=false", "crds.enabled=false"] {
        assert!(!protects(&[off]), "{off}");
    }
    // Otherwise `helm uninstall` would fail.
    assert!(!protects(&["crds.keep=false", "crds.deleteAllStoresOnUninstall=true"]));
}

#[test]
fn a_helm_that_is_older_than_kubernetes_1_33_renders_with_kube_version() {
    for helm in both() {
        let with = |version: &str| run(helm, &["template", "a", CHART, "--kube-version", version]);
        // What such a Helm takes for the version where no cluster says it.
        let old = with("1.32.0");
        assert!(!old.success && old.stderr.contains("kubeVersion: >=1.33.0-0"), "{}", old.stderr);
        assert!(with("1.33.0").success);
        assert!(with("1.33.4-eks-1a2b3c4").success);
    }
}
