//! The simulator under the Rust SDK and under raw bytes.

#![allow(clippy::unwrap_used, missing_docs)]

mod accounts;
mod client;
mod lifecycle;
mod operations;
mod tokens;
