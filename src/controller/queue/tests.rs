//! What the queue promises, whatever happens in which order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const ONE: Workers = Workers(1);

fn object(namespace: &str, name: &str) -> Reference {
    Reference::new(namespace, name)
}

fn name(object: &Reference) -> String {
    object.name().to_owned()
}

fn at(start: Instant, seconds: u64) -> Due {
    Due { at: start + Duration::from_secs(seconds), urgency: None, is_poll: false }
}

fn everywhere(kind: Kind) -> impl Fn(&Reference) -> Option<Place> {
    move |_| Some(Place { kind, region: "us-east-1".into() })
}

/// Runs one pass after the other until nothing is due; returns the names.
fn drain(queue: &mut Queue, now: Instant, place: impl Fn(&Reference) -> Option<Place>) -> Vec<String> {
    queue.advance(now, place);
    std::iter::from_fn(|| {
        let started = queue.start(now, ONE)?;
        queue.finish(&started, now, None);
        Some(name(&started.object))
    })
    .collect()
}

#[test]
fn an_object_that_is_queued_twice_gets_one_pass_at_the_earlier_time() {
    let (mut queue, start, a) = (Queue::default(), Instant::now(), object("ns", "a"));
    queue.add(&a, at(start, 300));
    queue.add(&a, at(start, 5));
    queue.add(&a, at(start, 900));
    let later = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(drain(&mut queue, later(4), everywhere(Kind::Ordinary)), [""; 0]);
    assert_eq!(queue.next_due(), Some(later(5)));
    assert_eq!(drain(&mut queue, later(5), everywhere(Kind::Ordinary)), ["a"]);
    assert_eq!(drain(&mut queue, later(1000), everywhere(Kind::Ordinary)), [""; 0]);
    assert!(!queue.holds(&a));
}

#[test]
fn a_poll_that_nobody_needs_any_more_is_taken_out_and_a_trigger_stays() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    let [later, due, both, triggered, runs] =
        ["later", "due", "both", "triggered", "runs"].map(|name| object("ns", name));
    let poll = |seconds| Due { is_poll: true, ..at(start, seconds) };
    queue.add(&later, poll(300));
    queue.add(&due, poll(0));
    queue.add(&both, poll(300));
    queue.add(&both, at(start, 300));
    queue.add(&triggered, at(start, 300));
    queue.advance(start, everywhere(Kind::Ordinary));
    for object in [&later, &due, &both, &triggered, &object("ns", "unknown")] {
        queue.remove_poll(object);
    }
    assert!(!queue.holds(&later) && !queue.holds(&due));
    assert!(queue.holds(&both) && queue.holds(&triggered), "somebody asked for their passes");
    queue.add(&runs, poll(0));
    queue.advance(start, everywhere(Kind::Ordinary));
    let started = queue.start(start, ONE).expect("a pass");
    queue.add(&runs, poll(300));
    queue.remove_poll(&runs);
    queue.finish(&started, start, None);
    assert!(queue.holds(&runs), "the pass may have found something");
    queue.remove_poll(&runs);
    assert!(!queue.holds(&runs));
    assert_eq!(drain(&mut queue, start + Duration::from_secs(300), everywhere(Kind::Ordinary)).len(), 2);
}

#[test]
fn a_trigger_during_a_pass_leads_to_one_more_pass_after_it() {
    let (mut queue, start, a) = (Queue::default(), Instant::now(), object("ns", "a"));
    queue.add(&a, at(start, 0));
    queue.advance(start, everywhere(Kind::Ordinary));
    let started = queue.start(start, ONE).expect("a pass");
    queue.add(&a, at(start, 1));
    queue.advance(start + Duration::from_secs(2), everywhere(Kind::Ordinary));
    assert!(queue.start(start, Workers(9)).is_none(), "two passes of one object at once");
    // The pass itself wants the next one much later.
    queue.finish(&started, start, Some(at(start, 300)));
    assert_eq!(queue.next_due(), Some(start + Duration::from_secs(1)));
    assert_eq!(drain(&mut queue, start + Duration::from_secs(1), everywhere(Kind::Ordinary)), ["a"]);
}

#[test]
fn a_background_look_that_somebody_asks_for_becomes_an_ordinary_pass() {
    let (mut queue, start, a) = (Queue::default(), Instant::now(), object("ns", "a"));
    let background = Due { urgency: Some(Urgency::Background), ..at(start, 0) };
    let kind = |queue: &mut Queue| {
        queue.advance(start, everywhere(Kind::Asked));
        let started = queue.start(start, ONE).expect("a pass");
        queue.finish(&started, start, None);
        started.kind
    };
    queue.add(&a, background);
    assert_eq!(kind(&mut queue), Kind::Background);
    queue.add(&a, background);
    queue.add(&a, at(start, 60));
    assert_eq!(kind(&mut queue), Kind::Asked);
}

#[test]
fn an_object_that_is_to_be_deleted_while_it_waits_comes_first() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    for name in ["a", "b", "c"] {
        queue.add(&object("ns", name), at(start, 0));
    }
    queue.advance(start, everywhere(Kind::Ordinary));
    queue.add(&object("ns", "c"), at(start, 0));
    let kind = |object: &Reference| if object.name() == "c" { Kind::Deletion } else { Kind::Ordinary };
    let place = |object: &Reference| everywhere(kind(object))(object);
    assert_eq!(drain(&mut queue, start, place), ["c", "a", "b"]);
}

#[test]
fn an_object_that_is_gone_gets_no_pass_and_leaves_nothing_behind() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    for name in ["removed", "vanished", "later"] {
        queue.add(&object("ns", name), at(start, u64::from(name == "later") * 60));
    }
    queue.remove(&object("ns", "removed"));
    assert_eq!(drain(&mut queue, start, |_| None), [""; 0]);
    assert!(queue.slots.is_empty() && queue.next_due().is_none());
    assert_eq!((queue.regions.len(), queue.namespaces.len()), (0, 0));
    assert!(queue.entries.are_empty());
}

#[test]
fn deletions_come_before_creations_and_these_before_polls() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    let kinds = BTreeMap::from([
        ("poll", Kind::Ordinary),
        ("background", Kind::Background),
        ("creation", Kind::Creation),
        ("asked", Kind::Asked),
        ("deletion", Kind::Deletion),
    ]);
    kinds.keys().for_each(|name| queue.add(&object("ns", name), at(start, 0)));
    let place = |object: &Reference| everywhere(kinds[object.name()])(object);
    assert_eq!(drain(&mut queue, start, place), ["deletion", "creation", "asked", "poll", "background"]);
}

#[test]
fn one_object_behind_thousands_of_another_namespace_waits_for_one_pass_on_each_free_worker() {
    for workers in [1, 4, 8] {
        let (mut queue, start) = (Queue::default(), Instant::now());
        for number in 0..5000 {
            queue.add(&object("a", &format!("a-{number}")), at(start, 0));
        }
        queue.advance(start, everywhere(Kind::Creation));
        // All workers that may create are busy when the object comes.
        let mut running: Vec<Started> = std::iter::from_fn(|| queue.start(start, Workers(workers))).collect();
        queue.add(&object("b", "b"), at(start, 1));
        queue.advance(start + Duration::from_secs(1), everywhere(Kind::Creation));
        let mut before = 0;
        loop {
            queue.finish(&running.remove(0), start, None);
            let next = queue.start(start, Workers(workers)).expect("work is there");
            if next.object.name() == "b" {
                break;
            }
            before += 1;
            running.push(next);
        }
        assert!(before <= 1, "{before} passes of the other namespace came first");
    }
}

#[test]
fn namespaces_take_turns_also_where_their_objects_are_in_different_regions() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    for (namespace, name, seconds) in [("a", "a-1", 0), ("a", "a-2", 0), ("b", "b-1", 1), ("b", "b-2", 1)] {
        queue.add(&object(namespace, name), at(start, seconds));
    }
    let place = |object: &Reference| {
        Some(Place { kind: Kind::Ordinary, region: format!("region-of-{}", object.namespace()) })
    };
    let order = drain(&mut queue, start + Duration::from_secs(1), place);
    assert_eq!(order, ["a-1", "b-1", "a-2", "b-2"]);
}

#[test]
fn a_region_whose_passes_hang_leaves_workers_to_another_region() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    let place = |object: &Reference| {
        let region = if object.namespace() == "hangs" { "us-east-1" } else { "us-west-2" };
        Some(Place { kind: Kind::Ordinary, region: region.into() })
    };
    for number in 0..100 {
        queue.add(&object("hangs", &number.to_string()), at(start, 0));
    }
    // It is due later, when all workers could be taken.
    queue.add(&object("fine", "fine"), at(start, 60));
    queue.advance(start, place);
    let hanging: Vec<Started> = std::iter::from_fn(|| queue.start(start, Workers(8))).collect();
    assert!((1..=4).contains(&hanging.len()), "{} passes of one region", hanging.len());
    queue.advance(start + Duration::from_secs(60), place);
    let started = queue.start(start, Workers(8)).expect("a worker is free");
    assert_eq!(started.object.name(), "fine");
    assert_eq!(hanging.len() + 1, queue.numbers(start).active);
}

#[test]
fn the_numbers_say_what_waits_and_what_runs() {
    let (mut queue, start) = (Queue::default(), Instant::now());
    queue.add(&object("ns", "now"), at(start, 0));
    queue.add(&object("ns", "next"), at(start, 0));
    queue.add(&object("ns", "later"), at(start, 60));
    queue.advance(start, everywhere(Kind::Asked));
    let started = queue.start(start, ONE).expect("a pass");
    let numbers = queue.numbers(start + Duration::from_secs(3));
    assert_eq!((numbers.ready[&Kind::Asked], numbers.ready[&Kind::Deletion]), (1, 0));
    assert_eq!((numbers.delayed, numbers.added, numbers.active), (1, 3, 1));
    assert_eq!(numbers.longest_running, Duration::from_secs(3));
    assert_eq!(queue.finish(&started, start + Duration::from_secs(4), None), Duration::from_secs(4));
}

/// What may happen to a queue.
#[derive(Clone, Debug)]
enum Step {
    Add { object: usize, in_seconds: u64 },
    Remove { object: usize },
    Wait { seconds: u64 },
    Start,
    Finish { which: usize, again: Option<u64> },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..12usize, 0..20u64).prop_map(|(object, in_seconds)| Step::Add { object, in_seconds }),
        1 => (0..12usize).prop_map(|object| Step::Remove { object }),
        2 => (0..10u64).prop_map(|seconds| Step::Wait { seconds }),
        4 => Just(Step::Start),
        3 => (0..8usize, proptest::option::of(0..20u64))
            .prop_map(|(which, again)| Step::Finish { which, again }),
    ];
    proptest::collection::vec(step, 1..120)
}

/// Twelve objects in three namespaces and two regions, of all kinds.
fn twelve(number: usize) -> Reference {
    object(&format!("ns-{}", number % 3), &number.to_string())
}

fn place_of_twelve(object: &Reference) -> Option<Place> {
    let number: usize = object.name().parse().ok()?;
    Some(Place { kind: Kind::ALL[number % 7], region: format!("region-{}", number % 2) })
}

proptest! {
    /// A model beside the queue: which objects are to get a pass, and which have one.
    #[test]
    fn nothing_is_lost_and_nothing_runs_twice_at_once(steps in steps(), workers in 1..5usize) {
        let (mut queue, mut now) = (Queue::default(), Instant::now());
        let (mut wanted, mut running) = (BTreeSet::new(), Vec::<Started>::new());
        for step in steps {
            match step {
                Step::Add { object, in_seconds } => {
                    wanted.insert(object.to_string());
                    queue.add(&twelve(object), at(now, in_seconds));
                }
                Step::Remove { object } => {
                    wanted.remove(&object.to_string());
                    queue.remove(&twelve(object));
                }
                Step::Wait { seconds } => now += Duration::from_secs(seconds),
                Step::Start => {
                    queue.advance(now, place_of_twelve);
                    if let Some(started) = queue.start(now, Workers(workers)) {
                        let name = name(&started.object);
                        prop_assert!(wanted.remove(&name), "{name} is not wanted");
                        prop_assert!(running.iter().all(|pass| pass.object != started.object));
                        running.push(started);
                    }
                }
                Step::Finish { which, again } => {
                    if running.is_empty() {
                        continue;
                    }
                    let started = running.remove(which % running.len());
                    if again.is_some() {
                        wanted.insert(name(&started.object));
                    }
                    queue.finish(&started, now, again.map(|seconds| at(now, seconds)));
                }
            }
            prop_assert!(running.len() <= workers);
            for object in 0..12 {
                let is_held = wanted.contains(&object.to_string())
                    || running.iter().any(|pass| pass.object == twelve(object));
                prop_assert_eq!(queue.holds(&twelve(object)), is_held);
            }
        }
        running.iter().for_each(|pass| { queue.finish(pass, now, None); });
        // All that is wanted gets its pass in the end, once.
        let mut got = drain(&mut queue, now + Duration::from_secs(60), place_of_twelve);
        got.sort();
        prop_assert_eq!(got, wanted.into_iter().collect::<Vec<_>>());
        prop_assert!(queue.entries.are_empty() && queue.slots.is_empty());
        prop_assert_eq!((queue.regions.len(), queue.namespaces.len()), (0, 0));
    }

    /// Whatever comes after it, and however urgent that is.
    #[test]
    fn no_object_waits_longer_than_eight_passes_for_each_that_waited_before_it(
        before in 0..10usize,
        kinds in proptest::collection::vec(0..7usize, 120),
    ) {
        let (mut queue, start) = (Queue::default(), Instant::now());
        let place = |object: &Reference| {
            let kind = object.name().parse().ok().and_then(|number: usize| kinds.get(number));
            Some(Place { kind: kind.map_or(Kind::Background, |kind| Kind::ALL[*kind]), region: String::new() })
        };
        for number in 0..before {
            queue.add(&object("older", &format!("older-{number}")), at(start, 0));
        }
        queue.add(&object("ns", "waits"), at(start, 1));
        for number in 0..120u64 {
            // One more urgent object comes for each pass that ends.
            let now = start + Duration::from_secs(2 + number);
            queue.add(&object("ns", &number.to_string()), at(now, 0));
            queue.advance(now, place);
            let started = queue.start(now, ONE).expect("something is due");
            queue.finish(&started, now, None);
            if started.object.name() == "waits" {
                return Ok(());
            }
            prop_assert!(number < 8 * (before as u64 + 1), "{number} passes, {before} objects waited longer");
        }
        prop_assert!(false, "it never got a pass");
    }
}
