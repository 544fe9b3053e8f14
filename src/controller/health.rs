//! Health endpoints: `/healthz` while the operator makes progress, `/readyz` while it can do its work. Neither depends on
//! AWS, where a restart of the operator would repair nothing. I/O.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::leadership::Leadership;
use crate::kubernetes::Watches;

/// Longer than any pause of a busy machine.
const LONGEST_TURN: Duration = Duration::from_secs(60);

/// What the endpoints answer from.
#[derive(Debug)]
pub struct Health {
    watches: Arc<Watches>,
    longest_silence: Duration,
    /// When the loop of the controller turned last; none before it begins.
    turned: Mutex<Option<Instant>>,
    leadership: OnceLock<Arc<Leadership>>,
}

type Answer = (StatusCode, String);

impl Health {
    #[must_use]
    pub fn of(watches: Arc<Watches>, longest_silence: Duration) -> Self {
        Self { watches, longest_silence, turned: Mutex::default(), leadership: OnceLock::new() }
    }

    /// From now on readiness needs a Lease that can be read and written, where there is an election.
    pub fn asks(&self, leadership: Arc<Leadership>) {
        // Only the first call counts; there is no second one.
        let _ = self.leadership.set(leadership);
    }

    /// The loop of the controller turns.
    pub fn turned(&self, now: Instant) {
        *self.turned.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    fn healthz(&self, now: Instant) -> Answer {
        let mut lines = self.watches.unheard(self.longest_silence, now);
        let turned = *self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        if turned.is_some_and(|turned| now.duration_since(turned) > LONGEST_TURN) {
            lines.push(format!(
                "the loop of the controller stands still for more than {} s",
                LONGEST_TURN.as_secs()
            ));
        }
        match lines.is_empty() {
            true => (StatusCode::OK, "ok\n".into()),
            false => (StatusCode::INTERNAL_SERVER_ERROR, text(&lines)),
        }
    }

    fn readyz(&self, is_stopping: bool, now: Instant) -> Answer {
        let mut missing = self.watches.missing(now);
        missing.extend(self.leadership.get().and_then(|leadership| leadership.trouble()));
        match missing.is_empty() {
            _ if is_stopping => (StatusCode::SERVICE_UNAVAILABLE, "the operator is stopping\n".into()),
            true => (StatusCode::OK, format!("ok\n{}", text(&self.watches.remarks()))),
            false => (StatusCode::SERVICE_UNAVAILABLE, text(&missing)),
        }
    }
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Opens the port. Separate from [`serve`], so that the process can end with a clear error if the port is in use.
///
/// The address `[::]` stands for all addresses, IPv4 ones included; a node without IPv6 has only those.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let is_all = address.ip() == IpAddr::from(Ipv6Addr::UNSPECIFIED);
    if !is_all {
        return TcpListener::bind(address).await;
    }
    match both_families(address) {
        Err(error) if is_without_ipv6(&error) => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        bound => bound,
    }
}

/// Whether a socket of [`bind`] takes IPv4 connections too is a setting of the system, unless it is set here.
fn both_families(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_only_v6(false)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

fn is_without_ipv6(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, Unsupported};
    // Linux: the address family is not supported by the kernel.
    const EAFNOSUPPORT: i32 = 97;
    matches!(error.kind(), AddrNotAvailable | Unsupported) || error.raw_os_error() == Some(EAFNOSUPPORT)
}

/// Serves until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    health: Arc<Health>,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let (alive, stopping) = (Arc::clone(&health), shutdown.clone());
    let routes = Router::new()
        .route("/healthz", get(move || async move { alive.healthz(Instant::now()) }))
        .route("/readyz", get(move || async move { health.readyz(stopping.is_cancelled(), Instant::now()) }));
    axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_liveness_probe_fails_where_a_watch_is_silent_or_the_loop_stands_still() {
        let now = Instant::now();
        let watches = Arc::new(Watches::of(&["lab".into()]));
        let health = Health::of(Arc::clone(&watches), Duration::from_secs(300));
        watches.heard(0, now);
        let code = |after: u64| health.healthz(now + Duration::from_secs(after)).0.as_u16();
        // The loop has not begun, and nothing of AWS or of readiness counts.
        assert_eq!((code(0), code(299), code(301)), (200, 200, 500));
        watches.heard(0, now + Duration::from_secs(300));
        health.turned(now + Duration::from_secs(300));
        assert_eq!((code(301), code(361)), (200, 500));
    }

    #[test]
    fn readiness_names_what_is_missing_and_ends_with_a_stop() {
        let now = Instant::now();
        let watches = Arc::new(Watches::of(&["lab".into()]));
        let health = Health::of(Arc::clone(&watches), Duration::from_secs(300));
        let (code, body) = health.readyz(false, now);
        assert!(code.as_u16() == 503 && body.contains("namespace lab"), "{body}");
        watches.listed(0, now);
        watches.namespace_is_missing(0, true);
        let (code, body) = health.readyz(false, now);
        assert!(code.as_u16() == 200 && body.contains("namespace lab does not exist"), "{body}");
        assert_eq!(health.readyz(true, now).0.as_u16(), 503);
    }
}
