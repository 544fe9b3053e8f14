//! Whose identity an object acts with in AWS, and what it may name: the AccountBindings of a cluster. Pure: no I/O.
//!
//! | file | holds |
//! |---|---|
//! | `access` | what comes of it for one object |
//! | `bindings` | which bindings a namespace has |
//! | `limits` | what the specs of bound objects may name |
//! | `pattern` | wildcards in limits |
//! | `shared` | the bindings, shared by passes and watches |

mod access;
mod bindings;
mod limits;
mod pattern;
mod shared;

pub use access::{Access, AccessRefusal, Bound};
pub use bindings::{Binding, Bindings, Labels, Touched, Unknown};
pub use limits::Limits;
pub use shared::SharedBindings;
