//! README and docs name what the operator has, their manifests are valid, and their links lead to what exists.
//! Their quotations of messages are checked in `src/status/tests`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kube::CustomResourceExt;
use kube::core::cel::validate_cel;
use sequencestore_operator::Reason;
use sequencestore_operator::crd::{
    FINALIZER, KNOWN_ANNOTATIONS, OwnerTags, SequenceStore, SequenceStoreSpec,
};
use serde_json::Value;

const NOTES: &str = "charts/sequencestore-operator/templates/NOTES.txt";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of all documents for users.
fn documents() -> Vec<String> {
    let mut files: Vec<String> = fs::read_dir(root().join("docs"))
        .expect("docs/ is there")
        .map(|file| format!("docs/{}", file.expect("readable").file_name().to_string_lossy()))
        .filter(|file| file.ends_with(".md"))
        .collect();
    assert!(files.len() >= 4, "the documents are not found: {files:?}");
    files.sort();
    let others = ["README.md", "SECURITY.md", "CHANGELOG.md", "charts/sequencestore-operator/README.md"];
    files.extend(others.map(String::from));
    files
}

/// The names that the text does not have as code.
fn without<'a>(names: impl Iterator<Item = &'a str>, text: &str) -> Vec<&'a str> {
    names.filter(|name| !text.contains(&format!("`{name}`"))).collect()
}

#[test]
fn the_readme_explains_every_reason() {
    let missing = without(Reason::ALL.into_iter().map(Reason::as_str), &read("README.md"));
    assert!(missing.is_empty(), "not in README.md: {missing:?}");
}

#[test]
fn every_reason_for_a_blocked_deletion_is_explained() {
    let schema = status_schema();
    let reasons = schema["deletionBlockedBy"]["items"]["properties"]["reason"]["enum"].as_array();
    let names: Vec<&str> = reasons.expect("an enum").iter().filter_map(Value::as_str).collect();
    assert!(names.len() >= 5, "the reasons are not found in the CRD: {names:?}");
    let missing = without(names.into_iter(), &read("docs/deletion.md"));
    assert!(missing.is_empty(), "not in docs/deletion.md: {missing:?}");
}

#[test]
fn the_readme_names_every_annotation() {
    let readme = read("README.md");
    for annotation in KNOWN_ANNOTATIONS {
        assert!(readme.contains(&format!("`{annotation}")), "not in README.md: {annotation}");
    }
}

#[test]
fn documents_name_no_annotation_tag_or_finalizer_that_the_operator_does_not_know() {
    let object = SequenceStore::new("genomes", SequenceStoreSpec::default());
    let tags = OwnerTags::of(&object, "").tags();
    let known: BTreeSet<&str> =
        KNOWN_ANNOTATIONS.into_iter().chain([FINALIZER]).chain(tags.keys().map(String::as_str)).collect();
    for file in documents() {
        for rest in read(&file).split("healthomics.dev/").skip(1) {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
            // The hyphen at the end of an annotation in a command removes it.
            let name = rest[..end.unwrap_or(rest.len())].trim_end_matches('-');
            let is_known = ["", "v1alpha1", "SequenceStore"].contains(&name)
                || known.contains(format!("healthomics.dev/{name}").as_str());
            assert!(is_known, "{file} names healthomics.dev/{name}, which the code does not know");
        }
    }
}

#[test]
fn the_api_server_accepts_every_manifest() {
    let mut found = 0;
    for file in documents() {
        let text = read(&file);
        for block in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            accepted(&file, block);
            found += 1;
        }
    }
    assert!(found >= 5, "only {found} manifests are found");
    accepted("examples/genomes.yaml", &read("examples/genomes.yaml"));
    let notes = read(NOTES);
    let manifest =
        notes.split("<<EOF\n").nth(1).and_then(|rest| rest.split("EOF").next()).expect("a manifest");
    let plain: Vec<&str> = manifest.lines().filter(|line| !line.contains("{{")).collect();
    accepted(NOTES, &plain.join("\n"));
}

/// Checks the names of the fields, the types and the rules of the CRD.
fn accepted(file: &str, manifest: &str) {
    let value: Value = serde_saphyr::from_str(manifest).unwrap_or_else(|e| panic!("{file}: {e}\n{manifest}"));
    assert_eq!(value["kind"], "SequenceStore", "{file}:\n{manifest}");
    assert_eq!(value["apiVersion"], "healthomics.dev/v1alpha1", "{file}:\n{manifest}");
    let unknown = unknown_fields(&value);
    assert!(unknown.is_empty(), "{file}: {unknown:?} in\n{manifest}");
    let object: SequenceStore =
        serde_json::from_value(value).unwrap_or_else(|e| panic!("{file}: {e}\n{manifest}"));
    validate_cel(&object).unwrap_or_else(|e| panic!("{file}: {e:?}\n{manifest}"));
}

#[test]
fn every_merge_patch_names_existing_fields() {
    let mut found = 0;
    for file in documents() {
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
fn schema() -> Value {
    let crd = serde_json::to_value(SequenceStore::crd()).expect("plain data");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].clone()
}

fn status_schema() -> Value {
    schema()["status"]["properties"].clone()
}

/// Names in an object that the CRD's schema does not have.
fn unknown_fields(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_unknown(&schema()["spec"], &value["spec"], "spec", &mut found);
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

#[test]
fn every_link_leads_to_an_existing_file_and_heading() {
    for file in documents() {
        let text = read(&file);
        let here = root().join(&file);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { here.clone() } else { here.with_file_name(path) };
            assert!(target.exists(), "{file} links to {link}");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).expect("text");
                let found =
                    text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor);
                assert!(found, "{file} links to {link}, which has no such heading");
            }
        }
    }
}

/// The anchor that Git hosts make of a heading.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || " -".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
