//! The HTTP client for the control API.

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
use crate::role::{Role, SessionRequest, TemporaryCredentials};

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection to the simulator failed.
    #[error("cannot reach the simulator: {0}")]
    Io(#[from] std::io::Error),
    /// The HTTP request failed after the connection was open.
    #[error("the HTTP request to the simulator failed: {0}")]
    Http(#[from] hyper::Error),
    /// The request cannot be built from the address.
    #[error("invalid simulator address: {0}")]
    Address(#[from] hyper::http::Error),
    /// The simulator returned an HTTP error status.
    #[error("the simulator returned HTTP status {status}: {message}")]
    Refused { status: u16, message: String },
    /// The response does not have the expected JSON structure.
    #[error("unexpected response from the simulator: {0}")]
    Json(#[from] serde_json::Error),
}

/// Calls the control API of a simulator in this process or another. `id` parameters take a store id, or an
/// ARN if the same id exists in several accounts or regions.
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

impl SimulatorClient {
    /// Takes a URL such as `http://127.0.0.1:PORT`; ignores userinfo and path.
    pub fn new(url: impl AsRef<str>) -> Self {
        let rest = url.as_ref().trim_start_matches("http://");
        let authority = rest.split('/').next().unwrap_or(rest);
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        SimulatorClient { authority: authority.to_owned() }
    }

    /// The URL without userinfo, for use as an AWS endpoint.
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
        let response = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok::<_, hyper::Error>((status, response.into_body().collect().await?.to_bytes()))
        };
        let (response, _) = tokio::join!(response, connection);
        let (status, bytes) = response?;
        if !status.is_success() {
            let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            let message = body["message"].as_str().unwrap_or_default().to_owned();
            return Err(ClientError::Refused { status: status.as_u16(), message });
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call("GET", path, None::<&Value>).await
    }

    async fn send(&self, method: &str, path: &str, body: &impl Serialize) -> Result<(), ClientError> {
        self.call::<Value>(method, path, Some(body)).await.map(drop)
    }

    /// Succeeds if the simulator responds.
    pub async fn health(&self) -> Result<(), ClientError> {
        self.get::<Value>("health").await.map(drop)
    }

    /// Resets all state: no stores, default knobs, no faults, no access keys and permissions, an empty
    /// ledger.
    pub async fn reset(&self) -> Result<(), ClientError> {
        self.send("POST", "reset", &json!({})).await
    }

    /// Adds a store without calling the AWS API.
    pub async fn seed_store(&self, seed: &SeedStore) -> Result<StoreRecord, ClientError> {
        self.call("POST", "stores", Some(seed)).await
    }

    /// A store, which may be deleted; `None` if no store ever had this id.
    pub async fn store(&self, id: &str) -> Result<Option<StoreRecord>, ClientError> {
        match self.get(&format!("stores/{}", segment(id))).await {
            Err(ClientError::Refused { status: 404, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The stores of all accounts and regions that are not deleted.
    pub async fn stores(&self) -> Result<Vec<StoreRecord>, ClientError> {
        self.get("stores").await
    }

    /// The stores of all accounts and regions, including the deleted ones.
    pub async fn all_stores(&self) -> Result<Vec<StoreRecord>, ClientError> {
        self.get("stores?deleted=true").await
    }

    /// Changes members, with camelCase names, without calling the AWS API. `null` clears a member, `tags`
    /// replaces the whole map, and `accessLogLocation` is accepted at the top level. Sets `updateTime` as the
    /// AWS API would, unless `members` contains it.
    pub async fn change_store(&self, id: &str, members: Value) -> Result<StoreRecord, ClientError> {
        self.call("PATCH", &format!("stores/{}", segment(id)), Some(&members)).await
    }

    /// Deletes a store at once without calling the AWS API, even if it has read sets.
    pub async fn remove_store(&self, id: &str) -> Result<(), ClientError> {
        self.send("DELETE", &format!("stores/{}", segment(id)), &json!({})).await
    }

    pub async fn add_read_sets(
        &self,
        id: &str,
        count: u32,
        status: &str,
    ) -> Result<StoreRecord, ClientError> {
        let body = json!({"count": count, "status": status});
        self.call("POST", &format!("stores/{}/read-sets", segment(id)), Some(&body)).await
    }

    /// Sets the status of all read sets of a store.
    pub async fn set_read_sets_status(&self, id: &str, status: &str) -> Result<StoreRecord, ClientError> {
        self.call("PUT", &format!("stores/{}/read-sets", segment(id)), Some(&json!({"status": status}))).await
    }

    /// Removes all read sets of a store; unlike a deletion, leaves none with status `DELETED`.
    pub async fn remove_read_sets(&self, id: &str) -> Result<StoreRecord, ClientError> {
        self.call("DELETE", &format!("stores/{}/read-sets", segment(id)), None::<&Value>).await
    }

    pub async fn read_sets(&self, id: &str) -> Result<Vec<ReadSetRecord>, ClientError> {
        self.get(&format!("stores/{}/read-sets", segment(id))).await
    }

    pub async fn knobs(&self) -> Result<Knobs, ClientError> {
        self.get("knobs").await
    }

    /// Replaces all knobs.
    pub async fn set_knobs(&self, knobs: &Knobs) -> Result<(), ClientError> {
        self.send("PUT", "knobs", knobs).await
    }

    /// Adds a fault and returns its number, which appears in the ledger as `fault_number`.
    pub async fn script_fault(&self, fault: &Fault) -> Result<u64, ClientError> {
        self.call::<Number>("POST", "faults", Some(fault)).await.map(|response| response.number)
    }

    /// The faults that can still apply to requests, by number.
    pub async fn faults(&self) -> Result<BTreeMap<u64, Fault>, ClientError> {
        #[derive(Deserialize)]
        struct Numbered {
            number: u64,
            fault: Fault,
        }
        let faults: Vec<Numbered> = self.get("faults").await?;
        Ok(faults.into_iter().map(|numbered| (numbered.number, numbered.fault)).collect())
    }

    /// Removes all faults. Held requests stay held until a call releases them.
    pub async fn clear_faults(&self) -> Result<(), ClientError> {
        self.call::<Value>("DELETE", "faults", None::<&Value>).await.map(drop)
    }

    /// Assigns an access key to an account. An expired key becomes valid again.
    pub async fn set_account(&self, access_key_id: &str, account: &str) -> Result<(), ClientError> {
        self.send("PUT", &format!("keys/{}", segment(access_key_id)), &json!({"account": account})).await
    }

    /// Sets the actions that an account (by id) or a role (by ARN) is allowed, for example
    /// `omics:GetSequenceStore` or `omics:Get*`; `None` allows everything. The list of a role takes
    /// precedence over the list of its account.
    pub async fn allow_actions(
        &self,
        principal: &str,
        actions: Option<Vec<String>>,
    ) -> Result<(), ClientError> {
        self.send("PUT", &format!("permissions/{}", segment(principal)), &actions).await
    }

    /// Expires an access key, temporary or not: requests with it fail with `ExpiredTokenException`.
    pub async fn expire_key(&self, access_key_id: &str) -> Result<(), ClientError> {
        self.send("POST", &format!("keys/{}/expire", segment(access_key_id)), &json!({})).await
    }

    /// Expires all temporary access keys issued so far.
    pub async fn expire_sessions(&self) -> Result<(), ClientError> {
        self.send("POST", "sessions/expire", &json!({})).await
    }

    /// Expires the temporary access keys of the sessions that a role has now.
    pub async fn expire_sessions_of(&self, role_arn: &str) -> Result<(), ClientError> {
        self.send("POST", &format!("roles/{}/expire", segment(role_arn)), &json!({})).await
    }

    /// Denies every action to the sessions that a role has now: `AccessDeniedException`. Later sessions are not
    /// affected.
    pub async fn revoke_sessions_of(&self, role_arn: &str) -> Result<(), ClientError> {
        self.send("POST", &format!("roles/{}/revoke", segment(role_arn)), &json!({})).await
    }

    /// Registers a role, or replaces what is registered.
    pub async fn set_role(&self, role_arn: &str, role: &Role) -> Result<(), ClientError> {
        self.send("PUT", &format!("roles/{}", segment(role_arn)), role).await
    }

    /// Forgets what is registered of a role: everybody can assume it again.
    pub async fn forget_role(&self, role_arn: &str) -> Result<(), ClientError> {
        self.call::<Value>("DELETE", &format!("roles/{}", segment(role_arn)), None::<&Value>).await.map(drop)
    }

    /// The registered roles by ARN.
    pub async fn roles(&self) -> Result<BTreeMap<String, Role>, ClientError> {
        self.get("roles").await
    }

    /// Opens a session of a role without STS, and returns its credentials.
    pub async fn open_session(
        &self,
        role_arn: &str,
        request: &SessionRequest,
    ) -> Result<TemporaryCredentials, ClientError> {
        self.call("POST", &format!("roles/{}/sessions", segment(role_arn)), Some(request)).await
    }

    /// Every request so far, oldest first.
    pub async fn ledger(&self) -> Result<Vec<LedgerEntry>, ClientError> {
        self.ledger_since(0).await
    }

    /// The requests with a ledger number greater than `seq`, oldest first.
    pub async fn ledger_since(&self, seq: u64) -> Result<Vec<LedgerEntry>, ClientError> {
        self.get(&format!("ledger?since={seq}")).await
    }

    /// The ledger number of the last request so far; 0 before the first.
    pub async fn last_seq(&self) -> Result<u64, ClientError> {
        self.get::<Number>("ledger/last").await.map(|response| response.number)
    }

    /// Like [`Self::ledger_since`], but the entries have only number, time, operation, access key, store, status, error,
    /// whether they changed something, and the name of the fault; of the parameters `filter`, and of the response
    /// `nextToken`.
    pub async fn brief_ledger_since(&self, seq: u64) -> Result<Vec<LedgerEntry>, ClientError> {
        self.get(&format!("ledger?since={seq}&brief=true")).await
    }

    /// The requests that a [`crate::FaultAction::Hold`] fault holds.
    pub async fn held(&self) -> Result<Vec<LedgerEntry>, ClientError> {
        self.get("held").await
    }

    /// Releases every held request and returns their number.
    pub async fn release_held(&self) -> Result<u64, ClientError> {
        self.call::<Released>("POST", "held/release", Some(&json!({})))
            .await
            .map(|response| response.released)
    }

    /// Releases the held request with this ledger number; returns whether the simulator held it.
    pub async fn release(&self, seq: u64) -> Result<bool, ClientError> {
        let path = format!("held/release?seq={seq}");
        self.call::<Released>("POST", &path, Some(&json!({}))).await.map(|response| response.released > 0)
    }
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
