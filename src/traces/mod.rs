//! The spans of traces: a pass over an object, and each request to AWS. Knows only strings and numbers, none of them from a
//! spec. No I/O.
//!
//! Spans are made only while something collects them (`cli/run/traces.rs`), and the log never has them: it has a span and lines
//! of its own for the same. What AWS is asked follows OpenTelemetry's conventions for the AWS SDK.

use tracing::field::Empty;
use tracing::instrument::Instrumented;
use tracing::{Instrument, Metadata, Span};

/// The target of these spans and of nothing else.
pub(crate) const TARGET: &str = "traces";

/// Whether this is one of the spans below.
pub(crate) fn is_of_traces(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == TARGET
}

/// The object of a pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Object<'a> {
    pub(crate) kind: &'a str,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
    pub(crate) uid: Option<&'a str>,
    pub(crate) generation: Option<i64>,
}

/// A pass that runs. Its span ends with the value.
#[derive(Debug)]
pub(crate) struct Pass(Span);

impl Pass {
    pub(crate) fn begin(object: Object<'_>) -> Self {
        let Object { kind, namespace, name, uid, generation } = object;
        Self(tracing::info_span!(
            target: TARGET,
            parent: None,
            "pass",
            kind,
            namespace,
            name,
            uid,
            generation,
            result = Empty,
            "error.type" = Empty,
            otel.status_code = Empty,
        ))
    }

    /// The requests that `pass` sends become children of the span.
    pub(crate) fn of<F: Future>(&self, pass: F) -> Instrumented<F> {
        pass.instrument(self.0.clone())
    }

    /// `result` as the metrics name it; `failure` says what kind of one it was.
    pub(crate) fn ended(&self, result: &str, failure: Option<&str>) {
        self.0.record("result", result);
        if let Some(failure) = failure {
            self.0.record("error.type", failure);
            self.0.record("otel.status_code", "ERROR");
        }
    }
}

/// A failed request to AWS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed<'a> {
    /// How the operator reacts to it, as the metrics name it.
    pub(crate) class: &'a str,
    /// AWS's error code.
    pub(crate) code: Option<&'a str>,
    /// Whether the answer is a result, such as that a store does not exist.
    pub(crate) is_expected: bool,
}

/// One request to AWS. Its span ends with the value.
#[derive(Debug)]
pub(crate) struct Request(Span);

impl Request {
    /// `attempt` counts from 1: AWS may throttle one after the other.
    pub(crate) fn begin(service: &str, operation: &str, region: &str, attempt: u32) -> Self {
        Self(tracing::info_span!(
            target: TARGET,
            "request",
            otel.name = %format_args!("{service}.{operation}"),
            otel.kind = "client",
            rpc.system = "aws-api",
            rpc.service = service,
            rpc.method = operation,
            cloud.region = region,
            attempt,
            aws.request_id = Empty,
            class = Empty,
            "error.type" = Empty,
            otel.status_code = Empty,
        ))
    }

    pub(crate) fn of<F: Future>(&self, sent: F) -> Instrumented<F> {
        sent.instrument(self.0.clone())
    }

    pub(crate) fn answered(&self, request_id: Option<&str>) {
        self.0.record("aws.request_id", request_id);
    }

    pub(crate) fn failed(&self, Failed { class, code, is_expected }: Failed<'_>) {
        self.0.record("class", class);
        self.0.record("error.type", code.unwrap_or(class));
        if !is_expected {
            self.0.record("otel.status_code", "ERROR");
        }
    }
}
