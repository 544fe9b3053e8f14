//! Faults: what to do to a request, on which side of the commit, and to which requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether a fault strikes before the request takes effect or after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// The request has no effect.
    #[default]
    BeforeCommit,
    /// The request takes effect; only the answer suffers.
    AfterCommit,
}

/// What happens to the request or its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type")]
pub enum FaultAction {
    /// A service error in the usual shape.
    Error {
        /// For example `InternalServerException`.
        code: String,
        /// The status that belongs to the code, when absent.
        #[serde(default)]
        status: Option<u16>,
        /// Text for `message`.
        #[serde(default)]
        message: Option<String>,
        /// `x-amz-retry-after` in milliseconds.
        #[serde(default)]
        retry_after_ms: Option<u64>,
    },
    /// An HTML page, as a proxy or a load balancer sends it.
    Html {
        /// 503, 200, ...
        status: u16,
    },
    /// The connection is reset (RST).
    Reset,
    /// No answer, ever; the connection stays open.
    Hang,
    /// The request waits this long, then goes on as usual. Before the commit it takes effect late, even
    /// when the caller has gone away.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The request waits until it is released through the control API.
    Hold,
    /// The answer's body trickles.
    SlowBody {
        /// Bytes per piece.
        chunk_bytes: usize,
        /// Milliseconds between pieces.
        interval_ms: u64,
    },
    /// Half of the body, then the connection closes although `Content-Length` promised more.
    CutBody,
    /// A complete answer whose body is half a JSON document.
    TruncatedJson,
    /// 200 with `{}`.
    EmptyObject,
    /// 200 with no body.
    EmptyBody,
    /// One member of the usual answer takes another value; `null` removes it. In List answers it is
    /// replaced in each item.
    Replace {
        /// Top-level member, for example `status`.
        member: String,
        /// New value.
        value: Value,
    },
    /// `id` names another store; the ARN stays.
    WrongId,
    /// `arn` names another account and region.
    WrongArn,
    /// A read is answered with the version before the last write; a new store is not found.
    StaleRead,
    /// Exactly this answer.
    Raw {
        /// HTTP status.
        status: u16,
        /// Headers, besides the ones HTTP itself asks for.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Body as is.
        #[serde(default)]
        body: String,
    },
}

impl FaultAction {
    /// A service error with the status that belongs to its code.
    pub fn error(code: &str) -> Self {
        FaultAction::Error { code: code.to_owned(), status: None, message: None, retry_after_ms: None }
    }

    /// The name under which the ledger records it.
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

/// A fault and the requests it strikes. The first scripted fault that fits a request strikes; one request
/// suffers one fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// `GetSequenceStore`, `sts:AssumeRole`, `sts:*`; every HealthOmics operation when absent.
    #[serde(default)]
    pub operation: Option<String>,
    /// Only requests that name this store, by id or ARN or access point.
    #[serde(default)]
    pub store_id: Option<String>,
    /// Only requests of this account.
    #[serde(default)]
    pub account: Option<String>,
    /// Only requests of this region.
    #[serde(default)]
    pub region: Option<String>,
    /// Before or after the commit. Without meaning for actions that only change the answer's body
    /// (`SlowBody`, `CutBody`, `TruncatedJson`, `Replace`, `WrongId`, `WrongArn`, `StaleRead`): these commit.
    #[serde(default)]
    pub side: Side,
    /// How many requests it strikes; until cleared when absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// Fitting requests to let pass first.
    #[serde(default)]
    pub skip: u32,
    /// Strikes each n-th fitting request only; 0 and 1 mean each one.
    #[serde(default)]
    pub every: u32,
    /// What happens.
    pub action: FaultAction,
}

impl Fault {
    /// Strikes one request of the operation before it takes effect.
    pub fn once(operation: &str, action: FaultAction) -> Self {
        Fault { times: Some(1), ..Fault::always(operation, action) }
    }

    /// Strikes one request of the operation after it took effect.
    pub fn once_after_commit(operation: &str, action: FaultAction) -> Self {
        Fault { side: Side::AfterCommit, ..Fault::once(operation, action) }
    }

    /// Strikes every request of the operation before it takes effect, until cleared.
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

/// What is known of a request when faults are chosen.
pub(crate) struct Target<'a> {
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
    seen: u32,
    struck: u32,
}

impl Faults {
    pub(crate) fn script(&mut self, fault: Fault) -> u64 {
        self.last_number += 1;
        self.scripted.push(Scripted { number: self.last_number, fault, seen: 0, struck: 0 });
        self.last_number
    }

    pub(crate) fn clear(&mut self) {
        self.scripted.clear();
    }

    /// The faults that can still strike.
    pub(crate) fn live(&self) -> Vec<(u64, Fault)> {
        let live = self.scripted.iter().filter(|s| s.fault.times.is_none_or(|times| s.struck < times));
        live.map(|s| (s.number, s.fault.clone())).collect()
    }

    pub(crate) fn strike(&mut self, target: &Target<'_>) -> Option<(u64, Fault)> {
        for scripted in &mut self.scripted {
            let fault = &scripted.fault;
            if !fits(fault, target) || fault.times.is_some_and(|times| scripted.struck >= times) {
                continue;
            }
            scripted.seen += 1;
            if scripted.seen <= fault.skip {
                continue;
            }
            if fault.every > 1 && !(scripted.seen - fault.skip).is_multiple_of(fault.every) {
                continue;
            }
            scripted.struck += 1;
            return Some((scripted.number, fault.clone()));
        }
        None
    }
}

fn fits(fault: &Fault, target: &Target<'_>) -> bool {
    let is_sts = target.operation.starts_with("sts:");
    let operation = match fault.operation.as_deref() {
        None | Some("*") => !is_sts,
        Some("sts:*") => is_sts,
        Some(name) => name == target.operation,
    };
    let same =
        |wanted: &Option<String>, actual: Option<&str>| wanted.as_deref().is_none_or(|w| Some(w) == actual);
    operation
        && same(&fault.store_id, target.store_id)
        && same(&fault.account, target.account)
        && same(&fault.region, target.region)
}
