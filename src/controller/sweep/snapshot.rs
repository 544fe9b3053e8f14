//! What one complete listing of a region showed: for each store a fingerprint, and no copy of it. Pure: no I/O.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Instant;

use crate::crd::Store;
use crate::store::Fingerprint;

/// Pages in a row that may bring no store that is new. An endless listing ends here.
const MOST_IDLE_PAGES: usize = 3;
/// 200,000 stores. More is a fault of the listing.
const MOST_PAGES: usize = 2_000;

/// A listing that cannot be believed as a whole: it says nothing about any store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    #[error("the listing repeats a page token")]
    RepeatedToken,
    #[error("the listing goes on without showing another store")]
    NoProgress,
    #[error("the listing has too many pages")]
    TooLong,
}

/// The pages of a listing that has not come to its end. Nothing can be read from it until then.
#[derive(Debug)]
pub struct Listing {
    began: Instant,
    /// By the hash of the id. Where a store was shown twice and differently, nobody knows how it is.
    stores: HashMap<u64, Option<Fingerprint>>,
    tokens: Vec<u64>,
    idle_pages: usize,
}

/// The stores that a complete listing showed.
#[derive(Debug)]
pub struct Snapshot {
    /// The listing may be as old as this.
    pub began: Instant,
    pub pages: usize,
    stores: HashMap<u64, Option<Fingerprint>>,
}

impl Listing {
    #[must_use]
    pub fn begun(began: Instant) -> Self {
        Self { began, stores: HashMap::new(), tokens: Vec::new(), idle_pages: 0 }
    }

    /// Adds a page and gives back the token of the next one, none after the last.
    ///
    /// # Errors
    /// Where this listing would never end.
    pub fn add(&mut self, stores: &[Store], next: Option<String>) -> Result<Option<String>, Defect> {
        let known = self.stores.len();
        for store in stores {
            let shown = Fingerprint::of(store);
            // Stores move from page to page while others come and go, so one that is there twice is no fault.
            let kept = self.stores.entry(hash(&store.id)).or_insert(Some(shown));
            *kept = kept.filter(|before| *before == shown);
        }
        let Some(token) = next else { return Ok(None) };
        self.idle_pages = if self.stores.len() > known { 0 } else { self.idle_pages + 1 };
        let hashed = hash(&token);
        if self.tokens.contains(&hashed) {
            return Err(Defect::RepeatedToken);
        }
        self.tokens.push(hashed);
        match () {
            () if self.idle_pages >= MOST_IDLE_PAGES => Err(Defect::NoProgress),
            () if self.tokens.len() >= MOST_PAGES => Err(Defect::TooLong),
            () => Ok(Some(token)),
        }
    }

    /// Pages so far, the one that is to come included.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.tokens.len() + 1
    }

    /// The last page is in.
    #[must_use]
    pub fn complete(self) -> Snapshot {
        Snapshot { began: self.began, pages: self.pages(), stores: self.stores }
    }
}

impl Snapshot {
    /// What the listing showed of the store with this id; none where it did not show it, or showed it in two ways. Neither
    /// says that the store is gone.
    #[must_use]
    pub fn shows(&self, id: &str) -> Option<Fingerprint> {
        *self.stores.get(&hash(id))?
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{ACCOUNT, ID, OTHER_ID, store};

    fn stores(ids: &[&str]) -> Vec<Store> {
        ids.iter().map(|id| store(id, ACCOUNT, Some("ACTIVE"))).collect()
    }

    fn listing() -> Listing {
        Listing::begun(Instant::now())
    }

    fn next(token: &str) -> Option<String> {
        Some(token.to_owned())
    }

    #[test]
    fn a_complete_listing_shows_every_store_of_its_pages() {
        let mut listing = listing();
        assert_eq!(listing.add(&stores(&[ID]), next("1")), Ok(next("1")));
        assert_eq!((listing.add(&stores(&[OTHER_ID]), None), listing.pages()), (Ok(None), 2));
        let snapshot = listing.complete();
        assert_eq!(snapshot.shows(ID), Some(Fingerprint::of(&store(ID, ACCOUNT, Some("ACTIVE")))));
        assert!(snapshot.shows(OTHER_ID).is_some() && snapshot.shows("3333333333").is_none());
        assert_eq!(snapshot.pages, 2);
    }

    #[test]
    fn a_store_that_is_listed_twice_and_differently_is_not_believed() {
        let mut listing = listing();
        let changed = store(ID, ACCOUNT, Some("UPDATING"));
        for (page, token) in [(stores(&[ID, OTHER_ID]), "1"), (vec![changed], "2")] {
            assert_eq!(listing.add(&page, next(token)), Ok(next(token)));
        }
        assert_eq!(listing.add(&stores(&[ID, OTHER_ID]), None), Ok(None));
        let snapshot = listing.complete();
        assert_eq!(snapshot.shows(ID), None);
        assert!(snapshot.shows(OTHER_ID).is_some(), "one that is the same twice is");
    }

    #[test]
    fn a_page_token_that_came_before_ends_the_listing() {
        for cycle in 1..4 {
            let mut listing = listing();
            for page in 0..cycle {
                let id = format!("{page:010}");
                assert!(listing.add(&stores(&[&id]), next(&page.to_string())).is_ok());
            }
            assert_eq!(listing.add(&stores(&[ID]), next("0")), Err(Defect::RepeatedToken));
        }
    }

    #[test]
    fn an_empty_page_between_others_is_no_fault_and_endless_ones_are() {
        let mut listing = listing();
        for (page, token) in [(vec![], "1"), (stores(&[ID]), "2"), (vec![], "3"), (stores(&[ID]), "4")] {
            assert_eq!(listing.add(&page, next(token)), Ok(next(token)));
        }
        assert_eq!(listing.add(&[], next("5")), Err(Defect::NoProgress));
    }

    #[test]
    fn a_listing_without_an_end_is_given_up() {
        let mut listing = listing();
        let mut page = 0;
        let defect = loop {
            page += 1;
            let added = listing.add(&stores(&[&format!("{page:010}")]), next(&page.to_string()));
            if let Err(defect) = added {
                break defect;
            }
        };
        assert_eq!((defect, page), (Defect::TooLong, MOST_PAGES));
    }
}
