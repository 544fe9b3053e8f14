//! Kubernetes operator that makes AWS HealthOmics sequence stores declarative.
//!
//! One pass over one object, `reconcile`, reads as the flow of its data:
//!
//! ```text
//! watch ─► reconcile: observe ─► plan (pure) ─► apply one action ─► status (pure) ─► patch if changed
//! ```
//!
//! `crd`, `desired`, `intent`, `request`, `lookup`, `observed`, `drift`, `plan`, `status`, `events`, `memory` and
//! `backoff` decide and do no I/O; `omics`, `kubernetes`, `observe`, `look`, `apply`, `reconcile`, `controller` and
//! `server` are the edges. `cli` reads the command line, and `commands` holds what each command but `run` does.

pub mod apply;
pub mod arn;
pub mod backoff;
pub mod cli;
pub mod commands;
pub mod context;
pub mod controller;
pub mod crd;
pub mod desired;
pub mod drift;
pub mod error;
pub mod events;
pub mod intent;
pub mod kubernetes;
pub mod look;
pub mod lookup;
pub mod memory;
pub mod observe;
pub mod observed;
pub mod omics;
pub mod plan;
pub mod policy;
pub mod reconcile;
pub mod request;
#[cfg(test)]
mod samples;
pub mod server;
pub mod status;
