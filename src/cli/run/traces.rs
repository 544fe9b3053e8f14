//! Traces by OTLP over HTTP, off unless the environment names a collector. Passes and AWS never wait for it. I/O: a thread, and
//! requests to the collector.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_omics::config::http::{HttpRequest, HttpResponse};
use aws_sdk_omics::primitives::ByteStream;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use http::Uri;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use crate::aws;
use crate::network::{Proxies, added_certificates, host_and_port, web_url};
use crate::traces::is_of_traces;

const NAME: &str = "sequencestore-operator";

/// Limit for one request to the collector.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the end of the process waits for the collector. With the longest pass it stays below the time that a Pod gets to stop.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
/// How often the log says that the collector does not take the traces.
const TOLD_EVERY: Duration = Duration::from_secs(600);
/// What the collector answers is a few bytes. Of more, the rest is not read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What collects spans and sends them.
pub(super) struct Traces {
    provider: SdkTracerProvider,
    endpoint: Uri,
}

impl Traces {
    /// None where the environment names no collector.
    ///
    /// # Errors
    /// Settings with which nothing could be sent: one line, with what to correct.
    pub(super) fn from_environment(replica: &str) -> Result<Option<Self>, String> {
        let Some(endpoint) = endpoint(&|name| std::env::var(name).ok())? else { return Ok(None) };
        let connector = aws::connector(Proxies::from_environment()?, &added_certificates()?)?;
        let collector = Collector { connector, runtime: Handle::current(), told: Mutex::default() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(endpoint.to_string())
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(collector)
            .build()
            .map_err(|error| error.to_string())?;
        // A thread of its own, with a queue that spans are dropped from when it is full.
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).build())
            .with_resource(resource(replica))
            .build();
        Ok(Some(Self { provider, endpoint }))
    }

    /// Takes the spans of traces, whatever the level of the log, and nothing else.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(NAME))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(LevelFilter::INFO.and(filter_fn(is_of_traces)))
    }

    pub(super) fn log_start(&self) {
        tracing::info!(collector = host_and_port(&self.endpoint), "traces are sent");
    }

    /// Sends what is left, unless the collector is too slow.
    pub(super) async fn flush(self) {
        let flush = move || self.provider.shutdown_with_timeout(FLUSH_TIMEOUT);
        if !matches!(tokio::task::spawn_blocking(flush).await, Ok(Ok(()))) {
            tracing::warn!("the last traces were not sent");
        }
    }
}

/// Whose spans these are. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` come first.
fn resource(replica: &str) -> Resource {
    let own = [
        KeyValue::new("service.name", NAME),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", replica.to_owned()),
    ];
    let of_environment = Resource::builder().build();
    let is_set = |key: &str| {
        let value = of_environment.get_ref(&key.to_owned().into());
        value.is_some_and(|value| !value.as_str().starts_with("unknown_service"))
    };
    let added: Vec<KeyValue> = own.into_iter().filter(|own| !is_set(own.key.as_str())).collect();
    Resource::builder().with_attributes(added).build()
}

/// Where traces go, none where they are off. An empty variable counts as unset.
fn endpoint(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Uri>, String> {
    let set = |name: &str| variable(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
    let is = |name, value: &str| set(name).is_some_and(|set| set.eq_ignore_ascii_case(value));
    let (of_traces, of_all) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
    let (name, url) = match (set(of_traces), set(of_all)) {
        (Some(url), _) => (of_traces, url),
        (None, Some(base)) => (of_all, format!("{}/v1/traces", base.trim_end_matches('/'))),
        (None, None) => return Ok(None),
    };
    if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
        return Ok(None);
    }
    for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
        if let Some(protocol) = set(name).filter(|protocol| protocol != "http/protobuf") {
            return Err(format!(
                "{name} is {protocol}: set it to http/protobuf, and the port of the endpoint to the collector's one for HTTP, \
                 mostly 4318"
            ));
        }
    }
    // The value may hold a password.
    let wrong = || format!("{name} is not the URL of a collector: write http://HOST:4318");
    web_url(&url).map(Some).ok_or_else(wrong)
}

/// Sends requests to the collector through the connections of this process: one TLS, the same proxies.
#[derive(Debug)]
struct Collector {
    connector: SharedHttpConnector,
    runtime: Handle,
    told: Mutex<Told>,
}

/// What the log has said about the collector.
#[derive(Debug, Default)]
struct Told {
    at: Option<Instant>,
    is_failing: bool,
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = HttpRequest::try_from(request.map(Into::into))?;
        let connector = self.connector.clone();
        let sent = async move {
            let answer = connector.call(request).await.map_err(|error| aws::connection_failure(&error))?;
            read(answer).await
        };
        // Connections belong to the runtime, and this is a thread of its own.
        let sent = self.runtime.spawn(async { tokio::time::timeout(REQUEST_TIMEOUT, sent).await });
        let answer = match sent.await? {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {REQUEST_TIMEOUT:?}")),
        };
        self.tell(match &answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("HTTP status {}", answer.status().as_u16())),
            Err(error) => Err(error.clone()),
        });
        Ok(answer?)
    }
}

impl Collector {
    /// Now and then: neither each failure nor each turn.
    fn tell(&self, outcome: Result<(), String>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) if told.is_failing => {
                told.is_failing = false;
                tracing::info!("the collector takes traces again");
            }
            Err(error) if told.at.is_none_or(|at| at.elapsed() >= TOLD_EVERY) => {
                *told = Told { at: Some(Instant::now()), is_failing: true };
                tracing::warn!("the collector does not take traces, which are dropped meanwhile: {error}");
            }
            _ => {}
        }
    }
}

async fn read(answer: HttpResponse) -> Result<Response<Bytes>, String> {
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get("retry-after").map(ToOwned::to_owned);
    let mut body = ByteStream::new(answer.into_body());
    let mut read = Vec::new();
    while let Some(part) = body.next().await {
        read.extend_from_slice(&part.map_err(|error| aws::connection_failure(&error))?);
        if read.len() > LONGEST_ANSWER {
            break;
        }
    }
    let mut response = Response::builder().status(status);
    if let Some(value) = retry_after {
        response = response.header("retry-after", value);
    }
    response.body(Bytes::from(read)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let found = endpoint(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        Ok(found?.map(|url| url.to_string()))
    }

    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const OF_TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

    #[test]
    fn traces_are_off_unless_a_collector_is_named() {
        for variables in [
            &[][..],
            &[(ALL, " ")],
            &[("OTEL_SERVICE_NAME", "a"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
            &[(ALL, "http://a:4318"), ("OTEL_SDK_DISABLED", "True")],
            &[(ALL, "http://a:4318"), ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert_eq!(of(variables), Ok(None), "{variables:?}");
        }
    }

    #[test]
    fn the_endpoint_of_traces_comes_first_and_is_taken_as_it_is() {
        for (variables, expected) in [
            (&[(ALL, "http://a:4318")][..], "http://a:4318/v1/traces"),
            (&[(ALL, "https://a/otlp/")], "https://a/otlp/v1/traces"),
            (&[(ALL, "http://a:4318"), (OF_TRACES, "http://b:1/x")], "http://b:1/x"),
            (&[(ALL, "http://a:4318"), (OF_TRACES, "")], "http://a:4318/v1/traces"),
            (
                &[(ALL, "http://a:4318"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")],
                "http://a:4318/v1/traces",
            ),
        ] {
            assert_eq!(of(variables), Ok(Some(expected.to_owned())), "{variables:?}");
        }
    }

    #[test]
    fn settings_with_which_nothing_could_be_sent_are_named_and_not_quoted() {
        for (variables, says) in [
            (&[(ALL, "collector:4318")][..], ALL),
            (&[(OF_TRACES, "ftp://user:secret@a")], OF_TRACES),
            (&[(ALL, "http://")], ALL),
            (&[(ALL, "http://a:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "http/protobuf"),
        ] {
            let error = of(variables).expect_err("refused");
            assert!(error.contains(says) && !error.contains("secret"), "{error}");
        }
    }
}
