//! Scripted faults: what a fault does, before or after the commit, and to which requests. No I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether a fault applies before or after the request takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// The request has no effect.
    #[default]
    BeforeCommit,
    /// The request takes effect; only the response is affected.
    AfterCommit,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type")]
pub enum FaultAction {
    /// Return a service error in the format of the API.
    Error {
        /// For example `InternalServerException`.
        code: String,
        /// If `None`, the HTTP status of the code.
        #[serde(default)]
        status: Option<u16>,
        #[serde(default)]
        message: Option<String>,
        /// The value of the `x-amz-retry-after` header, in milliseconds.
        #[serde(default)]
        retry_after_ms: Option<u64>,
    },
    /// Return an HTML page, as a proxy or load balancer does.
    Html { status: u16 },
    /// Reset the connection (RST).
    Reset,
    /// Never respond, and keep the connection open.
    Hang,
    /// Delay the request, then process it as usual. Before the commit, the request takes effect late, even if
    /// the caller has closed the connection.
    Delay { ms: u64 },
    /// Hold the request until a call of the control API releases it.
    Hold,
    /// Send the response body in small chunks.
    SlowBody {
        chunk_bytes: usize,
        /// Milliseconds before each chunk.
        interval_ms: u64,
    },
    /// Send half of the body, then close the connection before `Content-Length` is reached.
    CutBody,
    /// Send a complete response whose body is half a JSON document.
    TruncatedJson,
    /// Return 200 with `{}`.
    EmptyObject,
    /// Return 200 without a body.
    EmptyBody,
    /// Replace a top-level member of the response, for example `status`; `null` removes it. In the response
    /// of `ListSequenceStores`, replace it in each store.
    Replace { member: String, value: Value },
    /// Replace `id` with the id of another store; `arn` stays correct.
    WrongId,
    /// Replace `arn` with an ARN of another account and region.
    WrongArn,
    /// Let a read return the version before the last write, so that a new store is not found.
    StaleRead,
    /// Return exactly this response.
    Raw {
        status: u16,
        /// Headers in addition to those that HTTP requires.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: String,
    },
}

impl FaultAction {
    /// A service error with the HTTP status of its code.
    pub fn error(code: &str) -> Self {
        FaultAction::Error { code: code.to_owned(), status: None, message: None, retry_after_ms: None }
    }

    /// The name in [`crate::LedgerEntry::fault`].
    pub fn name(&self) -> &'static str {
        match self {
            FaultAction::Error { .. } => "error",
            FaultAction::Html { .. } => "html",
            FaultAction::Reset => "reset",
            FaultAction::Hang => "hang",
            FaultAction::Delay { .. } => "delay",
            FaultAction::Hold => "hold",
            FaultAction::SlowBody { .. } => "slowBody",
            FaultAction::CutBody => "cutBody",
            FaultAction::TruncatedJson => "truncatedJson",
            FaultAction::EmptyObject => "emptyObject",
            FaultAction::EmptyBody => "emptyBody",
            FaultAction::Replace { .. } => "replace",
            FaultAction::WrongId => "wrongId",
            FaultAction::WrongArn => "wrongArn",
            FaultAction::StaleRead => "staleRead",
            FaultAction::Raw { .. } => "raw",
        }
    }
}

/// A fault and the requests it applies to. If several faults match a request, the first one scripted applies;
/// at most one fault applies to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// For example `GetSequenceStore`, `sts:AssumeRole` or `sts:*`; `None` and `*` match every HealthOmics
    /// operation.
    #[serde(default)]
    pub operation: Option<String>,
    /// Match only requests that name this store by id, ARN or access point.
    #[serde(default)]
    pub store_id: Option<String>,
    /// Match only requests from this account.
    #[serde(default)]
    pub account: Option<String>,
    /// Match only requests in this region.
    #[serde(default)]
    pub region: Option<String>,
    /// Before or after the commit. Has no meaning for actions that only change the response body (`SlowBody`,
    /// `CutBody`, `TruncatedJson`, `Replace`, `WrongId`, `WrongArn`, `StaleRead`): the request takes effect.
    #[serde(default)]
    pub side: Side,
    /// The number of requests to apply the fault to; `None` applies it until a call clears it.
    #[serde(default)]
    pub times: Option<u32>,
    /// The number of matching requests to let through first.
    #[serde(default)]
    pub skip: u32,
    /// Apply the fault to every n-th matching request only; 0 and 1 mean every one.
    #[serde(default)]
    pub every: u32,
    pub action: FaultAction,
}

impl Fault {
    /// Applies to one request of the operation, before it takes effect.
    pub fn once(operation: &str, action: FaultAction) -> Self {
        Fault { times: Some(1), ..Fault::always(operation, action) }
    }

    /// Applies to one request of the operation, after it has taken effect.
    pub fn once_after_commit(operation: &str, action: FaultAction) -> Self {
        Fault { side: Side::AfterCommit, ..Fault::once(operation, action) }
    }

    /// Applies to every request of the operation, before it takes effect, until a call clears the fault.
    pub fn always(operation: &str, action: FaultAction) -> Self {
        Fault {
            operation: Some(operation.to_owned()),
            store_id: None,
            account: None,
            region: None,
            side: Side::BeforeCommit,
            times: None,
            skip: 0,
            every: 0,
            action,
        }
    }
}

/// The properties of a request that faults are matched against.
pub(crate) struct RequestFacts<'a> {
    pub(crate) operation: &'a str,
    pub(crate) store_id: Option<&'a str>,
    pub(crate) account: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
}

/// The scripted faults, in order.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    last_number: u64,
    scripted: Vec<Scripted>,
}

#[derive(Debug)]
struct Scripted {
    number: u64,
    fault: Fault,
    /// The number of requests that the fault matched.
    matched: u32,
    /// The number of requests that the fault was applied to.
    applied: u32,
}

impl Faults {
    pub(crate) fn script(&mut self, fault: Fault) -> u64 {
        self.last_number += 1;
        self.scripted.push(Scripted { number: self.last_number, fault, matched: 0, applied: 0 });
        self.last_number
    }

    pub(crate) fn clear(&mut self) {
        self.scripted.clear();
    }

    /// The faults that can still apply to requests.
    pub(crate) fn active(&self) -> Vec<(u64, Fault)> {
        let active = self.scripted.iter().filter(|s| s.fault.times.is_none_or(|times| s.applied < times));
        active.map(|s| (s.number, s.fault.clone())).collect()
    }

    /// Selects the fault that applies to the request, and counts the request.
    pub(crate) fn select(&mut self, request: &RequestFacts<'_>) -> Option<(u64, Fault)> {
        for scripted in &mut self.scripted {
            let fault = &scripted.fault;
            if !matches(fault, request) || fault.times.is_some_and(|times| scripted.applied >= times) {
                continue;
            }
            scripted.matched += 1;
            if scripted.matched <= fault.skip {
                continue;
            }
            if fault.every > 1 && !(scripted.matched - fault.skip).is_multiple_of(fault.every) {
                continue;
            }
            scripted.applied += 1;
            return Some((scripted.number, fault.clone()));
        }
        None
    }
}

fn matches(fault: &Fault, request: &RequestFacts<'_>) -> bool {
    let is_sts = request.operation.starts_with("sts:");
    let operation = match fault.operation.as_deref() {
        None | Some("*") => !is_sts,
        Some("sts:*") => is_sts,
        Some(name) => name == request.operation,
    };
    let same =
        |wanted: &Option<String>, actual: Option<&str>| wanted.as_deref().is_none_or(|w| Some(w) == actual);
    operation
        && same(&fault.store_id, request.store_id)
        && same(&fault.account, request.account)
        && same(&fault.region, request.region)
}
