//! Counts the requests to the API server, each with its repetitions as one. No I/O of its own.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, Uri};
use tower::{Layer, Service};

use crate::metrics::RestClient;
use crate::network::host_and_port;

/// Wraps the HTTP client of kube.
#[derive(Clone, Debug)]
pub(super) struct CountRequests {
    requests: RestClient,
    host: Arc<str>,
}

impl CountRequests {
    /// `server` is the URL of the API server, which the requests do not name yet.
    pub(super) fn of(requests: &RestClient, server: &Uri) -> Self {
        Self { requests: requests.clone(), host: host_and_port(server).into() }
    }
}

impl<S> Layer<S> for CountRequests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, count: self.clone() }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Counted<S> {
    inner: S,
    count: CountRequests,
}

impl<S, B, R> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let begun = self.count.requests.begin(request.method().as_str(), &self.count.host);
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await;
            if let Ok(response) = &response {
                begun.answered(response.status().as_u16());
            }
            response
        })
    }
}
