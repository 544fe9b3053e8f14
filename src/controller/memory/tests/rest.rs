//! When an object may go without a pass. No I/O.

use super::*;
use crate::controller::sweep::{Disagreement, Sight};
use crate::store::Fingerprint;

/// AWS shows the store of the settled object, with this description.
fn look(record: &mut Record, description: &str, now: Instant) {
    let mut scene = Scene::settled();
    if let Observed::Present(present) = &mut scene.observed {
        present.store.description = Some(description.into());
    }
    let mut prepared = prepared();
    let mut object = prepared.object.as_ref().clone();
    object.spec.description = Some("wanted".into());
    prepared.object = Arc::new(object);
    record.begin(&prepared.object, now);
    record.observed(&prepared, &observation(ID, scene.observed), now, 0.5);
}

fn accepted(record: &mut Record, field: Field, now: Instant) {
    let accepted = Effect::Accepted { fields: vec![field], present: None };
    record.applied(&Action::None, &accepted, now, 0.5);
}

#[test]
fn an_object_rests_only_once_a_look_has_shown_what_was_written() {
    let (mut record, now) = (Record::default(), Instant::now());
    look(&mut record, "wanted", now);
    assert!(record.is_at_rest());
    accepted(&mut record, Field::Description, now);
    assert!(!record.is_at_rest(), "AWS accepted an update, and nobody has seen it");
    look(&mut record, "old", now);
    assert!(!record.is_at_rest(), "AWS still shows the old value");
    look(&mut record, "wanted", now);
    assert!(record.is_at_rest());
    accepted(&mut record, Field::Tag("team".into()), now);
    assert!(!record.is_at_rest());
}

#[test]
fn an_object_with_a_failure_a_denial_or_an_absence_does_not_rest() {
    let now = Instant::now();
    type Happens = fn(&mut Record, Instant);
    let cases: [(&str, Happens); 6] = [
        ("a failed pass", |record, now| {
            record.failed(Class::Throttled, now, 0.5);
        }),
        ("a denied change", |record, now| {
            let denial = Effect::Denied(call_error(Operation::TagResource, Class::Denied));
            record.applied(&Action::None, &denial, now, 0.5);
        }),
        ("a first 404", |record, now| {
            record.observed(&prepared(), &observation(ID, absent("123456789012")), now, 0.5);
        }),
        ("a deletion", |record, now| record.applied(&Action::None, &Effect::DeleteAccepted, now, 0.5)),
        ("a pass that was cut short", |record, _| {
            let _ = record.unfinished(0.5);
        }),
        ("a record that was not kept", |record, now| {
            let _ = record.not_recorded(now, 0.5);
        }),
    ];
    for (what, happens) in cases {
        let mut record = Record::default();
        look(&mut record, "wanted", now);
        happens(&mut record, now);
        assert!(!record.is_at_rest(), "{what}");
    }
}

#[test]
fn the_memory_tells_what_the_looks_at_a_store_left_behind() {
    let (memory, now) = (Memory::default(), Instant::now());
    let uid = Uid::from("uid");
    assert_eq!((memory.sight(&uid), memory.knows(&uid)), (Sight::Never, false));
    memory.expect_pass(&uid);
    assert_eq!((memory.sight(&uid), memory.knows(&uid)), (Sight::Never, true));
    let mut record = memory.take(&uid);
    assert_eq!(memory.sight(&uid), Sight::Busy, "a pass has it");
    look(&mut record, "wanted", now);
    put_back(&memory, &uid, record);
    assert_eq!(memory.sight(&uid), Sight::AtRest { looked: now, asked: None });
    let [listed, got] =
        ["ACTIVE", "FAILED"].map(|status| Fingerprint::of(&store(ID, "123456789012", Some(status))));
    let disagreement = Some(Disagreement { listed, got });
    memory.listing_disagrees(&uid, disagreement);
    assert_eq!(memory.sight(&uid), Sight::AtRest { looked: now, asked: disagreement });
    memory.listing_agrees(&uid);
    assert_eq!(memory.sight(&uid), Sight::AtRest { looked: now, asked: None });
    let mut record = memory.take(&uid);
    accepted(&mut record, Field::Description, now);
    put_back(&memory, &uid, record);
    assert_eq!(memory.sight(&uid), Sight::Busy, "a look must confirm the update");
}

fn put_back(memory: &Memory, uid: &Uid, record: Box<Record>) {
    memory.put_back(uid, record);
}
