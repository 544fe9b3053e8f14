//! The one loop over the pages of a listing. I/O only through the function that requests a page.
//!
//! The SDK's paginators are not used: they end a listing that repeats its page token as if it were complete.

use std::ops::ControlFlow;

use super::CallError;
use super::call::Call;

/// Page size of every listing, AWS's maximum.
pub(super) const PAGE_SIZE: i32 = 100;

/// Requests page after page with `fetch` and hands each to `take`, until the last page or until `take` breaks.
/// `fetch` gets the page token, none for the first page, and returns the content and the token of the next page.
///
/// # Errors
/// The error of `fetch`. [`super::Class::Unreadable`] for a listing that repeats its page token or has more
/// than `max_pages` pages.
pub(super) async fn each_page<T, F>(
    call: Call<'_>,
    max_pages: Option<usize>,
    mut fetch: impl FnMut(Option<String>) -> F,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) -> Result<(), CallError>
where
    F: Future<Output = Result<(T, Option<String>), CallError>>,
{
    let mut token = None;
    for _ in 0..max_pages.unwrap_or(usize::MAX) {
        let (content, received) = fetch(token.clone()).await?;
        if take(content).is_break() {
            return Ok(());
        }
        token = next_token(token.as_deref(), received).map_err(|detail| call.unreadable(detail))?;
        if token.is_none() {
            return Ok(());
        }
    }
    Err(call.unreadable("the listing has too many pages"))
}

/// The token of the next page, none after the last.
///
/// # Errors
/// The response has the token that the request was sent with: the listing would never end.
pub(super) fn next_token(sent: Option<&str>, received: Option<String>) -> Result<Option<String>, String> {
    if received.is_some() && received.as_deref() == sent {
        return Err("the listing repeats its page token".to_owned());
    }
    Ok(received)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{Class, Operation};
    use std::cell::RefCell;
    use std::future::ready;

    const CALL: Call<'static> = Call { operation: Operation::ListReadSets, region: "us-east-1" };

    /// Lists with the given tokens of next pages, page n holding the number n. Returns the outcome, the tokens
    /// that were requested, and the pages that were taken; stops after page `stop_after`.
    fn list(
        max_pages: Option<usize>,
        next: &[Option<&str>],
        stop_after: usize,
    ) -> (Result<(), CallError>, Vec<Option<String>>, Vec<usize>) {
        let (requested, mut taken) = (RefCell::new(Vec::new()), Vec::new());
        let fetch = |token| {
            requested.borrow_mut().push(token);
            let page = requested.borrow().len();
            let next = next.get(page - 1).expect("no page is requested after the last");
            ready(Ok((page, next.map(ToOwned::to_owned))))
        };
        let take = |page| {
            taken.push(page);
            if page >= stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let listed = each_page(CALL, max_pages, fetch, take);
        let outcome = futures::executor::block_on(listed);
        (outcome, requested.into_inner(), taken)
    }

    fn refusal(outcome: Result<(), CallError>) -> String {
        let error = outcome.expect_err("the listing is refused");
        assert_eq!((error.operation, error.class), (Operation::ListReadSets, Class::Unreadable));
        error.detail
    }

    #[test]
    fn every_page_is_requested_with_the_token_of_the_page_before() {
        let (outcome, requested, taken) = list(Some(3), &[Some("a"), Some("b"), None], 9);
        assert_eq!(outcome, Ok(()));
        assert_eq!(requested, [None, Some("a".to_owned()), Some("b".to_owned())]);
        assert_eq!(taken, [1, 2, 3]);
    }

    #[test]
    fn a_repeated_page_token_fails_the_listing() {
        let (outcome, requested, _) = list(None, &[Some("a"), Some("a")], 9);
        assert_eq!(refusal(outcome), "the listing repeats its page token");
        assert_eq!(requested.len(), 2);
    }

    #[test]
    fn a_listing_with_more_than_the_maximum_of_pages_fails() {
        let (outcome, requested, _) = list(Some(2), &[Some("a"), Some("b")], 9);
        assert_eq!(refusal(outcome), "the listing has too many pages");
        assert_eq!(requested.len(), 2);
    }

    #[test]
    fn no_page_is_requested_after_the_caller_has_enough() {
        let (outcome, requested, taken) = list(Some(2), &[Some("a"), Some("b")], 1);
        assert_eq!(outcome, Ok(()));
        assert_eq!((requested.len(), taken), (1, vec![1]));
    }

    #[tokio::test]
    async fn a_failed_page_fails_the_listing() {
        let error = CallError::unreadable(Operation::ListReadSets, "no page");
        let fetch = |_| ready(Err::<((), Option<String>), _>(error.clone()));
        assert_eq!(each_page(CALL, None, fetch, |()| ControlFlow::Continue(())).await, Err(error.clone()));
    }
}
