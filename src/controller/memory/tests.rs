//! What is remembered of an object, and for how long.

mod rest;
mod waits;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::*;
use crate::apply::Effect;
use crate::aws::{Class, Operation};
use crate::crd::{RECONCILE_ANNOTATION, SequenceStore, Store};
use crate::observe::{KnownPolicy, Observation};
use crate::plan::{Action, NotKept, Recollection, TakeOver, Target};
use crate::samples::{ID, OTHER_ID, REGION, Scene, call_error, intent, store};
use crate::store::{
    AttemptOutcome, Defaults, Field, Intent, Observed, ObservedPolicy, ObservedTags, Prepared, Present,
    prepare,
};
use crate::tenancy::Access;

fn recollection(record: &Record, now: Instant) -> Recollection {
    record.recollection(Duration::from_secs(300), now)
}

/// A look that waited for its turns shows what was so when it began.
#[test]
fn an_attempt_that_was_open_when_a_look_began_is_open_for_its_plan() {
    let (start, mut record) = (Instant::now(), Record::default());
    assert_eq!(record.lost_intent(&annotated(&intent(None)), start), None);
    let looked_from = start + seconds(2);
    record.observed(&prepared(), &observation("1234567890", asked()), start + seconds(95), 0.5);
    assert_eq!(recollection(&record, looked_from).attempt_known_for, seconds(2));
    assert_eq!(recollection(&record, looked_from).absent_for, Some(Duration::ZERO), "the 404 is younger");
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn prepared() -> Prepared {
    let defaults = Defaults { region: Some(REGION.into()), poll_interval: seconds(300) };
    prepare(Arc::new(Scene::settled().object), Access::Operator, &defaults, "cluster")
}

fn observation(id: &str, observed: Observed) -> Observation {
    Observation {
        target: Some(Target::Store { region: REGION.into(), id: id.into() }),
        observed,
        policy_was_asked: false,
        strays_were_searched: false,
        strays_looked_at: Vec::new(),
        take_over: TakeOver::NotAskedFor,
        rival: None,
        unlisted: Vec::new(),
        began: Timestamp::UNIX_EPOCH,
        looked_from: Instant::now(),
    }
}

fn absent(account: &str) -> Observed {
    Observed::Absent { account: account.into() }
}

/// AWS was asked, and answered.
fn asked() -> Observed {
    absent("123456789012")
}

fn annotated(intent: &Intent) -> SequenceStore {
    Scene::settled().annotated(crate::crd::INTENT_ANNOTATION, &intent.render()).object
}

#[test]
fn a_store_that_is_seen_ends_a_series_of_404s() {
    let mut record = Record::default();
    let start = Instant::now();
    let later = start + seconds(9);
    record.observed(&prepared(), &observation(ID, absent("123456789012")), start, 0.5);
    record.observed(&prepared(), &observation(ID, absent("123456789012")), later, 0.5);
    assert_eq!(recollection(&record, later).absent_for, Some(seconds(9)));
    let present = Observed::Present(Box::new(Present {
        store: Store::default(),
        account: String::new(),
        tags: ObservedTags::Read(BTreeMap::new()),
        strays: None,
        policy: ObservedPolicy::NotRead,
    }));
    record.observed(&prepared(), &observation(ID, present), later, 0.5);
    assert_eq!(recollection(&record, later).absent_for, None);
}

#[test]
fn a_404_about_one_store_says_nothing_about_another() {
    let mut record = Record::default();
    let start = Instant::now();
    record.observed(&prepared(), &observation(ID, absent("123456789012")), start, 0.5);
    let later = start + seconds(9);
    for account in ["123456789012", "210987654321"] {
        record.observed(&prepared(), &observation(OTHER_ID, absent(account)), later, 0.5);
        assert_eq!(recollection(&record, later).absent_for, Some(Duration::ZERO), "{account}");
    }
}

#[test]
fn an_attempt_is_as_old_as_this_process_has_known_of_it() {
    let mut record = Record::default();
    let start = Instant::now();
    let known_for = |record: &Record, at| recollection(record, start + seconds(at)).attempt_known_for;
    let (first, second) = (intent(None), Intent { attempt: 2, ..intent(None) });
    assert_eq!(record.lost_intent(&annotated(&first), start), None);
    let resolved = Intent { id: Some("1111111111".into()), ..first.clone() };
    assert_eq!(record.lost_intent(&annotated(&resolved), start + seconds(5)), None);
    assert_eq!(known_for(&record, 8), seconds(8));
    assert_eq!(record.lost_intent(&annotated(&second), start + seconds(8)), None);
    assert_eq!(known_for(&record, 9), seconds(1));
    // The last intent replaces none, and none of an earlier attempt.
    for object in [Scene::settled().object, annotated(&first)] {
        assert_eq!(record.lost_intent(&object, start + seconds(9)), Some(second.clone()));
    }
}

#[test]
fn only_an_unbroken_series_of_refusals_says_that_no_store_was_created() {
    let mut record = Record::default();
    let now = Instant::now();
    let refused = |attempt| Effect::NotCreated {
        epoch: 0,
        attempt,
        error: call_error(Operation::CreateSequenceStore, Class::Throttled),
    };
    record.applied(&Action::None, &refused(2), now, 0.5);
    assert_eq!(recollection(&record, now).not_created, None);
    record.applied(&Action::None, &refused(1), now, 0.5);
    record.applied(&Action::None, &refused(2), now, 0.5);
    assert_eq!(recollection(&record, now).not_created, Some((0, 2)));
    record.applied(&Action::None, &Effect::CreationUnknown { attempt: 3 }, now, 0.5);
    assert_eq!(recollection(&record, now).not_created, None);
}

#[test]
fn tags_of_a_new_store_stand_in_for_one_read_and_only_for_a_while() {
    let mut record = Record::default();
    let now = Instant::now();
    let tags = BTreeMap::from([("team".to_owned(), "genomics".to_owned())]);
    let present = Present {
        store: store(ID, "123456789012", None),
        account: "123456789012".into(),
        tags: ObservedTags::Read(tags.clone()),
        strays: None,
        policy: ObservedPolicy::NotRead,
    };
    let created = Effect::Created(Box::new(present.clone()));
    record.applied(&Action::None, &created, now, 0.5);
    assert_eq!(record.known(seconds(300), now).tags, Some((ID.to_owned(), tags)));
    assert_eq!(record.known(seconds(300), now + seconds(30)).tags, None);
    record.observed(&prepared(), &observation(ID, Observed::Present(Box::new(present))), now, 0.5);
    assert_eq!(record.known(seconds(300), now).tags, None);
}

#[test]
fn records_of_vanished_objects_are_forgotten_after_a_list() {
    let memory = Memory::default();
    let [listed, vanished, in_pass] = ["listed", "vanished", "vanished during its pass"].map(Uid::from);
    for uid in [&listed, &vanished, &in_pass] {
        let record = memory.take(uid);
        if *uid != in_pass {
            memory.put_back(uid, record);
        }
    }
    memory.keep_only(|uid| *uid == listed);
    memory.put_back(&in_pass, Box::default());
    assert_eq!(memory.records().keys().collect::<Vec<_>>(), [&listed]);
}

#[test]
fn a_record_of_a_forgotten_object_is_not_put_back() {
    let memory = Memory::default();
    let uid = Uid::from("uid");
    let record = memory.take(&uid);
    memory.forget(&uid);
    memory.put_back(&uid, record);
    assert_eq!(memory.records().len(), 0);
    let record = memory.take(&uid);
    memory.put_back(&uid, record);
    assert_eq!(memory.records().len(), 1);
}

#[test]
fn a_policy_is_read_again_after_an_hour_and_on_request() {
    let mut record = Record::default();
    let now = Instant::now();
    let object = Scene::settled().object;
    record.begin(&object, now);
    let present = Present {
        store: store(ID, "123456789012", None),
        account: "123456789012".into(),
        tags: ObservedTags::Read(BTreeMap::new()),
        strays: None,
        policy: ObservedPolicy::Read(Some("{}".into())),
    };
    let access_point = present.store.access_point().expect("an access point").to_owned();
    let seen = observation(ID, Observed::Present(Box::new(present)));
    record.observed(&prepared(), &Observation { policy_was_asked: true, ..seen }, now, 0.5);
    let expected = KnownPolicy { access_point, document: Some("{}".into()) };
    assert_eq!(record.known(seconds(300), now + seconds(3599)).policy, Some(expected));
    assert_eq!(record.known(seconds(300), now + seconds(3600)).policy, None);
    record.begin(&Scene::settled().annotated(RECONCILE_ANNOTATION, "now").object, now);
    assert_eq!(record.known(seconds(300), now).policy, None);
}

#[test]
fn a_policy_with_renamed_principals_is_read_hourly_once_its_write_must_show() {
    let policy = |principal: &str| {
        serde_json::json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": principal},
            "Action": "s3:GetObject", "Resource": "r"}]})
    };
    let mut prepared = prepared();
    let mut object = (*prepared.object).clone();
    object.spec.s3_access_policy = policy("arn:aws:iam::111122223333:role/r").as_object().cloned();
    prepared.object = Arc::new(object);
    let Observed::Present(mut present) = Scene::settled().observed else { panic!("no store") };
    present.policy = ObservedPolicy::Read(Some(policy("AROAEXAMPLE1").to_string()));
    let seen = observation(ID, Observed::Present(present));
    let read = Observation { policy_was_asked: true, ..seen };

    let (mut record, start) = (Record::default(), Instant::now());
    record.begin(&prepared.object, start);
    let written = Effect::Accepted { fields: vec![Field::S3AccessPolicy], present: None };
    record.applied(&Action::None, &written, start, 0.5);
    record.observed(&prepared, &read, start + seconds(2), 0.5);
    assert_eq!(record.known(seconds(300), start + seconds(3)).policy, None, "the write may not show yet");
    record.observed(&prepared, &read, start + seconds(300), 0.5);
    assert!(record.known(seconds(300), start + seconds(301)).policy.is_some());
    assert_eq!(record.known(seconds(300), start + seconds(3900)).policy, None);
    // The plan still knows that it was written.
    assert!(recollection(&record, start).corrections.contains_key(&Field::S3AccessPolicy));
}

#[test]
fn a_missing_record_is_news_once() {
    let mut record = Record::default();
    let news = [Some(NotKept::Finalizer), Some(NotKept::Finalizer), Some(NotKept::Refused), None];
    assert_eq!(news.map(|not_kept| record.is_news(not_kept)), [true, false, true, false]);
    assert!(record.is_news(Some(NotKept::Refused)), "it was kept in between");
}

#[test]
fn a_finalizer_that_cannot_be_removed_is_told_once() {
    let mut record = Record::default();
    assert_eq!([false, true, true].map(|is_stuck| record.release_tried(is_stuck)), [false, true, false]);
    assert!(record.is_release_stuck());
}

fn refused(record: &mut Record, attempt: u32) {
    let error = call_error(Operation::CreateSequenceStore, Class::Denied);
    record.applied(&Action::None, &Effect::NotCreated { epoch: 0, attempt, error }, Instant::now(), 1.0);
}

#[test]
fn a_chain_of_refusals_goes_on_after_a_restart_if_it_is_on_record() {
    let second = Intent { attempt: 2, ..intent(None) };
    let on_record = Intent { outcome: Some(AttemptOutcome::Refused), ..intent(None) };
    let mut restarted = Record::default();
    restarted.lost_intent(&annotated(&on_record), Instant::now());
    assert!(restarted.is_refused(&on_record));
    refused(&mut restarted, 2);
    assert!(restarted.is_refused(&second));
}

/// A crash between AWS's no and its record, or an attempt without an answer: a store may exist.
#[test]
fn a_refusal_after_an_attempt_of_unknown_outcome_is_not_recorded_as_one() {
    let mut restarted = Record::default();
    restarted.lost_intent(&annotated(&intent(None)), Instant::now());
    assert!(!restarted.is_refused(&intent(None)), "nobody knows what came of it");
    refused(&mut restarted, 2);
    assert!(!restarted.is_refused(&Intent { attempt: 2, ..intent(None) }));
}

#[test]
fn the_response_to_a_write_is_kept_until_the_cache_shows_it() {
    let version = |version: &str| {
        let mut object = Scene::settled().object;
        object.metadata.resource_version = Some(version.into());
        Arc::new(object)
    };
    let newest =
        |record: &Record, cached: &str| record.newest(version(cached)).metadata.resource_version.clone();
    let mut record = Record::default();
    record.returned(&version("10"));
    record.cached(Some("9"));
    assert_eq!(newest(&record, "9").as_deref(), Some("10"));
    assert_eq!(newest(&record, "11").as_deref(), Some("11"));
    for shown in [Some("10"), Some("11"), Some("no number"), None] {
        record.returned(&version("10"));
        record.cached(shown);
        assert_eq!(newest(&record, "9").as_deref(), Some("9"), "{shown:?}: it is dropped");
    }
}

#[test]
fn a_record_is_small() {
    assert!(size_of::<Record>() <= 480, "{}", size_of::<Record>());
}
