//! Every limit and every rule of the definition, both ways.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::examples::{Example, all};
use crate::offline::{Definition, limits_and_rules, schema};

#[test]
fn examples_are_accepted_or_refused_for_the_reason_they_are_meant_for() {
    let definition = Definition::new();
    for example in all() {
        let found = definition.violations(&example.object(), example.before.as_ref());
        match example.breaks {
            None => assert!(found.is_empty(), "{example:?} is refused: {found:?}"),
            Some(breaks) => assert!(found.contains(breaks), "{example:?} breaks {found:?}"),
        }
    }
}

#[test]
fn every_limit_and_every_rule_is_broken_by_an_example() {
    let expected = limits_and_rules();
    assert!(expected.len() > 60, "the rules are not found: {expected:?}");
    let broken: BTreeSet<String> =
        all().iter().filter_map(|example| example.breaks).map(str::to_owned).collect();
    let untested: Vec<_> = expected.difference(&broken).collect();
    assert!(untested.is_empty(), "no example breaks {untested:#?}");
    let unknown: Vec<_> = broken.difference(&expected).collect();
    assert!(unknown.is_empty(), "the definition says nothing like {unknown:#?}");
}

#[test]
fn every_rule_is_passed_by_an_example() {
    // A rule is passed only where the field it stands on is there.
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

/// The rule of the root runs on every write of the status too.
#[test]
fn an_object_older_than_the_rule_on_names_can_still_be_written() {
    let definition = Definition::new();
    let object = |status: Value, spec: Value| json!({"metadata": {"name": "n".repeat(200)}, "spec": spec, "status": status});
    let old = object(json!({}), json!({}));
    assert_eq!(definition.violations(&old, None).len(), 1, "it could not be created any more");
    let written = object(json!({"observedGeneration": 1}), json!({}));
    assert!(definition.violations(&written, Some(&old)).is_empty(), "status writes pass");
    let edited = object(json!({}), json!({"description": "new"}));
    assert!(definition.violations(&edited, Some(&old)).is_empty(), "edits of other fields pass");
    let named = object(json!({}), json!({"name": "short"}));
    assert_eq!(definition.violations(&old, Some(&named)).len(), 1, "the name cannot be taken out");
}

/// A rule of the root that is no transition rule would refuse status writes on objects older than itself.
#[test]
fn no_rule_of_the_root_can_stop_a_status_write() {
    for rule in schema()["x-kubernetes-validations"].as_array().expect("rules") {
        assert!(rule["rule"].as_str().is_some_and(|rule| rule.contains("oldSelf")), "{rule}");
    }
}
