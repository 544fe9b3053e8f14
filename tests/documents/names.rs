//! Reasons, annotations and tags in the pages are those of the code. I/O: reads files of the repository.

use std::collections::BTreeSet;

use sequencestore_operator::Reason;
use sequencestore_operator::crd::{
    FINALIZER, KNOWN_ANNOTATIONS, OwnerTags, SequenceStore, SequenceStoreSpec,
};
use serde_json::Value;

use crate::manifests::status_schema;
use crate::pages::{pages, read, root};

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
    let of_sessions = read("src/aws/sessions.rs");
    for file in pages() {
        for rest in read(&file).split("healthomics.dev/").skip(1) {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
            // The hyphen at the end of an annotation in a command removes it.
            let name = rest[..end.unwrap_or(rest.len())].trim_end_matches('-');
            let is_known = ["", "v1alpha1", "SequenceStore"].contains(&name)
                || known.contains(format!("healthomics.dev/{name}").as_str())
                || of_sessions.contains(&format!("\"healthomics.dev/{name}\""));
            assert!(is_known, "{file} names healthomics.dev/{name}, which the code does not know");
        }
    }
}

#[test]
fn the_tests_that_the_promises_name_exist() {
    let page = read("docs/promises.md");
    let named: Vec<&str> = page.split('`').filter(|code| code.ends_with("::")).collect();
    assert!(named.len() >= 10, "only {named:?} are found");
    for name in named {
        let path = format!("tests/e2e/{}", name.trim_end_matches("::").replace("::", "/"));
        let is_there =
            [format!("{path}.rs"), format!("{path}/mod.rs")].iter().any(|file| root().join(file).is_file());
        assert!(is_there, "docs/promises.md names {name}");
    }
}

/// A control whose test was renamed or removed would be an empty promise.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let text = read("docs/threat-model.md");
    let cells = text.lines().filter_map(|line| line.trim_end_matches('|').rsplit('|').next());
    let names: BTreeSet<&str> =
        cells.flat_map(|cell| cell.split('`')).filter(|name| is_test_name(name)).collect();
    assert!(names.len() >= 20, "the names are not found: {names:?}");
    let code = ["src", "tests"].map(|folder| all_code(&root().join(folder))).concat();
    let missing: Vec<_> = names.into_iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "no test has these names: {missing:?}");
}

fn is_test_name(text: &str) -> bool {
    text.matches('_').count() >= 3 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn all_code(folder: &std::path::Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let text = |path: std::path::PathBuf| match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => std::fs::read_to_string(path).unwrap_or_default(),
        None if path.is_dir() => all_code(&path),
        _ => String::new(),
    };
    entries.map(text).collect()
}
