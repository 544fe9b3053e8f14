//! Tests the CRD's schema and CEL rules without a cluster: for every rule there is a refused and an accepted example,
//! and AWS (the simulator) accepts what the rules accept. The end-to-end tests send the same examples to a real API
//! server.

mod differential;
#[allow(dead_code, reason = "the end-to-end tests use the other items")]
mod examples;
mod generated;
mod offline;
mod rules;
