//! The rules of the API without a cluster: each is broken by one example and kept by another, and what they accept
//! AWS accepts. The same examples go to a real API server in the end-to-end tests.

mod differential;
#[allow(dead_code, reason = "the end-to-end tests use the rest")]
mod examples;
mod generated;
mod offline;
mod rules;
