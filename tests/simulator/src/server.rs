//! The HTTP server. It accepts connections, which a fault can reset, and passes each request to the control
//! API or to the simulated AWS API.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::control;
use crate::exchange::{self, IncomingRequest};
use crate::response::{Body, Delivery};
use crate::world::World;

/// The state that all connections share.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    world: Arc<Mutex<World>>,
    /// The requests under a `hold` fault, by ledger number. Sending releases the request.
    held: Arc<Mutex<BTreeMap<u64, oneshot::Sender<()>>>>,
    pub(crate) stopped: CancellationToken,
}

impl Shared {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_held(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<()>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the request is released.
    pub(crate) async fn hold(&self, seq: u64) {
        let (sender, released) = oneshot::channel();
        self.lock_held().insert(seq, sender);
        // Receiving fails only when the simulator stops, and then the request need not wait any longer.
        let _ = released.await;
    }

    /// The ledger numbers of the held requests.
    pub(crate) fn held(&self) -> Vec<u64> {
        self.lock_held().keys().copied().collect()
    }

    /// Releases one held request, or all; returns their number.
    pub(crate) fn release(&self, seq: Option<u64>) -> u64 {
        let mut held = self.lock_held();
        let released: Vec<_> = match seq {
            Some(seq) => held.remove(&seq).into_iter().collect(),
            None => std::mem::take(&mut *held).into_values().collect(),
        };
        let count = released.len() as u64;
        for sender in released {
            // If the receiver was dropped, no request waits for the release.
            let _ = sender.send(());
        }
        count
    }
}

/// A TCP stream that resets the connection on close if `reset` is set.
struct Connection {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.reset.load(Ordering::SeqCst) {
            // With a linger time of zero, the kernel sends RST on close. If the call fails, the connection
            // closes without an HTTP response all the same.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Ordering::SeqCst) {
            // An orderly shutdown would send FIN before the RST.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Accepts connections until the simulator is stopped.
pub(crate) async fn serve(listener: TcpListener, shared: Shared) {
    loop {
        let accepted = tokio::select! {
            () = shared.stopped.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, shared.clone()))),
            // Usually the process has no free file descriptors: give other connections time to close.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
}

async fn connection(stream: TcpStream, shared: Shared) {
    // Small responses must not wait for the acknowledgement of earlier packets.
    let _ = stream.set_nodelay(true);
    let reset = Arc::new(AtomicBool::new(false));
    let connection = Connection { stream, reset: reset.clone() };
    let stopped = shared.stopped.clone();
    let service = service_fn(move |request| handle(request, shared.clone(), reset.clone()));
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(connection), service);
    tokio::select! {
        () = stopped.cancelled() => {}
        // Errors are expected here: callers close connections, and faults break them.
        _ = serving => {}
    }
}

async fn handle(
    request: Request<Incoming>,
    shared: Shared,
    reset: Arc<AtomicBool>,
) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    if parts.uri.path().starts_with("/_simulator/") {
        return Ok(control::handle(&shared, &parts, &body).into_http_response("control", Delivery::Whole));
    }
    let incoming = IncomingRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        host: parts.uri.authority().map(|host| host.to_string()).or_else(|| header(&parts.headers, "host")),
        headers: parts.headers,
        body,
    };
    // A separate task, so that a request takes effect even if the caller closes the connection before the
    // response.
    let outgoing = tokio::spawn(exchange::handle(shared, incoming)).await.map_err(io::Error::other)?;
    match outgoing.delivery {
        Delivery::Reset => {
            reset.store(true, Ordering::SeqCst);
            Err(io::Error::from(io::ErrorKind::ConnectionReset))
        }
        Delivery::Never => std::future::pending().await,
        delivery => Ok(outgoing.response.into_http_response(&outgoing.request_id, delivery)),
    }
}

pub(crate) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
