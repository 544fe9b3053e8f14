//! Every limit of the schema and every CEL rule refuses and accepts the examples that are meant for it. No I/O.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::examples::{Example, all};
use crate::offline::{Definition, limits_and_rules, schema};
use sequencestore_operator::crd::refusals;

#[test]
fn every_example_is_accepted_or_refused_for_its_stated_reason() {
    let definition = Definition::new();
    for example in all() {
        let found = definition.violations(&example.object(), example.before.as_ref());
        match example.breaks {
            None => assert!(found.is_empty(), "{example:?} is refused: {found:?}"),
            Some(breaks) => assert!(found.contains(breaks), "{example:?} breaks something else: {found:?}"),
        }
    }
}

#[test]
fn every_limit_and_every_rule_has_a_refused_example() {
    let expected = limits_and_rules();
    assert!(expected.len() > 60, "too few limits and rules were found: {expected:?}");
    let broken: BTreeSet<String> =
        all().iter().filter_map(|example| example.breaks).map(str::to_owned).collect();
    let untested: Vec<_> = expected.difference(&broken).collect();
    assert!(untested.is_empty(), "no example breaks {untested:#?}");
    let unknown: Vec<_> = broken.difference(&expected).collect();
    assert!(unknown.is_empty(), "the CRD has no such limit or rule: {unknown:#?}");
}

#[test]
fn every_rule_has_an_accepted_example() {
    // The API server evaluates a rule only on an object that has the field.
    let fields = schema()["properties"]["spec"]["properties"].as_object().expect("fields").clone();
    let accepted: Vec<Example> = all().into_iter().filter(|example| example.breaks.is_none()).collect();
    for field in fields.keys() {
        let with = |example: &&Example| example.spec.get(field).is_some_and(|value| !value.is_null());
        assert!(accepted.iter().any(|example| with(&example)), "no accepted example has {field}");
    }
    let frozen = ["sequenceStoreId", "region", "eTagAlgorithmFamily", "sseConfig"];
    for field in frozen {
        let before = |example: &&Example| {
            example.before.as_ref().is_some_and(|b| b["spec"][field] != example.spec[field])
        };
        assert!(accepted.iter().any(|example| before(&example)), "no accepted edit touches {field}");
    }
}

/// The rules at the root run on status writes too.
#[test]
fn an_object_that_broke_the_name_rule_before_can_still_be_updated() {
    let definition = Definition::new();
    let object = |status: Value, spec: Value| json!({"metadata": {"name": "n".repeat(200)}, "spec": spec, "status": status});
    let old = object(json!({}), json!({}));
    assert_eq!(definition.violations(&old, None).len(), 1, "a new object is refused");
    let written = object(json!({"observedGeneration": 1}), json!({}));
    assert!(definition.violations(&written, Some(&old)).is_empty(), "status writes are accepted");
    let edited = object(json!({}), json!({"description": "new"}));
    assert!(definition.violations(&edited, Some(&old)).is_empty(), "edits of other fields are accepted");
    let named = object(json!({}), json!({"name": "short"}));
    assert_eq!(definition.violations(&old, Some(&named)).len(), 1, "removing spec.name is refused");
}

/// A root rule without `oldSelf` would refuse status writes on every object that is older than the rule.
#[test]
fn every_root_rule_refers_to_the_old_object() {
    for rule in schema()["x-kubernetes-validations"].as_array().expect("rules") {
        assert!(rule["rule"].as_str().is_some_and(|rule| rule.contains("oldSelf")), "{rule}");
    }
}

/// The commands check manifests by these texts where there is no API server.
#[test]
fn the_check_without_a_cluster_refuses_what_the_crd_refuses_in_the_same_words() {
    let definition = Definition::new();
    let agree = |object: &Value| {
        let expected = definition.violations(object, None);
        let found = refusals(object);
        assert_eq!(found.is_empty(), expected.is_empty(), "{object}: {found:?}, and the CRD {expected:?}");
        // Limits of the schema are worded differently; the messages of rules are the same.
        let rules = expected.iter().filter(|text| !limits_of_schema().contains(*text));
        for rule in rules {
            assert!(
                found.iter().any(|text| text.ends_with(rule.as_str())),
                "{object}: {found:?}, not {rule}"
            );
        }
        usize::from(!found.is_empty())
    };
    // Rules for edits need the object before.
    let examples = all().into_iter().filter(|example| example.before.is_none());
    let refused: usize = examples.map(|example| agree(&example.object())).sum();
    assert!(refused > 60, "only {refused} examples are refused");
    let mut refused = 0;
    for cases in crate::generated::cases(40) {
        for spec in cases.specs {
            refused += agree(&json!({"metadata": {"name": "a"}, "spec": spec}));
        }
    }
    assert!(refused > 100, "only {refused} generated specs are refused");
}

#[test]
fn the_check_without_a_cluster_refuses_names_that_no_object_can_have() {
    let named = |metadata: Value| refusals(&json!({"metadata": metadata, "spec": {}}));
    for name in ["Genomes", "genomes_2026", "-a", "a.", "a..b"] {
        assert_eq!(named(json!({"name": name})).len(), 1, "{name}");
    }
    assert_eq!(named(json!({"name": "a", "namespace": "Lab"})).len(), 1);
    assert!(named(json!({"name": "genomes-2026.v1", "namespace": "lab"})).is_empty());
}

fn limits_of_schema() -> BTreeSet<String> {
    limits_and_rules().into_iter().filter(|text| text.starts_with("spec")).collect()
}
