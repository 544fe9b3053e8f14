//! README and docs quote what the operator says, name every IAM action, and show only specs that it accepts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::aws::{CallError, Cause, Class, Operation};
use crate::crd::{Drift, INTENT_ANNOTATION, SequenceStore, SequenceStoreSpec};
use crate::plan::{NotKept, PinnedBy, State, StoreOwner, TaggedOwner, TakeOver};
use crate::status::{Input, event, find, next};
use crate::store::desired::{Defaults, Desired};
use crate::store::intent::Intent;
use crate::store::observed::Observed;
use crate::store::s3_policy;

const NOTES: &str = "charts/sequencestore-operator/templates/NOTES.txt";

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Path and text of every document for users.
fn documents() -> Vec<(String, String)> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let names = fs::read_dir(docs).expect("docs/ can be read").map(|file| file.expect("a file").file_name());
    let docs =
        names.map(|name| format!("docs/{}", name.to_string_lossy())).filter(|name| name.ends_with(".md"));
    let others = ["README.md", "SECURITY.md", "CHANGELOG.md", "charts/sequencestore-operator/README.md"];
    let all: Vec<_> = docs.chain(others.map(String::from)).map(|path| (path.clone(), read(&path))).collect();
    assert!(all.len() >= 8, "only {} documents are found", all.len());
    all
}

#[test]
fn the_readme_names_every_iam_action() {
    let readme = read("README.md");
    for operation in Operation::ALL {
        let action = operation.iam_action();
        assert!(readme.contains(&format!("`{action}`")), "not in README.md: {action}");
    }
}

#[test]
fn the_operator_accepts_every_manifest_in_the_documents() {
    let mut found = 0;
    for (path, text) in documents() {
        let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        for block in blocks.filter(|block| block.lines().any(|line| line == "kind: SequenceStore")) {
            accepted(&path, block);
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

fn accepted(path: &str, manifest: &str) {
    let object: SequenceStore =
        serde_saphyr::from_str(manifest).unwrap_or_else(|e| panic!("{path}: {e}\n{manifest}"));
    let defaults = Defaults { region: Some("us-east-1".into()), poll_interval: Duration::from_secs(300) };
    Desired::of(&object, &defaults, None).unwrap_or_else(|e| panic!("{path}: {e}\n{manifest}"));
}

#[test]
fn documents_quote_only_what_the_operator_says() {
    let messages = messages();
    let mut found = 0;
    for (path, text) in documents() {
        for quote in text.lines().filter_map(|line| line.strip_prefix("> ")) {
            let said = messages.iter().any(|message| fits(quote, message));
            assert!(
                said,
                "{path} quotes what the operator does not say:\n{quote}\n\n{}",
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
    let mut messages: Vec<String> = states().iter().map(message).collect();

    let mut object = SequenceStore::new("genomes", SequenceStoreSpec::default());
    let defaults = Defaults { region: None, poll_interval: Duration::from_secs(300) };
    messages.push(Desired::of(&object, &defaults, None).expect_err("no region").to_string());
    object.metadata.annotations = Some([(INTENT_ANNOTATION.to_owned(), "edited".to_owned())].into());
    messages.push(Intent::of(&object).expect_err("unreadable").to_string());
    let refused = json!({"Statement": [{"NotAction": "s3:GetObject"}]});
    messages.push(s3_policy::check(refused.as_object().expect("an object")).expect_err("refused"));
    messages.push(event::duplicate_stores("3936421177", &["7148590366".to_owned()]).note);

    let unique: BTreeSet<&String> = messages.iter().collect();
    assert_eq!(unique.len(), messages.len(), "two of the messages are the same");
    messages
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn states() -> Vec<State> {
    let drift =
        |field: &str| vec![Drift { field: field.into(), observed: Some("shown".into()), ..Drift::default() }];
    let failed =
        |operation, class, detail: &str| State::CallFailed(CallError { class, ..placed(operation, detail) });
    let unavailable = |cause| {
        let mut error = CallError { class: Class::Transient, ..placed(Operation::GetSequenceStore, "") };
        error.failure.cause = cause;
        State::CallFailed(error)
    };
    let skewed = CallError {
        class: Class::Credentials,
        code: Some("InvalidSignatureException".into()),
        ..placed(Operation::ListSequenceStores, "Signature expired")
    };
    let server_error = Cause::Answer { status: 500, code: Some("InternalServerException".into()) };
    let conflict = |owner| State::OwnershipConflict { owner };
    let owner_tags = ["cluster", "name", "namespace", "uid"].map(|key| format!("healthomics.dev/{key}"));
    let deleted_principal = Drift {
        field: "s3AccessPolicy".into(),
        desired: Some("principal arn:aws:iam::111122223333:role/analysis".into()),
        observed: Some("deleted principal AROAEXAMPLE1".into()),
    };
    let tagged = |take_over| {
        let object = Some("lab/genomes".into());
        conflict(StoreOwner::Tagged(TaggedOwner {
            uid: "0b5c6a0e-1".into(),
            object,
            cluster: None,
            take_over,
        }))
    };
    let account = |credentials: &str, pinned_by| State::WrongAccount {
        recorded: "111122223333".into(),
        credentials: credentials.into(),
        pinned_by,
    };
    let not_kept = |what| State::RecordNotKept { what, is_ready: false };
    let (id, region) = ("3936421177", "us-east-1");
    let missing = |named| State::StoreMissing { id: id.into(), region: region.into(), named };
    let (get, create) = (Operation::GetSequenceStore, Operation::CreateSequenceStore);
    vec![
        failed(get, Class::Denied, ""),
        failed(get, Class::Credentials, ""),
        State::CallFailed(skewed),
        unavailable(Cause::NoResponse),
        unavailable(server_error),
        failed(get, Class::Unreadable, ""),
        failed(create, Class::Quota, ""),
        failed(create, Class::Terminal, "details"),
        State::TagLimit { present: 48, missing: owner_tags.to_vec(), drift: Vec::new() },
        State::PrincipalsRenamed(vec![deleted_principal]),
        State::OutcomeUnknown { attempt: 1 },
        State::ImmutableFieldDiffers(drift("eTagAlgorithmFamily")),
        State::NotConverging(drift("description")),
        State::StoreNotFound { id: id.into(), region: region.into(), account: "111122223333".into() },
        State::StoreNotNamed,
        missing(false),
        missing(true),
        account("444455556666", PinnedBy::Store),
        account("111122223333", PinnedBy::Store),
        account("444455556666", PinnedBy::Attempt),
        not_kept(NotKept::Intent),
        not_kept(NotKept::Finalizer),
        not_kept(NotKept::TagKeys),
        not_kept(NotKept::Refused),
        conflict(StoreOwner::OlderObject("lab/genomes".into())),
        tagged(TakeOver::NotAskedFor),
        tagged(TakeOver::OwnerManages),
        tagged(TakeOver::OwnerUnknown),
        conflict(StoreOwner::Untagged),
    ]
}

/// A failed call of the region and endpoint that the documents use.
fn placed(operation: Operation, detail: &str) -> CallError {
    let mut error = CallError::unreadable(operation, detail);
    error.region = Some("us-east-1".into());
    error.failure.host = Some("omics.us-east-1.amazonaws.com".into());
    error
}

/// The message of an object in this state.
fn message(state: &State) -> String {
    let object = SequenceStore::new("genomes", SequenceStoreSpec::default());
    let new =
        next(&Input { failures: 3, ..Input::of(&object, &Observed::NotAsked, state, Timestamp::UNIX_EPOCH) });
    find(&new.conditions, "Synced").map(|condition| condition.message.clone()).expect("a condition")
}
