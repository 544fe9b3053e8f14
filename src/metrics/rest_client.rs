//! Requests to the Kubernetes API server, under the names of client-go. No I/O.

use std::sync::Arc;
use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Timings;
use super::bounded::OTHER;

/// What client-go writes where there was no response.
const NO_RESPONSE: &str = "<error>";

const METHODS: [&str; 5] = ["GET", "PATCH", "POST", "PUT", "DELETE"];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    code: String,
    method: &'static str,
    host: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Timed {
    verb: &'static str,
    host: Arc<str>,
}

/// Counters of all requests to the API server.
#[derive(Clone, Debug)]
pub(crate) struct RestClient {
    requests: Family<Request, Counter>,
    durations: Timings<Timed>,
}

fn request_seconds() -> Histogram {
    // The buckets of Kubernetes' own programs.
    Histogram::new([0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0])
}

impl RestClient {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let client =
            Self { requests: Family::default(), durations: Timings::new_with_constructor(request_seconds) };
        registry.register(
            "rest_client_requests",
            "Requests to the Kubernetes API server by status code (<error> without a response), method and host",
            client.requests.clone(),
        );
        registry.register(
            "rest_client_request_duration_seconds",
            "Time from sending a request to the Kubernetes API server to the headers of its response",
            client.durations.clone(),
        );
        client
    }

    /// A request begins.
    pub(crate) fn begin(&self, method: &str, host: &Arc<str>) -> Begun {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER);
        Begun { client: self.clone(), method, host: Arc::clone(host), at: Instant::now(), code: None }
    }
}

/// A request that is under way. It counts when it is dropped, as with a time-out.
#[must_use]
#[derive(Debug)]
pub(crate) struct Begun {
    client: RestClient,
    method: &'static str,
    host: Arc<str>,
    at: Instant,
    code: Option<u16>,
}

impl Begun {
    pub(crate) fn answered(mut self, code: u16) {
        self.code = Some(code);
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let code = self.code.map_or_else(|| NO_RESPONSE.to_owned(), |code| code.to_string());
        let request = Request { code, method: self.method, host: Arc::clone(&self.host) };
        self.client.requests.get_or_create_owned(&request).inc();
        let timed = Timed { verb: self.method, host: Arc::clone(&self.host) };
        self.client.durations.get_or_create_owned(&timed).observe(self.at.elapsed().as_secs_f64());
    }
}
