//! The simulator under the Rust SDK and under raw bytes.

#![allow(clippy::unwrap_used, missing_docs)]

mod accounts;
mod client;
mod faults;
mod lifecycle;
mod operations;
mod raw;
mod switches;
mod tokens;
