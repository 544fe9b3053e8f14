use super::*;

#[test]
fn the_status_defaults_to_a_generation_nobody_has_seen() {
    let crd = serde_json::to_value(crd()).expect("serializes");
    let status = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
    assert_eq!(status["default"], serde_json::json!({"observedGeneration": -1}));
}

/// Every node of a schema with its path.
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
fn every_field_at_every_depth_is_described_and_those_of_the_spec_are_optional() {
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
        // `kubectl explain` wraps by itself.
        assert!(!text.replace("\n\n", "").contains('\n') || path.contains("conditions"), "{path}: {text:?}");
        assert!(schema["title"].is_null() && !schema.to_string().contains("\"format\":\"uint"), "{path}");
    }
    assert!(root["spec"]["required"].is_null());
}
