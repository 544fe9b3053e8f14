//! Health endpoints: `/healthz` while the operator makes progress, `/readyz` while it can do its work. Neither depends on
//! AWS, where a restart of the operator would repair nothing. I/O.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::leadership::Leadership;
use super::log_level::LogLevel;
use crate::kubernetes::Watches;
use crate::tenancy::SharedBindings;

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
    bindings: OnceLock<Arc<SharedBindings>>,
}

type Answer = (StatusCode, String);

impl Health {
    #[must_use]
    pub fn of(watches: Arc<Watches>, longest_silence: Duration) -> Self {
        Self {
            watches,
            longest_silence,
            turned: Mutex::default(),
            leadership: OnceLock::new(),
            bindings: OnceLock::new(),
        }
    }

    /// From now on readiness needs a Lease that can be read and written, where there is an election, and AccountBindings that
    /// are known, where the operator reads them: without these every object is refused.
    pub fn asks(&self, leadership: Arc<Leadership>, bindings: Arc<SharedBindings>) {
        // Only the first call counts; there is no second one.
        let _ = self.leadership.set(leadership);
        let _ = self.bindings.set(bindings);
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
        missing.extend(
            self.bindings.get().and_then(|bindings| bindings.read().missing().map(ToOwned::to_owned)),
        );
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

/// Serves until `shutdown`. The log level has its endpoint on the same port.
pub async fn serve(
    listener: TcpListener,
    health: Arc<Health>,
    level: LogLevel,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let (alive, stopping) = (Arc::clone(&health), shutdown.clone());
    let routes = Router::new()
        .route("/healthz", get(move || async move { alive.healthz(Instant::now()) }))
        .route("/readyz", get(move || async move { health.readyz(stopping.is_cancelled(), Instant::now()) }))
        .merge(level.routes());
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
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
