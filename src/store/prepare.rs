//! The first step of a pass: what the object asks for, and the owner tags that its store should carry. No I/O.

use std::sync::Arc;
use std::time::Duration;

use super::{Defaults, Desired, InvalidSpec};
use crate::crd::{OwnerTags, SequenceStore};
use crate::tenancy::Access;

/// An object and what follows from it alone.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub object: Arc<SequenceStore>,
    /// With which identity the calls for it are made.
    pub access: Access,
    pub desired: Result<Desired, InvalidSpec>,
    pub owner: OwnerTags,
    /// Time between two polls of a store that is not changing.
    pub poll_interval: Duration,
}

/// `cluster` is the name of this cluster in owner tags.
pub fn prepare(object: Arc<SequenceStore>, access: Access, defaults: &Defaults, cluster: &str) -> Prepared {
    let desired = Desired::of(&object, defaults, access.limits());
    let owner = OwnerTags::of(&object, cluster);
    let poll_interval = desired.as_ref().map_or(defaults.poll_interval, |desired| desired.poll_interval);
    Prepared { object, access, desired, owner, poll_interval }
}

impl Prepared {
    /// Region of the store; none where the spec is invalid.
    pub fn region(&self) -> Option<&str> {
        self.desired.as_ref().ok().map(|desired| desired.region.as_str())
    }
}
