//! Accepted and refused objects of both kinds: every limit and every rule of a CRD has an example that breaks it and an accepted
//! one. The tests without a cluster, the tests on a real API server and `docs/bad-input.md` use them. No I/O.

mod bindings;
mod edits;
mod refused;

use serde_json::{Map, Value, json};

pub use refused::STRICTER;

pub const ID: &str = "1234567890";
pub const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    SequenceStore,
    AccountBinding,
}

/// One object that a user writes.
#[derive(Clone, Debug)]
pub struct Example {
    pub kind: Kind,
    /// What the example shows, as printed in `docs/bad-input.md`.
    pub what: &'static str,
    pub name: String,
    /// The object with its status before the edit; `None` for a new object.
    pub before: Option<Value>,
    pub spec: Value,
    /// What the object breaks: a limit of the schema as `path keyword`, or the message of a rule. `None` if the
    /// API server accepts it.
    pub breaks: Option<&'static str>,
}

impl Example {
    /// The object that is sent to the API server.
    pub fn object(&self) -> Value {
        object_of(self.kind, &self.name, &self.spec)
    }

    /// Texts that the API server's response must contain; `None` if the API server accepts the object.
    pub fn refusal_contains(&self) -> Option<Vec<String>> {
        let breaks = self.breaks?;
        // The message of a rule can start with a field name too, but has more words than `path keyword name`.
        let limit = breaks
            .split_once(' ')
            .filter(|(path, limit)| path.starts_with("spec") && limit.split(' ').count() <= 2);
        let Some((path, limit)) = limit else {
            return Some(vec![breaks.to_owned()]);
        };
        let path = path.replace("[]", "[0]").replace(".*", "");
        Some(match limit.split_once(' ').unwrap_or((limit, "")) {
            ("type", _) => vec![path, "must be of type".into()],
            ("enum", _) => vec![path, "supported values".into()],
            ("maxLength", _) => vec![path, "Too long".into()],
            ("maxItems" | "maxProperties", _) => vec![path, "Too many".into()],
            ("minItems", _) => vec![path, "should have at least".into()],
            ("required", name) => vec![format!("{path}.{name}: Required value")],
            (other, _) => vec![format!("the response for {other} is not known")],
        })
    }
}

pub fn object(name: &str, spec: &Value) -> Value {
    object_of(Kind::SequenceStore, name, spec)
}

pub fn object_of(kind: Kind, name: &str, spec: &Value) -> Value {
    let (version, kind) = ("healthomics.dev/v1alpha1", format!("{kind:?}"));
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn new(what: &'static str, spec: Value, breaks: Option<&'static str>) -> Example {
    Example { kind: Kind::SequenceStore, what, name: "genomes".into(), before: None, spec, breaks }
}

/// Of one kind.
pub fn of(kind: Kind) -> Vec<Example> {
    match kind {
        Kind::SequenceStore => stores(),
        Kind::AccountBinding => bindings::bindings(),
    }
}

fn stores() -> Vec<Example> {
    let mut all: Vec<Example> = accepted().into_iter().map(|(what, spec)| new(what, spec, None)).collect();
    all.extend(refused::refused().into_iter().map(|(what, spec, breaks)| new(what, spec, Some(breaks))));
    all.extend(names());
    all.extend(edits::edits());
    all
}

fn tags(count: usize) -> Value {
    (0..count).map(|n| (format!("key-{n}"), json!("v"))).collect::<Map<_, _>>().into()
}

fn statement(extra: Value) -> Value {
    let mut statement =
        json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"});
    for (name, value) in extra.as_object().expect("an object") {
        statement[name] = value.clone();
    }
    json!({"s3AccessPolicy": {"Version": "2012-10-17", "Statement": [statement]}})
}

fn without(element: &str) -> Value {
    let mut spec = statement(json!({}));
    spec["s3AccessPolicy"]["Statement"][0].as_object_mut().expect("an object").remove(element);
    spec
}

fn location(prefix: usize) -> String {
    format!("s3://{}/{}/", "b".repeat(63), "p".repeat(prefix))
}

/// What each example shows, and its spec.
fn accepted() -> Vec<(&'static str, Value)> {
    [accepted_single_values(), accepted_locations_and_maps()].concat()
}

fn accepted_single_values() -> Vec<(&'static str, Value)> {
    let alias = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/team/genomes_1";
    let replica = "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
    vec![
        ("an empty spec", json!({})),
        ("a region", json!({"region": "us-east-1"})),
        ("a region of GovCloud", json!({"region": "us-gov-west-1"})),
        ("a region of the European Sovereign Cloud", json!({"region": "eusc-de-east-1"})),
        ("an id", json!({"sequenceStoreId": ID})),
        ("the longest id", json!({"sequenceStoreId": "1".repeat(36)})),
        ("Manage", json!({"managementPolicy": "Manage"})),
        ("Observe", json!({"managementPolicy": "Observe"})),
        ("Delete", json!({"deletionPolicy": "Delete"})),
        ("Retain with deletion protection", json!({"deletionPolicy": "Retain", "deletionProtection": true})),
        ("read sets are counted", json!({"observeReadSets": true})),
        ("the longest name", json!({"name": "n".repeat(127)})),
        ("the longest name in two-byte letters", json!({"name": "é".repeat(127)})),
        ("the longest name in four-byte symbols", json!({"name": "🧬".repeat(127)})),
        ("a name of many scripts", json!({"name": "Genome 漢字 é – 1"})),
        ("a decomposed letter", json!({"name": "e\u{301}"})),
        ("right-to-left letters", json!({"description": "גנום"})),
        ("the longest description", json!({"description": "d".repeat(255)})),
        ("an encryption type without a key", json!({"sseConfig": {"type": "KMS"}})),
        ("a key ARN", json!({"sseConfig": {"type": "KMS", "keyArn": KEY}})),
        ("the ARN of a multi-Region key", json!({"sseConfig": {"type": "KMS", "keyArn": replica}})),
        ("an alias ARN", json!({"sseConfig": {"type": "KMS", "keyArn": alias}})),
        ("MD5", json!({"eTagAlgorithmFamily": "MD5up"})),
        ("SHA-256", json!({"eTagAlgorithmFamily": "SHA256up"})),
        ("SHA-512", json!({"eTagAlgorithmFamily": "SHA512up"})),
    ]
}

fn accepted_locations_and_maps() -> Vec<(&'static str, Value)> {
    let condition = json!({"Sid": "a", "Condition": {"StringLike": {"s3:prefix": "a"}, "ArnLike": {"aws:PrincipalArn": ["b"]}}});
    let mut with_id = statement(json!({}));
    with_id["s3AccessPolicy"]["Id"] = json!("reads-of-the-cohort");
    vec![
        ("an empty location, which clears it", json!({"fallbackLocation": ""})),
        ("a location without a prefix", json!({"fallbackLocation": "s3://bucket"})),
        ("a location without a prefix, with a slash", json!({"fallbackLocation": "s3://bucket/"})),
        ("a location with a prefix", json!({"fallbackLocation": "s3://bucket/some/prefix/"})),
        ("a prefix of many scripts", json!({"fallbackLocation": "s3://bucket/漢字 é/"})),
        ("the longest location", json!({"fallbackLocation": location(1024)})),
        ("an empty s3AccessConfig", json!({"s3AccessConfig": {}})),
        ("an empty log location, which clears it", json!({"s3AccessConfig": {"accessLogLocation": ""}})),
        ("a log location", json!({"s3AccessConfig": {"accessLogLocation": "s3://logs/p/"}})),
        ("the longest log location", json!({"s3AccessConfig": {"accessLogLocation": location(800)}})),
        ("an empty list of propagated keys, which clears them", json!({"propagatedSetLevelTags": []})),
        ("five propagated keys", json!({"propagatedSetLevelTags": ["a", "b", "c", "d", "k".repeat(128)]})),
        ("an empty policy, which deletes the policy", json!({"s3AccessPolicy": {}})),
        ("a policy", statement(json!({}))),
        ("a policy with conditions", statement(condition)),
        ("a policy with an id", with_id),
        ("empty tags, which removes the managed tags", json!({"tags": {}})),
        ("46 tags", json!({"tags": tags(46)})),
        ("the longest tag key and value", json!({"tags": {"k".repeat(128): "v".repeat(256), "empty": ""}})),
        (
            "tags with every kind of character that AWS accepts",
            json!({"tags": {"ключ_.:/=+-@ 1": "値_.:/=+-@ 1"}}),
        ),
        (
            "tag keys similar to the reserved prefixes",
            json!({"tags": {"aws-x": "v", "x.healthomics.dev/a": "v"}}),
        ),
        ("ten seconds", json!({"pollInterval": "10s"})),
        ("five minutes", json!({"pollInterval": "5m"})),
        ("one hour", json!({"pollInterval": "1h"})),
        ("the longest interval", json!({"pollInterval": "9999999h"})),
        ("a ConfigMap", json!({"writeConnectionTo": {"configMap": "genomes-store"}})),
        (
            "the longest name of a ConfigMap",
            json!({"writeConnectionTo": {"configMap": "a.".repeat(126) + "b"}}),
        ),
        ("null for the ConfigMap", json!({"writeConnectionTo": null})),
        ("null for optional fields", json!({"name": null, "tags": {"k": null}, "sseConfig": null})),
    ]
}

const OBJECT_NAME: &str = "a store without spec.name gets the name of the object, and AWS allows at most 127 characters: \
    set spec.name or shorten metadata.name";

fn names() -> Vec<Example> {
    let of = |what, length, spec, breaks| Example { name: "n".repeat(length), ..new(what, spec, breaks) };
    vec![
        of("an object name of 128 characters without spec.name", 128, json!({}), Some(OBJECT_NAME)),
        of("the longest object name without spec.name", 127, json!({}), None),
        of("a long object name with spec.name", 128, json!({"name": "short"}), None),
        of("a long object name with spec.sequenceStoreId", 128, json!({"sequenceStoreId": ID}), None),
    ]
}
