//! Checks a manifest as the API server does when it creates the object: by the schema of the CRD and its rules. For
//! commands that have no API server to ask. No I/O.
//!
//! Not checked: what the API server alone knows (quotas, webhooks), and the rules for edits, which compare with the
//! object before.

use serde_json::{Map, Value};

use super::names::{is_dns_label, is_dns_subdomain};
use super::rules::{self, FieldRule};
use super::schema::spec_schema;

/// Why the API server would refuse to create this object, one text for each mistake; none if it accepts the object.
/// Like the API server, this checks the rules only where the schema is kept.
#[must_use]
pub fn refusals(manifest: &Value) -> Vec<String> {
    let schema = spec_schema();
    let spec = without_nulls(&manifest["spec"]);
    let mut found = names(manifest);
    if spec.is_null() {
        return found;
    }
    let mut node = Node { schema, value: &spec, path: "spec".into(), place: "spec".into() };
    node.check(&mut found, &|node, found| node.limits(found));
    if found.is_empty() {
        node.check(&mut found, &|node, found| node.rules(found));
        found.extend(store_name(manifest, &spec));
    }
    found
}

/// A value of the spec and its schema.
struct Node<'a> {
    schema: &'a Value,
    value: &'a Value,
    /// Where the value stands, such as `spec.tags[team]`.
    path: String,
    /// The same with `*` for any key and `[]` for any index, as [`rules_at`] has it.
    place: String,
}

impl Node<'_> {
    /// Runs a step on the value and on everything in it.
    fn check(&mut self, found: &mut Vec<String>, step: &dyn Fn(&Node<'_>, &mut Vec<String>)) {
        step(self, found);
        let Node { schema, value, path, place } = self;
        let none = Map::new();
        for (name, value) in value.as_object().unwrap_or(&none) {
            let (schema, path, place) = match schema["properties"].get(name) {
                Some(schema) => (schema, format!("{path}.{name}"), format!("{place}.{name}")),
                None => (&schema["additionalProperties"], format!("{path}[{name}]"), format!("{place}.*")),
            };
            if schema.is_object() {
                Node { schema, value, path, place }.check(found, step);
            }
        }
        let schema = &schema["items"];
        for (index, value) in
            value.as_array().into_iter().flatten().enumerate().filter(|_| schema.is_object())
        {
            Node { schema, value, path: format!("{path}[{index}]"), place: format!("{place}[]") }
                .check(found, step);
        }
    }

    fn limits(&self, found: &mut Vec<String>) {
        let Self { schema, value, path, .. } = self;
        let wanted = schema["type"].as_str();
        if wanted.is_some_and(|wanted| wanted != type_of(value)) {
            return found.push(format!("{path} must be of type {}", wanted.unwrap_or_default()));
        }
        let allowed = schema["enum"].as_array();
        if let Some(allowed) = allowed.filter(|allowed| !allowed.contains(value)) {
            let texts: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
            found.push(format!("{path} must be one of: {}", texts.join(", ")));
        }
        let (size, unit) = match value {
            Value::String(text) => (text.chars().count(), "characters"),
            Value::Array(items) => (items.len(), "items"),
            Value::Object(members) => (members.len(), "keys"),
            _ => (0, ""),
        };
        let limit = |keyword: &str| schema[keyword].as_u64().and_then(|limit| usize::try_from(limit).ok());
        for limit in ["maxLength", "maxItems", "maxProperties"].into_iter().filter_map(limit) {
            if size > limit {
                found.push(format!("{path} must have at most {limit} {unit}"));
            }
        }
        if let Some(limit) = limit("minItems").filter(|limit| size < *limit) {
            found.push(format!("{path} must have at least {limit} {unit}"));
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        found.extend(
            required
                .filter(|name| value.get(name).is_none())
                .map(|name| format!("{path}.{name} is required")),
        );
    }

    fn rules(&self, found: &mut Vec<String>) {
        let broken = rules_at(&self.place).into_iter().filter(|rule| !rule.check.holds(self.value));
        found.extend(broken.map(|rule| format!("{}: {}", self.path, rule.message)));
    }
}

/// The rules of each place in the spec. The tests compare them with the rules in the CRD.
fn rules_at(place: &str) -> Vec<FieldRule> {
    match place {
        "spec.region" => vec![rules::region()],
        "spec.sequenceStoreId" => vec![rules::sequence_store_id()],
        "spec.managementPolicy" => vec![rules::one_of("managementPolicy", rules::MANAGEMENT_POLICIES)],
        "spec.deletionPolicy" => vec![rules::one_of("deletionPolicy", rules::DELETION_POLICIES)],
        "spec.name" => vec![rules::name_length(), rules::printable("name")],
        "spec.description" => vec![rules::description_length(), rules::printable("description")],
        "spec.sseConfig.keyArn" => vec![rules::key_arn()],
        "spec.eTagAlgorithmFamily" => {
            vec![rules::one_of("eTagAlgorithmFamily", rules::E_TAG_ALGORITHM_FAMILIES)]
        }
        "spec.fallbackLocation" => locations("fallbackLocation", rules::FALLBACK_PREFIX),
        "spec.s3AccessConfig.accessLogLocation" => locations("accessLogLocation", rules::ACCESS_LOG_PREFIX),
        "spec.propagatedSetLevelTags" => vec![rules::propagated_keys(), rules::unique_propagated_keys()],
        "spec.s3AccessPolicy" => vec![rules::policy_needs_statement()],
        "spec.tags" => rules::tags().into(),
        "spec.tags.*" => rules::tag_value().into(),
        "spec.pollInterval" => vec![rules::poll_interval_form(), rules::poll_interval_floor()],
        "spec.writeConnectionTo.configMap" => vec![rules::config_map_length(), rules::config_map_name()],
        _ => Vec::new(),
    }
}

fn locations(field: &str, prefix: u16) -> Vec<FieldRule> {
    vec![rules::location(field), rules::location_prefix(field, prefix)]
}

/// The root rule for new objects.
fn store_name(manifest: &Value, spec: &Value) -> Option<String> {
    let is_named = spec.get("name").is_some() || spec.get("sequenceStoreId").is_some();
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    (!is_named && name.chars().count() > 127).then(|| format!("spec.name: {}", rules::LONG_OBJECT_NAME))
}

/// The API server's own rules for names.
fn names(manifest: &Value) -> Vec<String> {
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    let mut found = Vec::new();
    if !name.is_empty() && !is_dns_subdomain(name) {
        found.push(
            "metadata.name must have at most 253 characters: lower-case letters, digits, hyphens and dots, with a letter \
             or digit at the start and the end of each part between dots"
                .into(),
        );
    }
    if let Some(namespace) = manifest["metadata"]["namespace"].as_str()
        && !is_dns_label(namespace)
    {
        found.push(
            "metadata.namespace must have at most 63 characters: lower-case letters, digits and hyphens, with a letter or \
             digit at the start and the end"
                .into(),
        );
    }
    found
}

/// The API server drops null members before it checks an object.
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

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
