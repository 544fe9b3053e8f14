//! Lists and watches SequenceStores: one page, or the start of one watch, each with a deadline. I/O: reads Kubernetes.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};

use super::{Error, WatchedObject, answered_within};

/// Objects in one response. The API server accepts objects of 1.5 MB, and a response is in memory about three times while it
/// is read. Peak of the process with 40 objects of 1.4 MB: 81 MiB in pages of 10, 115 MiB in pages of 20, 142 MiB in one page,
/// 46 MiB with a streaming list. That one is off by default in Kubernetes 1.33, and the Pod may take 256 MiB.
const PAGE_SIZE: u32 = 10;
/// Long enough for a busy API server. A request that gets no answer until then never gets one.
pub const LIST_TIMEOUT: Duration = Duration::from_secs(30);

/// The events of a watch.
pub type Events = BoxStream<'static, Result<WatchEvent<WatchedObject>, kube::Error>>;

/// One page of a list.
pub struct Page {
    pub objects: Vec<WatchedObject>,
    /// The token of the next page; none for the last one.
    pub next: Option<String>,
    /// The version of the list, from which a watch goes on.
    pub version: String,
}

/// Reads the first page, or the one with this token.
///
/// # Errors
/// The API server's, or no answer in time.
pub async fn page(api: &Api<WatchedObject>, token: Option<&str>) -> Result<Page, Error> {
    page_within(LIST_TIMEOUT, api, token).await
}

/// The same, with another deadline.
///
/// # Errors
/// The same.
pub async fn page_within(
    deadline: Duration,
    api: &Api<WatchedObject>,
    token: Option<&str>,
) -> Result<Page, Error> {
    let mut parameters = ListParams::default().limit(PAGE_SIZE);
    parameters.continue_token = token.map(ToOwned::to_owned);
    let list = answered_within(deadline, "list the SequenceStores", api.list(&parameters)).await?;
    Ok(Page {
        objects: list.items,
        next: list.metadata.continue_.filter(|token| !token.is_empty()),
        version: list.metadata.resource_version.unwrap_or_default(),
    })
}

/// Starts a watch that the API server ends after `timeout`.
///
/// # Errors
/// The API server's, or no answer in time.
pub async fn start_watch(
    deadline: Duration,
    api: &Api<WatchedObject>,
    version: &str,
    timeout: Duration,
) -> Result<Events, Error> {
    let seconds = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
    let parameters = WatchParams::default().timeout(seconds.max(1));
    let events =
        answered_within(deadline, "watch the SequenceStores", api.watch(&parameters, version)).await?;
    Ok(events.boxed())
}
