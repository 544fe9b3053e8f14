//! Health endpoints: `/healthz` while the process responds, `/readyz` once every watch has listed its objects. I/O.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// `cli/run` sets it once the operator is ready; the server reads it.
pub type Ready = Arc<AtomicBool>;

/// Opens the port. Separate from [`serve`], so that the process can end with a clear error if the port is in use.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `shutdown`. Health does not depend on AWS: a restart of the operator would repair nothing there.
pub async fn serve(listener: TcpListener, ready: Ready, shutdown: CancellationToken) -> std::io::Result<()> {
    let stopping = shutdown.clone();
    let readyz = move || {
        let is_stopping = stopping.is_cancelled();
        let ready = ready.load(Ordering::Relaxed) && !is_stopping;
        async move {
            match ready {
                true => (StatusCode::OK, "ok\n"),
                false if is_stopping => (StatusCode::SERVICE_UNAVAILABLE, "the operator is stopping\n"),
                false => {
                    (StatusCode::SERVICE_UNAVAILABLE, "the operator has not listed all SequenceStores yet\n")
                }
            }
        }
    };
    let routes = Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(readyz));
    axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned()).await
}
