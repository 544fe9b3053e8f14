//! The waits of one object, and what ends them. No I/O.

use super::*;

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
fn a_pass_that_ends_early_did_not_fail_for_what_the_one_before_failed_for() {
    let mut record = Record::default();
    let (object, start) = (Scene::settled().object, Instant::now());
    record.begin(&object, start);
    let error = call_error(Operation::TagResource, Class::Terminal);
    record.ended(&asked(), Some(&error), start, 0.5);
    assert_eq!(record.aws_failure(), Some(Class::Terminal));
    record.begin(&object, start);
    record.unfinished(0.5);
    assert_eq!(record.aws_failure(), None, "somebody changed the object before its call");
    record.ended(&asked(), Some(&error), start, 0.5);
    record.begin(&object, start);
    record.not_recorded(start, 0.5);
    assert_eq!(record.aws_failure(), None, "the API server did not keep the record");
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
