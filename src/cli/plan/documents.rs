//! From the text of manifests to objects: several documents, Lists, fields that there are not. No I/O.

use serde_json::Value;

use crate::crd::{SequenceStore, crd};

const GROUP: &str = "healthomics.dev/";
const VERSION: &str = "healthomics.dev/v1alpha1";
const KIND: &str = "SequenceStore";

/// The SequenceStores of one file, and what else was in it.
#[derive(Debug, Default, PartialEq)]
pub struct Documents {
    /// Manifests as they are written.
    pub stores: Vec<Value>,
    /// Kinds of the documents that are none, in order.
    pub skipped: Vec<String>,
}

/// Reads a file.
///
/// # Errors
/// What is wrong with its text.
pub fn read(text: &str) -> Result<Documents, String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|e| {
        // The lines after the first show the place in the file.
        let e = e.to_string();
        format!("it is no YAML or JSON: {}", e.lines().next().unwrap_or_default())
    })?;
    let mut found = Documents::default();
    for document in documents {
        sort(document, &mut found)?;
    }
    Ok(found)
}

fn sort(document: Value, found: &mut Documents) -> Result<(), String> {
    let text = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
    let (kind, version) = (text("kind"), text("apiVersion"));
    match document {
        Value::Object(mut list) if kind.ends_with("List") && list.contains_key("items") => {
            let items = list.remove("items").unwrap_or_default();
            items.as_array().into_iter().flatten().try_for_each(|item| sort(item.clone(), found))
        }
        document if kind == KIND && version == VERSION => {
            found.stores.push(document);
            Ok(())
        }
        _ if kind == KIND && version.starts_with(GROUP) => {
            Err(format!("a {KIND} has the apiVersion {version}; this program knows {VERSION}"))
        }
        Value::Null => Ok(()),
        _ => {
            found.skipped.push(if kind.is_empty() { "a document without kind".into() } else { kind });
            Ok(())
        }
    }
}

/// The object that a manifest describes.
///
/// # Errors
/// A field that there is not, or a value of the wrong type; the text names the field.
pub fn object(manifest: &Value) -> Result<SequenceStore, String> {
    let unknown = unknown_fields(manifest);
    if !unknown.is_empty() {
        let (is, no) = if unknown.len() == 1 { ("is", "no field") } else { ("are", "no fields") };
        return Err(format!(
            "{} {is} {no} of a {KIND}; `kubectl explain seqstore.spec` lists them",
            unknown.join(", ")
        ));
    }
    if manifest["metadata"]["name"].as_str().is_none_or(str::is_empty) {
        return Err("it has no metadata.name; generateName is not planned for".into());
    }
    serde_path_to_error::deserialize(manifest).map_err(|e| format!("{}: {}", e.path(), e.inner()))
}

/// Names in the manifest that the definition's schema does not have. The API server drops them.
fn unknown_fields(manifest: &Value) -> Vec<String> {
    let definition = serde_json::to_value(crd()).unwrap_or_default();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut found = Vec::new();
    collect_unknown(schema, &manifest["spec"], "spec", &mut found);
    let known = ["apiVersion", "kind", "metadata", "spec", "status"];
    let others = manifest.as_object().into_iter().flatten().map(|(key, _)| key);
    found.extend(others.filter(|key| !known.contains(&key.as_str())).cloned());
    found
}

fn collect_unknown(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true;
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match properties.get(key) {
            Some(schema) => collect_unknown(schema, value, &path, found),
            None if open => {}
            None => found.push(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "\
apiVersion: healthomics.dev/v1alpha1
kind: SequenceStore
metadata: {name: a}
---
# nothing but a comment
---
apiVersion: v1
kind: Namespace
metadata: {name: lab}
---
apiVersion: v1
kind: List
items:
- {apiVersion: healthomics.dev/v1alpha1, kind: SequenceStore, metadata: {name: b}, spec: {region: us-east-1}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}
";

    fn names(documents: &Documents) -> Vec<&str> {
        documents.stores.iter().filter_map(|store| store["metadata"]["name"].as_str()).collect()
    }

    #[test]
    fn documents_and_lists_are_read_and_others_named() {
        let found = read(TWO).expect("documents");
        assert_eq!(names(&found), ["a", "b"]);
        assert_eq!(found.skipped, ["Namespace", "ConfigMap"]);
        assert_eq!(read(""), Ok(Documents::default()));
        let json =
            r#"{"apiVersion":"healthomics.dev/v1alpha1","kind":"SequenceStore","metadata":{"name":"j"}}"#;
        assert_eq!(names(&read(json).expect("JSON")), ["j"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert!(read("a: [1").expect_err("no YAML").contains("no YAML"));
        let other = "{apiVersion: healthomics.dev/v2, kind: SequenceStore}";
        assert!(read(other).expect_err("another version").contains("v1alpha1"));
        let refused = |spec: &str| {
            let text = format!(
                "{{apiVersion: healthomics.dev/v1alpha1, kind: SequenceStore, metadata: {{name: a}}, spec: {spec}}}"
            );
            object(&read(&text).expect("YAML").stores[0]).expect_err("refused")
        };
        assert!(refused("{descripton: x}").contains("spec.descripton is no field"));
        assert!(refused("{s3AccessConfig: {location: x}}").contains("spec.s3AccessConfig.location"));
        assert!(refused("{tags: x}").starts_with("spec.tags: "));
        assert!(refused("{sequenceStoreId: 3936421177}").starts_with("spec.sequenceStoreId: "));
        assert!(refused("{managementPolicy: Watch}").contains("Observe"));
    }

    #[test]
    fn tags_and_policies_may_have_any_keys() {
        let text = "{apiVersion: healthomics.dev/v1alpha1, kind: SequenceStore, metadata: {name: a}, \
                    spec: {tags: {any: x}, s3AccessPolicy: {Statement: [{Effect: Deny}], Other: 1}}}";
        assert!(object(&read(text).expect("YAML").stores[0]).is_ok());
    }
}
