//! Parses manifests: several documents in one file, Lists, and unknown fields. No I/O.

use serde_json::Value;

use crate::crd::{
    AccountBinding, LONGEST_MESSAGE, SequenceStore, account_binding_crd, is_dns_subdomain, one_line,
    spec_schema,
};

const GROUP: &str = "healthomics.dev/";
const VERSION: &str = "healthomics.dev/v1alpha1";
const STORE: &str = "SequenceStore";
const BINDING: &str = "AccountBinding";
/// How many bytes of a kind or version are looked at. Those of Kubernetes are much shorter.
const LONGEST_KIND: usize = 253;

/// The contents of one file.
#[derive(Debug, Default, PartialEq)]
pub(in crate::cli) struct Documents {
    /// Manifests of SequenceStores.
    pub(in crate::cli) stores: Vec<Value>,
    /// Manifests of AccountBindings.
    pub(in crate::cli) bindings: Vec<Value>,
    /// Kinds of all other documents, in order.
    pub(in crate::cli) skipped: Vec<String>,
}

pub(in crate::cli) fn parse(text: &str) -> Result<Documents, String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|e| {
        // The lines after the first quote the file.
        let e = e.to_string();
        one_line(format!("invalid YAML or JSON: {}", e.lines().next().unwrap_or_default()), LONGEST_MESSAGE)
    })?;
    let mut found = Documents::default();
    for document in documents {
        sort(document, &mut found)?;
    }
    Ok(found)
}

fn sort(document: Value, found: &mut Documents) -> Result<(), String> {
    // They are printed.
    let text = |field: &str| one_line(document[field].as_str().unwrap_or_default(), LONGEST_KIND);
    let (kind, version) = (text("kind"), text("apiVersion"));
    match document {
        Value::Object(mut list) if kind.ends_with("List") && list.contains_key("items") => {
            let items = list.remove("items").unwrap_or_default();
            items.as_array().into_iter().flatten().try_for_each(|item| sort(item.clone(), found))
        }
        document if kind == STORE && version == VERSION => {
            found.stores.push(document);
            Ok(())
        }
        document if kind == BINDING && version == VERSION => {
            found.bindings.push(document);
            Ok(())
        }
        _ if [STORE, BINDING].contains(&kind.as_str()) && version.starts_with(GROUP) => {
            Err(format!("unsupported apiVersion {version} of kind {kind}; this program supports {VERSION}"))
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
/// An unknown field, or a value of the wrong type; the message names the field.
pub(in crate::cli) fn object(manifest: &Value) -> Result<SequenceStore, String> {
    if let Some(error) = unknown(manifest) {
        return Err(error);
    }
    if manifest["metadata"]["name"].as_str().is_none_or(str::is_empty) {
        return Err("metadata.name is required; `plan` does not support generateName".into());
    }
    serde_path_to_error::deserialize(manifest).map_err(|e| format!("{}: {}", e.path(), e.inner()))
}

/// The AccountBinding that a manifest describes. Whether it is one that can be used, shows where it is used.
///
/// # Errors
/// As for [`object`]: a limit with a misspelt name would limit nothing.
pub(in crate::cli) fn binding(manifest: &Value) -> Result<AccountBinding, String> {
    let definition = serde_json::to_value(account_binding_crd()).map_err(|e| e.to_string())?;
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    if let Some(error) = unknown_in(schema, manifest, "accountbinding") {
        return Err(one_line(error, LONGEST_MESSAGE));
    }
    if !manifest["metadata"]["name"].as_str().is_some_and(is_dns_subdomain) {
        return Err(format!(
            "metadata.name of an {BINDING} is required: lower-case letters, digits, hyphens and dots"
        ));
    }
    let read = serde_path_to_error::deserialize(manifest);
    read.map_err(|e| one_line(format!("{}: {}", e.path(), e.inner()), LONGEST_MESSAGE))
}

/// The error for fields that do not exist, which the API server reports before any other.
pub(in crate::cli) fn unknown(manifest: &Value) -> Option<String> {
    unknown_in(spec_schema(), manifest, "seqstore")
}

fn unknown_in(schema: &Value, manifest: &Value, resource: &str) -> Option<String> {
    let unknown = unknown_fields(schema, manifest);
    let noun = if unknown.len() == 1 { "field" } else { "fields" };
    let names = unknown.join(", ");
    (!unknown.is_empty())
        .then(|| format!("unknown {noun} {names}; `kubectl explain {resource}.spec` lists the fields"))
}

/// Fields of the manifest that the schema of the CRD does not have. The API server would drop them silently.
fn unknown_fields(schema: &Value, manifest: &Value) -> Vec<String> {
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
    fn documents_and_lists_are_parsed_and_other_kinds_are_reported() {
        let found = parse(TWO).expect("documents");
        assert_eq!(names(&found), ["a", "b"]);
        assert_eq!(found.skipped, ["Namespace", "ConfigMap"]);
        assert_eq!(parse(""), Ok(Documents::default()));
        let json =
            r#"{"apiVersion":"healthomics.dev/v1alpha1","kind":"SequenceStore","metadata":{"name":"j"}}"#;
        assert_eq!(names(&parse(json).expect("JSON")), ["j"]);
    }

    #[test]
    fn what_a_file_says_of_other_documents_cannot_control_a_terminal() {
        let found = parse(r#"{kind: "\e]0;title\aPod\nSecret"}"#).expect("another kind");
        assert_eq!(found.skipped, ["\u{fffd}]0;title\u{fffd}Pod Secret"]);
        let version = parse(r#"{apiVersion: "healthomics.dev/\e[2J", kind: SequenceStore}"#);
        assert!(!version.expect_err("another version").contains(char::is_control));
    }

    #[test]
    fn errors_name_the_field() {
        assert!(parse("a: [1").expect_err("invalid YAML").contains("invalid YAML"));
        let other = "{apiVersion: healthomics.dev/v2, kind: SequenceStore}";
        assert!(parse(other).expect_err("another version").contains("v1alpha1"));
        let refused = |spec: &str| {
            let text = format!(
                "{{apiVersion: healthomics.dev/v1alpha1, kind: SequenceStore, metadata: {{name: a}}, spec: {spec}}}"
            );
            object(&parse(&text).expect("YAML").stores[0]).expect_err("refused")
        };
        assert!(refused("{descripton: x}").contains("unknown field spec.descripton"));
        assert!(refused("{s3AccessConfig: {location: x}}").contains("spec.s3AccessConfig.location"));
        assert!(refused("{tags: x}").starts_with("spec.tags: "));
        assert!(refused("{sequenceStoreId: 3936421177}").starts_with("spec.sequenceStoreId: "));
        assert!(refused("{managementPolicy: Watch}").contains("Observe"));
    }

    #[test]
    fn an_account_binding_is_read_and_a_misspelt_limit_is_an_error() {
        let read = |allow: &str| {
            let text = format!(
                "{{apiVersion: healthomics.dev/v1alpha1, kind: AccountBinding, metadata: {{name: lab}}, spec: {{namespaces: [a], \
                 roleArn: 'arn:aws:iam::111122223333:role/lab', allow: {allow}}}}}"
            );
            let found = parse(&text).expect("YAML");
            assert_eq!((found.stores.len(), found.bindings.len(), found.skipped.len()), (0, 1, 0));
            binding(&found.bindings[0])
        };
        let lab = read("{regions: [us-east-1]}").expect("a binding");
        assert_eq!(lab.spec.allow.and_then(|allow| allow.regions), Some(vec!["us-east-1".to_owned()]));
        assert!(read("{region: [us-east-1]}").expect_err("misspelt").contains("spec.allow.region;"));
        assert!(read("{regions: us-east-1}").expect_err("no list").starts_with("spec.allow.regions: "));
        let selector = "{apiVersion: healthomics.dev/v1alpha1, kind: AccountBinding, metadata: {name: lab}, spec: {roleArn: x, \
                        namespaceSelector: {matchLabels: {any: x}, matchExpressions: [{key: a, operator: Exists}]}}}";
        assert!(binding(&parse(selector).expect("YAML").bindings[0]).is_ok());
    }

    #[test]
    fn tags_and_policies_accept_any_key() {
        let text = "{apiVersion: healthomics.dev/v1alpha1, kind: SequenceStore, metadata: {name: a}, \
                    spec: {tags: {any: x}, s3AccessPolicy: {Statement: [{Effect: Deny}], Other: 1}}}";
        assert!(object(&parse(text).expect("YAML").stores[0]).is_ok());
    }
}
