//! The controller: watches trigger passes, and a pass decides when the next one is due. I/O.
//!
//! `run` wires it up, `watch` follows the objects, `queue` says which one is next, `workers` run the passes, `reconcile` runs
//! one of them, `pass` has its five steps.
//! `leadership` says whether this process runs passes at all.

pub mod backoff;
mod bindings;
mod connection;
mod connection_checks;
pub mod context;
mod error;
pub mod health;
pub mod leadership;
pub mod listener;
mod log_level;
mod memory;
pub mod metrics_endpoint;
mod metrics_page;
mod pass;
mod pass_queue;
mod queue;
mod read_sets;
mod reconcile;
mod report;
mod requeue;
mod run;
mod sweep;
mod triggers;
mod watch;
mod workers;

pub use bindings::{Tenancy, TenancySettings};
pub use log_level::{Level, LogLevel};
pub use memory::Memory;
pub use metrics_page::metrics_page;
pub use pass_queue::PassQueue;
pub use run::run;
pub use sweep::{Pace as SweepPace, Sweeps};
pub use watch::longest_silence;
