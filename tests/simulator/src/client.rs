//! A client of the control API.

use std::collections::BTreeMap;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::fault::Fault;
use crate::knobs::Knobs;
use crate::ledger::LedgerEntry;
use crate::record::{ReadSetRecord, SeedStore, StoreRecord};

/// Why a control call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The simulator cannot be reached, or went away.
    #[error("the simulator cannot be reached: {0}")]
    Io(#[from] std::io::Error),
    /// The HTTP exchange broke.
    #[error("the exchange with the simulator broke: {0}")]
    Http(#[from] hyper::Error),
    /// The request could not be built.
    #[error("bad simulator address: {0}")]
    Address(#[from] hyper::http::Error),
    /// The simulator said no.
    #[error("the simulator answered {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// The answer is not what was expected.
    #[error("unexpected answer from the simulator: {0}")]
    Json(#[from] serde_json::Error),
}

/// Talks to the control API of a simulator, in this process or another. Stores are named by id, or by ARN
/// where the same id lives in two places.
#[derive(Clone, Debug)]
pub struct SimulatorClient {
    authority: String,
}

#[derive(Deserialize)]
struct Number {
    number: u64,
}

#[derive(Deserialize)]
struct Released {
    released: u64,
}

#[derive(Deserialize)]
struct Nothing {}

impl SimulatorClient {
    /// For `http://127.0.0.1:PORT`; a userinfo part and a path are ignored.
    pub fn new(url: impl AsRef<str>) -> Self {
        let rest = url.as_ref().trim_start_matches("http://");
        let authority = rest.split('/').next().unwrap_or(rest);
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        SimulatorClient { authority: authority.to_owned() }
    }

    /// The address without userinfo, for use as an endpoint.
    pub fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let body = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("/_simulator/{path}"))
            .header("host", &self.authority)
            .header("connection", "close")
            .body(Full::new(Bytes::from(body)))?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok::<_, hyper::Error>((status, response.into_body().collect().await?.to_bytes()))
        };
        let (exchanged, _) = tokio::join!(exchange, connection);
        let (status, bytes) = exchanged?;
        if !status.is_success() {
            let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            let message = body["message"].as_str().unwrap_or_default().to_owned();
            return Err(ClientError::Refused { status: status.as_u16(), message });
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call("GET", path, None::<&Value>).await
    }

    async fn order(&self, method: &str, path: &str, body: &impl Serialize) -> Result<(), ClientError> {
        self.call::<Value>(method, path, Some(body)).await.map(drop)
    }

    /// Whether the simulator answers.
    pub async fn health(&self) -> Result<(), ClientError> {
        self.read::<Value>("health").await.map(drop)
    }

    /// Back to the state after the start: no stores, default knobs, no faults, an empty ledger.
    pub async fn reset(&self) -> Result<(), ClientError> {
        self.order("POST", "reset", &json!({})).await
    }

    /// Puts a store there without the API.
    pub async fn seed_store(&self, seed: &SeedStore) -> Result<StoreRecord, ClientError> {
        self.call("POST", "stores", Some(seed)).await
    }

    /// A store, live or deleted; `None` when there never was one.
    pub async fn store(&self, id: &str) -> Result<Option<StoreRecord>, ClientError> {
        match self.read(&format!("stores/{}", segment(id))).await {
            Err(ClientError::Refused { status: 404, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The live stores of all accounts and regions.
    pub async fn stores(&self) -> Result<Vec<StoreRecord>, ClientError> {
        self.read("stores").await
    }

    /// The live stores and the deleted ones.
    pub async fn all_stores(&self) -> Result<Vec<StoreRecord>, ClientError> {
        self.read("stores?deleted=true").await
    }

    /// Changes members behind the API's back: camelCase names; `null` clears; `tags` replaces the whole map;
    /// `accessLogLocation` may stand at the top. Moves `updateTime` as the API would, unless it is given.
    pub async fn change_store(&self, id: &str, members: Value) -> Result<StoreRecord, ClientError> {
        self.call("PATCH", &format!("stores/{}", segment(id)), Some(&members)).await
    }

    /// Deletes a store behind the API's back, at once, read sets or not.
    pub async fn remove_store(&self, id: &str) -> Result<(), ClientError> {
        self.order("DELETE", &format!("stores/{}", segment(id)), &json!({})).await
    }

    /// Adds read sets with a status.
    pub async fn add_read_sets(
        &self,
        id: &str,
        count: u32,
        status: &str,
    ) -> Result<StoreRecord, ClientError> {
        let body = json!({"count": count, "status": status});
        self.call("POST", &format!("stores/{}/read-sets", segment(id)), Some(&body)).await
    }

    /// Gives all read sets of a store a status.
    pub async fn set_read_sets_status(&self, id: &str, status: &str) -> Result<StoreRecord, ClientError> {
        self.call("PUT", &format!("stores/{}/read-sets", segment(id)), Some(&json!({"status": status}))).await
    }

    /// Removes all read sets of a store without a trace.
    pub async fn remove_read_sets(&self, id: &str) -> Result<StoreRecord, ClientError> {
        self.call("DELETE", &format!("stores/{}/read-sets", segment(id)), None::<&Value>).await
    }

    /// The read sets of a store.
    pub async fn read_sets(&self, id: &str) -> Result<Vec<ReadSetRecord>, ClientError> {
        self.read(&format!("stores/{}/read-sets", segment(id))).await
    }

    /// The switches as they stand.
    pub async fn knobs(&self) -> Result<Knobs, ClientError> {
        self.read("knobs").await
    }

    /// Sets all switches.
    pub async fn set_knobs(&self, knobs: &Knobs) -> Result<(), ClientError> {
        self.order("PUT", "knobs", knobs).await
    }

    /// Scripts a fault; returns its number, which the ledger names.
    pub async fn script_fault(&self, fault: &Fault) -> Result<u64, ClientError> {
        self.call::<Number>("POST", "faults", Some(fault)).await.map(|answer| answer.number)
    }

    /// The faults that can still strike, by number.
    pub async fn faults(&self) -> Result<BTreeMap<u64, Fault>, ClientError> {
        #[derive(Deserialize)]
        struct Numbered {
            number: u64,
            fault: Fault,
        }
        let faults: Vec<Numbered> = self.read("faults").await?;
        Ok(faults.into_iter().map(|numbered| (numbered.number, numbered.fault)).collect())
    }

    /// Takes all faults back. Requests that are held stay so until they are released.
    pub async fn clear_faults(&self) -> Result<(), ClientError> {
        self.call::<Nothing>("DELETE", "faults", None::<&Value>).await.map(drop)
    }

    /// Makes an access key belong to an account; an expired key is good again.
    pub async fn set_account(&self, access_key_id: &str, account: &str) -> Result<(), ClientError> {
        self.order("PUT", &format!("keys/{}", segment(access_key_id)), &json!({"account": account})).await
    }

    /// What an account (by id) or a role (by ARN) may do, for example `omics:GetSequenceStore` or `omics:Get*`;
    /// `None` is everything. A role's list goes before its account's.
    pub async fn allow_actions(
        &self,
        principal: &str,
        actions: Option<Vec<String>>,
    ) -> Result<(), ClientError> {
        self.order("PUT", &format!("permissions/{}", segment(principal)), &actions).await
    }

    /// Makes a key, temporary or not, answer `ExpiredTokenException` from now on.
    pub async fn expire_key(&self, access_key_id: &str) -> Result<(), ClientError> {
        self.order("POST", &format!("keys/{}/expire", segment(access_key_id)), &json!({})).await
    }

    /// Makes all temporary keys given out so far expire.
    pub async fn expire_sessions(&self) -> Result<(), ClientError> {
        self.order("POST", "sessions/expire", &json!({})).await
    }

    /// Every request so far, oldest first.
    pub async fn ledger(&self) -> Result<Vec<LedgerEntry>, ClientError> {
        self.ledger_since(0).await
    }

    /// The requests after number `seq`.
    pub async fn ledger_since(&self, seq: u64) -> Result<Vec<LedgerEntry>, ClientError> {
        self.read(&format!("ledger?since={seq}")).await
    }

    /// The requests that wait under a [`crate::FaultAction::Hold`].
    pub async fn held(&self) -> Result<Vec<LedgerEntry>, ClientError> {
        self.read("held").await
    }

    /// Lets every held request go on; returns how many there were.
    pub async fn release_held(&self) -> Result<u64, ClientError> {
        self.call::<Released>("POST", "held/release", Some(&json!({}))).await.map(|answer| answer.released)
    }

    /// Lets one held request go on, by its ledger number; returns whether it was there.
    pub async fn release(&self, seq: u64) -> Result<bool, ClientError> {
        let path = format!("held/release?seq={seq}");
        self.call::<Released>("POST", &path, Some(&json!({}))).await.map(|answer| answer.released > 0)
    }
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
