//! Observes all stores of a region by one List for a hundred of them. What a listing shows decides only which objects get a
//! full look: nothing else is concluded from it. Pure: no I/O.
//!
//! | file | holds |
//! |---|---|
//! | `choice` | whether a region is observed by List or by Get |
//! | `snapshot` | what a complete listing showed, as fingerprints |
//! | `next_look` | what that means for one object |
//! | `round` | when each settled object gets a look in the background |
//! | `regions` | how each region is observed at the moment, and which objects need no pass because of it |
#![allow(dead_code, reason = "the sweeper will use it")]

mod choice;
mod next_look;
mod regions;
mod round;
mod snapshot;

pub use next_look::{Disagreement, Sight};
