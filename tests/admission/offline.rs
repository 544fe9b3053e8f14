//! Applies a CRD to an object without a cluster: `walk` checks the limits of the schema, the CEL implementation of
//! kube's authors evaluates the rules. No I/O.
//!
//! The end-to-end tests check that a real API server decides the same for the same examples.

use std::collections::BTreeSet;

use kube_cel::{CompiledSchema, Validator, compile_schema};
use sequencestore_operator::crd::{account_binding_crd, crd};
use serde_json::{Map, Value, json};

use super::examples::Kind;

/// The schema of the whole object.
pub fn schema(kind: Kind) -> Value {
    let crd = match kind {
        Kind::SequenceStore => crd(),
        Kind::AccountBinding => account_binding_crd(),
    };
    let crd = serde_json::to_value(crd).expect("serializes");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// The CRD's schema and its compiled CEL rules.
pub struct Definition {
    schema: Value,
    compiled: CompiledSchema,
    validator: Validator,
}

impl Definition {
    pub fn new(kind: Kind) -> Self {
        let schema = schema(kind);
        let mut adapted = schema.clone();
        adapt(&mut adapted);
        let compiled = compile_schema(&adapted);
        assert!(!compiled.has_errors(), "{:?}", compiled.compilation_errors());
        Self { schema, compiled, validator: Validator::new() }
    }

    /// Every limit of the schema that the object breaks, as `path keyword`. If it breaks none: the message of every
    /// rule that it breaks. Like the API server, which evaluates the rules only on a valid object.
    pub fn violations(&self, object: &Value, old: Option<&Value>) -> BTreeSet<String> {
        let (object, old) = (without_nulls(object), old.map(without_nulls));
        let mut found = BTreeSet::new();
        walk(&self.schema["properties"]["spec"], &object["spec"], "spec", &mut found);
        if found.is_empty()
            && let Err(errors) = self.validator.validate_compiled(&self.compiled, &object, old.as_ref())
        {
            found.extend(errors.into_iter().map(|error| error.message));
        }
        found
    }

    /// [`Self::violations`] for a new object with this spec.
    pub fn of_spec(&self, spec: &Value) -> BTreeSet<String> {
        self.violations(&json!({"metadata": {"name": "a"}, "spec": spec}), None)
    }
}

/// Adapts the rules to the CEL implementation in Rust, which has no optional values (a missing old object is null)
/// and measures the size of a string in bytes.
fn adapt(schema: &mut Value) {
    let is_string = schema["type"] == "string";
    for rule in schema["x-kubernetes-validations"].as_array_mut().into_iter().flatten() {
        let cel = rule["rule"].as_str().expect("every rule is a string");
        let mut cel =
            cel.replace("oldSelf.hasValue()", "oldSelf != null").replace("oldSelf.value()", "oldSelf");
        // In these rules `k` is always a string: the variable of a loop over keys.
        cel = cel.replace("k.size()", "k.findAll('(?s).').size()");
        if is_string {
            cel = cel.replace("self.size()", "self.findAll('(?s).').size()");
        }
        rule["rule"] = cel.into();
    }
    schema["properties"].as_object_mut().into_iter().flatten().for_each(|(_, inner)| adapt(inner));
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(inner).filter(|inner| inner.is_object()) {
            adapt(inner);
        }
    }
}

/// The API server drops null members before it validates an object.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

fn walk(schema: &Value, value: &Value, path: &str, found: &mut BTreeSet<String>) {
    let mut report = |keyword: &str| {
        found.insert(format!("{path} {keyword}"));
    };
    if schema["type"].is_string() && schema["type"] != type_of(value) {
        return report("type");
    }
    if schema["enum"].as_array().is_some_and(|all| !all.contains(value)) {
        report("enum");
    }
    let size = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    };
    for (keyword, is_upper) in
        [("maxLength", true), ("maxItems", true), ("maxProperties", true), ("minItems", false)]
    {
        let limit = schema[keyword].as_u64().map(|limit| usize::try_from(limit).expect("a small limit"));
        if limit.is_some_and(|limit| if is_upper { size > limit } else { size < limit }) {
            report(keyword);
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            report(&format!("required {name}"));
        }
    }
    for (name, inner) in value.as_object().unwrap_or(&Map::new()) {
        if let Some(schema) = schema["properties"].get(name) {
            walk(schema, inner, &format!("{path}.{name}"), found);
        } else if schema["additionalProperties"].is_object() {
            walk(&schema["additionalProperties"], inner, &format!("{path}.*"), found);
        }
    }
    for inner in value.as_array().into_iter().flatten().filter(|_| schema["items"].is_object()) {
        walk(&schema["items"], inner, &format!("{path}[]"), found);
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Every limit and every rule for a spec, named as in [`Definition::violations`].
pub fn limits_and_rules(kind: Kind) -> BTreeSet<String> {
    let schema = schema(kind);
    let mut found = messages(&schema);
    collect(&schema["properties"]["spec"], "spec", &mut found);
    found
}

fn messages(schema: &Value) -> BTreeSet<String> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.map(|rule| rule["message"].as_str().expect("every rule has a message").to_owned()).collect()
}

fn collect(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    const KNOWN: [&str; 6] = ["type", "enum", "maxLength", "maxItems", "maxProperties", "minItems"];
    const NO_LIMITS: [&str; 4] = ["description", "nullable", "properties", "items"];
    for keyword in schema.as_object().expect("a schema").keys().map(String::as_str) {
        if KNOWN.contains(&keyword) {
            found.insert(format!("{path} {keyword}"));
        } else {
            let known = NO_LIMITS.contains(&keyword)
                || ["required", "additionalProperties"].contains(&keyword)
                || keyword.starts_with("x-kubernetes-");
            assert!(known, "{path} has the keyword {keyword}, which no test covers");
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    found.extend(required.map(|name| format!("{path} required {name}")));
    found.extend(messages(schema));
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        collect(inner, &format!("{path}.{name}"), found);
    }
    if schema["items"].is_object() {
        collect(&schema["items"], &format!("{path}[]"), found);
    }
    if schema["additionalProperties"].is_object() {
        collect(&schema["additionalProperties"], &format!("{path}.*"), found);
    }
}
