//! An agent that hands out credentials over HTTP, as the EKS Pod Identity agent does.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::world::Error;

/// What the agent answers from now on.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// Credentials of the access key that every test uses, and whatever `more` holds.
    pub fn credentials(more: &Value) -> Self {
        let mut body = json!({
            "AccessKeyId": "AKIAOPERATOR00000000", "SecretAccessKey": "canary-secret-access-key",
            "Token": "session-token", "Expiration": "2099-01-01T00:00:00Z",
        });
        let members = more.as_object().cloned().unwrap_or_default();
        body.as_object_mut().into_iter().for_each(|body| body.extend(members.clone()));
        Self { status: 200, body }
    }

    pub fn error(status: u16) -> Self {
        Self { status, body: json!({"Code": "Error", "Message": "the agent has no credentials"}) }
    }
}

/// Dropping it closes its port.
pub struct Agent {
    pub address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Agent {
    pub async fn start(address: SocketAddr, answer: Answer) -> Result<Self, Error> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let answer = Arc::new(Mutex::new(answer));
        let shared = answer.clone();
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let Answer { status, body } = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let body = body.to_string();
                let mut request = [0; 4096];
                // The request fits into one packet, and what it asks for does not matter.
                let _ = stream.read(&mut request).await;
                let response = format!(
                    "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(response.as_bytes()).await;
            }
        });
        Ok(Self { address, answer, server })
    }

    pub fn answer_with(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }
}
