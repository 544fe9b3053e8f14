//! Counts the read sets of a store, page by page. I/O: AWS, read-only.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::call::Call;
use super::page::{PAGE_SIZE, each_page};
use super::{Aws, CallError, Operation};
use crate::crd::one_line;

/// Counting stops at the next one: AWS refuses to delete the store even for one read set.
const MAX_COUNT: usize = 1000;
/// AWS may add statuses, and has seven. The counts go into a status, which must stay small whatever is answered.
const MOST_STATUSES: usize = 20;
/// In bytes.
const LONGEST_STATUS: usize = 64;
/// Under which the others are counted.
const OTHER: &str = "OTHER";

/// The read sets of a store that are not DELETED.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSetCount {
    /// 0 to 1,000.
    pub total: usize,
    /// There are more than 1,000, or there may be: counting stopped after so many pages as were allowed.
    pub more: bool,
    pub by_status: BTreeMap<String, i32>,
}

impl ReadSetCount {
    /// `3`, or `1000+` where counting stopped: at least so many.
    #[must_use]
    pub fn display(&self) -> String {
        if self.more { format!("{}+", self.total) } else { self.total.to_string() }
    }

    /// Breaks when counting must stop.
    fn add(&mut self, status: String) -> ControlFlow<()> {
        if status == "DELETED" {
            return ControlFlow::Continue(());
        }
        if self.total >= MAX_COUNT {
            self.more = true;
            return ControlFlow::Break(());
        }
        let status = one_line(status, LONGEST_STATUS);
        let is_full = self.by_status.len() >= MOST_STATUSES && !self.by_status.contains_key(&status);
        let status = if is_full { OTHER.to_owned() } else { status };
        *self.by_status.entry(status).or_default() += 1;
        self.total += 1;
        ControlFlow::Continue(())
    }
}

impl Aws {
    /// Stops at 1,000, or after `most_pages` pages: of a listing full of DELETED read sets nobody knows the end.
    ///
    /// # Errors
    /// The first failed page; [`super::Class::Unreadable`] for a listing that repeats its page token, or that is about another
    /// store.
    pub(crate) async fn count_read_sets(
        &self,
        region: &str,
        id: &str,
        most_pages: Option<usize>,
    ) -> Result<ReadSetCount, CallError> {
        let call = Call::new(Operation::ListReadSets, region);
        let (mut count, mut pages) = (ReadSetCount::default(), 0);
        each_page(
            call,
            None,
            |token| {
                let request = self.omics(region).list_read_sets().sequence_store_id(id);
                let request = request.max_results(PAGE_SIZE).set_next_token(token);
                self.call(
                    call,
                    move || request.clone().send(),
                    |response| {
                        if response.read_sets.iter().any(|read_set| read_set.sequence_store_id() != id) {
                            return Err("the listing has a read set of another store".to_owned());
                        }
                        let statuses =
                            response.read_sets.iter().map(|read_set| read_set.status().as_str().to_owned());
                        let statuses: Vec<String> = statuses.collect();
                        let is_last = response.next_token.is_none();
                        Ok(((statuses, is_last), response.next_token))
                    },
                )
            },
            |(statuses, is_last)| {
                pages += 1;
                statuses.into_iter().try_for_each(|status| count.add(status))?;
                if count.total < MAX_COUNT && most_pages.is_none_or(|most| pages < most) {
                    return ControlFlow::Continue(());
                }
                count.more = !is_last;
                ControlFlow::Break(())
            },
        )
        .await?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_read_sets_do_not_count() {
        let mut count = ReadSetCount::default();
        for status in ["ACTIVE", "DELETED", "ARCHIVED", "ACTIVE"] {
            assert!(count.add(status.to_owned()).is_continue());
        }
        assert_eq!(count.by_status, BTreeMap::from([("ACTIVE".to_owned(), 2), ("ARCHIVED".to_owned(), 1)]));
        assert_eq!(count.display(), "3");
    }

    #[test]
    fn counting_stops_at_1000() {
        let mut count = ReadSetCount::default();
        let added = (0..1200).take_while(|_| count.add("ACTIVE".to_owned()).is_continue()).count();
        assert_eq!((added, count.total, count.display().as_str()), (1000, 1000, "1000+"));
        let mut count = ReadSetCount::default();
        assert!((0..1000).all(|_| count.add("ACTIVE".to_owned()).is_continue()));
        assert_eq!(count.display(), "1000");
    }

    #[test]
    fn statuses_that_aws_adds_keep_their_names_and_do_not_pile_up() {
        let mut count = ReadSetCount::default();
        for number in 0..500 {
            assert!(count.add(format!("NEW_{number}\u{1b}")).is_continue());
        }
        assert!(count.add("x".repeat(10_000)).is_continue());
        assert_eq!((count.by_status["NEW_7\u{fffd}"], count.by_status[OTHER]), (1, 481));
        assert_eq!(count.by_status.len(), MOST_STATUSES + 1);
        assert_eq!(count.by_status.values().sum::<i32>(), 501, "every read set counts");
        assert!(count.by_status.keys().all(|status| status.len() <= LONGEST_STATUS));
    }
}
