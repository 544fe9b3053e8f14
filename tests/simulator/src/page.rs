//! Paging: opaque tokens that name the last item seen, so that creations and deletions between two pages
//! neither repeat nor skip an item.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;

use crate::error::ApiError;
use crate::knobs::Knobs;

/// Where a listing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    after: u64,
    /// The empty page before this one was already given out.
    empty_page_seen: bool,
}

/// One page of a listing.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_token: Option<String>,
}

/// One listing: what is listed, for whom, through which filter. A token of another listing is refused.
pub(crate) struct Listing<'a> {
    pub(crate) knobs: &'a Knobs,
    pub(crate) scope: String,
    pub(crate) size: usize,
    pub(crate) token: Option<String>,
}

impl Listing<'_> {
    /// `items` yields each item from the given ordinal on (exclusive), in order, with its ordinal.
    pub(crate) fn page<T, I: Iterator<Item = (u64, T)>>(
        &self,
        items: impl FnOnce(Option<u64>) -> I,
    ) -> Result<Page<T>, ApiError> {
        let cursor = self.token.as_deref().map(|token| self.decode(token)).transpose()?;
        if self.knobs.empty_pages && !cursor.is_some_and(|cursor| cursor.empty_page_seen) {
            let after = cursor.map_or(u64::MAX, |cursor| cursor.after);
            let next = self.encode(Cursor { after, empty_page_seen: true });
            return Ok(Page { items: Vec::new(), next_token: Some(next) });
        }
        let from = cursor.map(|cursor| cursor.after).filter(|after| *after != u64::MAX);
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
        let turn = u64::from(cursor.empty_page_seen);
        let issued = Timestamp::now().as_millisecond().unsigned_abs();
        let parts = [cursor.after, turn, issued, self.checksum(cursor.after, turn, issued)];
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
        let (after, turn, issued, sum) = (part(0)?, part(1)?, part(2)?, part(3)?);
        if self.checksum(after, turn, issued) != sum {
            return Err(invalid());
        }
        let age = Timestamp::now().as_millisecond().unsigned_abs().saturating_sub(issued);
        if self.knobs.next_token_lifetime_ms.is_some_and(|lifetime| age >= lifetime) {
            return Err(ApiError::validation("The nextToken has expired"));
        }
        Ok(Cursor { after, empty_page_seen: turn == 1 })
    }

    fn checksum(&self, after: u64, turn: u64, issued: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.scope, after, turn, issued).hash(&mut hasher);
        hasher.finish()
    }
}
