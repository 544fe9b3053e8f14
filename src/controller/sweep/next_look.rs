//! What a complete listing means for one object: nothing, or a full look (Get and tags) now. Nothing is ever concluded from
//! a listing but that. Pure: no I/O.

use std::time::Instant;

use super::snapshot::Snapshot;
use crate::crd::{DeletionDefaults, SequenceStore};
use crate::status::settled;
use crate::store::Fingerprint;

/// A listing and a Get of one store that did not show the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disagreement {
    pub listed: Fingerprint,
    pub got: Fingerprint,
}

/// What this process knows of the looks at the store of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// No pass has begun since the start, though one may be queued.
    Never,
    /// A pass runs, or is due by itself.
    Busy,
    /// Nothing is left to do, and no pass is due.
    AtRest {
        /// When the last pass began.
        looked: Instant,
        /// What a listing before that pass asked about.
        asked: Option<Disagreement>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextLook {
    /// None because of this listing.
    Nothing,
    /// The listing shows the store as the object has it.
    Equal,
    /// Now, because of this disagreement, if it is one.
    Full(Option<Disagreement>),
}

/// Looks at one object after a complete listing of its region.
#[must_use]
pub fn next_look(
    object: &SequenceStore,
    sight: &Sight,
    snapshot: &Snapshot,
    deletion: DeletionDefaults,
) -> NextLook {
    let asked = match sight {
        Sight::Busy => return NextLook::Nothing,
        // The listing may be older than the look, and older than what the operator itself wrote before it.
        Sight::AtRest { looked, .. } if *looked >= snapshot.began => return NextLook::Nothing,
        Sight::AtRest { asked, .. } => *asked,
        Sight::Never => None,
    };
    let Some(settled) = settled(object, deletion) else { return NextLook::Full(None) };
    // Only a Get can say that a store is gone.
    let Some(listed) = snapshot.shows(&settled.store.id) else { return NextLook::Full(None) };
    let disagreement = Disagreement { listed, got: Fingerprint::of(settled.store) };
    if disagreement.got == listed {
        return NextLook::Equal;
    }
    // Get and List show this store differently, and a look in between has confirmed what Get shows.
    if asked == Some(disagreement) {
        return NextLook::Nothing;
    }
    NextLook::Full(Some(disagreement))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::controller::sweep::snapshot::Listing;
    use crate::crd::Store;
    use crate::samples::{ACCOUNT, ID, OTHER_ID, settled_object, store};

    fn object(description: &str) -> SequenceStore {
        let mut object = settled_object();
        let status = object.status.as_mut().expect("a status");
        status.store.as_mut().expect("a store").description = Some(description.into());
        object
    }

    fn shown(description: &str) -> Store {
        Store { description: Some(description.into()), ..store(ID, ACCOUNT, Some("ACTIVE")) }
    }

    fn snapshot(began: Instant, stores: &[Store]) -> Snapshot {
        let mut listing = Listing::begun(began);
        assert_eq!(listing.add(stores, None), Ok(None));
        listing.complete()
    }

    fn look(object: &SequenceStore, sight: &Sight, snapshot: &Snapshot) -> NextLook {
        next_look(object, sight, snapshot, DeletionDefaults::default())
    }

    fn at_rest(looked: Instant) -> Sight {
        Sight::AtRest { looked, asked: None }
    }

    #[test]
    fn a_settled_object_whose_store_is_listed_as_known_needs_no_look() {
        let now = Instant::now();
        let listed = snapshot(now + Duration::from_secs(1), &[shown("a")]);
        for sight in [Sight::Never, at_rest(now)] {
            assert_eq!(look(&object("a"), &sight, &listed), NextLook::Equal, "{sight:?}");
        }
        assert_eq!(look(&object("a"), &Sight::Busy, &listed), NextLook::Nothing);
    }

    #[test]
    fn a_change_and_an_absence_lead_to_a_look() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let elsewhere = store(ID, "999999999999", Some("ACTIVE"));
        let cases = [
            ("changed", vec![shown("b")]),
            ("in motion", vec![Store { status: Some("UPDATING".into()), ..shown("a") }]),
            ("in another account", vec![Store { description: Some("a".into()), ..elsewhere }]),
            ("absent", vec![store(OTHER_ID, ACCOUNT, Some("ACTIVE"))]),
            ("nothing at all", vec![]),
            ("listed in two ways", vec![shown("a"), shown("b")]),
        ];
        for (what, stores) in cases {
            for sight in [Sight::Never, at_rest(now)] {
                let next = look(&object("a"), &sight, &snapshot(later, &stores));
                assert!(matches!(next, NextLook::Full(_)), "{what}, {sight:?}: {next:?}");
            }
        }
    }

    #[test]
    fn an_object_that_came_out_of_rest_without_a_trigger_gets_a_look() {
        let now = Instant::now();
        let listed = snapshot(now + Duration::from_secs(1), &[shown("a")]);
        let mut lost_its_finalizer = object("a");
        lost_its_finalizer.metadata.finalizers = None;
        for sight in [Sight::Never, at_rest(now)] {
            assert_eq!(look(&lost_its_finalizer, &sight, &listed), NextLook::Full(None));
        }
        assert_eq!(look(&lost_its_finalizer, &Sight::Busy, &listed), NextLook::Nothing);
    }

    #[test]
    fn a_listing_that_began_before_the_last_look_is_not_believed() {
        let now = Instant::now();
        for stores in [vec![shown("before the write")], vec![]] {
            let listed = snapshot(now, &stores);
            let looked_later = at_rest(now + Duration::from_millis(1));
            assert_eq!(look(&object("a"), &looked_later, &listed), NextLook::Nothing);
            assert_eq!(look(&object("a"), &at_rest(now), &listed), NextLook::Nothing);
        }
    }

    #[test]
    fn what_get_and_list_show_differently_for_good_costs_one_look() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let NextLook::Full(asked) = look(&object("a"), &at_rest(at(0)), &snapshot(at(1), &[shown("b")]))
        else {
            panic!("no look");
        };
        let answered = Sight::AtRest { looked: at(2), asked };
        assert_eq!(look(&object("a"), &answered, &snapshot(at(3), &[shown("b")])), NextLook::Nothing);
        // Either side moves.
        for (got, listed) in [("a", "c"), ("c", "b")] {
            let next = look(&object(got), &answered, &snapshot(at(3), &[shown(listed)]));
            assert!(matches!(next, NextLook::Full(Some(_))), "{got}, {listed}: {next:?}");
        }
    }

    /// What may happen between the beginning of the test and its end.
    #[derive(Clone, Copy, Debug)]
    enum Happens {
        /// Somebody changes the store.
        Change,
        /// A pass of the operator changes it, and a second one looks.
        OwnWrite,
        Look,
        SweepBegins,
        /// The sweep reads the page of the store. It may lag behind by so many changes.
        PageIsRead {
            lag: usize,
        },
        SweepFails,
        SweepEnds,
    }

    /// One object and its store. Each change makes a new description, as AWS makes a new `updateTime`.
    struct World {
        now: Instant,
        store: usize,
        status: usize,
        sight: Sight,
        /// When it began, and what it read.
        sweep: Option<(Instant, Option<usize>)>,
    }

    impl World {
        fn look(&mut self) {
            let Sight::AtRest { looked, .. } = &mut self.sight else { panic!("not at rest") };
            (*looked, self.status) = (self.now, self.store);
        }

        fn happens(&mut self, what: Happens) -> Result<(), TestCaseError> {
            self.now += Duration::from_secs(1);
            match what {
                Happens::Change => self.store += 1,
                Happens::OwnWrite => {
                    self.store += 1;
                    self.now += Duration::from_secs(1);
                    self.look();
                }
                Happens::Look => self.look(),
                Happens::SweepBegins => self.sweep = Some((self.now, None)),
                Happens::PageIsRead { lag } => {
                    let shown = self.store.saturating_sub(lag);
                    self.sweep = self.sweep.map(|(began, _)| (began, Some(shown)));
                }
                Happens::SweepFails => self.sweep = None,
                Happens::SweepEnds => self.sweep_ends()?,
            }
            Ok(())
        }

        fn sweep_ends(&mut self) -> Result<(), TestCaseError> {
            let Some((began, read)) = self.sweep.take() else { return Ok(()) };
            let stores: Vec<Store> = read.map(|version| shown(&version.to_string())).into_iter().collect();
            let next = look(&object(&self.status.to_string()), &self.sight, &snapshot(began, &stores));
            let Sight::AtRest { looked, asked } = &mut self.sight else { return Ok(()) };
            if *looked >= began {
                prop_assert_eq!(next, NextLook::Nothing, "an old listing is believed");
                return Ok(());
            }
            match next {
                NextLook::Equal => {
                    prop_assert_eq!(read, Some(self.status));
                    *asked = None;
                }
                NextLook::Nothing => prop_assert!(asked.is_some() && read.is_some(), "{:?}", read),
                NextLook::Full(disagreement) => {
                    prop_assert!(read != Some(self.status));
                    *asked = disagreement;
                    self.now += Duration::from_secs(1);
                    self.look();
                }
            }
            Ok(())
        }
    }

    fn any_event() -> impl Strategy<Value = Happens> {
        prop_oneof![
            1 => Just(Happens::Change),
            1 => Just(Happens::OwnWrite),
            1 => Just(Happens::Look),
            2 => Just(Happens::SweepBegins),
            2 => (0_usize..3).prop_map(|lag| Happens::PageIsRead { lag }),
            1 => Just(Happens::SweepFails),
            2 => Just(Happens::SweepEnds),
        ]
    }

    proptest! {
        /// Whatever sweeps, writes, failures and lagging pages came before: the next listing that shows the store as it is
        /// leads to a look, unless the object has it so already.
        #[test]
        fn a_moved_store_always_gets_a_look(events in proptest::collection::vec(any_event(), 0..60)) {
            let now = Instant::now();
            let sight = Sight::AtRest { looked: now, asked: None };
            let mut world = World { now, store: 0, status: 0, sight, sweep: None };
            for event in events {
                world.happens(event)?;
            }
            for event in [Happens::SweepBegins, Happens::PageIsRead { lag: 0 }, Happens::SweepEnds] {
                world.happens(event)?;
            }
            prop_assert_eq!(world.status, world.store);
        }
    }
}
