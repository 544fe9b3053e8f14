//! Edits of an object, before and after a store is on record.

use serde_json::{Value, json};

use super::{Example, ID, KEY, new, object};

const OTHER_KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab";
const FROZEN_ID: &str = "spec.sequenceStoreId can be neither added, removed nor changed once a store is on record in \
    status.store: delete this object (deletionPolicy: Retain keeps the store) and apply a new one";
const FROZEN_REGION: &str =
    "spec.region cannot change once a store is on record: write the region in status.region, or leave it out";
const FROZEN_FAMILY: &str =
    "AWS cannot change eTagAlgorithmFamily of a store: write the value in status.store, or leave it out";
const FROZEN_SSE: &str =
    "AWS cannot change sseConfig of a store: write the value in status.store, or leave it out";

/// Edits of an object: what is frozen once a store is on record, and what stays free.
pub(super) fn edits() -> Vec<Example> {
    let record = json!({
        "store": {
            "id": ID, "arn": "arn:aws:omics:us-east-1:111122223333:sequenceStore/1234567890",
            "eTagAlgorithmFamily": "SHA256up", "sseConfig": {"type": "KMS", "keyArn": KEY},
        },
        "region": "us-east-1",
    });
    let full = json!({
        "sequenceStoreId": ID, "region": "us-east-1", "eTagAlgorithmFamily": "SHA256up",
        "sseConfig": {"type": "KMS", "keyArn": KEY},
    });
    let edit = |of: &Value, status: &Value, change: Value| {
        let (mut before, mut spec) = (object("genomes", of), of.clone());
        before["status"] = status.clone();
        for (name, value) in change.as_object().expect("an object") {
            spec[name] = value.clone();
        }
        (before, spec)
    };
    let named = |what, change: Value, breaks| {
        let (before, spec) = edit(&full, &record, change);
        Example { before: Some(before), ..new(what, spec, breaks) }
    };
    let open = |what, change: Value, breaks| {
        let (before, spec) = edit(&json!({}), &record, change);
        Example { before: Some(before), ..new(what, spec, breaks) }
    };
    let differs = |what, change: Value, breaks| {
        let (before, spec) = edit(&json!({"eTagAlgorithmFamily": "MD5up"}), &record, change);
        Example { before: Some(before), ..new(what, spec, breaks) }
    };
    let unrecorded = |what, change: Value| {
        let (before, spec) = edit(&full, &json!({"observedGeneration": 1}), change);
        Example { before: Some(before), ..new(what, spec, None) }
    };
    let sse = |arn: &str| json!({"sseConfig": {"type": "KMS", "keyArn": arn}});
    vec![
        named("another id", json!({"sequenceStoreId": "9876543210"}), Some(FROZEN_ID)),
        named("the id taken out", json!({"sequenceStoreId": null}), Some(FROZEN_ID)),
        open("an id put in", json!({"sequenceStoreId": ID}), Some(FROZEN_ID)),
        named("another region", json!({"region": "eu-west-1"}), Some(FROZEN_REGION)),
        open("another region put in", json!({"region": "eu-west-1"}), Some(FROZEN_REGION)),
        named("another family", json!({"eTagAlgorithmFamily": "MD5up"}), Some(FROZEN_FAMILY)),
        open("another family put in", json!({"eTagAlgorithmFamily": "MD5up"}), Some(FROZEN_FAMILY)),
        differs("a third family", json!({"eTagAlgorithmFamily": "SHA512up"}), Some(FROZEN_FAMILY)),
        named("another key", sse(OTHER_KEY), Some(FROZEN_SSE)),
        open("another key put in", sse(OTHER_KEY), Some(FROZEN_SSE)),
        named("the region taken out", json!({"region": null}), None),
        open("the store's own region", json!({"region": "us-east-1"}), None),
        named("the family taken out", json!({"eTagAlgorithmFamily": null}), None),
        open("the store's own family", json!({"eTagAlgorithmFamily": "SHA256up"}), None),
        differs("the family mended", json!({"eTagAlgorithmFamily": "SHA256up"}), None),
        differs("something else, though the family differs", json!({"description": "new"}), None),
        open("null where no id was", json!({"sequenceStoreId": null, "eTagAlgorithmFamily": null}), None),
        named("the encryption taken out", json!({"sseConfig": null}), None),
        named("the key taken out", json!({"sseConfig": {"type": "KMS"}}), None),
        open("the store's own key", sse(KEY), None),
        named("what is not frozen", json!({"description": "new", "pollInterval": "1m"}), None),
        unrecorded("another id before a store is on record", json!({"sequenceStoreId": "9876543210"})),
        unrecorded("no id before a store is on record", json!({"sequenceStoreId": null})),
        unrecorded("another region before a store is on record", json!({"region": "eu-west-1"})),
        unrecorded("another family before a store is on record", json!({"eTagAlgorithmFamily": "MD5up"})),
        unrecorded("another key before a store is on record", sse(OTHER_KEY)),
    ]
}
