//! Counts the read sets of a store. I/O: AWS, read-only.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::call::Call;
use super::page::{PAGE_SIZE, each_page};
use super::{Aws, CallError, Operation};

/// Counting stops here, after ten pages: AWS refuses to delete the store even for one read set.
const MAX_COUNT: usize = 1000;

/// The read sets of a store that are not DELETED.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSetCount {
    /// 0 to 1,000.
    pub total: usize,
    /// Counting stopped at 1,000, and the store may hold more.
    pub more: bool,
    pub by_status: BTreeMap<String, i32>,
}

impl ReadSetCount {
    /// `3`, or `1000+` where counting stopped.
    #[must_use]
    pub fn display(&self) -> String {
        if self.more { format!("{}+", self.total) } else { self.total.to_string() }
    }

    /// Breaks when counting must stop.
    fn add(&mut self, status: String) -> ControlFlow<()> {
        if status == "DELETED" {
            return ControlFlow::Continue(());
        }
        *self.by_status.entry(status).or_default() += 1;
        self.total += 1;
        self.more = self.total >= MAX_COUNT;
        if self.more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Aws {
    /// # Errors
    /// The first failed page; [`super::Class::Unreadable`] for a listing that repeats its page token.
    pub(crate) async fn count_read_sets(&self, region: &str, id: &str) -> Result<ReadSetCount, CallError> {
        let call = Call::new(Operation::ListReadSets, region);
        let mut count = ReadSetCount::default();
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
                        let statuses =
                            response.read_sets.iter().map(|read_set| read_set.status().as_str().to_owned());
                        Ok((statuses.collect::<Vec<String>>(), response.next_token))
                    },
                )
            },
            |statuses| statuses.into_iter().try_for_each(|status| count.add(status)),
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
        assert_eq!((added, count.total, count.display().as_str()), (999, 1000, "1000+"));
    }
}
