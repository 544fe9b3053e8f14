//! What AWS did not show of one store when the operator looked, and since when. Pure: time is passed in. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::apply::Effect;
use crate::plan::Action;
use crate::store::{Prepared, Present};

#[derive(Debug, Default)]
pub(super) struct Unshown {
    /// ARN of the store whose tags do not show the uid of the object, and when the first such look was.
    owner: Option<(String, Instant)>,
    /// Managed keys that the spec no longer has and the store does not show, and when the first such look was.
    tag_keys: BTreeMap<String, Instant>,
    /// Keys that AWS accepted to remove and that were not set again since: their absence needs no proof.
    removed: BTreeSet<String>,
}

impl Unshown {
    /// A look at the store. Where the tags could not be read, it is none.
    pub(super) fn observed(&mut self, prepared: &Prepared, present: &Present, now: Instant) {
        let Some(shown) = present.known_tags() else { return };
        match prepared.owner.own(shown) {
            true => self.owner = None,
            false => self.not_ours(&present.store.arn, now),
        }
        let object = &prepared.object;
        let Some(wanted) = &object.spec.tags else {
            self.tag_keys.clear();
            return;
        };
        let managed = object.status.iter().flat_map(|status| &status.managed_tag_keys);
        let unshown: BTreeSet<&String> =
            managed.filter(|key| !wanted.contains_key(*key) && !shown.contains_key(*key)).collect();
        self.tag_keys.retain(|key, _| unshown.contains(key));
        for key in unshown {
            self.tag_keys.entry(key.clone()).or_insert(now);
        }
    }

    /// No key that the spec gave up waits for a proof that it is gone.
    pub(super) fn has_no_keys(&self) -> bool {
        self.tag_keys.is_empty()
    }

    /// A look at a store that does not show the uid of the object.
    pub(super) fn not_ours(&mut self, arn: &str, now: Instant) {
        let before = self.owner.take().filter(|(before, _)| before == arn);
        self.owner = before.or_else(|| Some((arn.to_owned(), now)));
    }

    /// AWS accepted a change of tags.
    pub(super) fn applied(&mut self, action: &Action, effect: &Effect) {
        match (action, effect) {
            (Action::Untag { keys, .. }, Effect::Accepted { .. }) => {
                self.removed.extend(keys.iter().cloned())
            }
            // Whatever came of it: the key may be there.
            (Action::Tag { tags, .. }, _) => self.removed.retain(|key| !tags.contains_key(key)),
            _ => {}
        }
    }

    pub(super) fn owner_for(&self, now: Instant) -> Option<Duration> {
        self.owner.as_ref().map(|(_, since)| now.duration_since(*since))
    }

    pub(super) fn tag_keys_for(&self, now: Instant) -> BTreeMap<String, Duration> {
        let time = |key: &String, since: &Instant| match self.removed.contains(key) {
            true => Duration::MAX,
            false => now.duration_since(*since),
        };
        self.tag_keys.iter().map(|(key, since)| (key.clone(), time(key, since))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::crd::OWNER_UID_TAG;
    use crate::samples::{ACCOUNT, OTHER_UID, REGION, Scene, own_tags, present, tags_of};
    use crate::store::{Defaults, Observed, ObservedTags, prepare};
    use crate::tenancy::Access;

    fn prepared() -> Prepared {
        let mut object = Scene::settled().object;
        object.spec.tags = Some(BTreeMap::from([("kept".into(), "1".into())]));
        object.status.get_or_insert_default().managed_tag_keys = vec!["dropped".into(), "kept".into()];
        let defaults = Defaults { region: Some(REGION.into()), poll_interval: Duration::from_secs(300) };
        prepare(Arc::new(object), Access::Operator, &defaults, "cluster")
    }

    fn seen(tags: ObservedTags) -> Present {
        let Observed::Present(present) = present(ACCOUNT, Some("ACTIVE"), tags) else { unreachable!() };
        *present
    }

    fn with(key: &str) -> ObservedTags {
        let mut tags = own_tags();
        tags.insert(key.into(), "1".into());
        ObservedTags::Read(tags)
    }

    #[test]
    fn only_an_unbroken_series_of_looks_says_that_the_owner_tag_is_gone() {
        let (mut unshown, start) = (Unshown::default(), Instant::now());
        let later = start + Duration::from_secs(9);
        unshown.observed(&prepared(), &seen(tags_of(OTHER_UID)), start);
        unshown.observed(&prepared(), &seen(ObservedTags::Read(BTreeMap::new())), later);
        assert_eq!(unshown.owner_for(later), Some(Duration::from_secs(9)));
        let own = BTreeMap::from([(OWNER_UID_TAG.to_owned(), crate::samples::UID.to_owned())]);
        unshown.observed(&prepared(), &seen(ObservedTags::Read(own)), later);
        assert_eq!(unshown.owner_for(later), None);
    }

    #[test]
    fn a_dropped_key_counts_from_the_first_look_that_does_not_show_it() {
        let (mut unshown, start) = (Unshown::default(), Instant::now());
        let later = start + Duration::from_secs(9);
        unshown.observed(&prepared(), &seen(with("kept")), start);
        unshown.observed(&prepared(), &seen(with("kept")), later);
        assert_eq!(unshown.tag_keys_for(later), BTreeMap::from([("dropped".into(), Duration::from_secs(9))]));
        unshown.observed(&prepared(), &seen(with("dropped")), later);
        assert_eq!(unshown.tag_keys_for(later), BTreeMap::new());
    }

    #[test]
    fn the_absence_of_a_key_that_aws_has_removed_needs_no_proof() {
        let (mut unshown, start) = (Unshown::default(), Instant::now());
        let (region, arn) = (String::new(), String::new());
        let untag = Action::Untag {
            region: region.clone(),
            arn: arn.clone(),
            keys: BTreeSet::from(["dropped".into()]),
        };
        unshown.applied(&untag, &Effect::Accepted { fields: Vec::new(), present: None });
        unshown.observed(&prepared(), &seen(with("kept")), start);
        assert_eq!(unshown.tag_keys_for(start), BTreeMap::from([("dropped".into(), Duration::MAX)]));
        let tags = BTreeMap::from([("dropped".to_owned(), "1".to_owned())]);
        unshown.applied(&Action::Tag { region, arn, tags, managed: Vec::new() }, &Effect::Nothing);
        assert_eq!(unshown.tag_keys_for(start), BTreeMap::from([("dropped".into(), Duration::ZERO)]));
    }
}
