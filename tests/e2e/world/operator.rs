//! An operator process of a test: how it is started, how it ends, what it logs, and addresses for it to listen on.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tokio::net::TcpSocket;
use tokio::process::{Child, Command};

use super::{Error, REGION, TIMEOUT, ensure};

/// An address that nothing listens on, and that is given to nobody else in this run. Whoever sets SO_REUSEADDR can listen on it,
/// as the operator, the simulator and programs in Go do.
pub fn closed_address() -> Result<SocketAddr, Error> {
    static HELD: Mutex<Vec<TcpSocket>> = Mutex::new(Vec::new());
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = socket.local_addr()?;
    // Only Linux lets somebody listen on the port of a socket that does not.
    if cfg!(target_os = "linux") {
        HELD.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    }
    Ok(address)
}

/// How a test starts an operator process.
#[derive(Clone, Debug)]
pub struct Start {
    pub region: Option<&'static str>,
    pub access_key: &'static str,
    pub cluster_name: &'static str,
    /// Address of the health endpoints.
    pub health: String,
    /// Flags after the usual ones. clap refuses a repeated flag, so none of these may repeat a usual one.
    pub flags: Vec<String>,
    /// Environment variables that replace the usual ones; an empty value removes the variable.
    pub environment: BTreeMap<&'static str, String>,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            region: Some(REGION),
            access_key: "AKIAOPERATOR00000000",
            cluster_name: "e2e",
            health: "127.0.0.1:0".into(),
            flags: vec!["--poll-interval=2s".into()],
            environment: BTreeMap::new(),
        }
    }
}

impl Start {
    /// With this window, in seconds, in which AWS may not show a new store.
    pub fn with_create_grace(seconds: u32) -> Self {
        let mut start = Self::default();
        start.flags.push(format!("--create-grace={seconds}s"));
        start
    }
}

/// An operator process; dropping it kills it.
pub struct Operator {
    pub child: Child,
    pub log: PathBuf,
}

impl Operator {
    /// SIGKILL, as the kernel or a node failure would.
    pub async fn kill(mut self) {
        self.child.kill().await.ok();
    }

    /// SIGTERM, as Kubernetes would; returns the exit code.
    pub async fn terminate(mut self) -> Result<Option<i32>, Error> {
        self.signal("-TERM").await?;
        Ok(tokio::time::timeout(TIMEOUT, self.child.wait()).await??.code())
    }

    pub async fn signal(&self, signal: &str) -> Result<(), Error> {
        let pid = self.child.id().ok_or("the operator has ended")?.to_string();
        ensure!(Command::new("kill").args([signal, &pid]).status().await?.success(), "kill {signal} failed");
        Ok(())
    }

    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}
