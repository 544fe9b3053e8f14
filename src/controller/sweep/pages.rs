//! One listing of all stores of a region, page by page. I/O: AWS, read-only.

use std::time::Instant;

use super::snapshot::{Listing, Snapshot};
use crate::controller::context::Context;

/// Why there is no snapshot.
#[derive(Debug)]
pub(super) enum NoSnapshot {
    /// It has more pages than the Gets in its place would cost.
    TooDear,
    /// AWS's error is in the log already; a listing that makes no sense is not.
    Failed,
}

/// All pages. A listing that breaks off says nothing.
pub(super) async fn list(
    context: &Context,
    region: &str,
    most_pages: usize,
    began: Instant,
) -> Result<Snapshot, NoSnapshot> {
    let (mut listing, mut token) = (Listing::begun(began), None);
    loop {
        if listing.pages() > most_pages {
            return Err(NoSnapshot::TooDear);
        }
        let page = context.aws.list_page(region, token).await;
        context.sweeps.heard_of(region, Instant::now());
        let page = page.map_err(|_logged| NoSnapshot::Failed)?;
        match listing.add(&page.stores, page.next) {
            Ok(Some(next)) => token = Some(next),
            Ok(None) => return Ok(listing.complete()),
            Err(defect) => {
                tracing::warn!(region, "the stores cannot be listed: {defect}");
                return Err(NoSnapshot::Failed);
            }
        }
    }
}
