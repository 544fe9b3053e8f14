//! The CustomResourceDefinition as data: what derives cannot say is added here. No I/O.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps,
};
use kube::CustomResourceExt;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::SequenceStore;

/// The definition of `SequenceStore` that clusters install; the file in `crds/` is this output.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut crd = SequenceStore::crd();
    for version in &mut crd.spec.versions {
        let root = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut());
        if let Some(properties) = root.and_then(|root| root.properties.as_mut()) {
            default_status(properties.entry("status".into()).or_default());
            for schema in properties.values_mut() {
                remove_titles(schema);
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

/// Titles are the names of Rust types: noise to whoever reads `kubectl explain`.
fn remove_titles(schema: &mut JSONSchemaProps) {
    schema.title = None;
    for child in schema.properties.iter_mut().flat_map(|p| p.values_mut()) {
        remove_titles(child);
    }
}

pub(super) fn s3_access_policy(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "x-kubernetes-preserve-unknown-fields": true,
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "Version": {"type": "string", "description": "Version of the policy language.", "maxLength": 32},
            "Id": {"type": "string", "description": "Identifier of the policy.", "maxLength": 256},
            "Statement": {
                "type": "array",
                "description": "The statements of the policy.",
                "maxItems": 200,
                "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            },
        },
    })
}

pub(super) fn tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "nullable": true,
        "maxProperties": 46,
        // Granular, server-side apply would turn `{}` in place of tags into null: the clearing would be lost.
        "x-kubernetes-map-type": "atomic",
        "additionalProperties": {"type": "string", "maxLength": 256},
        "x-kubernetes-validations": [
            {
                "rule": "self.all(k, size(k) >= 1 && size(k) <= 128)",
                "message": "tag keys must have 1 to 128 characters",
            },
            {
                "rule": "self.all(k, !k.startsWith('aws:') && !k.startsWith('healthomics.dev/'))",
                "message": "tag keys must not start with aws: (AWS's own) or healthomics.dev/ (this operator's own)",
            },
        ],
    })
}

/// Schema of an open map from string to string, as mirrored from AWS.
pub(super) fn string_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "nullable": true, "additionalProperties": {"type": "string"}})
}
