//! The CustomResourceDefinition as data: what derives cannot say is added here. No I/O.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::{SequenceStore, rules};

/// The definition of `SequenceStore` that clusters install; the file in `crds/` is this output.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut crd = SequenceStore::crd();
    for version in &mut crd.spec.versions {
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

/// [`crd`] as YAML.
///
/// # Errors
/// None in practice: the definition is made of plain data.
pub fn crd_yaml() -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(&crd())
}

/// Without it an object that no operator has seen yet counts as ready to `helm --wait` and Flux.
fn default_status(status: &mut JSONSchemaProps) {
    status.default = Some(JSON(json!({"observedGeneration": -1})));
}

/// What derives leave to be done at every node. Titles are the names of Rust types, and line breaks within a paragraph are those of this source: noise to
/// whoever reads `kubectl explain`.
fn tidy(schema: &mut JSONSchemaProps) {
    schema.title = None;
    // The API server refuses null for an enum, `nullable` or not: a rule says which values there are.
    if schema.nullable == Some(true) && schema.enum_.take().is_some() {
        schema.max_length = Some(256);
    }
    schema.description = schema.description.take().map(|text| {
        let paragraphs: Vec<String> = text.split("\n\n").map(|text| text.replace('\n', " ")).collect();
        paragraphs.join("\n\n")
    });
    schema.properties.iter_mut().flat_map(|all| all.values_mut()).for_each(tidy);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        tidy(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
}

/// AWS's elements of a policy. The API server prunes nothing here: an element that AWS does not know must
/// be pointed out, not dropped, and the operator does that.
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
                // Without it one statement that is no list is pruned first, and its elements are called unknown.
                "x-kubernetes-preserve-unknown-fields": true,
                "minItems": 1,
                "maxItems": 200,
                "items": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": true,
                    "required": ["Effect", "Principal", "Action", "Resource"],
                    "properties": {
                        "Sid": {"type": "string", "description": "Identifier of the statement."},
                        "Principal": any_of_forms("Whom the statement is about, such as `{AWS: [arn:aws:iam::111122223333:root]}`."),
                        "Action": any_of_forms("S3 actions, such as `s3:GetObject`: one or a list."),
                        "Resource": any_of_forms("ARNs of the access point and of objects under it: one or a list."),
                        "Effect": {
                            "type": "string",
                            "description": "Whether the statement allows or denies.",
                            "enum": ["Allow", "Deny"],
                        },
                        "Condition": {
                            "type": "object",
                            "description": "When the statement applies: operators, and under each condition keys.",
                            "additionalProperties": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": true,
                            },
                        },
                    },
                },
            },
        },
        "x-kubernetes-validations": [rules::statement_with_the_rest()],
    })
}

/// Texts, lists or maps: a schema would have to choose one.
fn any_of_forms(description: &str) -> serde_json::Value {
    json!({"description": description, "x-kubernetes-preserve-unknown-fields": true})
}

pub(super) fn tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "maxProperties": 64,
        // Granular, server-side apply would turn `{}` in place of tags into null: the clearing would be lost.
        "x-kubernetes-map-type": "atomic",
        "additionalProperties": {
            "type": "string",
            "maxLength": 1024,
            "x-kubernetes-validations": rules::tag_value(),
        },
        "x-kubernetes-validations": rules::tags(),
    })
}

/// Schema of an open map from string to string, as mirrored from AWS.
pub(super) fn string_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "nullable": true, "additionalProperties": {"type": "string"}})
}
