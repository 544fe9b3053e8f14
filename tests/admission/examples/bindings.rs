//! Accepted and refused AccountBindings: new ones, and edits.

use serde_json::{Map, Value, json};

use super::{Example, KEY, Kind, object_of};

const ROLE: &str = "arn:aws:iam::111122223333:role/sequence-stores";
const OTHER_ROLE: &str = "arn:aws:iam::444455556666:role/sequence-stores";

const EITHER: &str = "set either spec.namespaces or spec.namespaceSelector, and not both";
const NAMESPACES: &str = "every entry of namespaces must be the name of a namespace: 1 to 63 lower-case letters, digits and \
    hyphens; patterns are not possible, use namespaceSelector for labels";
const VALUES: &str = "an expression with the operator In or NotIn must have values, and one with Exists or DoesNotExist must have none";
const LABEL_KEY: &str = "key must be the key of a label, such as team or example.org/team";
const LABEL_KEYS: &str =
    "every key of matchLabels must be the key of a label, such as team or example.org/team";
const LABEL_VALUE: &str = "the value of a label must have at most 63 letters, digits, hyphens, dots and underscores, with a letter \
    or digit at the start and the end";
const ROLE_ARN: &str = "roleArn must be the full ARN of an IAM role, not its name: \
    write for example arn:aws:iam::111122223333:role/sequence-stores";
const FROZEN_ROLE: &str =
    "roleArn cannot be changed: delete this AccountBinding and create one with the new role";
const EXTERNAL_ID: &str = "externalId must have 2 to 1224 characters: letters, digits and _ + = , . @ : / -";
const REGIONS: &str = "every entry of allow.regions must be an AWS region code, such as us-east-1";
const KEYS: &str = "every entry of allow.kmsKeyArns must be the ARN of a KMS key or alias, in which * stands for any characters \
    between two colons: write for example arn:aws:kms:us-east-1:111122223333:key/*";
const LOCATIONS: &str =
    "every entry of allow.locations must be s3://bucket/ or s3://bucket/prefix/, with a slash at the end";
const PRINCIPALS: &str = "every entry of allow.policyPrincipals must be the ARN of an IAM principal, in which * stands for any \
    characters between two colons, an account id, the name of an AWS service, or * for everybody: write for example \
    arn:aws:iam::111122223333:role/lab-*";
const STORE_IDS: &str =
    "every entry of allow.sequenceStoreIds must be the id of a store: 10 to 36 digits in quotes";

type Refused = Vec<(&'static str, Value, &'static str)>;

pub(super) fn bindings() -> Vec<Example> {
    let mut all: Vec<Example> = accepted().into_iter().map(|(what, spec)| new(what, spec, None)).collect();
    let refused =
        [namespaces(), selectors(), roles(), limits(), too_many(), too_long(), wrong_types()].concat();
    all.extend(refused.into_iter().map(|(what, spec, breaks)| new(what, spec, Some(breaks))));
    all.extend(edits());
    all
}

fn new(what: &'static str, spec: Value, breaks: Option<&'static str>) -> Example {
    Example { kind: Kind::AccountBinding, what, name: "lab".into(), before: None, spec, breaks }
}

/// A spec with a role and a namespace, in which these fields are replaced.
fn with(change: Value) -> Value {
    let mut spec = json!({"namespaces": ["lab"], "roleArn": ROLE});
    for (name, value) in change.as_object().expect("an object") {
        spec[name] = value.clone();
    }
    spec
}

fn selector(selector: Value) -> Value {
    json!({"namespaceSelector": selector, "roleArn": ROLE})
}

fn labels(labels: Value) -> Value {
    selector(json!({"matchLabels": labels}))
}

fn expression(expression: Value) -> Value {
    selector(json!({"matchExpressions": [expression]}))
}

fn allow(field: &str, values: Value) -> Value {
    with(json!({"allow": {field: values}}))
}

fn numbered(count: usize, text: impl Fn(usize) -> String) -> Value {
    (0..count).map(|number| json!(text(number))).collect()
}

fn accepted() -> Vec<(&'static str, Value)> {
    [accepted_bindings(), accepted_limits()].concat()
}

fn accepted_bindings() -> Vec<(&'static str, Value)> {
    let longest = format!("arn:aws-us-gov:iam::111122223333:role/team/{}", "r".repeat(64));
    vec![
        ("a namespace", with(json!({}))),
        ("the most namespaces", with(json!({"namespaces": numbered(1000, |n| format!("lab-{n}"))}))),
        ("the longest name of a namespace", with(json!({"namespaces": ["n".repeat(63)]}))),
        ("all namespaces", selector(json!({}))),
        ("namespaces by a label", labels(json!({"example.org/team": "genomics", "empty": ""}))),
        (
            "namespaces by conditions on labels",
            selector(json!({"matchExpressions": [
                {"key": "team", "operator": "In", "values": ["a", "b"]},
                {"key": "team", "operator": "NotIn", "values": ["c"]},
                {"key": "tenant", "operator": "Exists"},
                {"key": "closed", "operator": "DoesNotExist", "values": []},
            ]})),
        ),
        ("a role with a path, in GovCloud", with(json!({"roleArn": longest}))),
        ("an external id", with(json!({"externalId": "cluster/lab:7"}))),
        ("the longest external id", with(json!({"externalId": "e".repeat(1224)}))),
        (
            "null for optional fields",
            with(json!({"namespaceSelector": null, "externalId": null, "allow": null})),
        ),
    ]
}

fn accepted_limits() -> Vec<(&'static str, Value)> {
    let everything = json!({
        "regions": ["us-east-1", "us-gov-west-1"],
        "kmsKeyArns": [KEY, "arn:aws:kms:*:111122223333:alias/lab-?"],
        "locations": ["s3://lab/", "s3://shared/漢字 é/"],
        "policyPrincipals": [
            "*", "111122223333", "omics.amazonaws.com", "arn:aws:iam::111122223333:role/lab-*",
            "arn:aws:sts::*:assumed-role/lab/a:b",
        ],
        "sequenceStoreIds": ["1234567890", "1".repeat(36)],
    });
    let nothing = json!({
        "regions": [], "kmsKeyArns": [], "locations": [], "policyPrincipals": [], "sequenceStoreIds": [],
    });
    vec![
        ("every limit", with(json!({"allow": everything}))),
        ("limits that allow nothing", with(json!({"allow": nothing}))),
        ("no limit at all", with(json!({"allow": {}}))),
        ("null for a limit", allow("regions", Value::Null)),
    ]
}

fn namespaces() -> Refused {
    vec![
        ("neither namespaces nor a selector", json!({"roleArn": ROLE}), EITHER),
        ("both namespaces and a selector", with(json!({"namespaceSelector": {}})), EITHER),
        ("no namespace", with(json!({"namespaces": []})), "spec.namespaces minItems"),
        ("a pattern for namespaces", with(json!({"namespaces": ["lab-*"]})), NAMESPACES),
        ("an upper-case namespace", with(json!({"namespaces": ["Lab"]})), NAMESPACES),
        ("an empty namespace", with(json!({"namespaces": [""]})), NAMESPACES),
        ("a namespace that ends with a hyphen", with(json!({"namespaces": ["lab-"]})), NAMESPACES),
    ]
}

fn selectors() -> Refused {
    let operator = |operator: &str| json!({"key": "team", "operator": operator});
    vec![
        ("In without values", expression(operator("In")), VALUES),
        (
            "NotIn with an empty list of values",
            expression(json!({"key": "team", "operator": "NotIn", "values": []})),
            VALUES,
        ),
        (
            "Exists with a value",
            expression(json!({"key": "team", "operator": "Exists", "values": ["a"]})),
            VALUES,
        ),
        (
            "an operator that does not exist",
            expression(operator("Equals")),
            "spec.namespaceSelector.matchExpressions[].operator enum",
        ),
        (
            "a condition without a key",
            expression(json!({"operator": "Exists"})),
            "spec.namespaceSelector.matchExpressions[] required key",
        ),
        (
            "a condition without an operator",
            expression(json!({"key": "team"})),
            "spec.namespaceSelector.matchExpressions[] required operator",
        ),
        ("a key with a space", expression(json!({"key": "my team", "operator": "DoesNotExist"})), LABEL_KEY),
        ("a label key with two slashes", labels(json!({"example.org/a/b": "x"})), LABEL_KEYS),
        ("a label value with a space", labels(json!({"team": "my team"})), LABEL_VALUE),
        (
            "a value that no label can have",
            expression(json!({"key": "team", "operator": "In", "values": ["a*"]})),
            LABEL_VALUE,
        ),
    ]
}

fn roles() -> Refused {
    let role = |arn: &str| with(json!({"roleArn": arn}));
    let external_id = |id: &str| with(json!({"externalId": id}));
    vec![
        ("no role", json!({"namespaces": ["lab"]}), "spec required roleArn"),
        ("the name of a role instead of its ARN", role("sequence-stores"), ROLE_ARN),
        ("the ARN of a user", role("arn:aws:iam::111122223333:user/sequence-stores"), ROLE_ARN),
        (
            "the ARN of a session of the role",
            role("arn:aws:sts::111122223333:assumed-role/sequence-stores/x"),
            ROLE_ARN,
        ),
        ("a role with a wildcard", role("arn:aws:iam::111122223333:role/lab-*"), ROLE_ARN),
        ("a role without an account", role("arn:aws:iam:::role/sequence-stores"), ROLE_ARN),
        ("an external id of one character", external_id("x"), EXTERNAL_ID),
        ("an external id with a space", external_id("two words"), EXTERNAL_ID),
        ("an empty external id", external_id(""), EXTERNAL_ID),
    ]
}

fn limits() -> Refused {
    let one = |field: &str, value: &str| allow(field, json!([value]));
    vec![
        ("a wildcard in a region", one("regions", "us-*"), REGIONS),
        (
            "the id of a key instead of its ARN",
            one("kmsKeyArns", "1234abcd-12ab-34cd-56ef-1234567890ab"),
            KEYS,
        ),
        ("every key by one star", one("kmsKeyArns", "*"), KEYS),
        ("an allowed location without a slash at the end", one("locations", "s3://lab"), LOCATIONS),
        ("a wildcard in a bucket", one("locations", "s3://lab-*/"), LOCATIONS),
        ("the ARN of a bucket instead of a location", one("locations", "arn:aws:s3:::lab/"), LOCATIONS),
        ("the name of a role as a principal", one("policyPrincipals", "lab-reader"), PRINCIPALS),
        (
            "a principal with a space",
            one("policyPrincipals", "arn:aws:iam::111122223333:role/a b"),
            PRINCIPALS,
        ),
        ("the ARN of a bucket as a principal", one("policyPrincipals", "arn:aws:s3:::lab"), PRINCIPALS),
        ("a wildcard in the id of a store", one("sequenceStoreIds", "12345678*"), STORE_IDS),
    ]
}

fn too_many() -> Refused {
    let expressions: Value = (0..33).map(|n| json!({"key": format!("k{n}"), "operator": "Exists"})).collect();
    let labelled: Map<String, Value> = (0..33).map(|n| (format!("k{n}"), json!("v"))).collect();
    let values = json!({"key": "k", "operator": "In", "values": numbered(65, |n| format!("v{n}"))});
    let key = |n| format!("arn:aws:kms:us-east-1:111122223333:key/{n}");
    let principal = |n| format!("arn:aws:iam::111122223333:role/r{n}");
    vec![
        (
            "1001 namespaces",
            with(json!({"namespaces": numbered(1001, |n| format!("lab-{n}"))})),
            "spec.namespaces maxItems",
        ),
        ("33 labels", labels(labelled.into()), "spec.namespaceSelector.matchLabels maxProperties"),
        (
            "33 conditions on labels",
            selector(json!({"matchExpressions": expressions})),
            "spec.namespaceSelector.matchExpressions maxItems",
        ),
        (
            "65 values in a condition",
            expression(values),
            "spec.namespaceSelector.matchExpressions[].values maxItems",
        ),
        (
            "65 regions",
            allow("regions", numbered(65, |n| format!("us-east-{n}"))),
            "spec.allow.regions maxItems",
        ),
        ("257 keys", allow("kmsKeyArns", numbered(257, key)), "spec.allow.kmsKeyArns maxItems"),
        (
            "257 locations",
            allow("locations", numbered(257, |n| format!("s3://lab-{n}/"))),
            "spec.allow.locations maxItems",
        ),
        (
            "257 principals",
            allow("policyPrincipals", numbered(257, principal)),
            "spec.allow.policyPrincipals maxItems",
        ),
        (
            "1001 stores",
            allow("sequenceStoreIds", numbered(1001, |n| format!("{n:010}"))),
            "spec.allow.sequenceStoreIds maxItems",
        ),
    ]
}

fn too_long() -> Refused {
    let long = |start: &str, length: usize| format!("{start}{}", "x".repeat(length - start.len()));
    let one = |field: &str, value: String| allow(field, json!([value]));
    vec![
        (
            "a namespace of 64 characters",
            with(json!({"namespaces": [long("", 64)]})),
            "spec.namespaces[] maxLength",
        ),
        (
            "a label value of 64 characters",
            labels(json!({"team": long("", 64)})),
            "spec.namespaceSelector.matchLabels.* maxLength",
        ),
        (
            "a key of 317 characters",
            expression(json!({"key": long("", 317), "operator": "Exists"})),
            "spec.namespaceSelector.matchExpressions[].key maxLength",
        ),
        (
            "a value of 64 characters",
            expression(json!({"key": "team", "operator": "In", "values": [long("", 64)]})),
            "spec.namespaceSelector.matchExpressions[].values[] maxLength",
        ),
        (
            "a role ARN of 2049 characters",
            with(json!({"roleArn": long("arn:aws:iam::111122223333:role/", 2049)})),
            "spec.roleArn maxLength",
        ),
        (
            "an external id of 1225 characters",
            with(json!({"externalId": long("", 1225)})),
            "spec.externalId maxLength",
        ),
        ("a region of 33 characters", one("regions", long("us-", 33)), "spec.allow.regions[] maxLength"),
        (
            "a key of 2049 characters",
            one("kmsKeyArns", long("arn:aws:kms:us-east-1:111122223333:key/", 2049)),
            "spec.allow.kmsKeyArns[] maxLength",
        ),
        (
            "a location of 2049 characters",
            one("locations", long("s3://lab/", 2049)),
            "spec.allow.locations[] maxLength",
        ),
        (
            "a principal of 2049 characters",
            one("policyPrincipals", long("arn:aws:iam::111122223333:role/", 2049)),
            "spec.allow.policyPrincipals[] maxLength",
        ),
        (
            "an id of 37 digits",
            allow("sequenceStoreIds", json!(["1".repeat(37)])),
            "spec.allow.sequenceStoreIds[] maxLength",
        ),
    ]
}

fn wrong_types() -> Refused {
    let not_a_string = "a number or boolean instead of a string";
    let string = "a string instead of another type";
    let values = |values: Value| expression(json!({"key": "team", "operator": "In", "values": values}));
    vec![
        (not_a_string, with(json!({"namespaces": [7]})), "spec.namespaces[] type"),
        (not_a_string, labels(json!({"team": true})), "spec.namespaceSelector.matchLabels.* type"),
        (
            not_a_string,
            expression(json!({"key": 7, "operator": "Exists"})),
            "spec.namespaceSelector.matchExpressions[].key type",
        ),
        (
            not_a_string,
            expression(json!({"key": "team", "operator": 7})),
            "spec.namespaceSelector.matchExpressions[].operator type",
        ),
        (not_a_string, values(json!([7])), "spec.namespaceSelector.matchExpressions[].values[] type"),
        (not_a_string, with(json!({"roleArn": 7})), "spec.roleArn type"),
        (not_a_string, with(json!({"externalId": 7})), "spec.externalId type"),
        (not_a_string, allow("regions", json!([7])), "spec.allow.regions[] type"),
        (not_a_string, allow("kmsKeyArns", json!([7])), "spec.allow.kmsKeyArns[] type"),
        (not_a_string, allow("locations", json!([7])), "spec.allow.locations[] type"),
        (
            "an account id without quotes",
            allow("policyPrincipals", json!([111_122_223_333_u64])),
            "spec.allow.policyPrincipals[] type",
        ),
        (
            "the id of a store without quotes",
            allow("sequenceStoreIds", json!([1_234_567_890])),
            "spec.allow.sequenceStoreIds[] type",
        ),
        (string, with(json!({"namespaces": "lab"})), "spec.namespaces type"),
        (string, selector(json!("team=a")), "spec.namespaceSelector type"),
        (string, labels(json!("team=a")), "spec.namespaceSelector.matchLabels type"),
        (
            string,
            selector(json!({"matchExpressions": "team in (a)"})),
            "spec.namespaceSelector.matchExpressions type",
        ),
        (string, expression(json!("team in (a)")), "spec.namespaceSelector.matchExpressions[] type"),
        (string, values(json!("a")), "spec.namespaceSelector.matchExpressions[].values type"),
        (string, with(json!({"allow": "everything"})), "spec.allow type"),
        (string, allow("regions", json!("us-east-1")), "spec.allow.regions type"),
        (string, allow("kmsKeyArns", json!(KEY)), "spec.allow.kmsKeyArns type"),
        (string, allow("locations", json!("s3://lab/")), "spec.allow.locations type"),
        (string, allow("policyPrincipals", json!("*")), "spec.allow.policyPrincipals type"),
        (string, allow("sequenceStoreIds", json!("1234567890")), "spec.allow.sequenceStoreIds type"),
        ("a list instead of the spec", json!([]), "spec type"),
    ]
}

/// Edits of a binding of one namespace.
fn edits() -> Vec<Example> {
    let edit = |what, change: Value, breaks| Example {
        before: Some(object_of(Kind::AccountBinding, "lab", &with(json!({})))),
        ..new(what, with(change), breaks)
    };
    vec![
        edit("a role of another account", json!({"roleArn": OTHER_ROLE}), Some(FROZEN_ROLE)),
        edit(
            "another role of the same account",
            json!({"roleArn": "arn:aws:iam::111122223333:role/other"}),
            Some(FROZEN_ROLE),
        ),
        edit("other namespaces", json!({"namespaces": ["other"]}), None),
        edit(
            "a selector in place of namespaces",
            json!({"namespaces": null, "namespaceSelector": {"matchLabels": {"no-such-label": "x"}}}),
            None,
        ),
        edit("an external id", json!({"externalId": "cluster-7"}), None),
        edit("limits", json!({"allow": {"regions": ["us-east-1"]}}), None),
    ]
}
