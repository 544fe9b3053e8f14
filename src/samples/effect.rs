//! What AWS shows after an action of a plan.

use super::*;
use crate::aws::UpdateRequest;
use crate::plan::Action;

impl Scene {
    /// The scene after the action, as the next pass would find it.
    pub(crate) fn after(mut self, action: &Action) -> Self {
        let Observed::Present(present) = &mut self.observed else { return self };
        let status = self.object.status.get_or_insert_default();
        match action {
            Action::Update { request, .. } => update(&mut present.store, request),
            Action::Claim { tags, .. } => add(&mut present.tags, tags),
            Action::Tag { tags, managed, .. } => {
                add(&mut present.tags, tags);
                status.managed_tag_keys.clone_from(managed);
            }
            Action::Untag { keys, .. } => {
                if let ObservedTags::Read(shown) = &mut present.tags {
                    shown.retain(|key, _| !keys.contains(key));
                }
            }
            Action::SetPolicy { policy, .. } => present.policy = ObservedPolicy::Read(policy.clone()),
            Action::DeleteStore { .. } => present.store.status = Some("DELETING".into()),
            Action::None | Action::Create { .. } => {}
        }
        self
    }
}

fn add(shown: &mut ObservedTags, tags: &BTreeMap<String, String>) {
    if let ObservedTags::Read(shown) = shown {
        shown.extend(tags.clone());
    }
}

fn update(store: &mut Store, request: &UpdateRequest) {
    let set = |shown: &mut Option<String>, new: &Option<String>| {
        if let Some(new) = new {
            // AWS shows what was cleared as absent.
            *shown = Some(new.clone()).filter(|text| !text.is_empty());
        }
    };
    set(&mut store.name, &request.name);
    set(&mut store.description, &request.description);
    set(&mut store.fallback_location, &request.fallback_location);
    let s3_access = store.s3_access.get_or_insert_default();
    set(&mut s3_access.access_log_location, &request.access_log_location);
    if let Some(keys) = &request.propagated_set_level_tags {
        store.propagated_set_level_tags = Some(keys.clone());
    }
}
