//! Notes which host a request goes to, so that an error can name it: only the SDK knows, from region, operation, FIPS,
//! dual stack and custom endpoints. No I/O of its own.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_omics::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_omics::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_omics::error::BoxError;

tokio::task_local! {
    static HOST: Arc<Mutex<Option<String>>>;
}

/// Awaits a request; returns its outcome and the host that it went to. No host where it was never sent.
pub(super) async fn noted<T>(request: impl Future<Output = T>) -> (T, Option<String>) {
    let host = Arc::default();
    let outcome = HOST.scope(Arc::clone(&host), request).await;
    let host = host.lock().unwrap_or_else(PoisonError::into_inner).take();
    (outcome, host)
}

/// Part of each client.
#[derive(Debug)]
pub(super) struct NoteHost;

impl Intercept for NoteHost {
    fn name(&self) -> &'static str {
        "NoteHost"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let authority = authority(context.request().uri());
        // Fails outside of `noted`, where nobody asks for the host.
        let _ = HOST.try_with(|host| {
            *host.lock().unwrap_or_else(PoisonError::into_inner) = authority.map(ToOwned::to_owned);
        });
        Ok(())
    }
}

/// Host and port of a URL.
fn authority(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    rest.split(['/', '?']).next().filter(|authority| !authority.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_taken_from_the_url_with_its_port() {
        let host = "omics.us-east-1.amazonaws.com";
        assert_eq!(authority(&format!("https://{host}/sequencestores?maxResults=100")), Some(host));
        assert_eq!(authority("http://127.0.0.1:4566/x"), Some("127.0.0.1:4566"));
        assert_eq!(authority("http://[::1]:80"), Some("[::1]:80"));
        assert_eq!(authority("/only/a/path"), None);
    }

    #[tokio::test]
    async fn a_request_that_is_never_sent_has_no_host() {
        assert_eq!(noted(async { 1 }).await, (1, None));
    }
}
