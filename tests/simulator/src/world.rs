//! All state of the simulator, and the execution of an authenticated call against it. No I/O.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::error::ApiError;
use crate::fault::Faults;
use crate::knobs::Knobs;
use crate::ledger::Ledger;
use crate::operation::Operation;
use crate::principal::{Caller, Principals, Scope};
use crate::stores::{AccountRegion, Staleness, Store, Stores, store_arn};
use crate::throttle::Throttle;
use crate::{policy, read_sets, sequence_stores, tags};

/// The result that a later request with the same client token receives.
#[derive(Debug)]
pub(crate) struct TokenResult {
    pub(crate) at: Instant,
    pub(crate) parameters: Value,
    pub(crate) body: Value,
    pub(crate) store_id: String,
}

/// All state that requests read and change. The server keeps it behind one lock.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) knobs: Knobs,
    pub(crate) stores: Stores,
    pub(crate) client_tokens: HashMap<(AccountRegion, Operation, String), TokenResult>,
    pub(crate) principals: Principals,
    pub(crate) faults: Faults,
    pub(crate) throttle: Throttle,
    pub(crate) ledger: Ledger,
}

/// One authenticated request.
pub(crate) struct Call<'a> {
    pub(crate) operation: Operation,
    /// The decoded path label.
    pub(crate) label: &'a str,
    pub(crate) query: &'a [(String, String)],
    pub(crate) body: &'a [u8],
    pub(crate) caller: &'a Caller,
    /// A `staleRead` fault applies: read the version before the last write.
    pub(crate) stale: bool,
    /// Differs between requests, so that [`crate::NullMode::Mixed`] can differ between responses.
    pub(crate) salt: u64,
}

impl Call<'_> {
    pub(crate) fn account_region(&self) -> AccountRegion {
        (self.caller.account.clone(), self.caller.region.clone())
    }

    pub(crate) fn staleness(&self, lag_ms: u64) -> Staleness {
        Staleness { lag: Duration::from_millis(lag_ms), previous_version: self.stale }
    }
}

/// The result of a successful call.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    /// `None` sends an empty body.
    pub(crate) body: Option<Value>,
    pub(crate) committed: bool,
    pub(crate) replayed: bool,
    pub(crate) store_id: Option<String>,
}

impl Outcome {
    pub(crate) fn read(body: Value) -> Self {
        Outcome { status: 200, body: Some(body), committed: false, replayed: false, store_id: None }
    }

    pub(crate) fn committed(status: u16, body: Option<Value>) -> Self {
        Outcome { status, body, committed: true, replayed: false, store_id: None }
    }
}

impl World {
    /// The time by the clock of AWS.
    pub(crate) fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.knobs.clock_ahead_ms);
        Timestamp::now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// Checks the date of the signature, and identifies the caller; see [`Principals::authenticate`].
    pub(crate) fn authenticate(
        &self,
        scope: Option<Result<Scope, ApiError>>,
        token: Option<&str>,
        service: &str,
    ) -> Result<Caller, ApiError> {
        let skew = scope.as_ref().and_then(|scope| scope.as_ref().ok()?.skew(self.now()));
        if let Some(skew) = skew {
            let code = if service == "sts" { "SignatureDoesNotMatch" } else { "InvalidSignatureException" };
            return Err(ApiError::new(code, skew));
        }
        self.principals.authenticate(scope, token, service, &self.knobs)
    }

    /// Checks the request quota, then the permission, then executes the operation.
    pub(crate) fn execute(&mut self, call: &Call<'_>) -> Result<Outcome, ApiError> {
        let (account, region) = call.account_region();
        self.throttle.admit(&self.knobs, &account, &region, call.operation)?;
        self.authorize(call)?;
        self.stores.finish_due_transitions();
        match call.operation {
            Operation::CreateSequenceStore => sequence_stores::create(self, call),
            Operation::GetSequenceStore => sequence_stores::get(self, call),
            Operation::UpdateSequenceStore => sequence_stores::update(self, call),
            Operation::DeleteSequenceStore => sequence_stores::delete(self, call),
            Operation::ListSequenceStores => sequence_stores::list(self, call),
            Operation::TagResource => tags::tag(self, call),
            Operation::UntagResource => tags::untag(self, call),
            Operation::ListTagsForResource => tags::list(self, call),
            Operation::PutS3AccessPolicy => policy::put(self, call),
            Operation::GetS3AccessPolicy => policy::get(self, call),
            Operation::DeleteS3AccessPolicy => policy::delete(self, call),
            Operation::ListReadSets => read_sets::list(self, call),
            Operation::BatchDeleteReadSet => read_sets::batch_delete(self, call),
        }
    }

    fn authorize(&self, call: &Call<'_>) -> Result<(), ApiError> {
        let account_region = call.account_region();
        let id = crate::operation::store_id_of(call.operation, call.label);
        let resource = match id {
            Some(id) if !call.operation.is_resourceless() => store_arn(&account_region, &id),
            _ => "*".to_owned(),
        };
        let action = format!("omics:{}", call.operation.name());
        self.principals.authorize(call.caller, &action, &resource)?;
        // AWS requires omics:TagResource in addition when Create carries tags.
        if call.operation == Operation::CreateSequenceStore && has_tags(call.body) {
            let new_store = store_arn(&account_region, "*");
            self.principals.authorize(call.caller, "omics:TagResource", &new_store)?;
        }
        Ok(())
    }

    /// The version of the store that a read with this lag returns.
    pub(crate) fn read_store(
        &self,
        call: &Call<'_>,
        id: &str,
        lag_ms: u64,
    ) -> Result<&crate::record::StoreRecord, ApiError> {
        let store = self.stores.key(&call.account_region(), id).and_then(|key| self.stores.get(&key));
        let version = store.and_then(|store: &Store| store.read(call.staleness(lag_ms), Instant::now()));
        version.ok_or_else(|| no_such_store(id))
    }
}

fn has_tags(body: &[u8]) -> bool {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    let tags = body.as_ref().and_then(|body| body.get("tags")).and_then(Value::as_object);
    tags.is_some_and(|tags| !tags.is_empty())
}

pub(crate) fn no_such_store(id: &str) -> ApiError {
    ApiError::not_found(format!("The specified sequence store {id} does not exist."))
}
