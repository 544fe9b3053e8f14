//! What is remembered, and for how long.

use super::*;
use crate::samples::{call_error, intent};

#[test]
fn early_passes_do_not_lengthen_the_wait() {
    let memory = Memory::default();
    let start = Instant::now();
    memory.failed("u", Class::Transient, start);
    memory.failed("u", Class::Transient, start);
    assert_eq!(memory.recollection("u", Duration::ZERO, start).failures, 1);
    memory.failed("u", Class::Transient, start + Duration::from_secs(400));
    assert_eq!(memory.recollection("u", Duration::ZERO, start).failures, 2);
    memory.succeeded("u");
    assert_eq!(memory.recollection("u", Duration::ZERO, start), Recollection::default());
}

#[test]
fn a_sighting_ends_a_row_of_404s() {
    let memory = Memory::default();
    let start = Instant::now();
    let absent = Observed::Absent { account: "123456789012".into() };
    memory.observed("u", &sought("1111111111"), &absent, start);
    let later = start + Duration::from_secs(9);
    memory.observed("u", &sought("1111111111"), &absent, later);
    assert_eq!(memory.recollection("u", Duration::ZERO, later).absent_for, Some(Duration::from_secs(9)));
    let present = Observed::Present(Box::new(crate::store::observed::Present {
        store: crate::crd::Store::default(),
        account: String::new(),
        tags: crate::store::observed::ObservedTags::Read(BTreeMap::new()),
        duplicates: Vec::new(),
        policy: crate::store::observed::ObservedPolicy::NotRead,
    }));
    memory.observed("u", &sought("1111111111"), &present, later);
    assert_eq!(memory.recollection("u", Duration::ZERO, later).absent_for, None);
}

fn sought(id: &str) -> Target {
    Target::Store { region: "us-east-1".into(), id: id.into() }
}

#[test]
fn a_404_of_one_store_says_nothing_of_another() {
    let memory = Memory::default();
    let start = Instant::now();
    let absent = |account: &str| Observed::Absent { account: account.into() };
    memory.observed("u", &sought("1111111111"), &absent("123456789012"), start);
    let later = start + Duration::from_secs(9);
    for (target, account) in [("2222222222", "123456789012"), ("2222222222", "210987654321")] {
        memory.observed("u", &sought(target), &absent(account), later);
        assert_eq!(
            memory.recollection("u", Duration::ZERO, later).absent_for,
            Some(Duration::ZERO),
            "{account}"
        );
    }
}

#[test]
fn what_was_denied_is_tried_again_when_somebody_asks() {
    let memory = Memory::default();
    let start = Instant::now();
    let denial = call_error(Operation::TagResource, Class::Denied);
    memory.begin("u", (Some(1), None));
    memory.denied("u", denial, start);
    memory.begin("u", (Some(1), None));
    let waits = |now| {
        memory.recollection("u", Duration::ZERO, now).denials.get(&Operation::TagResource).map(|d| d.waits)
    };
    assert_eq!(waits(start + Duration::from_secs(29)), Some(true));
    assert_eq!(waits(start + Duration::from_secs(61)), Some(false));
    memory.begin("u", (Some(1), Some("now".into())));
    assert_eq!(waits(start), None);
}

#[test]
fn an_attempt_is_as_old_as_this_process_has_known_of_it() {
    let memory = Memory::default();
    let start = Instant::now();
    let known_for = |seconds| {
        memory.recollection("u", Duration::ZERO, start + Duration::from_secs(seconds)).attempt_known_for
    };
    let (first, second) = (intent(None), Intent { attempt: 2, ..intent(None) });
    memory.intent("u", &first, start);
    memory.intent("u", &Intent { id: Some("1111111111".into()), ..first }, start + Duration::from_secs(5));
    assert_eq!(known_for(8), Duration::from_secs(8));
    memory.intent("u", &second, start + Duration::from_secs(8));
    assert_eq!(known_for(9), Duration::from_secs(1));
    assert_eq!(memory.last_intent("u"), Some(second));
}
