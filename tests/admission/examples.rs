//! What people may and may not write: for every limit and every rule of the definition an example that breaks it,
//! and examples that are accepted. Data for the tests without a cluster, the tests on a real API server, and the
//! table in `docs/bad-input.md`.

mod edits;
mod refused;

use serde_json::{Map, Value, json};

pub use refused::STRICTER;

pub const ID: &str = "1234567890";
pub const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// One thing that somebody writes.
#[derive(Clone, Debug)]
pub struct Example {
    /// In words.
    pub what: &'static str,
    /// Name of the object.
    pub name: String,
    /// The object that it replaces, with its status.
    pub before: Option<Value>,
    pub spec: Value,
    /// What it breaks: a limit of the schema as `path keyword`, or the message of a rule. None: it is accepted.
    pub breaks: Option<&'static str>,
}

impl Example {
    /// The object that is sent.
    pub fn object(&self) -> Value {
        object(&self.name, &self.spec)
    }

    /// What the API server's answer holds, whatever stands around it.
    pub fn answer_holds(&self) -> Option<Vec<String>> {
        let breaks = self.breaks?;
        // A message may begin with the name of a field too, but goes on in words.
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
            (other, _) => vec![format!("no answer is known for {other}")],
        })
    }
}

pub fn object(name: &str, spec: &Value) -> Value {
    let (version, kind) = ("healthomics.dev/v1alpha1", "SequenceStore");
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn new(what: &'static str, spec: Value, breaks: Option<&'static str>) -> Example {
    Example { what, name: "genomes".into(), before: None, spec, breaks }
}

/// Every example.
pub fn all() -> Vec<Example> {
    let mut all: Vec<Example> = accepted().into_iter().map(|(what, spec)| new(what, spec, None)).collect();
    let refused =
        refused::refused().into_iter().chain(refused::refused_maps()).chain(refused::refused_types());
    all.extend(refused.map(|(what, spec, breaks)| new(what, spec, Some(breaks))));
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

fn accepted() -> Vec<(&'static str, Value)> {
    let alias = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/team/genomes_1";
    let replica = "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
    let condition = json!({"Sid": "a", "Condition": {"StringLike": {"s3:prefix": "a"}, "ArnLike": {"aws:PrincipalArn": ["b"]}}});
    vec![
        ("nothing", json!({})),
        ("a region", json!({"region": "us-east-1"})),
        ("a region of GovCloud", json!({"region": "us-gov-west-1"})),
        ("a region of the sovereign cloud", json!({"region": "eusc-de-east-1"})),
        ("an id", json!({"sequenceStoreId": ID})),
        ("the longest id", json!({"sequenceStoreId": "1".repeat(36)})),
        ("Manage", json!({"managementPolicy": "Manage"})),
        ("Observe", json!({"managementPolicy": "Observe"})),
        ("Delete", json!({"deletionPolicy": "Delete"})),
        ("Retain and protection", json!({"deletionPolicy": "Retain", "deletionProtection": true})),
        ("the longest name", json!({"name": "n".repeat(127)})),
        ("the longest name in two-byte letters", json!({"name": "é".repeat(127)})),
        ("the longest name in four-byte symbols", json!({"name": "🧬".repeat(127)})),
        ("a name of many scripts", json!({"name": "Genome 漢字 é – 1"})),
        ("a decomposed letter", json!({"name": "e\u{301}"})),
        ("right-to-left letters", json!({"description": "גנום"})),
        ("the longest description", json!({"description": "d".repeat(255)})),
        ("a key of the account", json!({"sseConfig": {"type": "KMS"}})),
        ("a key", json!({"sseConfig": {"type": "KMS", "keyArn": KEY}})),
        ("a replica key", json!({"sseConfig": {"type": "KMS", "keyArn": replica}})),
        ("an alias", json!({"sseConfig": {"type": "KMS", "keyArn": alias}})),
        ("MD5", json!({"eTagAlgorithmFamily": "MD5up"})),
        ("SHA-256", json!({"eTagAlgorithmFamily": "SHA256up"})),
        ("SHA-512", json!({"eTagAlgorithmFamily": "SHA512up"})),
        ("a location cleared", json!({"fallbackLocation": ""})),
        ("a bucket", json!({"fallbackLocation": "s3://bucket"})),
        ("a bucket with a slash", json!({"fallbackLocation": "s3://bucket/"})),
        ("a prefix", json!({"fallbackLocation": "s3://bucket/some/prefix/"})),
        ("a prefix of many scripts", json!({"fallbackLocation": "s3://bucket/漢字 é/"})),
        ("the longest location", json!({"fallbackLocation": location(1024)})),
        ("no settings of S3 access", json!({"s3AccessConfig": {}})),
        ("access logs cleared", json!({"s3AccessConfig": {"accessLogLocation": ""}})),
        ("access logs", json!({"s3AccessConfig": {"accessLogLocation": "s3://logs/p/"}})),
        ("the longest log location", json!({"s3AccessConfig": {"accessLogLocation": location(800)}})),
        ("propagated keys cleared", json!({"propagatedSetLevelTags": []})),
        ("five propagated keys", json!({"propagatedSetLevelTags": ["a", "b", "c", "d", "k".repeat(128)]})),
        ("the policy deleted", json!({"s3AccessPolicy": {}})),
        ("a policy", statement(json!({}))),
        ("a policy with conditions", statement(condition)),
        ("tags cleared", json!({"tags": {}})),
        ("46 tags", json!({"tags": tags(46)})),
        ("the longest tag", json!({"tags": {"k".repeat(128): "v".repeat(256), "empty": ""}})),
        ("tags with every character AWS takes", json!({"tags": {"ключ_.:/=+-@ 1": "値_.:/=+-@ 1"}})),
        ("a tag that only resembles AWS's own", json!({"tags": {"aws-x": "v", "x.healthomics.dev/a": "v"}})),
        ("ten seconds", json!({"pollInterval": "10s"})),
        ("five minutes", json!({"pollInterval": "5m"})),
        ("one hour", json!({"pollInterval": "1h"})),
        ("more than a life", json!({"pollInterval": "9999999h"})),
        ("null for what may be absent", json!({"name": null, "tags": {"k": null}, "sseConfig": null})),
    ]
}

const OBJECT_NAME: &str = "a store without spec.name is named like the object, and AWS allows 127 characters: \
    set spec.name or shorten metadata.name";

fn names() -> Vec<Example> {
    let of = |what, length, spec, breaks| Example { name: "n".repeat(length), ..new(what, spec, breaks) };
    vec![
        of("a long object name", 128, json!({}), Some(OBJECT_NAME)),
        of("the longest object name", 127, json!({}), None),
        of("a long object name, and a name", 128, json!({"name": "short"}), None),
        of("a long object name, and an id", 128, json!({"sequenceStoreId": ID}), None),
    ]
}
