//! Manifests in the pages and examples: of a kind that is known, with fields that are known, and objects of this API as the CRDs
//! want them. `tests/e2e/docs_manifests.rs` sends those that an API server knows to one. I/O: reads files of the repository.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use sequencestore_operator::crd::{AccountBinding, SequenceStore, account_binding_crd, crd};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::commands::has_value;
use crate::pages::{below, blocks_in, pages, read};

const NOTES: &str = "charts/sequencestore-operator/templates/NOTES.txt";

/// Kinds of other projects in the pages: the members of `spec`, or of the object where there is no `spec`.
const OTHER_KINDS: &[(&str, &str, &[&str])] = &[
    ("argoproj.io/v1alpha1", "Application", &["project", "source", "destination", "syncPolicy"]),
    ("argoproj.io/v1alpha1", "Workflow", &["entrypoint", "serviceAccountName", "templates"]),
    ("eksctl.io/v1alpha5", "ClusterConfig", &["apiVersion", "kind", "metadata", "addons", "iam"]),
    (
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        &["interval", "releaseName", "targetNamespace", "install", "upgrade", "chart", "values"],
    ),
    (
        "kustomize.toolkit.fluxcd.io/v1",
        "Kustomization",
        &[
            "dependsOn",
            "healthCheckExprs",
            "interval",
            "path",
            "postBuild",
            "prune",
            "sourceRef",
            "targetNamespace",
            "timeout",
            "wait",
        ],
    ),
    (
        "kustomize.config.k8s.io/v1beta1",
        "Kustomization",
        &["apiVersion", "kind", "resources", "images", "patches"],
    ),
    ("source.toolkit.fluxcd.io/v1", "GitRepository", &["interval", "url", "ref"]),
    ("velero.io/v1", "Restore", &["scheduleName", "includedResources"]),
    ("velero.io/v1", "Schedule", &["schedule", "template"]),
];
/// Kinds that an API server has by itself.
const BUILT_IN: &[(&str, &str)] = &[
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"),
    ("batch/v1", "Job"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("v1", "ConfigMap"),
];

#[test]
fn every_manifest_is_of_a_known_kind_and_valid() {
    let mut found = 0;
    for block in blocks_in("yaml").iter().filter(|block| !block.text.starts_with("AWSTemplateFormatVersion"))
    {
        valid(&block.place, &block.text);
        found += 1;
    }
    assert!(found >= 20, "only {found} manifests are found");
    for file in below("examples", ".yaml").iter().filter(|file| !file.contains("resource_customizations")) {
        valid(file, &read(file));
    }
    let notes = read(NOTES);
    let manifest =
        notes.split("<<EOF\n").nth(1).and_then(|rest| rest.split("EOF").next()).expect("a manifest");
    let plain: Vec<&str> = manifest.lines().filter(|line| !line.contains("{{")).collect();
    valid(NOTES, &plain.join("\n"));
}

/// Other YAML says in its first line what it is part of.
#[test]
fn every_piece_of_values_or_spec_has_fields_that_exist() {
    let values: Value =
        serde_saphyr::from_str(&read("charts/sequencestore-operator/values.yaml")).expect("values");
    for block in blocks_in("yml") {
        let place = &block.place;
        let piece: Value = serde_saphyr::from_str(&block.text).unwrap_or_else(|e| panic!("{place}: {e}"));
        match block.text.lines().next() {
            Some("# Values of the chart") => {
                let unknown = unknown_values(&values, &piece);
                assert!(unknown.is_empty(), "{place}: the chart has no value {unknown:?}");
            }
            Some("# In spec") => {
                let unknown = unknown_fields(&serde_json::json!({"spec": piece}));
                assert!(unknown.is_empty(), "{place}: {unknown:?}");
            }
            first => panic!("{place}: the first line does not say what this is part of: {first:?}"),
        }
    }
}

/// The paths in these values that the chart does not have.
fn unknown_values(values: &Value, piece: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    collect_paths(piece, String::new(), &mut paths);
    paths.into_iter().filter(|path| !has_value(values, path)).collect()
}

fn collect_paths(value: &Value, path: String, paths: &mut Vec<String>) {
    match value.as_object() {
        Some(members) if !members.is_empty() => {
            for (key, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                collect_paths(value, format!("{path}{dot}{}", key.replace('.', "\\.")), paths);
            }
        }
        _ => paths.push(path),
    }
}

fn valid(place: &str, text: &str) {
    for document in text.split("\n---\n") {
        let value: Value =
            serde_saphyr::from_str(document).unwrap_or_else(|e| panic!("{place}: {e}\n{document}"));
        let text_of = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let (version, kind) = (text_of("apiVersion"), text_of("kind"));
        match kind.as_str() {
            "SequenceStore" => {
                accepted::<SequenceStore>(place, document, &crd());
                continue;
            }
            "AccountBinding" => {
                accepted::<AccountBinding>(place, document, &account_binding_crd());
                continue;
            }
            _ => {}
        }
        if BUILT_IN.contains(&(&version, &kind)) {
            continue;
        }
        let known = OTHER_KINDS.iter().find(|(v, k, _)| (*v, *k) == (&version, &kind));
        let (_, _, members) = known.unwrap_or_else(|| panic!("{place}: {version} {kind} is not known"));
        let spec = value.get("spec").unwrap_or(&value);
        let unknown: Vec<_> = spec
            .as_object()
            .expect("members")
            .keys()
            .filter(|key| !members.contains(&key.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{place}: {unknown:?} in {kind}");
    }
}

/// Checks the names of the fields, the types and the rules of the CRD.
fn accepted<K: Serialize + DeserializeOwned>(file: &str, manifest: &str, crd: &CustomResourceDefinition) {
    let value: Value = serde_saphyr::from_str(manifest).unwrap_or_else(|e| panic!("{file}: {e}\n{manifest}"));
    assert_eq!(value["apiVersion"], "healthomics.dev/v1alpha1", "{file}:\n{manifest}");
    let crd = serde_json::to_value(crd).expect("serializes");
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let unknown = unknown_fields_of(&schema["properties"]["spec"], &value);
    assert!(unknown.is_empty(), "{file}: {unknown:?} in\n{manifest}");
    let object: K = serde_json::from_value(value).unwrap_or_else(|e| panic!("{file}: {e}\n{manifest}"));
    let object = serde_json::to_value(object).expect("serializes");
    kube_cel::validate(schema, &object, None).unwrap_or_else(|e| panic!("{file}: {e:?}\n{manifest}"));
}

#[test]
fn every_merge_patch_names_existing_fields() {
    let mut found = 0;
    for file in pages() {
        let text = read(&file);
        for line in text.lines().filter(|line| line.contains("--type=merge")) {
            let patch = line.split("-p '").nth(1).and_then(|rest| rest.split('\'').next()).expect("a patch");
            let patch: Value = serde_json::from_str(patch).unwrap_or_else(|e| panic!("{file}: {e}: {line}"));
            let unknown = unknown_fields(&patch);
            assert!(unknown.is_empty(), "{file}: {unknown:?} in {line}");
            found += 1;
        }
    }
    assert!(found >= 3, "only {found} patches are found");
}

/// The properties of an object in the schema of the CRD.
pub fn schema() -> Value {
    let crd = serde_json::to_value(SequenceStore::crd()).expect("plain data");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].clone()
}

pub fn status_schema() -> Value {
    schema()["status"]["properties"].clone()
}

/// Names in a SequenceStore that the CRD's schema does not have.
fn unknown_fields(value: &Value) -> Vec<String> {
    unknown_fields_of(&schema()["spec"], value)
}

/// Names in an object that its schema does not have: this one, for the spec.
fn unknown_fields_of(spec: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_unknown(spec, &value["spec"], "spec", &mut found);
    let names = ["apiVersion", "kind", "metadata", "spec"];
    let others = value.as_object().into_iter().flatten().map(|(key, _)| key);
    found.extend(others.filter(|key| !names.contains(&key.as_str())).cloned());
    found
}

fn collect_unknown(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match properties.get(key) {
            Some(schema) => collect_unknown(schema, value, &path, found),
            None => found.push(path),
        }
    }
}
