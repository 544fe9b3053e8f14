//! The defaults of the flags, as users would write them. No I/O.

pub(super) const POLL_INTERVAL: &str = "5m";
/// Between two counts of the read sets of a store whose object asks for it.
pub(super) const READ_SET_POLL_INTERVAL: &str = "1h";
pub(super) const CREATE_GRACE: &str = "60s";
/// How long IAM may take to apply a change.
pub(super) const DENIED_GRACE: &str = "5m";
/// How long throttling is no news.
pub(super) const THROTTLED_GRACE: &str = "10m";
/// Objects reconciled at the same time.
pub(super) const CONCURRENCY: u16 = 8;
/// Fewer objects than these are polled one by one, however short the poll interval is.
pub(super) const LIST_FROM: usize = 50;
pub(super) const LEASE_NAME: &str = "sequencestore-operator";
// The defaults of client-go.
pub(super) const LEASE_DURATION: &str = "15s";
pub(super) const LEASE_RENEW_DEADLINE: &str = "10s";
pub(super) const LEASE_RETRY_PERIOD: &str = "2s";
pub(super) const HEALTH_PROBE_BIND_ADDRESS: &str = ":8081";
pub(super) const METRICS_BIND_ADDRESS: &str = ":8080";
pub(super) const LOG_LEVEL: &str = "info";
/// Share of AWS's request quotas that the process uses.
pub(super) const QUOTA_SHARE: &str = "0.8";
/// Share of AWS's request quotas for what nobody waits for.
pub(super) const BACKGROUND_SHARE: &str = "0.1";
pub(super) const WATCH_TIMEOUT: &str = "200s";
