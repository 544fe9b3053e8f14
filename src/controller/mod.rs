//! The controller: watches trigger passes, and a pass decides when the next one is due. I/O.
//!
//! `watch` wires it up, `reconcile` runs one pass, `pass` has its five steps.

mod backoff;
pub mod context;
mod error;
pub mod health;
mod memory;
mod pass;
mod reconcile;
mod report;
mod requeue;
mod watch;

pub use memory::Memory;
pub use watch::run;
