//! The annotations of an object. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use super::scene::{self, ID, now};
use super::{facts, text};
use crate::crd::{
    AnnotationProblem, INTENT_ANNOTATION, KNOWN_ANNOTATIONS, SequenceStore, SequenceStoreSpec,
    annotation_findings,
};
use crate::status::event;
use crate::store::intent::Intent;

/// No object may cause more Events at once.
const MOST_EVENTS: usize = 10;
const UID: &str = "uid-of-this-object";

/// Annotations, one on each line, as `key=value`.
pub fn annotations(data: &[u8]) {
    let text = text(data);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let annotations: BTreeMap<String, String> =
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    findings(&annotations);

    let mut object = SequenceStore::new("a", SequenceStoreSpec::default());
    object.metadata.namespace = Some("ns".into());
    object.metadata.uid = Some(UID.into());
    object.metadata.annotations = Some(annotations);
    intent(&object);
    scene::check_all(&object);
    object.spec.sequence_store_id = Some(ID.into());
    scene::check_all(&object);
    object.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now()));
    object.spec.sequence_store_id = None;
    scene::check_all(&object);
}

fn findings(annotations: &BTreeMap<String, String>) {
    let findings = annotation_findings(annotations);
    let events = event::annotations_without_effect(&findings);
    facts::check_events(&events);
    assert!(events.len() <= MOST_EVENTS && events.len() == findings.len().min(MOST_EVENTS));
    for finding in &findings {
        assert!(annotations.contains_key(&finding.key), "{finding:?}");
        let is_known = KNOWN_ANNOTATIONS.contains(&finding.key.as_str());
        let is_of_value = matches!(finding.problem, AnnotationProblem::UnknownValue { .. });
        assert_eq!(is_known, is_of_value, "{finding:?}");
        assert!(finding.to_string().len() <= finding.key.len() + 600, "{finding}");
    }
    let keys: Vec<&String> = findings.iter().map(|finding| &finding.key).collect();
    assert!(keys.is_sorted(), "{keys:?}");
}

fn intent(object: &SequenceStore) {
    let Ok(Some(intent)) = Intent::of(object) else { return };
    assert_eq!(intent.uid, UID, "an intent of another object");
    let mut again = object.clone();
    again.metadata.annotations = Some([(INTENT_ANNOTATION.to_owned(), intent.render())].into());
    assert_eq!(Intent::of(&again), Ok(Some(intent.clone())));
    let token = intent.client_token();
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    assert!(token.len() <= 127 && token.bytes().all(is_allowed), "{token}");
    // As long as the fourth attempt waits, and no longer, whatever the date in the annotation.
    let grace = Duration::from_secs(60);
    let longest = 4 * Intent { attempt: 1, started_at: now(), ..intent.clone() }
        .open_for(grace, Duration::ZERO, now())
        .unwrap_or_default();
    let open = intent.open_for(grace, Duration::ZERO, now()).unwrap_or_default();
    assert!(open <= longest, "open for {open:?}");
    assert_eq!(intent.open_for(grace, longest, now()), None, "never over");
    assert!(intent.is_attempt_of(&intent) && !intent.is_after(&intent));
}
