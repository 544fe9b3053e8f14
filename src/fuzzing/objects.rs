//! Objects as the API server sends them. No I/O.

use serde_json::Value;

use super::{facts, scene, text};
use crate::crd::SequenceStore;
use crate::kubernetes::{InvalidObject, WatchedObject};
use crate::status::event;

/// Half of what the operator reads at all: written out again, an object may be longer.
const MOST_BYTES: usize = 256 * 1024;

/// An object, as JSON.
pub fn objects(data: &[u8]) {
    let text = text(data);
    match WatchedObject::decode(&text).0 {
        Ok(object) => {
            if text.len() <= MOST_BYTES {
                read_again(&object);
            }
            scene::check_all(&object);
        }
        Err(invalid) => undecodable(&invalid),
    }
}

/// What the operator decodes, and what it would decode if it wrote all of it back, are the same.
fn read_again(object: &SequenceStore) {
    let policy = object.spec.s3_access_policy.clone().map_or(Value::Null, Value::Object);
    // The last digit of a number may differ; nobody writes one in a policy.
    if has_fraction(&policy) {
        return;
    }
    let written = serde_json::to_string(object).expect("an object is plain data");
    let again = WatchedObject::decode(&written).0;
    assert!(again.is_ok_and(|again| again == *object), "another object is read back: {written}");
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(members) => members.values().any(has_fraction),
        _ => false,
    }
}

/// The reason names a place and nothing of the content, and what is left of the object says which store it claims.
fn undecodable(invalid: &InvalidObject) {
    let why = invalid.why.to_string();
    assert!(facts::is_line(&why) && why.len() <= 8192, "{} bytes", why.len());
    facts::check_events(&[event::undecodable(&why)]);
    if let Some(claim) = &invalid.claim {
        scene::check_all(claim);
    }
}
