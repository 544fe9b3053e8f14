//! What the operator knows of a store and wants of it: what the spec asks for, the record of a creation, fields
//! and drift, the S3 access policy, whose a store is, and what AWS reported. Pure: no I/O.

pub mod create_request;
pub mod desired;
pub mod drift;
pub mod field;
mod fingerprint;
pub mod identity;
pub mod intent;
pub mod observed;
pub mod owner_match;
pub mod policy_meaning;
mod prepare;
pub mod s3_policy;
pub mod tag_changes;

pub use create_request::create_request;
pub use desired::{Defaults, Desired, InvalidSpec};
pub use drift::Difference;
pub use field::Field;
pub use fingerprint::Fingerprint;
pub use intent::{AttemptOutcome, Intent};
pub use observed::{Observed, ObservedPolicy, ObservedTags, Present};
pub use owner_match::OwnerMatch;
pub use prepare::{Prepared, prepare};
pub use tag_changes::TagChanges;
