//! What is remembered of an object, and for how long.

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

fn recollection(record: &Record, now: Instant) -> Recollection {
    record.recollection(Duration::from_secs(300), now)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn prepared() -> Prepared {
    let defaults = Defaults { region: Some(REGION.into()), poll_interval: seconds(300) };
    prepare(Arc::new(Scene::settled().object), &defaults, "cluster")
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
fn early_passes_do_not_lengthen_the_wait() {
    let mut record = Record::default();
    let start = Instant::now();
    record.failed(Class::Transient, start, 1.0);
    record.failed(Class::Transient, start, 1.0);
    assert_eq!(recollection(&record, start).failures, 1);
    record.failed(Class::Transient, start + seconds(400), 1.0);
    assert_eq!(recollection(&record, start).failures, 2);
    assert_eq!(record.ended(&asked(), None, start, 1.0), None);
    assert_eq!(recollection(&record, start), Recollection::default());
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
fn what_aws_denied_is_tried_again_when_a_user_asks() {
    let mut record = Record::default();
    let start = Instant::now();
    let denial = Effect::Denied(call_error(Operation::TagResource, Class::Denied));
    let object = Scene::settled().object;
    record.begin(&object, start);
    record.applied(&Action::None, &denial, start, 0.5);
    record.begin(&object, start);
    let waits = |record: &Record, now| {
        recollection(record, now).denials.get(&Operation::TagResource).map(|denial| denial.waits)
    };
    assert_eq!(waits(&record, start + seconds(29)), Some(true));
    assert_eq!(waits(&record, start + seconds(61)), Some(false));
    record.begin(&Scene::settled().annotated(RECONCILE_ANNOTATION, "now").object, start);
    assert_eq!(waits(&record, start), Some(false));
    // Requests in a loop end the waits after further denials only now and then.
    let mut tried = 1;
    for second in 1..60 {
        let now = start + seconds(second);
        if waits(&record, now) == Some(false) {
            tried += 1;
            record.applied(&Action::None, &denial, now, 0.5);
        }
        let request = Scene::settled().annotated(RECONCILE_ANNOTATION, &second.to_string());
        record.begin(&request.object, now);
    }
    assert_eq!(tried, 4, "at 0, 1, 10 and 30 s");
}

#[test]
fn passes_of_one_object_begin_a_second_apart() {
    let mut record = Record::default();
    let (object, start) = (Scene::settled().object, Instant::now());
    assert_eq!(record.rest(&object, start), None);
    record.begin(&object, start);
    assert_eq!(record.rest(&object, start + Duration::from_millis(300)), Some(Duration::from_millis(700)));
    assert_eq!(record.rest(&Scene::deleting().object, start), Some(seconds(1)));
    assert_eq!(record.rest(&object, start + seconds(1)), None);
}

#[test]
fn changes_in_a_loop_do_not_repeat_a_denied_read() {
    let mut record = Record::default();
    let (object, start) = (Scene::settled().object, Instant::now());
    let denied = call_error(Operation::GetSequenceStore, Class::Denied);
    let mut passes = Vec::new();
    for second in 0..100 {
        let now = start + seconds(second);
        if record.rest(&object, now).is_none() {
            record.begin(&object, now);
            record.ended(&asked(), Some(&denied), now, 1.0);
            passes.push(second);
        }
    }
    assert_eq!(passes, [0, 1, 11, 31, 71]);
    // A deletion that begins and a pause are not held up.
    let now = start + seconds(100);
    assert!(record.rest(&object, now).is_some());
    assert_eq!(record.rest(&Scene::deleting().object, now), None);
    let paused = Scene::settled().annotated(crate::crd::PAUSED_ANNOTATION, "true").object;
    assert_eq!(record.rest(&paused, now), None);
    record.ended(&asked(), None, now, 1.0);
    assert_eq!(record.rest(&object, now), None);
}

#[test]
fn passes_that_ask_nothing_do_not_repeat_a_denied_read() {
    let (object, start) = (Scene::settled().object, Instant::now());
    let paused = Scene::settled().annotated(crate::crd::PAUSED_ANNOTATION, "true").object;
    let mut invalid = object.clone();
    invalid.metadata.generation = Some(3);
    let denied = call_error(Operation::GetSequenceStore, Class::Denied);
    for other in [&paused, &invalid] {
        let (mut record, mut asked_at) = (Record::default(), Vec::new());
        for second in 0..100 {
            let now = start + seconds(second);
            let is_other = second % 2 == 1;
            let object = if is_other { other } else { &object };
            if record.rest(object, now).is_some() {
                continue;
            }
            record.begin(object, now);
            if is_other {
                record.ended(&Observed::NotAsked, None, now, 1.0);
            } else {
                record.ended(&asked(), Some(&denied), now, 1.0);
                asked_at.push(second);
            }
        }
        assert!((2..=5).contains(&asked_at.len()), "{asked_at:?}");
    }
}

#[test]
fn requests_in_a_loop_do_not_repeat_a_denied_read_of_the_policy() {
    let (mut record, start) = (Record::default(), Instant::now());
    let Observed::Present(mut present) = Scene::settled().observed else { panic!("no store") };
    let denied = call_error(Operation::GetS3AccessPolicy, Class::Denied);
    present.policy = ObservedPolicy::Unreadable(denied.clone());
    let seen = observation(ID, Observed::Present(present.clone()));
    let mut prepared = prepared();
    let mut object = (*prepared.object).clone();
    object.spec.s3_access_policy = Some(Default::default());
    prepared.object = Arc::new(object);
    let mut asked = Vec::new();
    for second in 0..100 {
        let now = start + seconds(second);
        record.begin(&Scene::settled().annotated(RECONCILE_ANNOTATION, &second.to_string()).object, now);
        assert_eq!(record.rest(&prepared.object, now + seconds(1)), None, "everything else goes on");
        let policy_was_asked = record.known(seconds(300), now).policy_denied.is_none();
        if policy_was_asked {
            asked.push(second);
        }
        record.observed(&prepared, &Observation { policy_was_asked, ..seen.clone() }, now, 1.0);
        record.ended(&seen.observed, Some(&denied), now, 1.0);
    }
    assert_eq!(asked, [0, 1, 11, 31, 71]);
    // Once it can be read, nothing is left of the denial.
    present.policy = ObservedPolicy::Read(None);
    let read = Observation { policy_was_asked: true, ..observation(ID, Observed::Present(present)) };
    record.observed(&prepared, &read, start + seconds(100), 1.0);
    assert_eq!(recollection(&record, start + seconds(100)).denials, BTreeMap::new());
}

#[test]
fn a_pass_that_does_something_else_does_not_restart_the_grace_of_a_denied_update() {
    let mut record = Record::default();
    let start = Instant::now();
    let denied = call_error(Operation::UpdateSequenceStore, Class::Denied);
    record.applied(&Action::None, &Effect::Denied(denied.clone()), start, 0.5);
    record.ended(&asked(), Some(&denied), start, 0.5);
    record.ended(&asked(), None, start + seconds(10), 0.5);
    record.ended(&asked(), Some(&denied), start + seconds(20), 0.5);
    assert_eq!(recollection(&record, start + seconds(20)).denied_for, Some(seconds(20)));
    // Once the store needs no update, the denial is forgotten.
    let Observed::Present(present) = Scene::settled().observed else { panic!("no store") };
    record.observed(&prepared(), &observation(ID, Observed::Present(present)), start + seconds(30), 0.5);
    record.ended(&asked(), None, start + seconds(30), 0.5);
    assert_eq!(recollection(&record, start + seconds(30)).denied_for, None);
}

#[test]
fn read_sets_are_counted_again_soon_unless_counting_is_denied() {
    let (start, refused) = (Instant::now(), |class| Effect::DeleteRefused {
        read_sets: Err(call_error(Operation::ListReadSets, class)),
        counted_now: true,
    });
    for class in [Class::Transient, Class::Throttled, Class::Unreadable, Class::Denied] {
        let mut record = Record::default();
        record.applied(&Action::None, &refused(class), start, 1.0);
        let is_denied = class == Class::Denied;
        assert_eq!(
            record.known(seconds(300), start + seconds(1)).read_sets.is_some(),
            is_denied,
            "{class:?}"
        );
        assert_eq!(record.delete_again_in(start).is_none(), is_denied, "{class:?}");
        let due = |at| recollection(&record, start + seconds(at)).refusal.is_some_and(|refusal| refusal.due);
        assert!(!due(0) && due(2) != is_denied && due(300), "{class:?}");
    }
}

#[test]
fn requests_in_a_loop_do_not_repeat_a_refused_delete() {
    let mut record = Record::default();
    let start = Instant::now();
    let refused = Effect::DeleteRefused { read_sets: Ok(Default::default()), counted_now: true };
    record.applied(&Action::None, &refused, start, 1.0);
    let mut deletes = Vec::new();
    for second in 1..60 {
        let now = start + seconds(second);
        record.begin(&Scene::deleting().annotated(RECONCILE_ANNOTATION, &second.to_string()).object, now);
        if recollection(&record, now).refusal.is_some_and(|refusal| refusal.due) {
            deletes.push(second);
            record.applied(&Action::None, &refused, now, 1.0);
        }
    }
    assert_eq!(deletes, [1, 11, 31]);
}

#[test]
fn unfinished_passes_are_retried_in_growing_gaps() {
    let mut record = Record::default();
    let wait = |record: &mut Record| {
        // The calls to AWS succeed each time.
        record.ended(&asked(), None, Instant::now(), 1.0);
        record.unfinished(1.0).as_secs()
    };
    let waits: Vec<u64> = (0..5).map(|_| wait(&mut record)).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16]);
    record.finished();
    assert_eq!(record.unfinished(0.0), seconds(1));
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
    for uid in ["listed", "vanished", "vanished during its pass"] {
        let record = memory.take(uid);
        if uid != "vanished during its pass" {
            memory.put_back(uid, record, None);
        }
    }
    memory.keep_only(&["listed".to_owned()].into());
    memory.put_back("vanished during its pass", Record::default(), None);
    assert_eq!(memory.entries().keys().collect::<Vec<_>>(), ["listed"]);
}

#[test]
fn a_record_of_a_forgotten_object_is_not_put_back() {
    let memory = Memory::default();
    let record = memory.take("uid");
    memory.forget("uid");
    memory.put_back("uid", record, None);
    assert_eq!(memory.entries().len(), 0);
    let record = memory.take("uid");
    memory.put_back("uid", record, None);
    assert_eq!(memory.entries().len(), 1);
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

/// AWS denied a call, and later something in the cluster stripped a record: a request must not wait for the denial.
#[test]
fn a_record_that_is_not_kept_ends_the_wait_of_an_older_denial() {
    let (mut record, now) = (Record::default(), Instant::now());
    let object = Scene::settled().object;
    record.begin(&object, now);
    record.ended(
        &Observed::NotAsked,
        Some(&call_error(Operation::GetSequenceStore, Class::Denied)),
        now,
        1.0,
    );
    let later = now + seconds(5);
    // A person has asked, and the next one must wait.
    record.begin(&object, later);
    let rest = |record: &Record| record.rest(&object, later + seconds(2));
    assert!(rest(&record).is_some());
    record.not_recorded(later, 1.0);
    assert_eq!(rest(&record), None);
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
