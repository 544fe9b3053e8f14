//! What a pass knows of an object before it acts, and what a plan is made on. The command `plan` looks by
//! it as well, so that both see and decide the same. I/O, read-only.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;

use crate::controller::context::Context;
use crate::crd::{OwnerTags, SequenceStore, TAKE_OVER_ANNOTATION};
use crate::plan::{self, Recollection, Settings};
use crate::store::desired::{Defaults, Desired, InvalidSpec};
use crate::store::drift;
use crate::store::observed::{Observed, ObservedPolicy, ObservedTags};
use crate::{kubernetes, observe};

/// One look at an object and at its store.
#[derive(Clone, Debug)]
pub struct Look {
    /// What the object asks for.
    pub desired: Result<Desired, InvalidSpec>,
    /// The owner tags of the object.
    pub owner: OwnerTags,
    /// What AWS said.
    pub observed: Observed,
    /// The owner whom the annotation `take-over` names is no live, managing object of this cluster.
    pub owner_is_gone: bool,
    /// An older object that names the same store, as `namespace/name`.
    pub rival: Option<String>,
    /// False: the store names no owner, and an older object may not have been listed yet.
    pub rivals_are_known: bool,
    /// The moment before the look: what was seen is as old as that.
    pub now: Timestamp,
}

impl Look {
    /// Looks at what the plan for this object depends on.
    pub async fn at(context: &Context, object: &SequenceStore) -> Self {
        let desired = Desired::of(object, &context.defaults);
        let owner = OwnerTags::of(object, &context.settings.cluster);
        let now = Timestamp::now();
        let observed = match plan::target(object, desired.as_ref()) {
            Some(target) => {
                let observed = observe::observe(context, object, &owner, &target).await;
                context.memory.observed(&owner.uid, &target, &observed, Instant::now());
                observed
            }
            None => Observed::NotAsked,
        };
        note_differences(context, object, &owner, &observed);
        // It takes a look at every object, and decides only where the tags name no owner.
        let unowned = observed.present().is_some_and(|present| present.tags.owner().is_none());
        let rival =
            desired.as_ref().ok().filter(|_| unowned).and_then(|desired| context.rival(object, desired));
        let owner_is_gone = owner_is_gone(context, object, &observed).await;
        // Where tags are read and name no owner, a rival decides whether the store may be changed.
        let tags_are_read =
            observed.present().is_some_and(|present| matches!(present.tags, ObservedTags::Read(_)));
        let rival_decides = unowned && tags_are_read && object.manages();
        let rivals_are_known = !rival_decides || context.is_listed();
        Self { desired, owner, observed, owner_is_gone, rival, rivals_are_known, now }
    }

    /// Interval between two looks at this object.
    #[must_use]
    pub fn poll_interval(&self, defaults: &Defaults) -> Duration {
        self.desired.as_ref().map_or(defaults.poll_interval, |desired| desired.poll_interval)
    }

    /// What a plan depends on, with what AWS said since.
    #[must_use]
    pub fn input<'a>(
        &'a self,
        object: &'a SequenceStore,
        observed: &'a Observed,
        recollection: &'a Recollection,
        settings: &'a Settings,
    ) -> plan::Input<'a> {
        plan::Input {
            object,
            desired: self.desired.as_ref(),
            observed,
            recollection,
            owner: &self.owner,
            settings,
            now: self.now,
            owner_is_gone: self.owner_is_gone,
            rival: self.rival.as_deref(),
        }
    }
}

/// Notes what AWS shows to differ, for later passes: all other fields have converged.
fn note_differences(context: &Context, object: &SequenceStore, owner: &OwnerTags, observed: &Observed) {
    let Observed::Present(present) = observed else { return };
    let ObservedTags::Read(tags) = &present.tags else { return };
    let mut differing: Vec<String> =
        drift::correctable(object, present, tags).into_iter().map(|drift| drift.field).collect();
    differing.extend(owner.missing_from(tags).keys().map(|key| drift::tag_field(key)));
    // What was not read may still differ.
    if !matches!(present.policy, ObservedPolicy::Read(_)) {
        differing.push(drift::POLICY.into());
    }
    context.memory.differing(&owner.uid, &differing);
}

/// Whether the owner that the annotation `take-over` names is no managing object of this cluster. What
/// cannot be told counts as "it is there".
async fn owner_is_gone(context: &Context, object: &SequenceStore, observed: &Observed) -> bool {
    let Observed::Present(present) = observed else { return false };
    let ObservedTags::Read(tags) = &present.tags else { return false };
    let named = object.annotations().get(TAKE_OVER_ANNOTATION).map(String::as_str);
    let Some(owner) = present.tags.owner().filter(|owner| named == Some(*owner)) else { return false };
    if context.is_live(owner) {
        return false;
    }
    match OwnerTags::read(tags) {
        Some(tags) if tags.cluster == context.settings.cluster => {
            match kubernetes::read_named(context, &tags.namespace, &tags.name).await {
                Ok(Some(former)) => former.uid().as_deref() != Some(owner) || !former.manages(),
                Ok(None) => true,
                Err(error) => {
                    tracing::warn!("cannot tell whether the owner {owner} is gone: {error}");
                    false
                }
            }
        }
        _ => true,
    }
}
