//! Whether the stores of a region are observed by one List for a hundred of them, or by a Get each. Pure: no I/O.

use std::time::Duration;

/// At a start it is worth one listing if at least so many settled objects wait for news of their stores.
const WORTH_A_FIRST_LISTING: usize = 10;

/// How often is looked, and what a Get for each store may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Between the beginnings of two listings.
    pub interval: Duration,
    /// Gets each second that polls of settled objects may take.
    pub gets_each_second: f64,
    /// Reads of S3 access policies that they may take besides.
    pub policies_each_second: f64,
    /// With fewer objects a Get each always does.
    pub least_objects: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Get,
    /// A listing is given up once it has more pages than these: from there on it costs more than the Gets.
    List {
        most_pages: usize,
    },
}

/// `objects` are the settled ones of the region. `pages` is how many a listing had, if one was tried. `waiting` is how many of
/// the objects wait for the first news since the start.
#[must_use]
pub fn choose(pace: &Pace, objects: usize, pages: Option<usize>, waiting: usize) -> Choice {
    let affordable = pace.gets_each_second * pace.interval.as_secs_f64();
    let gets_are_too_slow = objects >= pace.least_objects && objects as f64 > affordable;
    let is_wanted = gets_are_too_slow || waiting >= WORTH_A_FIRST_LISTING;
    // A page costs as much as a Get: both have the same quota.
    match is_wanted && pages.is_none_or(|pages| pages < objects) {
        true => Choice::List { most_pages: objects - 1 },
        false => Choice::Get,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn pace(seconds: u64, share: f64, least_objects: usize) -> Pace {
        Pace {
            interval: Duration::from_secs(seconds),
            gets_each_second: 5.0 * share,
            policies_each_second: share,
            least_objects,
        }
    }

    #[test]
    fn a_listing_takes_over_where_gets_cannot_keep_all_objects_fresh() {
        let usual = pace(300, 0.1, 50);
        let cases = [
            ("as today", usual, 1, Some(1), 0, Choice::Get),
            ("as today", usual, 150, Some(2), 0, Choice::Get),
            ("too many for Gets", usual, 151, Some(2), 0, Choice::List { most_pages: 150 }),
            ("too many for Gets", usual, 10_000, Some(100), 0, Choice::List { most_pages: 9_999 }),
            ("nobody has counted the pages yet", usual, 151, None, 0, Choice::List { most_pages: 150 }),
            ("most stores are not ours", usual, 200, Some(200), 0, Choice::Get),
            ("most stores are not ours", usual, 200, Some(199), 0, Choice::List { most_pages: 199 }),
            ("a longer interval", pace(3600, 0.1, 50), 1_800, Some(18), 0, Choice::Get),
            ("a shorter interval", pace(60, 0.1, 50), 50, Some(1), 0, Choice::List { most_pages: 49 }),
            ("few objects and a short interval", pace(10, 0.1, 50), 49, Some(1), 0, Choice::Get),
            ("a small share", pace(2, 0.001, 2), 3, None, 0, Choice::List { most_pages: 2 }),
            ("no share at all", pace(300, 0.0, 1), 0, None, 0, Choice::Get),
            ("a start with a handful", usual, 10, None, 10, Choice::List { most_pages: 9 }),
            ("a start with fewer", usual, 9, None, 9, Choice::Get),
            ("a start among the stores of others", usual, 10, Some(10), 10, Choice::Get),
        ];
        for (what, pace, objects, pages, waiting, expected) in cases {
            let choice = choose(&pace, objects, pages, waiting);
            assert_eq!(choice, expected, "{what}: {objects} objects, {pages:?} pages");
        }
    }
}
