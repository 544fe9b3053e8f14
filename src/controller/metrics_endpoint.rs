//! The endpoint `/metrics`. I/O: network.
//!
//! The page is written piece by piece while it is sent, beside the passes: what it needs of memory does not grow with the
//! number of objects.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metrics::{CONTENT_TYPE, Page};

/// Bytes of a piece.
const PIECE: usize = 32 * 1024;
/// Pieces that wait to be sent.
const WAITING: usize = 2;
/// Pages that are written at the same time; more requests wait.
const AT_ONCE: usize = 2;
/// Prometheus gives up after so long, too.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a stop waits for pages that are being sent.
const LAST_PAGES: Duration = Duration::from_secs(1);

/// Serves until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    page: Arc<Page>,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    serve_within(DEADLINE, listener, page, shutdown).await
}

/// `limit` is that of one page.
async fn serve_within(
    limit: Duration,
    listener: TcpListener,
    page: Arc<Page>,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let stopping = shutdown.clone();
    let routes = Router::new().route(
        "/metrics",
        get(move || {
            let limits = Limits { deadline: Instant::now() + limit, stopping: stopping.clone() };
            answer(Arc::clone(&page), Arc::clone(&turns), limits)
        }),
    );
    let stop = shutdown.clone().cancelled_owned();
    let server = axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned());
    tokio::select! {
        ended = async { server.await } => ended,
        () = async { stop.await; tokio::time::sleep(LAST_PAGES).await } => Ok(()),
    }
}

/// When a page must have been sent, and what else ends it.
struct Limits {
    deadline: Instant,
    stopping: CancellationToken,
}

async fn answer(page: Arc<Page>, turns: Arc<Semaphore>, limits: Limits) -> Response {
    let Ok(Ok(turn)) = tokio::time::timeout_at(limits.deadline, turns.acquire_owned()).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many requests at once\n").into_response();
    };
    let (sender, pieces) = mpsc::channel(WAITING);
    let out = Pieces { sender, limits, runtime: Handle::current(), piece: String::new() };
    tokio::task::spawn_blocking(move || {
        out.write(&page);
        drop(turn);
    });
    let mut response = Body::from_stream(stream::unfold(Some(pieces), next)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

/// The page broke off: whoever reads it must not take it for the whole.
#[derive(Debug, thiserror::Error)]
#[error("the page is incomplete")]
struct Incomplete;

type Receiver = mpsc::Receiver<Bytes>;

/// The next piece. An empty one is the end of a whole page.
async fn next(pieces: Option<Receiver>) -> Option<(Result<Bytes, Incomplete>, Option<Receiver>)> {
    let mut pieces = pieces?;
    match pieces.recv().await {
        Some(piece) if piece.is_empty() => None,
        Some(piece) => Some((Ok(piece), Some(pieces))),
        None => Some((Err(Incomplete), None)),
    }
}

/// Sends text in pieces. A reader that does not keep up, or goes away, ends it.
struct Pieces {
    sender: mpsc::Sender<Bytes>,
    limits: Limits,
    runtime: Handle,
    piece: String,
}

impl Pieces {
    fn write(mut self, page: &Page) {
        // What is not sent is told by `next`, which then misses the end.
        let _ = page.write(&mut self).and_then(|()| self.send()).and_then(|()| self.send());
    }

    fn send(&mut self) -> fmt::Result {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        let Self { sender, limits: Limits { deadline, stopping }, .. } = self;
        let is_sent = self.runtime.block_on(async {
            tokio::select! {
                sent = tokio::time::timeout_at(*deadline, sender.send(piece)) => matches!(sent, Ok(Ok(()))),
                () = stopping.cancelled() => false,
            }
        });
        if is_sent { Ok(()) } else { Err(fmt::Error) }
    }
}

impl fmt::Write for Pieces {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.piece.capacity() == 0 {
            self.piece.reserve(PIECE);
        }
        self.piece.push_str(text);
        // The library writes some 4 KiB at once.
        if self.piece.len() + PIECE / 4 > PIECE { self.send() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::metrics::{Metrics, Objects, Sample};

    const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    /// Ends a body that is complete.
    const END: &str = "\r\n0\r\n\r\n";

    /// More than fit in the buffers of a connection.
    const OBJECTS: usize = 50_000;

    #[derive(Debug)]
    struct Many;

    impl Objects for Many {
        fn visit(&self, visit: &mut dyn FnMut(&Sample<'_>)) {
            for number in 0..OBJECTS {
                visit(&Sample { namespace: "lab", name: &format!("genomes-{number}"), ..Sample::default() });
            }
        }
    }

    async fn start(
        limit: Duration,
    ) -> (String, CancellationToken, tokio::task::JoinHandle<std::io::Result<()>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let page = Page::new(Arc::new(Metrics::default())).with_objects(Arc::new(Many), true);
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve_within(limit, listener, Arc::new(page), shutdown.clone()));
        (address, shutdown, server)
    }

    async fn ask(address: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(REQUEST).await.expect("the request is sent");
        stream
    }

    async fn read(mut stream: TcpStream) -> String {
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        text
    }

    #[tokio::test]
    async fn a_reader_that_stops_reading_holds_up_neither_the_next_one_nor_the_end() {
        let (address, shutdown, server) = start(Duration::from_secs(300)).await;
        let stuck = ask(&address).await;
        stuck.readable().await.expect("its page has begun");
        let text = read(ask(&address).await).await;
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with(END), "{}", text.len());
        assert_eq!(text.matches("sequencestore_object_ready{").count(), OBJECTS);
        shutdown.cancel();
        server.await.expect("no panic").expect("a clean end");
        drop(stuck);
    }

    #[tokio::test]
    async fn a_reader_that_takes_too_long_gets_no_more_and_gives_its_turn_away() {
        let (address, _shutdown, _server) = start(Duration::from_millis(1)).await;
        for _ in 0..=AT_ONCE {
            let stream = ask(&address).await;
            // Much longer than the limit: what fits in the buffers is written, and nothing more.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let text = read(stream).await;
            assert!(!text.ends_with(END), "{}", text.len());
        }
    }

    #[tokio::test]
    async fn a_page_that_broke_off_does_not_look_whole() {
        let (address, shutdown, _server) = start(Duration::from_secs(10)).await;
        let stream = ask(&address).await;
        stream.readable().await.expect("an answer");
        shutdown.cancel();
        let text = read(stream).await;
        assert!(text.starts_with("HTTP/1.1 200") && !text.ends_with(END), "{}", text.len());
    }
}
