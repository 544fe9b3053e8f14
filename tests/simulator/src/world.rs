//! The simulated world behind one lock, and the way from a routed request to its outcome.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::ApiError;
use crate::fault::Faults;
use crate::knobs::Knobs;
use crate::ledger::Ledger;
use crate::operation::Operation;
use crate::principal::{Caller, Principals};
use crate::stores::{Place, Sight, Store, Stores, store_arn};
use crate::throttle::Throttle;
use crate::{policy, read_sets, sequence_stores, tags};

/// A result that a client token brings back.
#[derive(Debug)]
pub(crate) struct Remembered {
    pub(crate) at: Instant,
    pub(crate) parameters: Value,
    pub(crate) body: Value,
    pub(crate) id: String,
}

/// Everything that requests read and change.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) knobs: Knobs,
    pub(crate) stores: Stores,
    pub(crate) tokens: HashMap<(Place, Operation, String), Remembered>,
    pub(crate) principals: Principals,
    pub(crate) faults: Faults,
    pub(crate) throttle: Throttle,
    pub(crate) ledger: Ledger,
}

/// One authenticated request.
pub(crate) struct Call<'a> {
    pub(crate) operation: Operation,
    /// Decoded path label.
    pub(crate) label: &'a str,
    pub(crate) query: &'a [(String, String)],
    pub(crate) body: &'a [u8],
    pub(crate) caller: &'a Caller,
    /// A fault asks for the version before the last write.
    pub(crate) stale: bool,
    /// Varies what may vary between two answers.
    pub(crate) salt: u64,
}

impl Call<'_> {
    pub(crate) fn place(&self) -> Place {
        (self.caller.account.clone(), self.caller.region.clone())
    }

    pub(crate) fn sight(&self, lag_ms: u64) -> Sight {
        Sight { lag: Duration::from_millis(lag_ms), stale: self.stale }
    }
}

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    /// `None` is an empty body.
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
    /// Quota, authorisation, then the operation itself.
    pub(crate) fn execute(&mut self, call: &Call<'_>) -> Result<Outcome, ApiError> {
        let (account, region) = call.place();
        self.throttle.admit(&self.knobs, &account, &region, call.operation)?;
        self.authorize(call)?;
        self.stores.settle();
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
        let place = call.place();
        let id = crate::operation::store_id_of(call.operation, call.label);
        let resource = match id {
            Some(id) if !call.operation.is_resourceless() => store_arn(&place, &id),
            _ => "*".to_owned(),
        };
        let action = format!("omics:{}", call.operation.name());
        self.principals.authorize(call.caller, &action, &resource)?;
        if call.operation == Operation::CreateSequenceStore && carries_tags(call.body) {
            let new_store = store_arn(&place, "*");
            self.principals.authorize(call.caller, "omics:TagResource", &new_store)?;
        }
        Ok(())
    }

    /// The store as a reader with this lag sees it.
    pub(crate) fn visible(
        &self,
        call: &Call<'_>,
        id: &str,
        lag_ms: u64,
    ) -> Result<&crate::record::StoreRecord, ApiError> {
        let store = self.stores.key(&call.place(), id).and_then(|key| self.stores.get(&key));
        let seen = store.and_then(|store: &Store| store.seen(call.sight(lag_ms), Instant::now()));
        seen.ok_or_else(|| no_such_store(id))
    }
}

fn carries_tags(body: &[u8]) -> bool {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    let tags = body.as_ref().and_then(|body| body.get("tags")).and_then(Value::as_object);
    tags.is_some_and(|tags| !tags.is_empty())
}

pub(crate) fn no_such_store(id: &str) -> ApiError {
    ApiError::not_found(format!("The specified sequence store {id} does not exist."))
}
