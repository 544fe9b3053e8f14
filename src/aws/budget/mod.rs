//! The request budget: who may send the next request to AWS. No I/O.

mod urgency;

#[allow(unused_imports, reason = "the queue of passes will use it")]
pub use urgency::Urgency;
