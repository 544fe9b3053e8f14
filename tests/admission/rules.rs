//! Every limit of the schema and every CEL rule refuses and accepts the examples that are meant for it. No I/O.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::examples::{Example, Kind, of};
use crate::offline::{Definition, limits_and_rules, schema};
use sequencestore_operator::crd::refusals;

const KINDS: [Kind; 2] = [Kind::SequenceStore, Kind::AccountBinding];

#[test]
fn every_example_is_accepted_or_refused_for_its_stated_reason() {
    for kind in KINDS {
        let definition = Definition::new(kind);
        for example in of(kind) {
            let found = definition.violations(&example.object(), example.before.as_ref());
            match example.breaks {
                None => assert!(found.is_empty(), "{example:?} is refused: {found:?}"),
                Some(breaks) => {
                    assert!(found.contains(breaks), "{example:?} breaks something else: {found:?}");
                }
            }
        }
    }
}

#[test]
fn every_limit_and_every_rule_has_a_refused_example() {
    for kind in KINDS {
        let expected = limits_and_rules(kind);
        assert!(expected.len() > 55, "{kind:?}: too few limits and rules were found: {expected:?}");
        let broken: BTreeSet<String> =
            of(kind).iter().filter_map(|example| example.breaks).map(str::to_owned).collect();
        let untested: Vec<_> = expected.difference(&broken).collect();
        assert!(untested.is_empty(), "{kind:?}: no example breaks {untested:#?}");
        let unknown: Vec<_> = broken.difference(&expected).collect();
        assert!(unknown.is_empty(), "{kind:?}: the CRD has no such limit or rule: {unknown:#?}");
    }
}

#[test]
fn every_rule_has_an_accepted_example() {
    for kind in KINDS {
        // The API server evaluates a rule only on an object that has the field.
        let schema = schema(kind);
        let accepted: Vec<Example> =
            of(kind).into_iter().filter(|example| example.breaks.is_none()).collect();
        for path in fields(&schema["properties"]["spec"]) {
            let with = |example: &&Example| has(&example.spec, &path);
            assert!(accepted.iter().any(|example| with(&example)), "no accepted {kind:?} has {path:?}");
        }
    }
    let accepted = of(Kind::SequenceStore).into_iter().filter(|example| example.breaks.is_none());
    let accepted: Vec<Example> = accepted.collect();
    let frozen = ["sequenceStoreId", "region", "eTagAlgorithmFamily", "sseConfig"];
    for field in frozen {
        let before = |example: &&Example| {
            example.before.as_ref().is_some_and(|b| b["spec"][field] != example.spec[field])
        };
        assert!(accepted.iter().any(|example| before(&example)), "no accepted edit touches {field}");
    }
}

/// Paths of all fields of a spec that are not in a list.
fn fields(schema: &Value) -> Vec<Vec<String>> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let of_field = |(name, inner): (&String, &Value)| {
        let below = fields(inner).into_iter().map(|path| [vec![name.clone()], path].concat());
        [vec![vec![name.clone()]], below.collect()].concat()
    };
    properties.flat_map(of_field).collect()
}

fn has(spec: &Value, path: &[String]) -> bool {
    !path.iter().fold(spec, |value, name| &value[name.as_str()]).is_null()
}

/// The rules at the root run on status writes too.
#[test]
fn an_object_that_broke_the_name_rule_before_can_still_be_updated() {
    let definition = Definition::new(Kind::SequenceStore);
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
    for kind in KINDS {
        for rule in schema(kind)["x-kubernetes-validations"].as_array().into_iter().flatten() {
            assert!(rule["rule"].as_str().is_some_and(|rule| rule.contains("oldSelf")), "{rule}");
        }
    }
}

/// The commands check manifests by these texts where there is no API server.
#[test]
fn the_check_without_a_cluster_refuses_what_the_crd_refuses_in_the_same_words() {
    let definition = Definition::new(Kind::SequenceStore);
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
    let examples = of(Kind::SequenceStore).into_iter().filter(|example| example.before.is_none());
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
    limits_and_rules(Kind::SequenceStore).into_iter().filter(|text| text.starts_with("spec")).collect()
}
