//! The CRD as a whole: the default status, descriptions for every field, only optional fields in the spec.

use super::*;

#[test]
fn a_new_object_has_observed_generation_minus_one() {
    let crd = serde_json::to_value(crd()).expect("serializes");
    let status = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
    assert_eq!(status["default"], serde_json::json!({"observedGeneration": -1}));
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
fn every_field_has_a_description_and_every_spec_field_is_optional() {
    let crd = serde_json::to_value(crd()).expect("serializes");
    let root = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let mut found = Vec::new();
    for part in ["spec", "status"] {
        nodes(&root[part], part, &mut found);
    }
    assert!(found.len() > 60, "{found:?}");
    for (path, schema) in found {
        let text = schema["description"].as_str().unwrap_or_default();
        assert!(text.len() > 10, "{path} has no description");
        // `kubectl explain` wraps lines itself.
        let lines = text.replace("\n\n", "").replace("\n - `", "");
        assert!(!lines.contains('\n') || path.contains("conditions"), "{path}: {text:?}");
        assert!(schema["title"].is_null() && !schema.to_string().contains("\"format\":\"uint"), "{path}");
    }
    assert!(root["spec"]["required"].is_null());
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
