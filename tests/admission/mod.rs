//! The modules that the end-to-end tests share with the admission tests.

pub mod examples;
pub mod generated;
#[allow(dead_code, reason = "the admission tests use the other items")]
pub mod offline;
