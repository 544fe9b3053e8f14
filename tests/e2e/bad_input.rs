//! Sends every mistake from the examples to a real API server with `kubectl` and compares the responses, word for word,
//! with `docs/bad-input.md`. `SEQSTORE_WRITE_DOCS=1` rewrites that document.

use std::fmt::Write as _;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Patch, PatchParams};
use serde_json::{Map, Value, json};

use crate::admission::examples::{self, Example, Kind, STRICTER, object};
use crate::world::{Cluster, Error, World, ensure, message, tests};

tests![
    bad_input_is_refused_with_the_documented_messages,
    the_api_server_and_the_offline_rules_agree_on_generated_specs
];

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bad-input.md");
/// The API server adds this line whenever a value breaks a limit of the schema.
const ADDED: &str = "* <nil>: Invalid value: null: some validation rules were not checked because the object was \
    invalid; correct the existing errors to complete validation";

/// One row of the document.
struct Row {
    what: String,
    written: String,
    answer: String,
}

async fn bad_input_is_refused_with_the_documented_messages(cluster: Arc<Cluster>) -> Result<(), Error> {
    // An operator runs, so that an object the API server wrongly accepts would lead to calls to AWS.
    let (world, _operator) = World::with_operator(Arc::clone(&cluster)).await?;
    let without_operator = World::new(cluster).await?;
    let (refused, frozen) = try_all(&world, &without_operator, Kind::SequenceStore).await?;
    let (refused_bindings, frozen_bindings) =
        try_all(&world, &without_operator, Kind::AccountBinding).await?;
    let misspelt = try_misspelt_fields(&world).await?;
    let policies = try_policies(&world).await?;
    for world in [&world, &without_operator] {
        let calls = world.calls_for_objects().await?;
        ensure!(calls.is_empty(), "AWS was called: {calls:?}");
    }
    let bindings = (refused_bindings.as_slice(), frozen_bindings.as_slice());
    compare(&document(&refused, &misspelt, &frozen, &policies, bindings))
}

/// Tries all examples of a kind. Returns rows for new objects, and for edits.
async fn try_all(world: &World, without_operator: &World, kind: Kind) -> Result<(Vec<Row>, Vec<Row>), Error> {
    let (edits, objects): (Vec<_>, Vec<_>) =
        examples::of(kind).into_iter().partition(|example| example.before.is_some());
    let refused = stream::iter(objects.into_iter().map(|example| try_apply(world, example)))
        .buffered(8)
        .try_filter_map(|row| async { Ok(row) })
        .try_collect()
        .await?;
    let mut frozen = Vec::new();
    for example in edits {
        frozen.extend(try_edit(without_operator, example).await?);
    }
    Ok((refused, frozen))
}

/// Creates the object with `kubectl apply`; returns no row if the API server accepts it.
async fn try_apply(world: &World, example: Example) -> Result<Option<Row>, Error> {
    let mut arguments = vec!["--namespace", &world.namespace, "apply", "-f", "-"];
    if example.breaks.is_none() {
        arguments.push("--dry-run=server");
    }
    let output = world.cluster.plane.kubectl_stdin(&arguments, &example.object().to_string()).await?;
    let written = match example.name.as_str() {
        "genomes" | "lab" => example.spec.clone(),
        name => json!({"metadata": {"name": name}, "spec": example.spec}),
    };
    row(&example, &written, output.success(), output.stderr)
}

/// Edits an existing object that has a status, with `kubectl replace`.
async fn try_edit(world: &World, example: Example) -> Result<Option<Row>, Error> {
    let before = example.before.clone().ok_or("an edit has an object before")?;
    let kubectl = async |command: &str, object: &Value| {
        let arguments = ["--namespace", &world.namespace, command, "-f", "-"];
        world.cluster.plane.kubectl_stdin(&arguments, &object.to_string()).await
    };
    kubectl("create", &before).await?.checked()?;
    if before["status"].is_object() {
        let status = Patch::Merge(json!({"status": before["status"]}));
        world.api.patch_status(&example.name, &PatchParams::default(), &status).await?;
    }
    let output = kubectl("replace", &example.object()).await?;
    kubectl("delete", &before).await?.checked()?;
    let mut written = Map::new();
    let fields = |spec: &Value| spec.as_object().cloned().unwrap_or_default();
    let (old, new) = (fields(&before["spec"]), fields(&example.spec));
    for (field, value) in new.iter().filter(|(field, value)| old.get(*field) != Some(*value)) {
        written.insert(field.clone(), value.clone());
    }
    row(&example, &Value::Object(written), output.success(), output.stderr)
}

fn row(example: &Example, written: &Value, accepted: bool, answer: String) -> Result<Option<Row>, Error> {
    let Some(expected) = example.refusal_contains() else {
        ensure!(accepted, "{}: {} is refused: {answer}", example.what, example.spec);
        return Ok(None);
    };
    ensure!(!accepted, "{}: {} is accepted", example.what, example.spec);
    for text in expected {
        ensure!(answer.contains(&text), "{}: {}: {answer}, not: {text}", example.what, example.spec);
    }
    Ok(Some(Row { what: example.what.to_owned(), written: written.to_string(), answer }))
}

async fn try_misspelt_fields(world: &World) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for (what, spec, field) in [
        ("a field name in lower case", json!({"sequencestoreid": "1234567890"}), "spec.sequencestoreid"),
        (
            "a field name with one letter in the wrong case",
            json!({"etagAlgorithmFamily": "MD5up"}),
            "spec.etagAlgorithmFamily",
        ),
        ("tags as a list", json!({"tags": [{"Key": "team", "Value": "genomics"}]}), "spec.tags[0].Key"),
        ("a field name that does not exist", json!({"storeName": "genomes"}), "spec.storeName"),
        (
            "a misspelt field inside another field",
            json!({"s3AccessConfig": {"logLocation": "s3://logs/p/"}}),
            "spec.s3AccessConfig.logLocation",
        ),
    ] {
        let output = world.kubectl_apply(&object("genomes", &spec).to_string()).await?;
        ensure!(!output.success(), "{spec} is accepted");
        ensure!(output.stderr.contains(&format!("unknown field \"{field}\"")), "{}", output.stderr);
        rows.push(Row { what: what.into(), written: spec.to_string(), answer: output.stderr });
    }
    Ok(rows)
}

/// Applies policies that only the operator can reject; the response is the message of its condition.
async fn try_policies(world: &World) -> Result<Vec<Row>, Error> {
    let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"});
    let with = |name: &str, value: Value| {
        let mut statement = statement.clone();
        statement[name] = value;
        json!({"Version": "2012-10-17", "Statement": [statement]})
    };
    let mut rows = Vec::new();
    for (number, (what, policy, says)) in [
        (
            "a policy element that AWS does not accept",
            json!({"Statement": [statement], "Rules": []}),
            "`Rules`",
        ),
        (
            "a statement element that AWS does not accept",
            with("NotAction", json!("s3:PutObject")),
            "`NotAction`",
        ),
        (
            "a condition key that AWS does not accept",
            with("Condition", json!({"Bool": {"aws:SecureTransport": "true"}})),
            "SecureTransport",
        ),
        (
            "a condition operator that the key does not support",
            with(
                "Condition",
                json!({"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:root"}}),
            ),
            "ArnLike",
        ),
        ("a policy of more than 15 KB", with("Sid", json!("x".repeat(15 * 1024))), "bytes as JSON"),
    ]
    .into_iter()
    .enumerate()
    {
        let (name, spec) = (format!("policy-{number}"), json!({"s3AccessPolicy": policy}));
        world.kubectl_apply(&object(&name, &spec).to_string()).await?.checked()?;
        let found = world.until_condition(&name, "Stalled", "True", "InvalidSpec").await?;
        let answer = message(&found, "Ready");
        ensure!(answer.contains(says), "{spec}: {answer}, not: {says}");
        rows.push(Row { what: what.into(), written: spec.to_string(), answer });
    }
    Ok(rows)
}

/// Proves that the offline tests in `tests/admission` may stand in for an API server.
async fn the_api_server_and_the_offline_rules_agree_on_generated_specs(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let definition = crate::admission::offline::Definition::new(Kind::SequenceStore);
    let (mut accepted, mut refused) = (0, 0);
    for cases in crate::admission::generated::cases(12) {
        for spec in cases.specs {
            let expected = definition.of_spec(&spec);
            let refusal = world.refusal("genomes", &spec).await?;
            ensure!(
                expected.is_empty() == refusal.is_none(),
                "{}: {spec}: {refusal:?}, and without a cluster {expected:?}",
                cases.field
            );
            match &refusal {
                None => accepted += 1,
                Some(text) => {
                    refused += 1;
                    // Only the messages of rules are quoted literally; limits of the schema are worded differently.
                    let quoted =
                        expected.iter().all(|rule| rule.starts_with("spec.") || text.contains(rule.as_str()));
                    ensure!(quoted, "{spec}: {text}, not {expected:?}");
                }
            }
        }
    }
    ensure!(
        accepted > 30 && refused > 30,
        "{accepted} accepted, {refused} refused: the sample is too small to prove anything"
    );
    Ok(())
}

fn compare(made: &str) -> Result<(), Error> {
    if std::env::var_os("SEQSTORE_WRITE_DOCS").is_some() {
        std::fs::write(DOCUMENT, made)?;
    }
    let found = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
    let line = made.lines().zip(found.lines()).find(|(made, found)| made != found);
    ensure!(
        made == found,
        "docs/bad-input.md is out of date ({line:?}): run `make docs` and commit the result"
    );
    Ok(())
}

fn document(
    refused: &[Row],
    misspelt: &[Row],
    frozen: &[Row],
    policies: &[Row],
    (refused_bindings, frozen_bindings): (&[Row], &[Row]),
) -> String {
    let mut text = String::from(
        "<!-- Generated by `make docs` from the responses of a real API server; do not edit. -->\n\
         # Invalid input and the resulting errors\n\n\
         A test sends every input below to a real API server and records the response. No input reached AWS. Long runs of the same\n\
         character are shortened. If the input breaks a limit of the schema, the API server adds a line which says that it did not\n\
         check the other rules; this page omits that line.\n\n\
         ## Refused by `kubectl apply`\n\n",
    );
    let _ = writeln!(text, "{} invalid specs of new objects.\n", refused.len());
    table(&mut text, "in the spec", refused);
    text += "\n## Misspelt fields\n\n`kubectl` asks the API server to refuse unknown fields. For a client that does not ask for this, the API server drops the\nfield and returns a warning.\n\n";
    table(&mut text, "in the spec", misspelt);
    text += "\n## Refused once a store is recorded in status\n\nEdits of fields that AWS cannot change, on an object with a store in `status.store`. Before that, all these edits are accepted.\n\n";
    table(&mut text, "changed to", frozen);
    text += "\n## Refused by the operator\n\nCEL rules cannot check the size of a policy or its unknown elements. The API server accepts the object, \
             the operator does\nnot call AWS, and the conditions have the reason `InvalidSpec` with this message:\n\n";
    table(&mut text, "in the spec", policies);
    text += "\n## Refused AccountBindings\n\nMistakes in new bindings. Objects that a binding refuses are another matter: \
             [When a binding refuses](account-bindings.md#when-a-binding-refuses).\n\n";
    table(&mut text, "in the spec", refused_bindings);
    text += "\n## Refused edits of AccountBindings\n\n";
    table(&mut text, "changed to", frozen_bindings);
    text += "\n## Stricter than AWS\n\nA test with generated values compares the rules with a simulator of AWS. AWS accepts what the rules accept, \
             and apart from the\nrules below it refuses what they refuse. Both count characters, not bytes.\n\n| error | why the rule is stricter than AWS |\n|---|---|\n";
    for (rule, why) in STRICTER {
        let _ = writeln!(
            text,
            "| {} | {why} |",
            code(
                match rule.strip_suffix(" minItems") {
                    Some(path) => format!("{path} in body should have at least 1 items"),
                    None => rule.to_owned(),
                }
                .as_str()
            )
        );
    }
    text
}

fn table(text: &mut String, written: &str, rows: &[Row]) {
    let _ = writeln!(text, "| input | {written} | error |\n|---|---|---|");
    for row in rows {
        let lines =
            row.answer.trim().lines().filter(|line| *line != ADDED).map(|line| code(&shortened(line)));
        let mut answer: Vec<String> = lines.collect();
        // The API server lists several errors in no fixed order.
        if let [_, faults @ ..] = answer.as_mut_slice() {
            faults.sort();
        }
        let _ =
            writeln!(text, "| {} | {} | {} |", row.what, code(&shortened(&row.written)), answer.join("<br>"));
    }
}

/// Quotes text as code for a table cell, with `|` and backticks escaped.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// Shows invisible characters by code point and long runs of a character by length. Of a text of more than 600 characters,
/// only the beginning is shown.
fn shortened(text: &str) -> String {
    let mut short = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let mut run = 1;
        while characters.next_if_eq(&character).is_some() {
            run += 1;
        }
        let shown = match character {
            '\0'..='\u{1f}' | '\u{7f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => {
                format!("\\u{:04x}", u32::from(character))
            }
            other => other.to_string(),
        };
        match run {
            1..12 => short.push_str(&shown.repeat(run)),
            _ => short.push_str(&format!("{shown}…({run}×)…")),
        }
    }
    const MOST: usize = 600;
    const BEGINNING: usize = 150;
    if short.chars().count() > MOST {
        short = short.chars().take(BEGINNING).collect::<String>() + " …";
    }
    short
}
