//! Looks for stores that carry the owner tags of an object which uses another one. I/O: AWS, read-only.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Known, Observer};
use crate::aws::Class;
use crate::plan::{ABSENCE_CONFIRMED_AFTER, Recollection};
use crate::store::{Intent, Prepared};

/// A pass looks at no more strays than this: each costs two calls.
const MOST_LOOKS: usize = 5;

/// An earlier look at a stray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrayLook {
    pub age: Duration,
    /// It need not be looked at again yet.
    pub is_recent: bool,
    /// Age of the first of an unbroken series of looks that did not find it.
    pub unseen_for: Option<Duration>,
}

/// What became known about strays in one pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Strays {
    /// The ids; none where nobody looked.
    pub(super) ids: Option<Vec<String>>,
    /// The stores of an attempt made before the user set `sequenceStoreId` were searched for.
    pub(super) searched: bool,
    /// The strays that were looked at, and whether they were there.
    pub(super) looked_at: Vec<(String, bool)>,
}

/// The strays to look at in this pass: those that nobody looked at for longest.
fn due<'a>(told: &'a [String], looks: &BTreeMap<String, StrayLook>) -> Vec<&'a String> {
    let mut due: Vec<_> =
        told.iter().filter(|id| !looks.get(*id).is_some_and(|look| look.is_recent)).collect();
    due.sort_by_key(|id| Reverse(looks.get(*id).map_or(Duration::MAX, |look| look.age)));
    due.truncate(MOST_LOOKS);
    due
}

/// Like a 404, and like an owner tag that is not shown, a stray is believed to be gone only after a second look.
fn is_gone(id: &str, looked_at: &[(String, bool)], looks: &BTreeMap<String, StrayLook>) -> bool {
    let is_unseen = looked_at.iter().any(|(looked, is_there)| looked == id && !is_there);
    let before = looks.get(id).and_then(|look| look.unseen_for);
    is_unseen && before.is_some_and(|before| before >= ABSENCE_CONFIRMED_AFTER)
}

impl Observer<'_> {
    pub(super) async fn strays(
        &self,
        prepared: &Prepared,
        recollection: &Recollection,
        known: &Known,
        now: Timestamp,
    ) -> Strays {
        let told = prepared.object.status.as_ref().map(|status| status.stray_stores.as_slice());
        let told = told.unwrap_or_default();
        let looked_at = match prepared.object.is_being_deleted() {
            true => Vec::new(),
            false => self.look_at(prepared, due(told, &known.strays)).await,
        };
        let still = told.iter().filter(|id| !is_gone(id, &looked_at, &known.strays));
        let mut ids: Vec<String> = still.cloned().collect();
        let left = match known.strays_searched {
            true => None,
            false => self.left_by_an_attempt(prepared, recollection, now).await,
        };
        let searched = left.is_some();
        let new: Vec<String> = left.into_iter().flatten().filter(|id| !ids.contains(id)).collect();
        ids.extend(new);
        Strays { ids: (!looked_at.is_empty() || searched).then_some(ids), searched, looked_at }
    }

    /// Whether the stores still carry the owner tags. One that cannot be read counts as still there. Other credentials
    /// than those that may have created them see nothing of them.
    async fn look_at(&self, prepared: &Prepared, ids: Vec<&String>) -> Vec<(String, bool)> {
        let intent = Intent::of(&prepared.object).ok().flatten().filter(Intent::may_have_a_store);
        let region = intent.as_ref().map(|intent| intent.region.as_str()).or(prepared.region());
        let region = region.unwrap_or_default();
        if ids.is_empty() || !self.acts_in(intent.as_ref(), region).await {
            return Vec::new();
        }
        let mut looked_at = Vec::new();
        for id in ids {
            let is_there = match self.aws.get(region, id).await {
                Ok(found) => match self.aws.list_tags(region, &found.store.arn).await {
                    Ok(tags) => prepared.owner.own(&tags),
                    Err(_) => true,
                },
                Err(error) => error.class != Class::NotFound,
            };
            looked_at.push((id.clone(), is_there));
        }
        looked_at
    }

    /// Whether the credentials are those of the account in which the attempt was made.
    async fn acts_in(&self, intent: Option<&Intent>, region: &str) -> bool {
        let Some(recorded) = intent.and_then(|intent| intent.account.as_ref()) else { return true };
        self.aws.account(region).await.is_ok_and(|account| account == *recorded)
    }

    /// Stores that an attempt of this object may have created before the user set `spec.sequenceStoreId`. Searched for
    /// when the attempt is over; none where that is not due or failed.
    async fn left_by_an_attempt(
        &self,
        prepared: &Prepared,
        recollection: &Recollection,
        now: Timestamp,
    ) -> Option<Vec<String>> {
        let named = prepared.object.spec.sequence_store_id.as_ref()?;
        let intent = Intent::of(&prepared.object).ok().flatten()?;
        let grace = self.settings.create_grace;
        let is_open = intent.open_for(grace, recollection.attempt_known_for, now).is_some();
        if intent.id.is_some() || !intent.may_have_a_store() || is_open {
            return None;
        }
        if !self.acts_in(Some(&intent), &intent.region).await {
            return None;
        }
        let stores = self.aws.find_by_name(&intent.region, &intent.name, self.seeker(prepared)).await.ok()?;
        let left = stores.into_iter().filter(|store| store.id != *named && prepared.owner.own(&store.tags));
        Some(left.map(|store| store.id).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(age: u64, is_recent: bool, unseen_for: Option<u64>) -> StrayLook {
        let seconds = Duration::from_secs;
        StrayLook { age: seconds(age), is_recent, unseen_for: unseen_for.map(seconds) }
    }

    #[test]
    fn a_stray_is_gone_only_after_two_looks_that_are_apart() {
        let unseen = [("1".to_owned(), false)];
        let looks = |unseen_for| BTreeMap::from([("1".to_owned(), look(9, false, unseen_for))]);
        assert!(!is_gone("1", &unseen, &BTreeMap::new()), "one look");
        assert!(!is_gone("1", &unseen, &looks(None)), "it was there before");
        assert!(!is_gone("1", &unseen, &looks(Some(4))), "too soon");
        assert!(is_gone("1", &unseen, &looks(Some(5))));
        assert!(!is_gone("1", &[("1".to_owned(), true)], &looks(Some(5))), "it is there again");
        assert!(!is_gone("1", &[], &looks(Some(5))), "nobody looked");
    }

    #[test]
    fn a_pass_looks_at_a_few_strays_and_at_each_in_its_turn() {
        let told: Vec<String> = (10..60).map(|id: u32| id.to_string()).collect();
        let mut looks = BTreeMap::new();
        for pass in 0..10 {
            let ids: Vec<String> = due(&told, &looks).into_iter().cloned().collect();
            assert_eq!(ids.len(), MOST_LOOKS);
            for id in ids {
                let before = looks.insert(id, look(100 - pass, false, None));
                assert_eq!(before, None, "looked at twice before others in pass {pass}");
            }
        }
        assert_eq!(looks.len(), told.len());
        looks.values_mut().for_each(|look| look.is_recent = true);
        assert!(due(&told, &looks).is_empty());
    }
}
