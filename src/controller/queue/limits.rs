//! How many workers the passes of one region, or of one kind, may take. Pure: no I/O.
//!
//! A pass may last: AWS does not answer, or the request budget makes it wait. Whatever makes many passes wait at once must
//! leave workers to the others.

use std::collections::HashMap;

use super::names::Number;
use super::place::Kind;

/// How many passes may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers(pub usize);

impl Workers {
    /// What is free beside the passes that run. `regions` is how many regions objects are in.
    pub(super) fn room(self, regions: usize, running: impl Iterator<Item = (Number, Kind)>) -> Room {
        let mut room = Room {
            free: self.0,
            for_region: self.for_one_region(regions),
            kept_free: 0,
            in_region: HashMap::new(),
            of_kind: HashMap::new(),
        };
        for (region, kind) in running {
            room.free = room.free.saturating_sub(1);
            *room.in_region.entry(region).or_default() += 1;
            *room.of_kind.entry((region, kind)).or_default() += 1;
        }
        if room.in_region.len() < regions {
            room.kept_free = self.for_idle_regions(regions);
        }
        room
    }

    /// Half of them where there are other regions: in one of them, each call may take until its timeout.
    fn for_one_region(self, regions: usize) -> usize {
        if regions > 1 { self.0.div_ceil(2) } else { self.0 }
    }

    /// Two regions without answers must not take all workers from a third one: a quarter is for regions of which no pass
    /// runs.
    fn for_idle_regions(self, regions: usize) -> usize {
        if regions > 2 { (self.0 / 4).max(1) } else { 0 }
    }
}

/// The workers that are free.
#[derive(Debug)]
pub(super) struct Room {
    free: usize,
    for_region: usize,
    /// For regions of which no pass runs.
    kept_free: usize,
    in_region: HashMap<Number, usize>,
    of_kind: HashMap<(Number, Kind), usize>,
}

impl Room {
    /// Whether a pass of this kind may begin in this region.
    pub(super) fn is_there(&self, kind: Kind, region: Number) -> bool {
        let in_region = self.in_region.get(&region).copied().unwrap_or_default();
        let of_kind = self.of_kind.get(&(region, kind)).copied().unwrap_or_default();
        let kept_free = if in_region == 0 { 0 } else { self.kept_free };
        self.free > kept_free && in_region < self.for_region && of_kind < for_one_kind(kind, self.for_region)
    }
}

/// Of the workers of a region: a thousand creations wait for the same quota, which is no reason for others to wait. What is
/// paced to a part of the quota waits longest, and gets fewest.
fn for_one_kind(kind: Kind, workers: usize) -> usize {
    let most = match kind {
        Kind::Deletion | Kind::Creation | Kind::Update | Kind::Asked | Kind::Ordinary => workers * 3 / 4,
        Kind::InMotion | Kind::Background => workers / 4,
    };
    most.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many passes of a kind can begin one after the other, beside these.
    fn begin(
        workers: usize,
        regions: usize,
        running: &[(Number, Kind)],
        (region, kind): (Number, Kind),
    ) -> usize {
        let mut running = running.to_vec();
        let before = running.len();
        while Workers(workers).room(regions, running.iter().copied()).is_there(kind, region) {
            running.push((region, kind));
        }
        running.len() - before
    }

    #[test]
    fn one_kind_of_pass_leaves_workers_to_the_others() {
        let most = |workers, kind| begin(workers, 1, &[], (0, kind));
        assert_eq!([1, 2, 3, 4, 8, 16].map(|workers| most(workers, Kind::Creation)), [1, 1, 2, 3, 6, 12]);
        assert_eq!([1, 2, 4, 8, 16].map(|workers| most(workers, Kind::Background)), [1, 1, 1, 2, 4]);
        assert_eq!(begin(8, 1, &[(0, Kind::Creation); 6], (0, Kind::Deletion)), 2);
    }

    #[test]
    fn one_region_leaves_half_of_the_workers_to_the_others() {
        let hanging = [(0, Kind::Ordinary), (0, Kind::Ordinary), (0, Kind::Ordinary), (0, Kind::Creation)];
        assert_eq!(begin(8, 2, &hanging, (0, Kind::Asked)), 0);
        assert_eq!(begin(8, 2, &hanging, (1, Kind::Asked)), 3);
        assert_eq!(begin(8, 1, &hanging, (0, Kind::Asked)), 4, "there is no other region");
        for workers in 1..20 {
            assert!(begin(workers, 2, &[], (0, Kind::Asked)) >= 1, "{workers} workers");
        }
    }

    #[test]
    fn two_regions_without_answers_leave_workers_to_a_third() {
        let kinds = [Kind::Ordinary, Kind::Asked];
        let mut running = Vec::new();
        for (region, kind) in [0, 1].into_iter().flat_map(|region| kinds.map(|kind| (region, kind))) {
            running.extend(vec![(region, kind); begin(8, 3, &running, (region, kind))]);
        }
        assert_eq!(running.len(), 6);
        assert!(begin(8, 3, &running, (2, Kind::Asked)) >= 1);
        for workers in 2..20 {
            let one_each: Vec<_> = [0, 1].map(|region| (region, Kind::Asked)).into();
            let others = begin(workers, 3, &one_each[..1], (0, Kind::Asked)) + 1;
            assert!(others < workers, "{workers} workers");
        }
    }

    #[test]
    fn no_more_passes_run_than_there_are_workers() {
        for workers in 1..20 {
            let mut running = Vec::new();
            while let Some(next) =
                (0..3).flat_map(|region| Kind::ALL.map(|kind| (region, kind))).find(|(region, kind)| {
                    Workers(workers).room(3, running.iter().copied()).is_there(*kind, *region)
                })
            {
                running.push(next);
            }
            assert_eq!(running.len(), workers);
        }
    }
}
