//! The ledger: every request that reached the simulator, and what became of it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request and its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LedgerEntry {
    /// Counts from 1, in order of arrival.
    pub seq: u64,
    /// Arrival, `YYYY-MM-DDTHH:MM:SS.mmmZ`.
    pub time: String,
    /// `GetSequenceStore`, `sts:GetCallerIdentity`; `Unknown` when no route fits.
    pub operation: String,
    /// HTTP method.
    pub method: String,
    /// Path as sent, still percent-encoded.
    pub path: String,
    /// `Host` header or authority of an absolute-form target.
    pub host: Option<String>,
    /// Account of the credentials.
    pub account: Option<String>,
    /// Region of the credential scope.
    pub region: Option<String>,
    /// Access key id.
    pub access_key_id: Option<String>,
    /// The store it names, or created.
    pub store_id: Option<String>,
    /// That store's ARN, where it is known.
    pub arn: Option<String>,
    /// Input members by name: path labels, query and JSON body (or STS form) in one object.
    pub parameters: Value,
    /// HTTP status of the answer; 0 while there is none (waiting, hanging, reset).
    pub status: u16,
    /// Error code of the answer.
    pub error: Option<String>,
    /// The answer's body.
    pub response: Value,
    /// The request changed something.
    pub committed: bool,
    /// It was answered from its client token, without a new effect.
    pub replayed: bool,
    /// The fault it met, by [`crate::FaultAction::name`].
    pub fault: Option<String>,
    /// Number of that fault, as `script_fault` returned it.
    pub fault_number: Option<u64>,
    /// `x-amzn-RequestId` of the answer.
    pub request_id: String,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `amz-sdk-invocation-id`: the same for all attempts of one SDK call.
    pub invocation_id: Option<String>,
    /// `amz-sdk-request`, for example `attempt=1; max=3`.
    pub attempt: Option<String>,
}

impl LedgerEntry {
    /// The operation is one that can change something in AWS.
    pub fn is_mutating(&self) -> bool {
        crate::operation::Operation::by_name(&self.operation).is_some_and(|operation| operation.is_mutating())
    }
}

/// The entries, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    last: u64,
    entries: VecDeque<LedgerEntry>,
}

impl Ledger {
    pub(crate) fn open(&mut self, mut entry: LedgerEntry, limit: u64) -> u64 {
        self.last += 1;
        entry.seq = self.last;
        self.entries.push_back(entry);
        while self.entries.len() as u64 > limit.max(1) {
            self.entries.pop_front();
        }
        self.last
    }

    pub(crate) fn entry(&mut self, seq: u64) -> Option<&mut LedgerEntry> {
        let first = self.entries.front()?.seq;
        self.entries.get_mut(usize::try_from(seq.checked_sub(first)?).ok()?)
    }

    pub(crate) fn since(&self, seq: u64) -> Vec<LedgerEntry> {
        self.entries.iter().filter(|entry| entry.seq > seq).cloned().collect()
    }
}
