//! A collector of traces: takes what is sent by OTLP over HTTP, and keeps it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use tokio::net::TcpListener;

use crate::world::{Error, Start, TIMEOUT, ensure};

/// A request that the operator sent.
#[derive(Clone)]
pub struct Sent {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A span, with what the tests ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub name: String,
    pub trace: String,
    pub id: String,
    /// Empty for the first span of a trace.
    pub parent: String,
    /// 3 for a request to another service.
    pub kind: i32,
    /// 0 unset, 2 error.
    pub status: i32,
    pub attributes: BTreeMap<String, String>,
    pub resource: BTreeMap<String, String>,
    pub events: usize,
}

impl Span {
    /// Empty where the span has no such attribute.
    pub fn get(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).map_or("", String::as_str)
    }

    pub fn is_request(&self) -> bool {
        self.kind == 3
    }
}

/// Dropping it closes its port.
pub struct Collector {
    address: SocketAddr,
    sent: Arc<Mutex<Vec<Sent>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Collector {
    pub async fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let sent: Arc<Mutex<Vec<Sent>>> = Arc::default();
        let routes = Router::new().fallback(keep).with_state(Arc::clone(&sent));
        let server = tokio::spawn(async move {
            axum::serve(listener, routes).await.ok();
        });
        Ok(Self { address, sent, server })
    }

    /// How an operator starts that sends its traces here, often.
    pub fn named(&self, more: &[(&'static str, &str)]) -> Start {
        let mut start = named(&format!("http://{}", self.address));
        start.environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        start
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn spans(&self) -> Result<Vec<Span>, Error> {
        let mut spans = Vec::new();
        for sent in self.sent() {
            for group in ExportTraceServiceRequest::decode(sent.body)?.resource_spans {
                let resource = text(&group.resource.unwrap_or_default().attributes);
                let found = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
                spans.extend(found.map(|span| Span {
                    name: span.name,
                    trace: hexadecimal(&span.trace_id),
                    id: hexadecimal(&span.span_id),
                    parent: hexadecimal(&span.parent_span_id),
                    kind: span.kind,
                    status: span.status.map_or(0, |status| status.code),
                    attributes: text(&span.attributes),
                    resource: resource.clone(),
                    events: span.events.len(),
                }));
            }
        }
        Ok(spans)
    }

    /// Waits for a span that is as wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Span) -> bool) -> Result<Span, Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let spans = self.spans()?;
            if let Some(span) = spans.iter().find(|span| wanted(span)) {
                return Ok(span.clone());
            }
            ensure!(tokio::time::Instant::now() < end, "no span {what} in {spans:?}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

pub fn named(endpoint: &str) -> Start {
    let mut start = Start::default();
    start.environment.insert("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.to_owned());
    start.environment.insert("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned());
    start
}

async fn keep(
    State(sent): State<Arc<Mutex<Vec<Sent>>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let path = uri.path().to_owned();
    sent.lock().unwrap_or_else(PoisonError::into_inner).push(Sent { path, headers, body });
    StatusCode::OK
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(value) => value.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |attribute: &KeyValue| {
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
        (attribute.key.clone(), value.map(text).unwrap_or_default())
    };
    attributes.iter().map(pair).collect()
}
