//! What is read from short texts: ARNs, durations, locations, regions, uids. No I/O.

use std::time::Duration;

use serde_json::{Value, json};

use super::{facts, text};
use crate::aws::StoreArn;
use crate::cli::fuzzed_values;
use crate::crd::{
    S3AccessConfig, SequenceStore, SequenceStoreSpec, Store, StoreS3Access, StoreStatus, is_dns_label,
    is_dns_subdomain, is_region, is_store_id, refusals,
};
use crate::kubernetes::Uid;
use crate::store::desired::parse_duration;
use crate::store::drift::differences;
use crate::store::{Field, ObservedPolicy, ObservedTags, Present};

/// One text on each line, each compared with the one before.
pub fn values(data: &[u8]) {
    let text = text(data);
    let mut before = "";
    for line in text.lines().take(64) {
        arn(line);
        duration(line);
        names(line);
        locations(line, before);
        fuzzed_values(line);
        assert_eq!(Uid::from(line) == Uid::from(before), line == before, "{line:?} and {before:?}");
        before = line;
    }
}

/// What is read from an ARN makes the same ARN again.
fn arn(text: &str) {
    let Some(StoreArn { region, account, id }) = StoreArn::parse(text) else { return };
    let partition = text.split(':').nth(1).unwrap_or_default();
    assert_eq!(format!("arn:{partition}:omics:{region}:{account}:sequenceStore/{id}"), text);
    assert!(is_store_id(id) && account.len() == 12, "{text}");
}

/// A duration has an end, and one text; the API server accepts no other form.
fn duration(text: &str) {
    let accepted = refusals(&manifest(&json!({"pollInterval": text}))).is_empty();
    let Some(duration) = parse_duration(text) else {
        assert!(!accepted, "the API server accepts {text:?}");
        return;
    };
    assert!(duration <= Duration::from_secs(u64::from(u32::MAX) * 3600), "{duration:?}");
    let (number, unit) = text.split_at(text.len() - 1);
    assert!(number.bytes().all(|byte| byte.is_ascii_digit()), "{text:?}");
    let in_seconds = format!("{}s", duration.as_secs());
    if unit == "s" {
        assert_eq!(number.trim_start_matches('0'), in_seconds.trim_end_matches('s').trim_start_matches('0'));
    }
}

/// Code and schema agree on the form of names.
fn names(text: &str) {
    let is_accepted = |field: &str| refusals(&manifest(&json!({field: text}))).is_empty();
    assert_eq!(is_region(text), is_accepted("region"), "{text:?}");
    assert!(!is_region(text) || facts::is_region_code(text), "{text:?}");
    assert_eq!(is_store_id(text), is_accepted("sequenceStoreId"), "{text:?}");
    assert!(!is_dns_label(text) || is_dns_subdomain(text), "{text:?}");
    if let Some(status) = StoreStatus::parse(text) {
        assert_eq!(status.as_str(), text);
    }
}

fn manifest(spec: &Value) -> Value {
    json!({"apiVersion": "healthomics.dev/v1alpha1", "kind": "SequenceStore", "metadata": {"name": "a"}, "spec": spec})
}

/// A location equals itself in every form in which AWS may show it, and what is equal is equal the other way round.
fn locations(one: &str, other: &str) {
    let slash = |text: &str| format!("{}/", text.strip_suffix('/').unwrap_or(text));
    let none = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
    assert!(same_fallback(one, one) && same_log(one, one), "{one:?}");
    // No bucket or prefix ends with two slashes.
    if !none(one).is_empty() && !none(one).ends_with('/') {
        for form in [slash(one), none(one)] {
            assert!(same_fallback(one, &form) && same_log(one, &form), "{one:?} and {form:?}");
            assert!(same_log(one, &format!("{}{ID}/", slash(&form))), "{one:?}");
        }
    }
    assert_eq!(same_fallback(one, other), same_fallback(other, one), "{one:?} and {other:?}");
    if same_fallback(one, other) {
        assert_eq!(none(one), none(other));
    }
}

const ID: &str = "1111111111";

fn same_fallback(wanted: &str, shown: &str) -> bool {
    let spec = SequenceStoreSpec { fallback_location: Some(wanted.into()), ..Default::default() };
    let store = Store { fallback_location: Some(shown.into()), ..Store::default() };
    is_same(spec, store, &Field::FallbackLocation)
}

fn same_log(wanted: &str, shown: &str) -> bool {
    let access = S3AccessConfig { access_log_location: Some(wanted.into()) };
    let spec = SequenceStoreSpec { s3_access_config: Some(access), ..Default::default() };
    let access = StoreS3Access { access_log_location: Some(shown.into()), ..Default::default() };
    let store = Store { id: ID.into(), s3_access: Some(access), ..Store::default() };
    is_same(spec, store, &Field::AccessLogLocation)
}

fn is_same(spec: SequenceStoreSpec, store: Store, field: &Field) -> bool {
    let present = Present {
        store,
        account: String::new(),
        tags: ObservedTags::Read(std::collections::BTreeMap::new()),
        strays: None,
        policy: ObservedPolicy::NotRead,
    };
    let found = differences(&SequenceStore::new("a", spec), &present);
    !found.correctable.iter().any(|difference| difference.field == *field)
}
