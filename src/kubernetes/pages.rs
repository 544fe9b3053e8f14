//! Lists and watches SequenceStores: one page, or the start of one watch, each with a deadline. I/O: reads Kubernetes.

use std::time::Duration;

use futures::stream::BoxStream;
use futures::{AsyncRead, AsyncReadExt, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::api::{Api, ListParams, Request, WatchEvent, WatchParams};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::page_size::PageSize;
use super::{Error, WatchedObject, answered_within};

/// Long enough for a busy API server. A request that gets no answer until then never gets one.
pub const LIST_TIMEOUT: Duration = Duration::from_secs(30);

const LIST: &str = "list the SequenceStores";

/// The events of a watch.
pub type Events = BoxStream<'static, Result<WatchEvent<WatchedObject>, kube::Error>>;

/// The pages of one list.
pub struct Pages<'a> {
    api: &'a Api<WatchedObject>,
    /// Of each request.
    deadline: Duration,
    size: PageSize,
    /// The token of the next page; none for the first one.
    token: Option<String>,
}

/// A page whose objects are not decoded yet.
#[derive(Deserialize)]
struct Page<'a> {
    metadata: ListMeta,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

impl<'a> Pages<'a> {
    pub fn of(api: &'a Api<WatchedObject>, deadline: Duration) -> Self {
        Self { api, deadline, size: PageSize::default(), token: None }
    }

    /// Reads the next page, and hands on its objects one by one: decoded, they take several times the memory of their
    /// text. After the last page, returns the version of the list, from which a watch goes on.
    ///
    /// # Errors
    /// The API server's, or no answer in time. Then none of the objects was handed on.
    pub async fn next(&mut self, mut each: impl FnMut(WatchedObject)) -> Result<Option<String>, Error> {
        let text = loop {
            match answered_within(self.deadline, LIST, self.text()).await? {
                Some(text) => break text,
                None => self.size = self.size.after_too_large(),
            }
        };
        let page: Page<'_> = serde_json::from_slice(&text)
            .map_err(|error| Error::kubernetes(LIST)(kube::Error::SerdeError(error)))?;
        let objects = page.items.unwrap_or_default();
        self.size = self.size.after(objects.len(), text.len());
        for object in objects {
            each(WatchedObject::decode(object.get()));
        }
        self.token = page.metadata.continue_.filter(|token| !token.is_empty());
        let is_last = self.token.is_none();
        Ok(is_last.then(|| page.metadata.resource_version.unwrap_or_default()))
    }

    /// None where the page is too large.
    async fn text(&self) -> Result<Option<Vec<u8>>, kube::Error> {
        let mut parameters = ListParams::default().limit(self.size.limit());
        parameters.continue_token.clone_from(&self.token);
        let request =
            Request::new(self.api.resource_url()).list(&parameters).map_err(kube::Error::BuildRequest)?;
        let body = self.api.clone().into_client().request_stream(request).await?;
        read(body, self.size.most_bytes()).await.map_err(kube::Error::ReadEvents)
    }
}

/// None where there is more than `most`.
async fn read(body: impl AsyncRead, most: Option<usize>) -> Result<Option<Vec<u8>>, std::io::Error> {
    let (mut body, mut text) = (std::pin::pin!(body), Vec::new());
    match most {
        Some(most) => {
            let length = body.take(most as u64 + 1).read_to_end(&mut text).await?;
            Ok((length <= most).then_some(text))
        }
        None => body.read_to_end(&mut text).await.map(|_| Some(text)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_response_that_is_too_large_is_not_read_to_its_end() {
        let text = b"0123456789";
        let mut rest = &text[..];
        assert_eq!(read(&mut rest, Some(4)).await.expect("it reads"), None);
        assert_eq!(rest, b"56789");
        for most in [Some(10), None] {
            assert_eq!(read(&text[..], most).await.expect("it reads").as_deref(), Some(&text[..]));
        }
    }

    #[test]
    fn only_what_says_that_it_is_a_page_is_one() {
        let page =
            |text: &'static str| serde_json::from_str::<Page<'_>>(text).ok().map(|p| p.items.is_some());
        assert_eq!(page(r#"{"kind":"L","metadata":{"resourceVersion":"7"},"items":[]}"#), Some(true));
        assert_eq!(page(r#"{"metadata":{"resourceVersion":"7"},"items":null}"#), Some(false));
        assert_eq!(page(r#"{"items":[]}"#), None);
        assert_eq!(page("{}"), None);
    }
}
