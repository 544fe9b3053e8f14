use super::*;

#[test]
fn the_status_defaults_to_a_generation_nobody_has_seen() {
    let crd = serde_json::to_value(crd()).expect("serializes");
    let status = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
    assert_eq!(status["default"], serde_json::json!({"observedGeneration": -1}));
}

#[test]
fn every_field_of_the_spec_and_status_is_described_and_optional() {
    let crd = serde_json::to_value(crd()).expect("serializes");
    let root = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    for part in ["spec", "status"] {
        for (name, schema) in root[part]["properties"].as_object().expect("has fields") {
            assert!(schema["description"].is_string(), "{part}.{name} has no description");
        }
    }
    assert!(root["spec"]["required"].is_null());
    assert!(!crd.to_string().contains("\"format\":\"uint"));
}
