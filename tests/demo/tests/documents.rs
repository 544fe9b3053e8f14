//! README and docs name what the code has, quote what it says, and link to what is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use kube::core::cel::validate_cel;
use sequencestore_operator::aws::{CallError, Class, Operation};
use sequencestore_operator::crd::{Drift, INTENT_ANNOTATION, SequenceStore, SequenceStoreSpec, crd};
use sequencestore_operator::plan::State;
use sequencestore_operator::status;
use sequencestore_operator::store::desired::{Defaults, Desired};
use sequencestore_operator::store::intent::Intent;
use sequencestore_operator::store::observed::Observed;
use sequencestore_operator::store::s3_policy as policy;
use serde_json::{Value, json};

const NOTES: &str = "charts/sequencestore-operator/templates/NOTES.txt";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every document for users, by its path.
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

fn without<'a>(names: impl Iterator<Item = &'a str>, text: &str) -> Vec<&'a str> {
    names.filter(|name| !text.contains(&format!("`{name}`"))).collect()
}

/// What stands in quotes after an arrow, as in the names that an enum gives its variants.
fn arms(code: &str) -> Vec<&str> {
    code.lines().filter_map(|line| line.split("=> \"").nth(1)?.split('"').next()).collect()
}

#[test]
fn the_readme_explains_every_reason() {
    let (code, readme) = (read("src/status/reason.rs"), read("README.md"));
    let reasons = arms(&code);
    assert!(reasons.len() > 20, "the reasons are not found in the code: {reasons:?}");
    let missing = without(reasons.into_iter(), &readme);
    assert!(missing.is_empty(), "not in README.md: {missing:?}");
}

#[test]
fn every_block_of_a_deletion_is_explained() {
    let (code, document) = (read("src/crd/status.rs"), read("docs/deletion.md"));
    let start = code.find("enum DeletionBlockReason").expect("the enum");
    let variants = code[start..].lines().skip(1).take_while(|line| *line != "}").map(str::trim);
    let names: Vec<&str> =
        variants.filter(|line| !line.starts_with("//")).map(|line| line.trim_end_matches(',')).collect();
    assert!(names.len() >= 5, "the reasons are not found in the code: {names:?}");
    let missing = without(names.into_iter(), &document);
    assert!(missing.is_empty(), "not in docs/deletion.md: {missing:?}");
}

#[test]
fn the_readme_names_every_iam_action_and_annotation() {
    let (errors, crd, readme) = (read("src/aws/error.rs"), read("src/crd/mod.rs"), read("README.md"));
    let actions: Vec<&str> = arms(&errors).into_iter().filter(|arm| arm.contains(':')).collect();
    assert!(actions.len() >= 13, "the actions are not found in the code: {actions:?}");
    let missing = without(actions.into_iter(), &readme);
    assert!(missing.is_empty(), "not in README.md: {missing:?}");
    let constants = crd.lines().filter(|line| line.contains("_ANNOTATION: &str"));
    let annotations: Vec<&str> = constants.filter_map(|line| line.split('"').nth(1)).collect();
    assert!(annotations.len() >= 5, "the annotations are not found in the code: {annotations:?}");
    for annotation in annotations {
        assert!(readme.contains(&format!("`{annotation}")), "not in README.md: {annotation}");
    }
}

#[test]
fn every_name_of_ours_is_known_to_the_code() {
    let code = read("src/crd/mod.rs") + &read("src/crd/owner.rs");
    for file in documents() {
        for rest in read(&file).split("healthomics.dev/").skip(1) {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
            // The hyphen at the end of an annotation in a command removes it.
            let name = rest[..end.unwrap_or(rest.len())].trim_end_matches('-');
            let known = ["", "v1alpha1", "SequenceStore"].contains(&name)
                || code.contains(&format!("\"healthomics.dev/{name}\""));
            assert!(known, "{file} names healthomics.dev/{name}, which the code does not know");
        }
    }
}

#[test]
fn every_manifest_is_accepted() {
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

/// The schema's names, the operator's types and the API server's rules.
fn accepted(file: &str, manifest: &str) {
    let value: Value = serde_saphyr::from_str(manifest).unwrap_or_else(|e| panic!("{file}: {e}\n{manifest}"));
    assert_eq!(value["kind"], "SequenceStore", "{file}:\n{manifest}");
    assert_eq!(value["apiVersion"], "healthomics.dev/v1alpha1", "{file}:\n{manifest}");
    let unknown = unknown_fields(&value);
    assert!(unknown.is_empty(), "{file}: {unknown:?} in\n{manifest}");
    let object: SequenceStore =
        serde_json::from_value(value).unwrap_or_else(|e| panic!("{file}: {e}\n{manifest}"));
    validate_cel(&object).unwrap_or_else(|e| panic!("{file}: {e:?}\n{manifest}"));
    let defaults = Defaults { region: Some("us-east-1".into()), poll_interval: Duration::from_secs(300) };
    Desired::of(&object, &defaults).unwrap_or_else(|e| panic!("{file}: {e}\n{manifest}"));
}

#[test]
fn every_merge_patch_names_fields_that_there_are() {
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

/// Names in an object that the CRD's schema does not have.
fn unknown_fields(value: &Value) -> Vec<String> {
    let crd = serde_json::to_value(crd()).expect("plain data");
    let mut found = Vec::new();
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
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

#[test]
fn what_the_documents_quote_is_what_the_operator_says() {
    let messages = messages();
    let mut found = 0;
    for file in documents() {
        for quote in read(&file).lines().filter_map(|line| line.strip_prefix("> ")) {
            let said = messages.iter().any(|message| fits(quote, message));
            assert!(
                said,
                "{file} quotes what the operator does not say:\n{quote}\n\n{}",
                messages.join("\n")
            );
            found += 1;
        }
    }
    assert!(found >= 20, "only {found} quotations are found");
}

/// Whether a text is the quoted one, in which `…` stands for anything.
fn fits(quote: &str, text: &str) -> bool {
    let mut rest = text;
    for (n, part) in quote.split('…').enumerate() {
        match rest.find(part) {
            Some(at) if n > 0 || at == 0 => rest = &rest[at + part.len()..],
            _ => return false,
        }
    }
    rest.is_empty() || quote.ends_with('…')
}

/// Messages of the operator, with the values that the documents use.
fn messages() -> Vec<String> {
    let drift = |field: &str| vec![Drift { field: field.into(), ..Drift::default() }];
    let failed = |operation, class, detail: &str| {
        let detail = detail.to_owned();
        State::CallFailed(CallError { operation, class, code: None, detail, request_id: None })
    };
    let conflict = |owner: &str, uid: Option<&str>| State::OwnershipConflict {
        owner: owner.into(),
        way_on: uid.map(|uid| format!("healthomics.dev/take-over: \"{uid}\"")),
    };
    let missing = |named| State::StoreMissing { id: "3936421177".into(), region: "us-east-1".into(), named };
    let (get, create) = (Operation::GetSequenceStore, Operation::CreateSequenceStore);
    let states = [
        failed(get, Class::Denied, ""),
        failed(get, Class::Credentials, ""),
        failed(get, Class::Transient, ""),
        failed(get, Class::Unreadable, ""),
        failed(create, Class::Quota, ""),
        failed(create, Class::Terminal, "details"),
        State::OutcomeUnknown { attempt: 1 },
        State::ImmutableFieldDiffers(drift("eTagAlgorithmFamily")),
        State::NotConverging(drift("description")),
        State::StoreNotFound {
            id: "3936421177".into(),
            region: "us-east-1".into(),
            account: "111122223333".into(),
        },
        State::StoreNotNamed,
        missing(false),
        missing(true),
        State::WrongAccount { recorded: "111122223333".into(), credentials: "444455556666".into() },
        conflict("the older object lab/genomes", None),
        conflict("the object with uid 0b5c6a0e-1", Some("0b5c6a0e-1")),
        conflict("nobody that its tags name: the tag healthomics.dev/uid is not on it", None),
    ];
    let mut messages: Vec<String> = states.iter().map(message).collect();
    let plan = read("src/plan/ownership.rs");
    for owner in [
        "the older object {",
        "the object with uid {",
        "nobody that its tags name: the tag healthomics.dev/uid",
    ] {
        assert!(plan.contains(owner), "owners are called otherwise: {owner}");
    }

    let mut object = SequenceStore::new("genomes", SequenceStoreSpec::default());
    let defaults = Defaults { region: None, poll_interval: Duration::from_secs(300) };
    messages.push(Desired::of(&object, &defaults).expect_err("no region").to_string());
    object.metadata.annotations = Some([(INTENT_ANNOTATION.to_owned(), "edited".to_owned())].into());
    messages.push(Intent::of(&object).expect_err("unreadable").to_string());
    let refused = json!({"Statement": [{"NotAction": "s3:GetObject"}]});
    messages.push(policy::check(refused.as_object().expect("an object")).expect_err("refused"));

    let duplicates =
        "More than one sequence store carries the owner tags of this object: {} is kept, {} left alone.";
    assert!(
        read("src/controller/reconcile.rs").contains(duplicates),
        "the Event of duplicates says something else"
    );
    messages.push(duplicates.replacen("{}", "3936421177", 1).replacen("{}", "7148590366", 1));
    let unique: BTreeSet<String> = messages.iter().cloned().collect();
    assert_eq!(unique.len(), messages.len(), "a message stands twice");
    messages
}

/// The message of an object in this state.
fn message(state: &State) -> String {
    let object = SequenceStore::new("genomes", SequenceStoreSpec::default());
    let new = status::next(&status::Input {
        object: &object,
        observed: &Observed::NotAsked,
        state,
        region: None,
        failures: 3,
        denied_for: None,
        denied_grace: Duration::from_secs(300),
        managed_tag_keys: None,
        now: Timestamp::UNIX_EPOCH,
    });
    status::find(&new.conditions, "Synced").map(|condition| condition.message.clone()).expect("a condition")
}

#[test]
fn links_lead_somewhere() {
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

/// A heading as the anchor that Git hosts make of it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || " -".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
