//! The endpoint `/log-level`: shows the log level, and changes it while the process runs. I/O: network.
//!
//! Only connections from the Pod itself may change it. `kubectl port-forward` is one, so whoever may open it may change the
//! level. A change ends with the process.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::get;

/// No filter that a person writes is longer, in bytes.
const LONGEST: usize = 1024;

/// What reads and changes the level.
pub trait Level: Send + Sync {
    fn read(&self) -> String;

    /// # Errors
    /// What is wrong with this level.
    fn change(&self, level: &str) -> Result<(), String>;
}

/// The level of this process.
#[derive(Clone)]
pub struct LogLevel(Arc<dyn Level>);

impl LogLevel {
    pub fn new(level: impl Level + 'static) -> Self {
        Self(Arc::new(level))
    }

    /// The routes of the endpoint.
    pub(super) fn routes(self) -> Router {
        let route = get(async |State(Self(level))| format!("{}\n", level.read())).put(change);
        Router::new().route("/log-level", route).layer(DefaultBodyLimit::max(LONGEST)).with_state(self)
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("LogLevel").field(&self.0.read()).finish()
    }
}

async fn change(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    State(LogLevel(level)): State<LogLevel>,
    wanted: String,
) -> (StatusCode, String) {
    if !is_local(peer) {
        let refusal =
            "only a connection from the Pod itself may change the level: use kubectl port-forward\n";
        return (StatusCode::FORBIDDEN, refusal.into());
    }
    let before = level.read();
    match level.change(wanted.trim()) {
        Ok(()) => {
            let now = level.read();
            tracing::warn!(before, now, "the log level was changed");
            (StatusCode::OK, format!("{now}\n"))
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}

/// A socket for both families shows IPv4 addresses as IPv6 ones.
fn is_local(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Kept(Mutex<String>);

    impl Level for Kept {
        fn read(&self) -> String {
            self.0.lock().expect("no panic").clone()
        }

        fn change(&self, level: &str) -> Result<(), String> {
            *self.0.lock().expect("no panic") = level.to_owned();
            Ok(())
        }
    }

    #[tokio::test]
    async fn only_connections_from_the_pod_itself_change_the_level() {
        let level = LogLevel::new(Kept(Mutex::new("info".into())));
        let ask = async |peer: &str, wanted: &str| {
            let peer = ConnectInfo(peer.parse().expect("an address"));
            change(peer, State(level.clone()), wanted.into()).await.0.as_u16()
        };
        for far in ["10.0.0.1:1", "[::ffff:10.0.0.1]:1", "[fe80::1]:1"] {
            assert_eq!((ask(far, "trace").await, level.0.read().as_str()), (403, "info"), "{far}");
        }
        for near in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(ask(near, near).await, 200);
            assert_eq!(level.0.read(), near);
        }
    }
}
