//! The stores of a region, page by page, for an inventory. I/O, read-only.

use super::{Aws, CallError, Operation, mirror};
use crate::aws::StoreArn;
use crate::crd::Store;

/// One page of ListSequenceStores.
#[derive(Clone, Debug)]
pub struct Page {
    /// Stores without what a listing lacks: propagated tag keys, S3 access, tags.
    pub stores: Vec<Store>,
    /// Token of the next page, if there is one.
    pub next: Option<String>,
}

impl Aws {
    /// ListSequenceStores without a filter: one page of at most 100.
    ///
    /// # Errors
    /// See [`CallError`]; a store without a proper ARN, or a token that is given again, is
    /// [`super::Class::Unreadable`].
    pub async fn list_page(&self, region: &str, token: Option<String>) -> Result<Page, CallError> {
        let operation = Operation::ListSequenceStores;
        let page = self
            .client(region)
            .list_sequence_stores()
            .max_results(100)
            .set_next_token(token.clone())
            .send()
            .await
            .map_err(|e| CallError::of(operation, &e))?;
        let stores: Vec<Store> = page.sequence_stores().iter().map(mirror::listed).collect();
        if stores.iter().any(|store| StoreArn::parse(&store.arn).is_none_or(|arn| arn.id != store.id)) {
            let detail = "the listing holds a store without a proper ARN";
            return Err(CallError::unreadable(operation, detail));
        }
        let next = page.next_token().map(ToOwned::to_owned);
        if next.is_some() && next == token {
            return Err(CallError::unreadable(operation, "the listing repeats its page token"));
        }
        Ok(Page { stores, next })
    }
}
