//! Request quotas: one token bucket for each account, region and operation. No I/O.

use std::collections::HashMap;
use std::time::Instant;

use crate::error::ApiError;
use crate::knobs::Knobs;
use crate::operation::Operation;

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Throttle {
    buckets: HashMap<(String, String, Operation), Bucket>,
}

impl Throttle {
    /// Takes one token from the bucket. A bucket holds the tokens of one second, and at least one.
    pub(crate) fn admit(
        &mut self,
        knobs: &Knobs,
        account: &str,
        region: &str,
        operation: Operation,
    ) -> Result<(), ApiError> {
        let configured_rate = knobs.tps.get(operation.name()).copied();
        if !knobs.quotas && configured_rate.is_none() {
            return Ok(());
        }
        let rate = configured_rate.unwrap_or_else(|| operation.quota());
        let now = Instant::now();
        let size = rate.max(1.0);
        let key = (account.to_owned(), region.to_owned(), operation);
        let bucket = self.buckets.entry(key).or_insert(Bucket { tokens: size, filled: now });
        let gained = now.duration_since(bucket.filled).as_secs_f64() * rate;
        bucket.tokens = (bucket.tokens + gained).min(size);
        bucket.filled = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let mut error = ApiError::new("ThrottlingException", "Rate exceeded");
        error.retry_after_ms = knobs.retry_after_ms;
        Err(error)
    }
}
