//! The ledger: a record of every request that reached the simulator, its response and its effect. No I/O.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LedgerEntry {
    /// Sequence number in order of arrival, from 1.
    pub seq: u64,
    /// Time of arrival, `YYYY-MM-DDTHH:MM:SS.mmmZ`.
    pub time: String,
    /// For example `GetSequenceStore` or `sts:GetCallerIdentity`; `Unknown` if no route matches.
    pub operation: String,
    pub method: String,
    /// The path as sent, still percent-encoded.
    pub path: String,
    /// The `Host` header, or the authority of an absolute-form request target.
    pub host: Option<String>,
    /// The account that owns the access key.
    pub account: Option<String>,
    /// The region in the credential scope of the signature.
    pub region: Option<String>,
    pub access_key_id: Option<String>,
    /// The ARN of the role whose session the access key belongs to; `None` for a key that no role has.
    pub role_arn: Option<String>,
    /// The name of that session.
    pub session_name: Option<String>,
    /// The tags of that session, inherited ones included.
    pub session_tags: BTreeMap<String, String>,
    /// The store that the request names or created.
    pub store_id: Option<String>,
    /// The ARN of that store; `None` if the request carries no credential scope.
    pub arn: Option<String>,
    /// The input members by name: path label, query and JSON body (or STS form) in one object.
    pub parameters: Value,
    /// The HTTP status; 0 if the simulator has sent no response (the request waits, hangs or was reset).
    pub status: u16,
    pub error: Option<String>,
    /// The response body.
    pub response: Value,
    /// Whether the request changed something.
    pub committed: bool,
    /// Whether the response repeats the result of an earlier request with the same client token.
    pub replayed: bool,
    /// The [`crate::FaultAction::name`] of the fault that was applied.
    pub fault: Option<String>,
    /// The number of that fault, as returned by `script_fault`.
    pub fault_number: Option<u64>,
    /// The `x-amzn-RequestId` of the response.
    pub request_id: String,
    pub user_agent: Option<String>,
    /// The `amz-sdk-invocation-id` header: the same for all attempts of one SDK call.
    pub invocation_id: Option<String>,
    /// The `amz-sdk-request` header, for example `attempt=1; max=3`.
    pub attempt: Option<String>,
}

impl LedgerEntry {
    /// Whether the operation can change something in AWS, whatever this request did.
    pub fn is_mutating(&self) -> bool {
        crate::operation::Operation::by_name(&self.operation).is_some_and(|operation| operation.is_mutating())
    }

    /// Whether the request went to HealthOmics, and not to STS.
    pub fn is_about_stores(&self) -> bool {
        !self.operation.starts_with("sts:")
    }

    /// A copy that keeps of the parameters only `filter`, and of the response only `nextToken`: enough to tell
    /// whether a listing was of all stores, and complete.
    fn brief(&self) -> LedgerEntry {
        let member = |value: &Value, name: &str| match value.get(name) {
            Some(member) => json!({ (name): member }),
            None => Value::Null,
        };
        LedgerEntry {
            seq: self.seq,
            time: self.time.clone(),
            operation: self.operation.clone(),
            access_key_id: self.access_key_id.clone(),
            store_id: self.store_id.clone(),
            parameters: member(&self.parameters, "filter"),
            status: self.status,
            error: self.error.clone(),
            response: member(&self.response, "nextToken"),
            committed: self.committed,
            fault: self.fault.clone(),
            ..LedgerEntry::default()
        }
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

    /// The number of the last request so far; 0 before the first.
    pub(crate) fn last_seq(&self) -> u64 {
        self.last
    }

    fn after(&self, seq: u64) -> impl Iterator<Item = &LedgerEntry> {
        let known = self.entries.front().map_or(0, |first| first.seq);
        let skipped = seq.saturating_add(1).saturating_sub(known);
        self.entries.iter().skip(usize::try_from(skipped).unwrap_or(usize::MAX))
    }

    pub(crate) fn since(&self, seq: u64) -> Vec<LedgerEntry> {
        self.after(seq).cloned().collect()
    }

    /// Like [`Self::since`], without what requests and responses contained. A listing of ten thousand stores is
    /// megabytes in the ledger, and whoever only counts requests need not fetch it.
    pub(crate) fn brief_since(&self, seq: u64) -> Vec<LedgerEntry> {
        self.after(seq).map(LedgerEntry::brief).collect()
    }
}
