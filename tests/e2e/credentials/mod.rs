//! Where the operator's credentials come from, how they are renewed, what happens when AWS refuses them, and that no secret gets
//! out.

pub mod chained;
pub mod clock;
mod ledger;
pub mod refusals;
pub mod rotation;
pub mod secrets;
mod sources;
pub mod ways;
