//! What happens where a store has no room for a tag. No I/O.

use std::collections::BTreeMap;

use super::update::managed;
use super::{Input, Next, Plan, State};
use crate::store::tag_changes::{counted, without_room};

/// The store has no room for the owner tags. It matches the spec in everything else.
pub(super) fn no_room_for_owner_tags(input: &Input<'_>) -> Option<Plan> {
    let (_, tags) = managed(input)?;
    let missing = without_room(tags, &input.owner.missing_from(tags));
    (!missing.is_empty()).then(|| {
        let state = State::TagLimit { present: counted(tags), missing, drift: Vec::new() };
        Plan::wait(state, Next::Poll)
    })
}

/// Takes the tags without room out of those to set, and returns their keys. A tag whose key the store has needs no room.
pub(super) fn take_out(set: &mut BTreeMap<String, String>, tags: &BTreeMap<String, String>) -> Vec<String> {
    let keys = without_room(tags, set);
    set.retain(|key, _| !keys.contains(key));
    keys
}
