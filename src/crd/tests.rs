//! The CRDs as a whole: the default status, descriptions for every field, which fields are optional.

use super::*;

/// Properties of the objects of both CRDs, and which fields a spec must have.
fn both() -> [(serde_json::Value, serde_json::Value); 2] {
    [(crd(), serde_json::Value::Null), (account_binding_crd(), serde_json::json!(["roleArn"]))].map(
        |(crd, required)| {
            let crd = serde_json::to_value(crd).expect("serializes");
            (crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].clone(), required)
        },
    )
}

#[test]
fn a_new_object_has_observed_generation_minus_one() {
    for (properties, _) in both() {
        assert_eq!(properties["status"]["default"], serde_json::json!({"observedGeneration": -1}));
    }
}

/// Whoever lists a category in a namespace may not read what is cluster-wide, and kubectl would show an error beside the stores.
#[test]
fn only_the_namespaced_kind_is_in_the_category() {
    let (stores, bindings) = (crd().spec, account_binding_crd().spec);
    assert_eq!((stores.scope.as_str(), bindings.scope.as_str()), ("Namespaced", "Cluster"));
    assert_eq!(stores.names.categories, Some(vec!["healthomics".to_owned()]));
    assert_eq!(bindings.names.categories.unwrap_or_default(), Vec::<String>::new());
    assert_eq!(stores.names.short_names, Some(vec!["seqstore".to_owned()]));
    assert_eq!(bindings.names.short_names, Some(vec!["acctbinding".to_owned()]));
}

/// Collects every node of a schema with its path.
fn nodes<'a>(schema: &'a serde_json::Value, path: &str, found: &mut Vec<(String, &'a serde_json::Value)>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        nodes(inner, &path, found);
        nodes(&inner["items"], &path, found);
        nodes(&inner["additionalProperties"], &path, found);
        found.push((path, inner));
    }
}

#[test]
fn every_field_has_a_description_and_a_spec_demands_only_what_it_cannot_do_without() {
    let mut all = 0;
    for (root, required) in both() {
        let mut found = Vec::new();
        for part in ["spec", "status"] {
            nodes(&root[part], part, &mut found);
            found.push((part.to_owned(), &root[part]));
        }
        all += found.len();
        for (path, schema) in found {
            let text = schema["description"].as_str().unwrap_or_default();
            assert!(text.len() > 10, "{path} has no description");
            // `kubectl explain` wraps lines itself.
            let lines = text.replace("\n\n", "").replace("\n - `", "");
            assert!(!lines.contains('\n') || path.contains("conditions"), "{path}: {text:?}");
            assert!(schema["title"].is_null() && !schema.to_string().contains("\"format\":\"uint"), "{path}");
        }
        assert_eq!(root["spec"]["required"], required);
    }
    assert!(all > 85, "only {all} fields");
}

#[test]
fn the_description_of_an_enum_lists_its_values_once() {
    let crd = serde_json::to_value(crd()).expect("serializes");
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    for (field, values) in [
        ("managementPolicy", rules::MANAGEMENT_POLICIES),
        ("deletionPolicy", rules::DELETION_POLICIES),
        ("eTagAlgorithmFamily", rules::E_TAG_ALGORITHM_FAMILIES),
    ] {
        let text = spec[field]["description"].as_str().unwrap_or_default();
        let (_, list) = text.split_once("Possible enum values:").unwrap_or_else(|| panic!("{field}: {text}"));
        let listed: Vec<String> = values.iter().map(|value| format!("- `\"{value}\"`")).collect();
        assert_eq!(list.trim().lines().map(str::trim).collect::<Vec<_>>(), listed, "{field}");
        assert!(spec[field]["enum"].is_null(), "{field}: the API server would refuse null");
    }
}
