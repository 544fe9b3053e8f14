//! The background round: each settled object gets a full look once in it, spread evenly, unless its policy brings the look.
//! Pure: time is passed in. No I/O.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::choice::Pace;
use crate::kubernetes::Reference;

const LONGEST_ROUND: Duration = Duration::from_secs(24 * 3600);

/// How long a round takes: as long as its Gets need at their pace.
#[must_use]
pub fn length(pace: &Pace, objects: usize) -> Duration {
    let seconds = objects as f64 / pace.gets_each_second;
    let needed = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_ROUND);
    needed.clamp(pace.interval.min(LONGEST_ROUND), LONGEST_ROUND)
}

/// Goes around like the hand of a clock on whose dial each object has a place of its own. Nothing is kept for an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hand {
    /// In `0.0..1.0`.
    at: f64,
}

/// The part of the dial that the hand went over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sector {
    from: f64,
    /// At most 1.0.
    width: f64,
}

impl Hand {
    /// `random` is in `0.0..1.0`: after each start another object comes first, so that many restarts leave none out.
    #[must_use]
    pub fn starting_at(random: f64) -> Self {
        Self { at: random.rem_euclid(1.0) }
    }

    /// Goes on for this time. The round may have become longer or shorter since the last time.
    pub fn advance(&mut self, elapsed: Duration, round: Duration) -> Sector {
        let width = match round.is_zero() {
            true => 1.0,
            false => (elapsed.as_secs_f64() / round.as_secs_f64()).min(1.0),
        };
        let sector = Sector { from: self.at, width };
        self.at = (self.at + width).rem_euclid(1.0);
        sector
    }
}

impl Sector {
    /// Whether the hand went over the place of this object.
    #[must_use]
    pub fn covers(&self, object: &Reference) -> bool {
        (place(object) - self.from).rem_euclid(1.0) < self.width
    }
}

/// In `0.0..1.0`.
fn place(object: &Reference) -> f64 {
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    // As many bits as a float holds.
    (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PACE: Pace = Pace {
        interval: Duration::from_secs(300),
        gets_each_second: 0.5,
        policies_each_second: 0.1,
        least_objects: 50,
    };

    fn objects(count: usize) -> Vec<Reference> {
        (0..count).map(|number| Reference::new("lab", &format!("store-{number}"))).collect()
    }

    #[test]
    fn a_round_is_as_long_as_its_gets_need() {
        let hours = |objects| length(&PACE, objects).as_secs_f64() / 3600.0;
        assert_eq!(length(&PACE, 0), PACE.interval);
        assert_eq!(length(&PACE, 150), PACE.interval);
        assert_eq!(length(&PACE, 1_000), Duration::from_secs(2_000));
        assert!((5.5..5.6).contains(&hours(10_000)), "{}", hours(10_000));
        assert_eq!(length(&PACE, 1_000_000), LONGEST_ROUND);
        let nothing = Pace { gets_each_second: 0.0, ..PACE };
        assert_eq!(length(&nothing, 10), LONGEST_ROUND);
        assert_eq!(length(&nothing, 0), LONGEST_ROUND);
    }

    #[test]
    fn the_looks_of_a_round_are_spread_evenly() {
        let (mut hand, round) = (Hand::starting_at(0.7), Duration::from_secs(1_000));
        let objects = objects(1_000);
        let looks: Vec<usize> = (0..100)
            .map(|_| hand.advance(Duration::from_secs(10), round))
            .map(|sector| objects.iter().filter(|object| sector.covers(object)).count())
            .collect();
        assert_eq!(looks.iter().sum::<usize>(), objects.len());
        assert!(looks.iter().all(|looks| *looks < 30), "{looks:?}");
    }

    proptest! {
        #[test]
        fn every_object_is_looked_at_once_in_a_round_however_long_the_round_becomes(
            start in 0.0..1.0_f64,
            steps in proptest::collection::vec((1_u64..200, 100_u64..2_000), 1..200),
        ) {
            let mut hand = Hand::starting_at(start);
            let objects = objects(50);
            let (mut turned, mut looks) = (0.0, vec![0_u32; objects.len()]);
            for (elapsed, round) in steps {
                turned += (elapsed as f64 / round as f64).min(1.0);
                let sector = hand.advance(Duration::from_secs(elapsed), Duration::from_secs(round));
                for (looks, object) in looks.iter_mut().zip(&objects) {
                    *looks += u32::from(sector.covers(object));
                }
            }
            // The place of an object may lie exactly where floats round.
            let (least, most) = ((turned - 1e-6).floor() as u32, (turned + 1e-6).ceil() as u32);
            prop_assert!(looks.iter().all(|looks| (least..=most).contains(looks)), "{turned}: {looks:?}");
        }
    }
}
