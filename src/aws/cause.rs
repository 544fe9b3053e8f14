//! What kept a request from a usable response, in words that are the same each time. No I/O.

use std::error::Error as StdError;
use std::io;

use aws_sdk_omics::config::http::HttpResponse;
use aws_sdk_omics::error::{ProvideErrorMetadata, SdkError};

use super::error::code_of;

/// Why a request got no usable response. Conditions name it, so it holds nothing that differs from one attempt to the
/// next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// DNS does not know the host.
    NameNotResolved,
    /// Nothing listens there, or a firewall refuses.
    ConnectionRefused,
    /// The connection was not established in time.
    ConnectionTimedOut,
    /// The connection ended before the response.
    ConnectionClosed,
    /// No route to the host.
    Unreachable,
    /// TLS failed, mostly because of a certificate of a proxy.
    Tls,
    /// The response did not arrive in time.
    NoResponse,
    /// A response with this HTTP status, and AWS's error code if it has one.
    Answer { status: u16, code: Option<String> },
    /// Anything else.
    #[default]
    Other,
}

/// A request without a usable response: why, and where it went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    pub cause: Cause,
    /// Host and port; none where the request was never sent.
    pub host: Option<String>,
}

impl Failure {
    /// The cause as the part of a sentence that names the host.
    #[must_use]
    pub(crate) fn sentence(&self) -> String {
        self.cause.sentence(self.host.as_deref())
    }

    /// Whether AWS itself has answered, with one of its error codes.
    #[must_use]
    pub(crate) fn is_answer_of_aws(&self) -> bool {
        matches!(self.cause, Cause::Answer { code: Some(_), .. })
    }
}

impl Cause {
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(response) => {
                Self::Answer { status: response.raw().status().as_u16(), code: code_of(error) }
            }
            SdkError::ResponseError(response) => {
                Self::Answer { status: response.raw().status().as_u16(), code: None }
            }
            SdkError::TimeoutError(_) => Self::NoResponse,
            SdkError::DispatchFailure(failure) => {
                let connector: Option<&(dyn StdError + 'static)> = match failure.as_connector_error() {
                    Some(error) => Some(error),
                    None => error.source(),
                };
                let found = connector.map_or(Self::Other, of_connection);
                if found == Self::Other && failure.is_timeout() { Self::ConnectionTimedOut } else { found }
            }
            _ => Self::Other,
        }
    }

    /// `host` is where the request went, if it got that far.
    fn sentence(&self, host: Option<&str>) -> String {
        let host = host.unwrap_or("the endpoint");
        match self {
            Self::NameNotResolved => format!("DNS does not know {host}"),
            Self::ConnectionRefused => format!("{host} refuses the connection"),
            Self::ConnectionTimedOut => format!("the connection to {host} times out"),
            Self::ConnectionClosed => format!("{host} closes the connection without a response"),
            Self::Unreachable => format!("there is no route to {host}"),
            Self::Tls => format!("the TLS certificate of {host} is not trusted, or TLS fails otherwise"),
            Self::NoResponse => format!("{host} does not respond in time"),
            Self::Answer { status, code: Some(code) } => {
                format!("{host} responds with {code} (HTTP status {status})")
            }
            Self::Answer { status, code: None } => format!("{host} responds with HTTP status {status}"),
            Self::Other => format!("the request to {host} fails"),
        }
    }
}

/// Why a connection that is not to AWS failed, in a few words.
pub(crate) fn connection_failure(error: &(dyn StdError + 'static)) -> String {
    match of_connection(error) {
        Cause::Other => in_words(error),
        cause => cause.sentence(Some("the host")),
    }
}

/// Looks for the cause in an error of the connection and in all that led to it.
fn of_connection(error: &(dyn StdError + 'static)) -> Cause {
    for error in chain(error) {
        if error.is::<rustls::Error>() {
            return Cause::Tls;
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
                return Cause::Tls;
            }
            match error.kind() {
                io::ErrorKind::ConnectionRefused => return Cause::ConnectionRefused,
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof => return Cause::ConnectionClosed,
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    return Cause::Unreachable;
                }
                io::ErrorKind::TimedOut => return Cause::ConnectionTimedOut,
                _ => {}
            }
        }
        // The HTTP library has no types of its own for these.
        let text = error.to_string();
        if text.contains("dns error") {
            return Cause::NameNotResolved;
        }
        if text.contains("connection closed before") || text == "connection error" {
            return Cause::ConnectionClosed;
        }
    }
    Cause::Other
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The texts of an error and of all that led to it, without the dumps that libraries print of their own types: a dump
/// of a request could hold parts of a spec.
pub(super) fn in_words(error: &(dyn StdError + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for error in chain(error) {
        let text = error.to_string();
        let text = text.split_once('{').map_or(text.as_str(), |(before, _)| before);
        // The dump began with the name of its type, after these words.
        let text = text.split(" to request `").next().unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() && !words.iter().any(|earlier| earlier.contains(&text)) {
            words.push(text);
        }
    }
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: String,
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    }

    fn layer(text: &str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Layer {
        Layer { text: text.into(), source: Some(source.into()) }
    }

    #[test]
    fn the_cause_is_found_below_the_errors_of_the_libraries() {
        let table = [
            (
                layer("client error (Connect)", io::Error::from(io::ErrorKind::ConnectionRefused)),
                Cause::ConnectionRefused,
            ),
            (
                layer("client error (Connect)", io::Error::from(io::ErrorKind::TimedOut)),
                Cause::ConnectionTimedOut,
            ),
            (
                layer("client error (Connect)", io::Error::from(io::ErrorKind::HostUnreachable)),
                Cause::Unreachable,
            ),
            (
                layer("client error (SendRequest)", io::Error::from(io::ErrorKind::ConnectionReset)),
                Cause::ConnectionClosed,
            ),
            (
                layer("client error (Connect)", layer("dns error", io::Error::other("failed to lookup"))),
                Cause::NameNotResolved,
            ),
            (
                layer(
                    "client error (Connect)",
                    io::Error::new(io::ErrorKind::InvalidData, rustls::Error::HandshakeNotComplete),
                ),
                Cause::Tls,
            ),
            (layer("something new", io::Error::other("odd")), Cause::Other),
        ];
        for (error, cause) in table {
            assert_eq!(of_connection(&error), cause, "{error:?}");
        }
    }

    #[test]
    fn every_cause_names_the_host() {
        let answer = |code: Option<&str>| Cause::Answer { status: 503, code: code.map(Into::into) };
        for cause in [
            Cause::NameNotResolved,
            Cause::ConnectionRefused,
            Cause::ConnectionTimedOut,
            Cause::ConnectionClosed,
            Cause::Unreachable,
            Cause::Tls,
            Cause::NoResponse,
            answer(None),
            answer(Some("InternalServerException")),
            Cause::Other,
        ] {
            let sentence = cause.sentence(Some("omics.us-east-1.amazonaws.com"));
            assert!(sentence.contains("omics.us-east-1.amazonaws.com"), "{sentence}");
            assert!(cause.sentence(None).contains("the endpoint"), "{cause:?}");
        }
    }

    #[test]
    fn dumps_of_types_are_left_out() {
        let dump =
            "failed to apply endpoint `127.0.0.1:1` to request `Request { body: SdkBody { inner: 1 } }`";
        let error = layer("dispatch failure", layer("other", layer(dump, io::Error::other("no scheme"))));
        assert_eq!(
            in_words(&error),
            "dispatch failure: other: failed to apply endpoint `127.0.0.1:1`: no scheme"
        );
    }
}
