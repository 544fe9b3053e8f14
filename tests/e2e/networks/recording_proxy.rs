//! An HTTP proxy that records what it is asked for, and connects only to the hosts that a test gives it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{Error, TIMEOUT, ensure};

/// Dropping it closes its port.
pub struct RecordingProxy {
    address: SocketAddr,
    /// `CONNECT host:port`, or `GET http://host:port/…` without the version.
    seen: Arc<Mutex<Vec<String>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for RecordingProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl RecordingProxy {
    /// `routes` says where a `host:port` really is. Every other request is answered with 502.
    pub async fn start(routes: BTreeMap<String, SocketAddr>) -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let (recorded, routes) = (seen.clone(), Arc::new(routes));
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (recorded, routes) = (recorded.clone(), routes.clone());
                tokio::spawn(async move {
                    // A broken connection is the caller's to notice.
                    let _ = serve(stream, &recorded, &routes).await;
                });
            }
        });
        Ok(Self { address, seen, server })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the proxy was asked for something that contains `part`.
    pub async fn until_asked_for(&self, part: &str) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        while !self.seen().iter().any(|seen| seen.contains(part)) {
            ensure!(tokio::time::Instant::now() < end, "{part} is not asked for: {:?}", self.seen());
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Ok(())
    }

    pub fn ensure_never_asked_for(&self, part: &str) -> Result<(), Error> {
        let seen = self.seen();
        ensure!(!seen.iter().any(|seen| seen.contains(part)), "the proxy was asked for {part}: {seen:?}");
        Ok(())
    }
}

async fn serve(
    mut stream: TcpStream,
    recorded: &Mutex<Vec<String>>,
    routes: &BTreeMap<String, SocketAddr>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut words = text.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    recorded.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{method} {target}"));
    let authority = target.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let Some(address) = routes.get(authority) else {
        return stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
    };
    let mut upstream = TcpStream::connect(address).await?;
    match method {
        "CONNECT" => stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?,
        _ => upstream.write_all(&head).await?,
    }
    copy_bidirectional(&mut stream, &mut upstream).await.map(|_| ())
}
