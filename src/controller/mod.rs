//! The controller: watches trigger passes, and a pass decides when the next one is due. I/O.
//!
//! `run` wires it up, `watch` follows the objects, `reconcile` runs one pass, `pass` has its five steps.

pub mod backoff;
pub mod context;
mod error;
pub mod health;
mod memory;
mod pass;
mod reconcile;
mod report;
mod requeue;
mod run;
mod sweep;
mod triggers;
mod urgency;
mod watch;

pub use memory::Memory;
pub use run::run;
pub use watch::longest_silence;
