//! Examples of edits, before and after a store is recorded in `status.store`.

use serde_json::{Value, json};

use super::{Example, ID, KEY, new, object};

const OTHER_KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab";
const FROZEN_ID: &str = "spec.sequenceStoreId cannot be added, removed or changed once a store is recorded in \
    status.store: delete this object (deletionPolicy: Retain keeps the store) and apply a new one";
const FROZEN_REGION: &str = "spec.region cannot be changed once a store is recorded in status.store: \
    set it to the value shown in status.region, or remove the field";
const FROZEN_FAMILY: &str = "AWS cannot change eTagAlgorithmFamily of a store: \
    set it to the value shown in status.store, or remove the field";
const FROZEN_SSE: &str =
    "AWS cannot change sseConfig of a store: set it to the value shown in status.store, or remove the field";

/// Refused and accepted edits of the fields that cannot change once a store is recorded in `status.store`.
pub(super) fn edits() -> Vec<Example> {
    let recorded = json!({
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
        let (before, spec) = edit(&full, &recorded, change);
        Example { before: Some(before), ..new(what, spec, breaks) }
    };
    let open = |what, change: Value, breaks| {
        let (before, spec) = edit(&json!({}), &recorded, change);
        Example { before: Some(before), ..new(what, spec, breaks) }
    };
    let differs = |what, change: Value, breaks| {
        let (before, spec) = edit(&json!({"eTagAlgorithmFamily": "MD5up"}), &recorded, change);
        Example { before: Some(before), ..new(what, spec, breaks) }
    };
    let before_recorded = |what, change: Value| {
        let (before, spec) = edit(&full, &json!({"observedGeneration": 1}), change);
        Example { before: Some(before), ..new(what, spec, None) }
    };
    let sse = |arn: &str| json!({"sseConfig": {"type": "KMS", "keyArn": arn}});
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
