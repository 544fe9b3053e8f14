//! API responses: how a fault changes them, and how they become HTTP responses.

use std::convert::Infallible;
use std::time::Duration;

use futures::StreamExt;
use http_body_util::{BodyExt, Empty, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Bytes, Frame};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::fault::FaultAction;

pub(crate) type Body = BoxBody<Bytes, std::io::Error>;

#[derive(Clone, Debug)]
pub(crate) struct ApiResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content: Content,
    /// The error code; `None` for a successful response.
    pub(crate) error: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Empty,
    Json(Value),
    Text { content_type: &'static str, text: String },
}

/// How the server sends a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    /// In chunks of this many bytes, with a pause before each.
    Slow {
        chunk: usize,
        interval: Duration,
    },
    /// Half of the body, then a broken connection.
    Cut,
    /// Reset the connection instead.
    Reset,
    /// Send nothing and keep the connection open.
    Never,
}

impl ApiResponse {
    pub(crate) fn json(status: u16, value: Value) -> Self {
        ApiResponse { status, headers: Vec::new(), content: Content::Json(value), error: None }
    }

    pub(crate) fn empty(status: u16) -> Self {
        ApiResponse { status, headers: Vec::new(), content: Content::Empty, error: None }
    }

    pub(crate) fn text(status: u16, content_type: &'static str, text: String) -> Self {
        ApiResponse {
            status,
            headers: Vec::new(),
            content: Content::Text { content_type, text },
            error: None,
        }
    }

    /// An error in the format of the restJson1 protocol.
    pub(crate) fn rest_error(error: &ApiError) -> Self {
        let mut headers = vec![("x-amzn-errortype".to_owned(), error.code.clone())];
        headers.extend(error.retry_after_ms.map(|ms| ("x-amz-retry-after".to_owned(), ms.to_string())));
        ApiResponse {
            status: error.status,
            headers,
            content: Content::Json(json!({"message": error.message})),
            error: Some(error.code.clone()),
        }
    }

    /// With the time of the service, from which the SDKs learn how far their own clock is off.
    pub(crate) fn dated(mut self, now: Timestamp) -> Self {
        self.headers.insert(0, ("date".to_owned(), now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
        self
    }

    /// The body as the ledger records it.
    pub(crate) fn body_for_ledger(&self) -> Value {
        match &self.content {
            Content::Empty => Value::Null,
            Content::Json(value) => value.clone(),
            Content::Text { text, .. } => Value::String(text.clone()),
        }
    }

    fn bytes(&self) -> Bytes {
        match &self.content {
            Content::Empty => Bytes::new(),
            Content::Json(value) => Bytes::from(value.to_string()),
            Content::Text { text, .. } => Bytes::from(text.clone()),
        }
    }

    pub(crate) fn apply_fault(self, action: &FaultAction) -> (ApiResponse, Delivery) {
        let response = match action {
            FaultAction::Reset => return (self, Delivery::Reset),
            FaultAction::Hang => return (self, Delivery::Never),
            FaultAction::CutBody => return (self, Delivery::Cut),
            FaultAction::SlowBody { chunk_bytes, interval_ms } => {
                let interval = Duration::from_millis(*interval_ms);
                return (self, Delivery::Slow { chunk: (*chunk_bytes).max(1), interval });
            }
            FaultAction::Html { status } => {
                let reason = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
                let title = format!("{status} {}", reason.unwrap_or_default());
                let page = format!(
                    "<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
                );
                ApiResponse::text(*status, "text/html", page)
            }
            FaultAction::EmptyObject => ApiResponse::json(200, json!({})),
            FaultAction::EmptyBody => ApiResponse::empty(200),
            FaultAction::TruncatedJson => {
                let bytes = self.bytes();
                let text = String::from_utf8_lossy(&bytes[..bytes.len() / 2]).into_owned();
                ApiResponse { content: Content::Text { content_type: "application/json", text }, ..self }
            }
            FaultAction::Replace { member, value } => self.with_member(member, value),
            FaultAction::WrongId => self.with_member("id", &json!("9999999999")),
            FaultAction::WrongArn => self
                .with_member("arn", &json!("arn:aws:omics:eu-west-1:999999999999:sequenceStore/9999999999")),
            FaultAction::Raw { status, headers, body } => {
                let mut response = ApiResponse::text(*status, "application/json", body.clone());
                response.headers =
                    headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
                response
            }
            FaultAction::Error { .. }
            | FaultAction::Delay { .. }
            | FaultAction::Hold
            | FaultAction::StaleRead => self,
        };
        (response, Delivery::Whole)
    }

    /// Replaces a member, or removes it if the value is `null`; in a list response, of each listed store.
    fn with_member(mut self, member: &str, value: &Value) -> Self {
        let set = |object: &mut serde_json::Map<String, Value>| match value {
            Value::Null => drop(object.remove(member)),
            value => drop(object.insert(member.to_owned(), value.clone())),
        };
        if let Content::Json(Value::Object(object)) = &mut self.content {
            match object.get_mut("sequenceStores") {
                Some(Value::Array(items)) if member != "sequenceStores" && member != "nextToken" => {
                    items.iter_mut().filter_map(Value::as_object_mut).for_each(set);
                }
                _ => set(object),
            }
        }
        self
    }

    pub(crate) fn into_http_response(self, request_id: &str, delivery: Delivery) -> Response<Body> {
        let mut response = Response::new(body(self.bytes(), delivery));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let content_type = match &self.content {
            Content::Empty => None,
            Content::Json(_) => Some("application/json"),
            Content::Text { content_type, .. } => Some(*content_type),
        };
        if let Some(content_type) = content_type {
            headers.insert("content-type", HeaderValue::from_static(content_type));
        }
        if let Ok(request_id) = HeaderValue::from_str(request_id) {
            headers.insert("x-amzn-requestid", request_id);
        }
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        if delivery == Delivery::Cut {
            headers.insert("content-length", HeaderValue::from(self.bytes().len().max(2)));
        }
        response
    }
}

fn body(bytes: Bytes, delivery: Delivery) -> Body {
    match delivery {
        Delivery::Slow { chunk, interval } => {
            let chunks: Vec<Bytes> = bytes.chunks(chunk).map(Bytes::copy_from_slice).collect();
            let stream = futures::stream::iter(chunks).then(move |chunk| async move {
                tokio::time::sleep(interval).await;
                Ok(Frame::data(chunk))
            });
            BodyExt::boxed(StreamBody::new(stream))
        }
        Delivery::Cut => {
            let half = bytes.slice(..bytes.len() / 2);
            let cut = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
            // Without the pause, the connection could break before the first half is sent.
            let end = futures::stream::once(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(cut)
            });
            let start = futures::stream::iter([Ok(Frame::data(half))]);
            BodyExt::boxed(StreamBody::new(start.chain(end)))
        }
        _ if bytes.is_empty() => Empty::new().map_err(|never: Infallible| match never {}).boxed(),
        _ => Full::new(bytes).map_err(|never: Infallible| match never {}).boxed(),
    }
}
