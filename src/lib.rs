//! Kubernetes operator that makes AWS HealthOmics sequence stores declarative.
//!
//! One pass over one object reads as the flow of its data:
//!
//! ```text
//! watch ─► prepare ─► observe ─► plan ─► apply ─► report
//!          pure       I/O        pure    I/O      pure, then one write
//! ```
//!
//! Each folder is a room. A room uses only rooms above it in this list; `tests/architecture.rs` checks that:
//!
//! * [`crd`]: the Kubernetes API: types, admission rules, predicates on an object. Pure.
//! * `network`: proxies and certificate authorities, for AWS and Kubernetes. Reads the environment and files.
//! * `metrics`: the figures of the process for Prometheus, and their page. Reads /proc.
//! * `traces`: the spans of traces: passes, and requests to AWS. Pure.
//! * `aws`: the edge to AWS: clients, the one function through which every request goes, error classes. I/O.
//! * `tenancy`: with which identity an object acts, and what it may name: AccountBindings. Pure.
//! * `store`: what the spec asks for, the record of a creation, fields and drift, whose a store is. Pure.
//! * `plan`: what to do next, by tables of rules. Pure.
//! * `status`: conditions, reasons and the texts of all Events. Pure.
//! * `kubernetes`: the edge to Kubernetes: reads, conditional writes, Events, the cache of all objects. I/O.
//! * `observe`: looks at AWS and at other objects. I/O, read-only.
//! * `apply`: carries out the one AWS call of a plan. I/O.
//! * `controller`: watches, passes, requeueing, memory, endpoints for health and metrics. I/O.
//! * [`cli`]: the commands, each with its flags. I/O.

mod apply;
mod aws;
pub mod cli;
mod controller;
pub mod crd;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod kubernetes;
mod metrics;
mod network;
mod observe;
mod plan;
#[cfg(test)]
mod samples;
mod status;
mod store;
mod tenancy;
mod traces;

pub use metrics::{metrics_example, metrics_reference};
pub use status::{BINDING_REASONS, Reason, conditions_reference, readme_reasons};
pub use store::{create_request, s3_policy};
