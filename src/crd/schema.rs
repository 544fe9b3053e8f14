//! Builds the CustomResourceDefinition: adds to the derived schema what the derives cannot express. No I/O.

use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
    JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use kube::core::Rule;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::printer_columns::{account_binding_columns, printer_columns};
use super::{AccountBinding, SequenceStore, rules};

/// The CustomResourceDefinition of `SequenceStore`. `make crds` writes it to the file in `crds/`.
///
/// Use this instead of the derived `SequenceStore::crd()`, which is incomplete.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    completed(SequenceStore::crd(), &printer_columns())
}

/// The CustomResourceDefinition of `AccountBinding`, for the same use.
#[must_use]
pub fn account_binding_crd() -> CustomResourceDefinition {
    completed(AccountBinding::crd(), &account_binding_columns())
}

fn completed(
    mut crd: CustomResourceDefinition,
    columns: &[CustomResourceColumnDefinition],
) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        version.additional_printer_columns = Some(columns.to_vec());
        let root = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut());
        if let Some(properties) = root.and_then(|root| root.properties.as_mut()) {
            default_status(properties.entry("status".into()).or_default());
            for schema in properties.values_mut() {
                tidy(schema);
            }
        }
    }
    crd
}

/// The schema of `spec` in [`crd`].
pub(crate) fn spec_schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let mut definition = serde_json::to_value(crd()).unwrap_or_default();
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].take()
    });
    &SCHEMA
}

/// A definition as YAML.
///
/// # Errors
/// None in practice: the definition is plain data.
pub fn crd_yaml(crd: &CustomResourceDefinition) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(crd)
}

/// Sets the default of `status`. Without it `helm --wait` and Flux count an object as ready before the operator
/// has reconciled it.
fn default_status(status: &mut JSONSchemaProps) {
    status.default = Some(JSON(json!({"observedGeneration": -1})));
}

/// Cleans up every node of the derived schema. `kubectl explain` must show neither titles (the names of Rust types)
/// nor the line breaks that doc comments have within a paragraph.
fn tidy(schema: &mut JSONSchemaProps) {
    schema.title = None;
    schema.description = schema.description.take().map(|text| {
        let paragraphs: Vec<String> = text.split("\n\n").map(|text| text.replace('\n', " ")).collect();
        paragraphs.join("\n\n")
    });
    // The API server refuses null for an enum, even if it is `nullable` and lists null, and then checks no rule. So a
    // CEL rule checks the values, and the description lists them, in the words of Kubernetes' own enums.
    if let (Some(true), Some(values)) = (schema.nullable, &schema.enum_) {
        let values = values.iter().filter(|value| !value.0.is_null());
        let list: String = values.map(|value| format!("\n - `{}`", value.0)).collect();
        schema.description =
            schema.description.take().map(|text| format!("{text}\n\nPossible enum values:{list}"));
        schema.enum_ = None;
        schema.max_length = Some(256);
    }
    schema.properties.iter_mut().flat_map(|all| all.values_mut()).for_each(tidy);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        tidy(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
}

/// A whole policy has at most as many bytes, so that no part of it is longer.
const POLICY_BYTES: usize = 15 * 1024;
/// A policy has no room for more values in one list.
const MOST_VALUES: usize = 5000;

/// Schema of the S3 access policy, with the elements that AWS knows. The API server must not prune unknown elements:
/// the operator reports them instead.
pub(super) fn s3_access_policy(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "x-kubernetes-preserve-unknown-fields": true,
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "Version": {"type": "string", "description": "Version of the policy language, `2012-10-17`.", "maxLength": 32},
            "Id": {"type": "string", "description": "Identifier of the policy.", "maxLength": 256},
            "Statement": {
                "type": "array",
                "description": "The statements of the policy.",
                // Without this the API server prunes a single statement that is not in a list, and reports its
                // elements as unknown fields instead of reporting the wrong type.
                "x-kubernetes-preserve-unknown-fields": true,
                "minItems": 1,
                "maxItems": 200,
                "items": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": true,
                    "required": ["Effect", "Principal", "Action", "Resource"],
                    "properties": {
                        "Sid": {"type": "string", "description": "Identifier of the statement.", "maxLength": POLICY_BYTES},
                        "Principal": any_of_forms("Who the statement applies to, such as `{AWS: [arn:aws:iam::111122223333:root]}`."),
                        "Action": any_of_forms("One S3 action or a list of S3 actions, such as `s3:GetObject`."),
                        "Resource": any_of_forms("One ARN or a list of ARNs: of the access point and of the objects under it."),
                        "Effect": {
                            "type": "string",
                            "description": "Whether the statement allows or denies access: `Allow` or `Deny`.",
                            "enum": ["Allow", "Deny"],
                        },
                        "Condition": {
                            "type": "object",
                            "description": "When the statement applies: condition operators, and for each one its condition keys and values.",
                            "additionalProperties": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": true,
                            },
                        },
                    },
                },
            },
        },
        "x-kubernetes-validations": [Rule::from(rules::policy_needs_statement())],
    })
}

/// Schema of an element that may be a string, a list or a map. A structural schema could allow only one of them.
fn any_of_forms(description: &str) -> Value {
    // The limits hold for whichever form it has. What lies deeper is checked by the operator.
    json!({
        "description": description,
        "x-kubernetes-preserve-unknown-fields": true,
        "maxLength": POLICY_BYTES,
        "maxItems": MOST_VALUES,
        "maxProperties": MOST_VALUES,
    })
}

/// Schema of `spec.tags`.
pub(super) fn tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "maxProperties": 64,
        // In a granular map, server-side apply turns `{}` into null when it replaces tags, so users could not clear
        // them.
        "x-kubernetes-map-type": "atomic",
        "additionalProperties": {
            "type": "string",
            "maxLength": 1024,
            "x-kubernetes-validations": rules::tag_value().map(Rule::from),
        },
        "x-kubernetes-validations": rules::tags().map(Rule::from),
    })
}

/// Schema of a label selector, with limits that let the API server estimate the cost of its rule.
pub(super) fn label_selector(_: &mut SchemaGenerator) -> Schema {
    let rule = Rule::from;
    let value = json!({
        "type": "string", "maxLength": 63,
        "x-kubernetes-validations": [rule(rules::account_binding::label_value())],
    });
    json_schema!({
        "type": "object",
        "nullable": true,
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "type": "object",
                "description": "Labels that a namespace must have, each with this value.",
                "maxProperties": 32,
                "additionalProperties": value,
                "x-kubernetes-validations": [rule(rules::account_binding::label_keys())],
            },
            "matchExpressions": {
                "type": "array",
                "description": "Conditions on labels, all of which must hold.",
                "x-kubernetes-list-type": "atomic",
                "maxItems": 32,
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {
                            "type": "string",
                            "description": "The key of the label.",
                            "maxLength": 316,
                            "x-kubernetes-validations": [rule(rules::account_binding::label_key())],
                        },
                        "operator": {
                            "type": "string",
                            "description": "How the label relates to the values: `In`, `NotIn`, `Exists` or `DoesNotExist`.",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                        },
                        "values": {
                            "type": "array",
                            "description": "The values for `In` and `NotIn`.",
                            "x-kubernetes-list-type": "atomic",
                            "maxItems": 64,
                            "items": value,
                        },
                    },
                    "x-kubernetes-validations": [rules::account_binding::selector_values()],
                },
            },
        },
    })
}

/// Schema of a map from string to string, for values that AWS reports.
pub(super) fn string_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "nullable": true, "additionalProperties": {"type": "string"}})
}
