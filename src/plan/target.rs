//! What the observe step must ask AWS about before a plan can be made. No I/O.

use super::deletion::decided_without_aws;
use crate::crd::{DeletionDefaults, SequenceStore};
use crate::store::{Desired, InvalidSpec};
use crate::tenancy::Access;

/// What the plan for an object depends on in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The store with this id.
    Store { region: String, id: String },
    /// Whatever stores have one of these names: the id is not known.
    Search {
        region: String,
        /// Compared exactly.
        names: Vec<String>,
        /// Id of a missing store that the user let the operator replace. The search must not find it again.
        replaced: Option<String>,
    },
}

/// None where the plan does not depend on AWS.
#[must_use]
pub fn target(
    object: &SequenceStore,
    access: &Access,
    desired: Result<&Desired, &InvalidSpec>,
    deletion: DeletionDefaults,
) -> Option<Target> {
    let desired = desired.ok().filter(|_| access.refusal().is_none())?;
    if object.is_paused() || (object.is_being_deleted() && decided_without_aws(object, deletion)) {
        return None;
    }
    let region = desired.region.clone();
    Some(match desired.id.clone() {
        Some(id) => Target::Store { region, id },
        None => Target::Search {
            region,
            names: desired.names.clone(),
            replaced: desired.intent.as_ref().and_then(|intent| intent.replaces.clone()),
        },
    })
}
