//! `docs/fields.md`: every field of both kinds, from the schemas of the CRDs. I/O: reads and writes files of the repository.

use std::fmt::Write;

use sequencestore_operator::crd::{account_binding_crd, crd};
use serde_json::{Map, Value};

use crate::{cell, write_or_compare};

const HEAD: &str = include_str!("fields.md");
const HEAD_OF_BINDINGS: &str = include_str!("bindings.md");
/// `status.conditions` is explained elsewhere.
const ELSEWHERE: &str = "status.conditions";

#[test]
fn the_reference_of_fields_is_up_to_date() {
    let version = |crd| serde_json::to_value(crd).expect("JSON")["spec"]["versions"][0].take();
    let (stores, bindings) = (version(crd()), version(account_binding_crd()));
    write_or_compare("docs/fields.md", &(reference(&stores) + &reference_of_bindings(&bindings)));
}

/// The page, for one version of SequenceStore. Writing to a String cannot fail.
fn reference(version: &Value) -> String {
    let schema = &version["schema"]["openAPIV3Schema"];
    let mut text = format!("{HEAD}\n");
    fields(schema, HEAD, &mut text);
    text += "\n## status\n\nThe operator writes it; nobody else should.\n\n";
    rows_of_status(schema, " [Conditions](conditions.md)", &mut text);
    text += "\n## Columns of kubectl get\n\n";
    columns(version, &mut text);
    text += "\n## Fields to select by\n\n`kubectl get seqstore --field-selector` takes these, and `metadata.name` and `metadata.namespace`:\n\n";
    for field in list(version, "selectableFields") {
        let _ = writeln!(text, "* `{}`", word(field, "jsonPath").trim_start_matches('.'));
    }
    text
}

/// What follows on the page, for one version of AccountBinding.
fn reference_of_bindings(version: &Value) -> String {
    let schema = &version["schema"]["openAPIV3Schema"];
    let mut text = format!("{HEAD_OF_BINDINGS}\n");
    let one_or_the_other = messages(&schema["properties"]["spec"]);
    one_or_the_other.iter().for_each(|message| {
        let _ = writeln!(text, "A rule of the whole spec, in the words of the API server: {message}.\n");
    });
    fields(schema, HEAD_OF_BINDINGS, &mut text);
    text += "\n### Status of an AccountBinding\n\nThe operator writes it; nobody else should.\n\n";
    rows_of_status(
        schema,
        " [The status of a binding](account-bindings.md#the-status-of-a-binding)",
        &mut text,
    );
    text += "\n### Columns of an AccountBinding\n\n";
    columns(version, &mut text);
    text
}

/// A table of the fields of the spec, and a section for each. The example of the kind has every one of them.
fn fields(schema: &Value, example: &str, text: &mut String) {
    let (spec, status) = (&schema["properties"]["spec"], &schema["properties"]["status"]);
    let rules = list(schema, "x-kubernetes-validations");
    for name in properties(spec).keys() {
        assert!(example.contains(&format!("\n  {name}:")), "the example has no {name}");
    }
    *text += "| field | type | if it is absent | can change |\n|---|---|---|---|\n";
    for (name, field) in properties(spec) {
        let change = match is_frozen(name, rules) {
            true => "not once there is a store",
            false if is_immutable(field) => "no",
            false => "yes",
        };
        let is_required = list(spec, "required").iter().any(|required| required == name);
        let absent = if is_required { "it is required".to_owned() } else { if_absent(name, field, status) };
        let _ = writeln!(text, "| [`{name}`](#{}) | {} | {absent} | {change} |", anchor(name), kind(field));
    }
    for (name, field) in properties(spec) {
        let _ = write!(text, "\n### {name}\n\n{}\n", describe(field));
        let of_object = rules.iter().filter(|rule| rule["fieldPath"] == format!(".spec.{name}"));
        let refusals: Vec<&str> =
            messages_below(field).into_iter().chain(of_object.filter_map(message)).collect();
        if !refusals.is_empty() {
            *text += "\nRules, in the words of the API server:\n\n";
            refusals.iter().for_each(|refusal| *text += &format!("* {refusal}\n"));
        }
        if !properties(field).is_empty() {
            *text += "\n| field | type | meaning |\n|---|---|---|\n";
            rows(field, "", (true, ""), text);
        }
    }
}

fn rows_of_status(schema: &Value, conditions: &str, text: &mut String) {
    *text += "| field | type | meaning |\n|---|---|---|\n";
    rows(&schema["properties"]["status"], "status.", (false, conditions), text);
}

fn columns(version: &Value, text: &mut String) {
    *text += "| column | shows | only with `-o wide` |\n|---|---|---|\n";
    for column in list(version, "additionalPrinterColumns") {
        let (name, path) = (word(column, "name"), word(column, "jsonPath"));
        let wide = if column["priority"].as_u64().unwrap_or_default() > 0 { "yes" } else { "" };
        let _ = writeln!(text, "| {} | `{path}` | {wide} |", name.to_uppercase());
    }
}

/// A row for each field below this one. Where the field is a list of objects, its name gets brackets. `conditions` says where
/// those of a status are explained.
fn rows(parent: &Value, prefix: &str, (of_spec, conditions): (bool, &str), text: &mut String) {
    let required = list(parent, "required");
    for (name, field) in properties(parent) {
        let path = format!("{prefix}{name}");
        let is_required = of_spec && required.iter().any(|required| required == name);
        let needed = if is_required { ", required" } else { "" };
        let bounds = if of_spec { bounds(field) } else { String::new() };
        let more = if path == ELSEWHERE { conditions } else { "" };
        let meaning = format!("{}{more}", cell(&describe(field)));
        let _ = writeln!(text, "| `{path}` | {}{bounds}{needed} | {meaning} |", kind(field));
        if path == ELSEWHERE {
            continue;
        }
        rows(field, &format!("{path}."), (of_spec, conditions), text);
        rows(&field["items"], &format!("{path}[]."), (of_spec, conditions), text);
    }
}

/// What happens without the field, as its description says it.
fn if_absent(name: &str, field: &Value, status: &Value) -> String {
    let description = describe(field);
    let default = |start: &str, end: char| {
        let rest = description.split_once(start)?.1;
        rest.split_once(end).map(|(found, _)| found.to_owned())
    };
    if let Some(value) =
        description.split_once("` (default)").and_then(|(before, _)| before.rsplit('`').next())
    {
        return format!("`{value}`");
    }
    if let Some(default) = default("Defaults to ", '.').or_else(|| default("If absent, ", '.')) {
        return default;
    }
    let creation = [
        "If absent when the operator creates the store, ",
        "If this field is absent when the operator creates the store, ",
    ];
    if let Some(at_creation) = creation.iter().find_map(|start| default(start, '.')) {
        return format!("not managed; for a new store, {}", at_creation.replacen("the store", "it", 1));
    }
    if field["type"] == "boolean" {
        return "`false`".to_owned();
    }
    let is_of_the_store =
        name.starts_with("s3Access") || !status["properties"]["store"]["properties"][name].is_null();
    assert!(is_of_the_store, "the description of {name} does not say what happens if it is absent");
    "not managed".to_owned()
}

/// Whether a rule of the object compares the field with the one before, once a store is recorded.
fn is_frozen(name: &str, rules: &[Value]) -> bool {
    rules.iter().any(|rule| {
        rule["fieldPath"] == format!(".spec.{name}")
            && word(rule, "rule").contains("has(oldSelf.status.store)")
    })
}

/// Whether a rule of the field compares it with what it was.
fn is_immutable(field: &Value) -> bool {
    list(field, "x-kubernetes-validations").iter().any(|rule| word(rule, "rule") == "self == oldSelf")
}

/// The description without the list of values, which the type shows.
fn describe(field: &Value) -> String {
    let text = word(field, "description");
    text.split("\n\nPossible enum values").next().unwrap_or_default().replace('<', "&lt;")
}

fn kind(field: &Value) -> String {
    let listed = word(field, "description").split_once("Possible enum values:").map(|(_, values)| values);
    let values: Vec<String> = match listed {
        Some(values) => values.split('"').skip(1).step_by(2).map(str::to_owned).collect(),
        None => list(field, "enum").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    };
    if !values.is_empty() {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<String>>().join(", ");
    }
    match word(field, "type") {
        "array" => format!("list of {}", plural(&field["items"])),
        "object" if field["additionalProperties"].is_object() => {
            format!("map of {}", plural(&field["additionalProperties"]))
        }
        "string" if field["format"] == "date-time" => "time".to_owned(),
        "" => "any".to_owned(),
        other => other.to_owned(),
    }
}

fn plural(field: &Value) -> String {
    format!("{}s", kind(field))
}

/// The bounds of the schema, where no rule of its own says them better.
fn bounds(field: &Value) -> String {
    if !list(field, "x-kubernetes-validations").is_empty() || field["type"].is_null() {
        return String::new();
    }
    match (field["minItems"].as_u64(), field["maxItems"].as_u64(), field["maxLength"].as_u64()) {
        (Some(least), Some(most), _) => format!(", {least} to {most}"),
        (_, Some(most), _) => format!(", at most {most}"),
        (_, _, Some(most)) => format!(", at most {most} characters"),
        _ => String::new(),
    }
}

/// What the rules of a field, of its items and of its values say to whoever breaks them.
fn messages(field: &Value) -> Vec<&str> {
    let of = |value: &'static str| list(&field[value], "x-kubernetes-validations");
    let rules = list(field, "x-kubernetes-validations").iter();
    rules.chain(of("items")).chain(of("additionalProperties")).filter_map(message).collect()
}

fn message(rule: &Value) -> Option<&str> {
    rule["message"].as_str()
}

/// [`messages`], and those of the fields in the field and in its items, each once.
fn messages_below(field: &Value) -> Vec<&str> {
    let (of_field, of_items) = (properties(field).values(), properties(&field["items"]).values());
    let below = of_field.chain(of_items).flat_map(messages_below);
    let mut seen = std::collections::BTreeSet::new();
    messages(field).into_iter().chain(below).filter(|message| seen.insert(*message)).collect()
}

fn properties(schema: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    schema["properties"].as_object().unwrap_or(&NONE)
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn anchor(name: &str) -> String {
    name.to_lowercase()
}
