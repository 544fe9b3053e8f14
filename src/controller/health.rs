//! Health endpoints: `/healthz` while the process answers, `/readyz` once the first lists are in. I/O.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Set once the operator is ready; shared with the server.
pub type Ready = Arc<AtomicBool>;

/// Opens the port; apart from [`serve`] so that a port in use ends the process with a clear line.
///
/// # Errors
/// The operating system's.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `shutdown`. Health is not tied to AWS: restarting the operator heals nothing there.
///
/// # Errors
/// The operating system's.
pub async fn serve(listener: TcpListener, ready: Ready, shutdown: CancellationToken) -> std::io::Result<()> {
    let stopping = shutdown.clone();
    let readyz = move || {
        let ready = ready.load(Ordering::Relaxed) && !stopping.is_cancelled();
        async move {
            match ready {
                true => (StatusCode::OK, "ok\n"),
                false => {
                    (StatusCode::SERVICE_UNAVAILABLE, "the first list of SequenceStores is not in yet\n")
                }
            }
        }
    };
    let routes = Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(readyz));
    axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned()).await
}
