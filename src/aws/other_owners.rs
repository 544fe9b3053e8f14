//! Owner tags that were read or written a moment ago, by store: searches for stores of one name read the tags of all of
//! them, and need not read those of other owners again and again. Pure: time is passed in. No I/O.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::crd::OwnerTags;

/// Whoever has more stores than this of one name reads their tags again.
const MOST_STORES: usize = 2048;

/// For so long after a change of tags a read may still show those of before.
const CHANGE_SHOWS_AFTER: Duration = Duration::from_secs(60);

type Tags = BTreeMap<String, String>;

/// By the ARN of the store.
#[derive(Debug, Default)]
pub(super) struct OtherOwners(HashMap<String, (Known, Instant)>);

#[derive(Debug)]
enum Known {
    Owner(OwnerTags),
    /// The operator itself has changed the tags: what is read for a while may be older.
    Changed,
}

impl OtherOwners {
    /// Only tags that name an owner are kept: that there are none may change at any time.
    pub(super) fn remember(&mut self, arn: &str, tags: &Tags, now: Instant) {
        if let Some((Known::Changed, at)) = self.0.get(arn)
            && now.saturating_duration_since(*at) < CHANGE_SHOWS_AFTER
        {
            return;
        }
        let Some(owner) = OwnerTags::read(tags) else {
            self.0.remove(arn);
            return;
        };
        self.insert(arn, Known::Owner(owner), now);
    }

    fn insert(&mut self, arn: &str, known: Known, now: Instant) {
        if self.0.len() >= MOST_STORES && !self.0.contains_key(arn) {
            let oldest = self.0.iter().min_by_key(|(_, (_, at))| *at).map(|(arn, _)| arn.clone());
            oldest.and_then(|oldest| self.0.remove(&oldest));
        }
        self.0.insert(arn.to_owned(), (known, now));
    }

    /// The owner tags of a store, if they were seen within that time and say that it is not `seeker`'s. What makes a store the
    /// seeker's own, now or formerly, is never believed from memory.
    pub(super) fn recall(
        &self,
        arn: &str,
        seeker: &OwnerTags,
        within: Duration,
        now: Instant,
    ) -> Option<Tags> {
        let (Known::Owner(owner), seen) = self.0.get(arn)? else { return None };
        let tags = owner.tags();
        let is_another = !seeker.own(&tags) && !seeker.owned_before(&tags);
        (is_another && now.saturating_duration_since(*seen) < within).then_some(tags)
    }

    /// The operator is about to change the tags.
    pub(super) fn change(&mut self, arn: &str, now: Instant) {
        self.insert(arn, Known::Changed, now);
    }

    /// Another process may change tags from now on.
    pub(super) fn forget_all(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(60);

    fn owner(uid: &str, namespace: &str) -> OwnerTags {
        OwnerTags { uid: uid.into(), cluster: "c".into(), namespace: namespace.into(), name: "reads".into() }
    }

    #[test]
    fn only_tags_of_other_owners_are_believed_and_only_for_the_grace() {
        let (mut known, start) = (OtherOwners::default(), Instant::now());
        known.remember("arn", &owner("1", "a").tags(), start);
        let recall = |seeker: &OwnerTags, after| known.recall("arn", seeker, GRACE, start + after);
        let almost = GRACE - Duration::from_secs(1);
        assert_eq!(recall(&owner("2", "b"), almost), Some(owner("1", "a").tags()));
        assert_eq!(recall(&owner("2", "b"), GRACE), None, "too old");
        assert_eq!(recall(&owner("1", "a"), almost), None, "its own store");
        assert_eq!(recall(&owner("2", "a"), almost), None, "the store of a former object of its name");
    }

    #[test]
    fn tags_without_an_owner_are_not_kept_and_end_what_was_known() {
        let (mut known, start) = (OtherOwners::default(), Instant::now());
        known.remember("arn", &owner("1", "a").tags(), start);
        known.remember("arn", &BTreeMap::from([("team".into(), "genomics".into())]), start);
        assert_eq!(known.recall("arn", &owner("2", "b"), GRACE, start), None);
    }

    #[test]
    fn what_is_read_soon_after_a_change_of_the_tags_is_not_kept() {
        let (mut known, start) = (OtherOwners::default(), Instant::now());
        let recall = |known: &OtherOwners, now| known.recall("arn", &owner("2", "b"), GRACE, now).is_some();
        known.remember("arn", &owner("1", "a").tags(), start);
        assert!(recall(&known, start));
        known.change("arn", start);
        assert!(!recall(&known, start));
        for (second, is_kept) in [(0, false), (59, false), (60, true)] {
            let read = start + Duration::from_secs(second);
            known.remember("arn", &owner("1", "a").tags(), read);
            assert_eq!(recall(&known, read), is_kept, "{second} s after the change");
        }
        known.forget_all();
        assert!(!recall(&known, start + Duration::from_secs(60)));
    }

    #[test]
    fn any_number_of_stores_fits() {
        let (mut known, start) = (OtherOwners::default(), Instant::now());
        for number in 0..3 * MOST_STORES {
            let seen = start + Duration::from_millis(number as u64);
            known.remember(&number.to_string(), &owner("1", "a").tags(), seen);
        }
        assert_eq!(known.0.len(), MOST_STORES);
        let latest = (3 * MOST_STORES - 1).to_string();
        assert!(known.recall(&latest, &owner("2", "b"), GRACE, start).is_some());
    }
}
