//! S3 access policies: what is wrong with one, and when two mean the same. No I/O.

use serde_json::{Map, Value};

use super::{PARTS, text};
use crate::crd::{SequenceStore, SequenceStoreSpec, Store};
use crate::store::drift::differences;
use crate::store::policy_meaning::{Comparison, compare};
use crate::store::{ObservedPolicy, ObservedTags, Present, s3_policy};

/// The most characters of a policy that a status shows, with the dots at the end.
const MOST_SHOWN: usize = 257;

/// A policy as JSON, and after a line `===` another one as AWS may show it.
pub fn policies(data: &[u8]) {
    let text = text(data);
    let (wanted, shown) = text.split_once(PARTS).unwrap_or((&text, ""));
    let Ok(wanted) = serde_json::from_str::<Map<String, Value>>(wanted) else { return };
    equal_to_itself(&wanted);
    if let Ok(other) = serde_json::from_str::<Map<String, Value>>(shown) {
        let there = compare(&wanted, Some(&s3_policy::render(&other)), "aws") == Comparison::Equal;
        let back = compare(&other, Some(&s3_policy::render(&wanted)), "aws") == Comparison::Equal;
        assert_eq!(there, back, "equal one way only");
    }
    match s3_policy::check(&wanted) {
        Ok(()) => assert!(s3_policy::render(&wanted).len() <= s3_policy::MOST_BYTES),
        Err(why) => assert!(why.starts_with("spec.s3AccessPolicy"), "{why}"),
    }
    drift(wanted, shown);
}

/// In every form in which AWS may show it.
fn equal_to_itself(policy: &Map<String, Value>) {
    // Reading a number back may change its last digit.
    let Ok(policy) = serde_json::from_str::<Map<String, Value>>(&s3_policy::render(policy)) else {
        panic!("a policy is plain data")
    };
    let forms =
        [policy.clone(), reversed(&policy), without_lists_of_one(&policy), with_lists_of_one(&policy)];
    for form in forms {
        let shown = serde_json::to_string_pretty(&form).unwrap_or_default();
        if serde_json::from_str::<Map<String, Value>>(&shown).ok().as_ref() == Some(&form) {
            assert_eq!(compare(&policy, Some(&shown), "aws"), Comparison::Equal, "{shown}");
        }
    }
}

/// Changes the elements of each statement.
fn statements(policy: &Map<String, Value>, change: impl Fn(&Value) -> Value) -> Map<String, Value> {
    let mut policy = policy.clone();
    let Some(Value::Array(statements)) = policy.get_mut("Statement") else { return policy };
    for statement in statements.iter_mut().filter_map(Value::as_object_mut) {
        for name in ["Action", "Resource"] {
            statement.entry(name).and_modify(|value| *value = change(value));
        }
    }
    policy
}

fn reversed(policy: &Map<String, Value>) -> Map<String, Value> {
    let backwards = |value: &Value| match value {
        Value::Array(items) => Value::Array(items.iter().rev().cloned().collect()),
        one => one.clone(),
    };
    let mut policy = statements(policy, backwards);
    policy.entry("Statement").and_modify(|value| *value = backwards(value));
    policy
}

fn without_lists_of_one(policy: &Map<String, Value>) -> Map<String, Value> {
    statements(policy, |value| match value {
        Value::Array(items) if items.len() == 1 && items[0].is_string() => items[0].clone(),
        other => other.clone(),
    })
}

fn with_lists_of_one(policy: &Map<String, Value>) -> Map<String, Value> {
    statements(policy, |value| match value {
        Value::String(_) => Value::Array(vec![value.clone()]),
        other => other.clone(),
    })
}

/// What a status shows of the difference has a limit.
fn drift(wanted: Map<String, Value>, shown: &str) {
    let spec = SequenceStoreSpec { s3_access_policy: Some(wanted), ..SequenceStoreSpec::default() };
    let object = SequenceStore::new("a", spec);
    let present = Present {
        store: Store::default(),
        account: String::new(),
        tags: ObservedTags::Read(std::collections::BTreeMap::new()),
        strays: None,
        policy: ObservedPolicy::Read(Some(shown.to_owned())),
    };
    for difference in differences(&object, &present).observable() {
        for value in [difference.desired, difference.observed].into_iter().flatten() {
            assert!(value.chars().count() <= MOST_SHOWN, "{} bytes", value.len());
        }
    }
}
