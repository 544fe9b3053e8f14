//! Which policies are equal, which are not, and which cannot be compared.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/reads";

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn compared(wanted: &Value, shown: &Value) -> Comparison {
    compare(&object(wanted), Some(&shown.to_string()), "aws")
}

/// A policy of one statement, with these elements in place of the usual ones.
fn policy(elements: Value) -> Value {
    let mut statement =
        json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a"});
    statement.as_object_mut().expect("an object").extend(object(&elements));
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

fn conditioned(condition: Value) -> Value {
    policy(json!({"Condition": condition}))
}

fn principal(principal: Value) -> Value {
    policy(json!({"Principal": principal}))
}

#[test]
fn policies_are_equal_by_meaning_not_by_form() {
    let wanted = object(&policy(
        json!({"Sid": "a", "Action": ["s3:GetObject", "s3:ListBucket"], "Principal": {"AWS": "x"}}),
    ));
    let same = r#" {"Statement": {"Action":["s3:ListBucket","s3:GetObject"], "Principal":{"AWS":["x"]},
        "Resource": ["arn:aws:s3:::a"], "Effect":"Allow","Sid":"a"}, "Version":"2012-10-17"} "#;
    let compared = |shown: &str| compare(&wanted, Some(shown), "aws");
    assert_eq!(compared(same), Comparison::Equal);
    assert_eq!(compared(&same.replace("Allow", "Deny")), Comparison::Different);
    assert_eq!(compared(&same.replace("s3:ListBucket", "s3:GetObjectTagging")), Comparison::Different);
}

#[test]
fn what_changes_only_the_form_is_equal_both_ways() {
    let root = "arn:aws:iam::111122223333:root";
    let rows = [
        (principal(json!({"AWS": "111122223333"})), principal(json!({"AWS": [root]}))),
        (principal(json!({"AWS": ["111122223333", root]})), principal(json!({"AWS": root}))),
        (principal(json!({"AWS": 111_122_223_333_u64})), principal(json!({"AWS": root}))),
        (principal(json!("*")), principal(json!({"AWS": "*"}))),
        (principal(json!({"AWS": ["b", "a"]})), principal(json!({"AWS": ["a", "b", "a"]}))),
        (
            policy(json!({"NotPrincipal": {"AWS": "111122223333"}})),
            policy(json!({"NotPrincipal": {"AWS": root}})),
        ),
        (
            policy(json!({"Action": ["s3:GetObject", "S3:listbucket"]})),
            policy(json!({"Action": ["s3:ListBucket", "s3:getobject"]})),
        ),
        (policy(json!({"Resource": "r"})), policy(json!({"Resource": ["r", "r"]}))),
        (policy(json!({"Sid": ""})), policy(json!({}))),
        (policy(json!({"Sid": null})), policy(json!({}))),
        (policy(json!({"Condition": {}})), policy(json!({}))),
        (conditioned(json!({"StringLike": {}})), policy(json!({}))),
        (conditioned(json!({"Bool": {"aws:k": true}})), conditioned(json!({"Bool": {"aws:k": ["true"]}}))),
        (conditioned(json!({"Bool": {"aws:k": "True"}})), conditioned(json!({"bool": {"AWS:K": true}}))),
        (
            conditioned(json!({"NumericEquals": {"k": 1.2}})),
            conditioned(json!({"NumericEquals": {"k": "1.20"}})),
        ),
        (
            conditioned(json!({"NumericEquals": {"k": 10}})),
            conditioned(json!({"NumericEquals": {"k": "10.0"}})),
        ),
        (conditioned(json!({"StringEquals": {"k": 10}})), conditioned(json!({"StringEquals": {"k": "10"}}))),
        (
            conditioned(json!({"StringEquals": {"S3:Prefix": ["b", "a"]}})),
            conditioned(json!({"stringequals": {"s3:prefix": ["a", "b"]}})),
        ),
        (json!({"Version": null, "Statement": null}), json!({})),
    ];
    for (one, other) in rows {
        assert_eq!(compared(&one, &other), Comparison::Equal, "{one} and {other}");
        assert_eq!(compared(&other, &one), Comparison::Equal, "{other} and {one}");
    }
    let single = json!({"Statement": policy(json!({}))["Statement"][0]});
    let listed = json!({"Id": "", "Version": "2008-10-17", "Statement": policy(json!({}))["Statement"]});
    assert_eq!(compared(&listed, &single), Comparison::Equal);
    for empty in [None, Some(""), Some("{}"), Some(" {} ")] {
        assert_eq!(compare(&Map::new(), empty, "aws"), Comparison::Equal, "{empty:?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_changes_the_meaning_is_different_both_ways() {
    let rows = [
        (policy(json!({})), policy(json!({"Effect": "Deny"}))),
        (
            policy(json!({"Resource": "arn:aws:s3:::a/Reads"})),
            policy(json!({"Resource": "arn:aws:s3:::a/reads"})),
        ),
        (policy(json!({"Resource": "a"})), policy(json!({"Resource": "a "}))),
        (policy(json!({"Action": "s3:*"})), policy(json!({"Action": "s3:GetObject"}))),
        (policy(json!({"Sid": "a"})), policy(json!({"Sid": "A"}))),
        (policy(json!({"Action": "a"})), policy(json!({"Action": null, "NotAction": "a"}))),
        (policy(json!({"Principal": "*"})), policy(json!({"Principal": null, "NotPrincipal": "*"}))),
        (principal(json!({"AWS": "a"})), principal(json!({"Service": "a"}))),
        (principal(json!({"AWS": "*"})), principal(json!({"AWS": "111122223333"}))),
        (
            principal(json!({"Service": "111122223333"})),
            principal(json!({"Service": "arn:aws:iam::111122223333:root"})),
        ),
        (
            principal(json!({"AWS": "111122223333"})),
            principal(json!({"AWS": "arn:aws-cn:iam::111122223333:root"})),
        ),
        (
            principal(json!({"AWS": "111122223333"})),
            principal(json!({"AWS": "arn:aws:iam::111122223334:root"})),
        ),
        (principal(json!({"AWS": ROLE})), principal(json!({"AWS": "arn:aws:iam::111122223333:role/READS"}))),
        (conditioned(json!({"StringEquals": {"k": "a"}})), conditioned(json!({"StringLike": {"k": "a"}}))),
        (conditioned(json!({"StringEquals": {"k": "a"}})), conditioned(json!({"StringEquals": {"k": "A"}}))),
        (
            conditioned(json!({"StringEquals": {"k": "true"}})),
            conditioned(json!({"StringEquals": {"k": "True"}})),
        ),
        (
            conditioned(json!({"StringEquals": {"k": "1.0"}})),
            conditioned(json!({"StringEquals": {"k": "1"}})),
        ),
        (
            conditioned(json!({"NumericEquals": {"k": "9007199254740993"}})),
            conditioned(json!({"NumericEquals": {"k": "9007199254740992"}})),
        ),
        (conditioned(json!({"StringEquals": {"k": []}})), policy(json!({}))),
        (
            conditioned(json!({"StringEquals": {"s3:ExistingObjectTag/Team": "a"}})),
            conditioned(json!({"StringEquals": {"s3:ExistingObjectTag/team": "a"}})),
        ),
        // Two keys that differ in case only are two conditions: both must hold.
        (
            conditioned(json!({"StringEquals": {"s3:prefix": "a", "S3:Prefix": "b"}})),
            conditioned(json!({"StringEquals": {"s3:prefix": ["a", "b"]}})),
        ),
        (
            policy(json!({})),
            json!({"Version": "2012-10-17", "Id": "x", "Statement": policy(json!({}))["Statement"]}),
        ),
        (policy(json!({})), json!({"Statement": policy(json!({}))["Statement"]})),
        (policy(json!({})), json!({})),
        (json!({"Version": "2012-10-17"}), json!({})),
    ];
    for (one, other) in rows {
        assert_eq!(compared(&one, &other), Comparison::Different, "{one} and {other}");
        assert_eq!(compared(&other, &one), Comparison::Different, "{other} and {one}");
    }
    for unreadable in ["<html>", "[]", "null", "\"*\""] {
        assert_eq!(compare(&object(&policy(json!({}))), Some(unreadable), "aws"), Comparison::Different);
    }
    assert_eq!(compare(&object(&policy(json!({}))), None, "aws"), Comparison::Different);
}

#[test]
fn an_account_is_that_of_the_partition_of_the_store() {
    let id = object(&principal(json!({"AWS": "111122223333"})));
    for partition in ["aws", "aws-cn", "aws-us-gov"] {
        let root = principal(json!({"AWS": format!("arn:{partition}:iam::111122223333:root")})).to_string();
        assert_eq!(compare(&id, Some(&root), partition), Comparison::Equal, "{partition}");
    }
}

#[test]
fn a_unique_id_and_an_arn_cannot_be_compared() {
    let user = "arn:aws:iam::111122223333:user/anna";
    let canonical = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be";
    let identity = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1";
    let rows = [
        (json!({"AWS": [ROLE, "*"]}), json!({"AWS": ["*", "AROAEXAMPLE1"]}), true),
        (json!({"AWS": [ROLE, user]}), json!({"AWS": ["AIDAEXAMPLE2", "AROAEXAMPLE1"]}), true),
        (json!({"AWS": "AROAEXAMPLE1"}), json!({"AWS": ROLE}), false),
        (json!({"CanonicalUser": canonical}), json!({"AWS": identity}), false),
    ];
    for (wanted, shown, are_deleted) in rows {
        let found = compared(&principal(wanted.clone()), &principal(shown.clone()));
        let Comparison::Renamed(names) = found else { panic!("{wanted} and {shown}: {found:?}") };
        assert_eq!(names.are_deleted(), are_deleted, "{wanted} and {shown}");
        assert!(!names.wanted.is_empty() && !names.shown.contains(&"*".to_owned()), "{names:?}");
    }
}

#[test]
fn a_unique_id_hides_no_other_difference() {
    let with = |principals: Value, sid: &str| policy(json!({"Sid": sid, "Principal": principals}));
    let rows = [
        (with(json!({"AWS": ROLE}), "a"), with(json!({"AWS": "AROAEXAMPLE1"}), "b")),
        (with(json!({"AWS": "111122223333"}), ""), with(json!({"AWS": "AROAEXAMPLE1"}), "")),
        (with(json!("*"), ""), with(json!({"AWS": "AROAEXAMPLE1"}), "")),
        (with(json!({"AWS": [ROLE, "x"]}), ""), with(json!({"AWS": ["AROAEXAMPLE1", "y"]}), "")),
        (with(json!({"AWS": ROLE}), ""), with(json!({"AWS": ["AROAEXAMPLE1", "AROAEXAMPLE2"]}), "")),
        (with(json!({"AWS": "AROAEXAMPLE2"}), ""), with(json!({"AWS": "AROAEXAMPLE1"}), "")),
    ];
    for (wanted, shown) in rows {
        assert_eq!(compared(&wanted, &shown), Comparison::Different, "{wanted} and {shown}");
    }
}

/// Statements over few values, so that two of them are often equal.
fn any_policy() -> impl Strategy<Value = Value> {
    let one_of = |values: &'static [&'static str]| prop::sample::select(values).prop_map(Value::from);
    let list_of = move |values: &'static [&'static str]| {
        prop_oneof![one_of(values), prop::collection::vec(one_of(values), 0..3).prop_map(Value::from)]
    };
    let principal = prop_oneof![
        Just(json!("*")),
        list_of(&["*", "111122223333", ROLE, "AROAEXAMPLE1"]).prop_map(|names| json!({"AWS": names})),
    ];
    let condition =
        prop::option::of((list_of(&["a", "true", "1.0"]), one_of(&["StringLike", "Bool", "NumericEquals"])));
    let statement = (
        one_of(&["Allow", "Deny"]),
        principal,
        list_of(&["s3:Get", "s3:Put"]),
        list_of(&["r", "R"]),
        condition,
    );
    let statement = statement.prop_map(|(effect, principal, action, resource, condition)| {
        let mut statement =
            json!({"Effect": effect, "Principal": principal, "Action": action, "Resource": resource});
        if let Some((values, operator)) = condition {
            statement["Condition"] = json!({operator.as_str().expect("a text"): {"s3:prefix": values}});
        }
        statement
    });
    prop::collection::vec(statement, 1..3)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
}

/// The requests that a policy tells apart, as far as this test generates policies: who, what, which, under what.
fn grants(policy: &Value) -> BTreeSet<String> {
    let list = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let mut found = BTreeSet::new();
    for statement in policy["Statement"].as_array().expect("statements") {
        let who =
            if statement["Principal"] == "*" { json!("*") } else { statement["Principal"]["AWS"].clone() };
        let mut under: Vec<String> = list(&statement["Condition"]).iter().map(Value::to_string).collect();
        under.sort();
        for (who, what) in list(&who)
            .iter()
            .flat_map(|who| list(&statement["Action"]).into_iter().map(move |what| (who.clone(), what)))
        {
            for which in list(&statement["Resource"]) {
                found.insert(format!("{} {who} {what} {which} {under:?}", statement["Effect"]));
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_policy_equals_itself_in_any_order(policy in any_policy()) {
        let mut other = policy.clone();
        for statement in other["Statement"].as_array_mut().expect("statements") {
            for name in ["Action", "Resource"] {
                if let Some(items) = statement[name].as_array_mut() { items.reverse(); }
            }
        }
        other["Statement"].as_array_mut().expect("statements").reverse();
        prop_assert_eq!(compared(&policy, &other), Comparison::Equal);
    }

    #[test]
    fn comparing_is_symmetric(one in any_policy(), other in any_policy()) {
        let (there, back) = (compared(&one, &other), compared(&other, &one));
        let same_kind = std::mem::discriminant(&there) == std::mem::discriminant(&back);
        prop_assert!(same_kind, "{there:?} and {back:?}");
    }

    #[test]
    fn equal_policies_grant_the_same(one in any_policy(), other in any_policy()) {
        let unconditional = |policy: &Value| !policy.to_string().contains("Condition");
        if unconditional(&one) && unconditional(&other) && compared(&one, &other) == Comparison::Equal {
            prop_assert_eq!(grants(&one), grants(&other));
        }
    }
}

#[test]
fn a_nested_value_has_a_text_that_is_not_much_longer_than_itself() {
    let lists = (0..90).fold(json!("x"), |inner, _| json!([inner]));
    let objects = (0..90).fold(json!("\"x\""), |inner, _| json!({"a": inner}));
    for nested in [lists, objects] {
        assert!(text(&nested).len() <= 2 * nested.to_string().len(), "{} bytes", text(&nested).len());
        let one = policy(json!({"Resource": nested}));
        assert_eq!(compared(&one, &one), Comparison::Equal);
        let other = policy(json!({"Resource": [nested, "y"]}));
        assert_eq!(compared(&one, &other), Comparison::Different);
    }
}
