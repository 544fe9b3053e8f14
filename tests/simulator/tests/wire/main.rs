//! Prove that the simulator behaves like AWS for the Rust SDK and for raw HTTP requests. Each test starts its
//! own simulator on localhost.

#![allow(clippy::unwrap_used)]

mod accounts;
mod client;
mod faults;
mod knobs;
mod lifecycle;
mod operations;
mod raw;
mod roles;
mod tokens;
