//! What the operator knows of a store and wants of it: what the spec asks for, the record of a creation, fields
//! and drift, the S3 access policy, whose a store is, and what AWS showed. Pure: no I/O.

pub mod desired;
pub mod drift;
pub mod intent;
pub mod observed;
pub mod ownership;
pub mod s3_policy;
pub mod tag_changes;

pub use desired::{Defaults, Desired, InvalidSpec};
pub use intent::Intent;
pub use observed::{Observed, ObservedPolicy, ObservedTags, Present};
pub use ownership::OwnerMatch;
pub use tag_changes::TagChanges;
