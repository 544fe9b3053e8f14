//! What AWS shows after the action of a plan.

use super::*;
use crate::plan::Action;
use crate::store::field::apply_update;

impl Scene {
    /// The scene after the action, as the next pass would find it.
    pub(crate) fn after(mut self, action: &Action) -> Self {
        let Observed::Present(present) = &mut self.observed else { return self };
        let status = self.object.status.get_or_insert_default();
        match action {
            Action::Update { request, .. } => apply_update(&mut present.store, request),
            Action::Adopt { tags, .. } => add(&mut present.tags, tags),
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
