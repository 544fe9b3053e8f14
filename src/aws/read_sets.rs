//! Counts the read sets of a store. I/O: AWS, read-only.

use std::collections::BTreeMap;

use super::{Aws, CallError, Operation};

/// Counting stops at this many read sets: ten pages.
const MOST_READ_SETS: usize = 1000;

/// How many read sets are in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSetCount {
    /// Read sets counted.
    pub total: usize,
    /// There may be more than were counted.
    pub more: bool,
    /// Read sets counted, by status.
    pub by_status: BTreeMap<String, i32>,
}

impl ReadSetCount {
    /// `3`, or `1000+` where counting stopped.
    #[must_use]
    pub fn display(&self) -> String {
        if self.more { format!("{}+", self.total) } else { self.total.to_string() }
    }
}

impl Aws {
    /// Counts the read sets of a store by status, DELETED ones left out, up to 1,000.
    ///
    /// # Errors
    /// See [`CallError`]; a listing that repeats its page token is [`Class::Unreadable`].
    pub async fn count_read_sets(&self, region: &str, id: &str) -> Result<ReadSetCount, CallError> {
        let operation = Operation::ListReadSets;
        let client = self.client(region);
        let mut count = ReadSetCount::default();
        let mut token: Option<String> = None;
        loop {
            let page = client
                .list_read_sets()
                .sequence_store_id(id)
                .max_results(100)
                .set_next_token(token.clone())
                .send()
                .await
                .map_err(|e| CallError::of(operation, &e))?;
            for read_set in page.read_sets().iter().filter(|r| r.status().as_str() != "DELETED") {
                *count.by_status.entry(read_set.status().as_str().to_owned()).or_default() += 1;
                count.total += 1;
                if count.total >= MOST_READ_SETS {
                    count.more = true;
                    return Ok(count);
                }
            }
            let next = page.next_token().map(ToOwned::to_owned);
            if next.is_none() {
                return Ok(count);
            }
            if next == token {
                return Err(CallError::unreadable(operation, "the listing repeats its page token"));
            }
            token = next;
        }
    }
}
