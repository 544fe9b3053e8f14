//! What the end-to-end tests share with the tests without a cluster.

pub mod examples;
pub mod generated;
#[allow(dead_code, reason = "the tests without a cluster use the rest")]
pub mod offline;
