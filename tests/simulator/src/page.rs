//! Pagination with opaque page tokens. A token names the last item returned, so that creations and deletions
//! between two pages neither repeat nor skip an item. No I/O.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;

use crate::error::ApiError;
use crate::knobs::Knobs;

/// The position that a page token encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    /// The ordinal of the last item returned, or [`START`].
    after: u64,
    /// The simulator has already returned the empty page that precedes the next page.
    empty_page_seen: bool,
}

/// `Cursor::after` before the first item.
const START: u64 = u64::MAX;

pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_token: Option<String>,
}

pub(crate) struct Listing<'a> {
    pub(crate) knobs: &'a Knobs,
    /// Identifies the items, the caller and the filter. A page token is valid for one scope only.
    pub(crate) scope: String,
    pub(crate) size: usize,
    pub(crate) token: Option<String>,
}

impl Listing<'_> {
    /// `items` yields every item after the given ordinal, in order, with its ordinal.
    pub(crate) fn page<T, I: Iterator<Item = (u64, T)>>(
        &self,
        items: impl FnOnce(Option<u64>) -> I,
    ) -> Result<Page<T>, ApiError> {
        let cursor = self.token.as_deref().map(|token| self.decode(token)).transpose()?;
        if self.knobs.empty_pages && !cursor.is_some_and(|cursor| cursor.empty_page_seen) {
            let after = cursor.map_or(START, |cursor| cursor.after);
            let next = self.encode(Cursor { after, empty_page_seen: true });
            return Ok(Page { items: Vec::new(), next_token: Some(next) });
        }
        let from = cursor.map(|cursor| cursor.after).filter(|after| *after != START);
        let mut rest = items(from);
        let mut page = Vec::new();
        let mut last = None;
        for (ordinal, item) in rest.by_ref().take(self.size) {
            last = Some(ordinal);
            page.push(item);
        }
        let more = rest.next().is_some();
        let more = more || self.knobs.repeat_next_token;
        let next = last.filter(|_| more).map(|after| self.encode(Cursor { after, empty_page_seen: false }));
        let next = if self.knobs.repeat_next_token { self.token.clone().or(next) } else { next };
        Ok(Page { items: page, next_token: next })
    }

    fn encode(&self, cursor: Cursor) -> String {
        let empty_page_seen = u64::from(cursor.empty_page_seen);
        let issued = Timestamp::now().as_millisecond().unsigned_abs();
        let parts =
            [cursor.after, empty_page_seen, issued, self.checksum(cursor.after, empty_page_seen, issued)];
        parts.iter().map(|part| format!("{part:016x}")).collect()
    }

    fn decode(&self, token: &str) -> Result<Cursor, ApiError> {
        let invalid = || ApiError::validation("Invalid nextToken");
        if token.len() != 64 || !token.is_ascii() {
            return Err(invalid());
        }
        let part = |index: usize| {
            u64::from_str_radix(&token[index * 16..(index + 1) * 16], 16).map_err(|_| invalid())
        };
        let (after, empty_page_seen, issued, sum) = (part(0)?, part(1)?, part(2)?, part(3)?);
        if self.checksum(after, empty_page_seen, issued) != sum {
            return Err(invalid());
        }
        let age = Timestamp::now().as_millisecond().unsigned_abs().saturating_sub(issued);
        if self.knobs.next_token_lifetime_ms.is_some_and(|lifetime| age >= lifetime) {
            return Err(ApiError::validation("The nextToken has expired"));
        }
        Ok(Cursor { after, empty_page_seen: empty_page_seen == 1 })
    }

    fn checksum(&self, after: u64, empty_page_seen: u64, issued: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.scope, after, empty_page_seen, issued).hash(&mut hasher);
        hasher.finish()
    }
}
