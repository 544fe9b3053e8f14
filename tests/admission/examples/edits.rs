//! Examples of edits, before and after a store is recorded in `status.store`.

use serde_json::{Value, json};

use super::{Example, ID, KEY, new, object};

const OTHER_KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab";
const FROZEN_ID: &str = "spec.sequenceStoreId cannot be added, removed or changed once a store is recorded in \
    status.store: delete this object (deletionPolicy: Retain keeps the store) and apply a new one";
const FROZEN_REGION: &str = "spec.region cannot be changed once a store is recorded in status.store: \
    set it to the value shown in status.region, or remove the field";
const FROZEN_FAMILY: &str = "AWS cannot change eTagAlgorithmFamily of a store: \
    set it to the value shown in status.store.eTagAlgorithmFamily, or remove the field";
const FROZEN_SSE: &str = "AWS cannot change sseConfig of a store: set it to the value shown in status.store.sseConfig, or remove the field";

/// Refused and accepted edits of the fields that cannot change once a store is recorded in `status.store`.
pub(super) fn edits() -> Vec<Example> {
    [refused_once_recorded(), accepted_once_recorded(), accepted_before_recorded()].concat()
}

/// A spec that sets every one of these fields.
fn full() -> Value {
    json!({
        "sequenceStoreId": ID, "region": "us-east-1", "eTagAlgorithmFamily": "SHA256up",
        "sseConfig": {"type": "KMS", "keyArn": KEY},
    })
}

/// The status of an object whose store is recorded.
fn recorded() -> Value {
    json!({
        "store": {
            "id": ID, "arn": "arn:aws:omics:us-east-1:111122223333:sequenceStore/1234567890",
            "eTagAlgorithmFamily": "SHA256up", "sseConfig": {"type": "KMS", "keyArn": KEY},
        },
        "region": "us-east-1",
    })
}

fn sse(arn: &str) -> Value {
    json!({"sseConfig": {"type": "KMS", "keyArn": arn}})
}

/// An edit of an object with this spec and status: `change` replaces fields of the spec.
fn edit(
    what: &'static str,
    (before, status): (Value, Value),
    change: Value,
    breaks: Option<&'static str>,
) -> Example {
    let (mut object, mut spec) = (object("genomes", &before), before);
    object["status"] = status;
    for (name, value) in change.as_object().expect("an object") {
        spec[name] = value.clone();
    }
    Example { before: Some(object), ..new(what, spec, breaks) }
}

/// Edits the full spec.
fn named(what: &'static str, change: Value, breaks: Option<&'static str>) -> Example {
    edit(what, (full(), recorded()), change, breaks)
}

/// Edits an empty spec.
fn open(what: &'static str, change: Value, breaks: Option<&'static str>) -> Example {
    edit(what, (json!({}), recorded()), change, breaks)
}

/// Edits a spec whose algorithm family differs from the recorded store.
fn differs(what: &'static str, change: Value, breaks: Option<&'static str>) -> Example {
    edit(what, (json!({"eTagAlgorithmFamily": "MD5up"}), recorded()), change, breaks)
}

/// Edits the full spec of an object without a recorded store.
fn before_recorded(what: &'static str, change: Value) -> Example {
    edit(what, (full(), json!({"observedGeneration": 1})), change, None)
}

fn refused_once_recorded() -> Vec<Example> {
    vec![
        named("another id", json!({"sequenceStoreId": "9876543210"}), Some(FROZEN_ID)),
        named("the id removed", json!({"sequenceStoreId": null}), Some(FROZEN_ID)),
        open("an id added", json!({"sequenceStoreId": ID}), Some(FROZEN_ID)),
        named("another region", json!({"region": "eu-west-1"}), Some(FROZEN_REGION)),
        open("another region added", json!({"region": "eu-west-1"}), Some(FROZEN_REGION)),
        named("another algorithm family", json!({"eTagAlgorithmFamily": "MD5up"}), Some(FROZEN_FAMILY)),
        open("another algorithm family added", json!({"eTagAlgorithmFamily": "MD5up"}), Some(FROZEN_FAMILY)),
        differs(
            "a third algorithm family, after a mismatch",
            json!({"eTagAlgorithmFamily": "SHA512up"}),
            Some(FROZEN_FAMILY),
        ),
        named("another key", sse(OTHER_KEY), Some(FROZEN_SSE)),
        open("another key added", sse(OTHER_KEY), Some(FROZEN_SSE)),
    ]
}

fn accepted_once_recorded() -> Vec<Example> {
    vec![
        named("the region removed", json!({"region": null}), None),
        open("the store's own region", json!({"region": "us-east-1"}), None),
        named("the algorithm family removed", json!({"eTagAlgorithmFamily": null}), None),
        open("the store's own algorithm family", json!({"eTagAlgorithmFamily": "SHA256up"}), None),
        differs("the algorithm family corrected", json!({"eTagAlgorithmFamily": "SHA256up"}), None),
        differs("another field, while the algorithm family differs", json!({"description": "new"}), None),
        open(
            "null for fields that were absent",
            json!({"sequenceStoreId": null, "eTagAlgorithmFamily": null}),
            None,
        ),
        named("the encryption removed", json!({"sseConfig": null}), None),
        named("the key removed", json!({"sseConfig": {"type": "KMS"}}), None),
        open("the store's own key", sse(KEY), None),
        named("fields that can always change", json!({"description": "new", "pollInterval": "1m"}), None),
        named("a ConfigMap", json!({"writeConnectionTo": {"configMap": "genomes-store"}}), None),
    ]
}

fn accepted_before_recorded() -> Vec<Example> {
    vec![
        before_recorded("another id before a store is recorded", json!({"sequenceStoreId": "9876543210"})),
        before_recorded("no id before a store is recorded", json!({"sequenceStoreId": null})),
        before_recorded("another region before a store is recorded", json!({"region": "eu-west-1"})),
        before_recorded(
            "another algorithm family before a store is recorded",
            json!({"eTagAlgorithmFamily": "MD5up"}),
        ),
        before_recorded("another key before a store is recorded", sse(OTHER_KEY)),
    ]
}
