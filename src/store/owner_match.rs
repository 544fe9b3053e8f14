//! Which of the stores with a certain name belongs to an object, judged by owner tags. No I/O.

use crate::aws::NamedStore;
use crate::crd::{OWNER_UID_TAG, OwnerTags, StoreStatus};

/// The result of a complete search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerMatch {
    /// No store belongs to this object.
    Nothing,
    /// A store carries the uid of this object.
    Own {
        /// The oldest such store, which the object keeps.
        id: String,
        /// Newer ones. The operator reports them and never deletes them.
        duplicates: Vec<String>,
    },
    /// A store belonged to an earlier object of the same cluster, namespace and name.
    Former {
        id: String,
        arn: String,
        /// uid of the earlier object.
        uid: String,
    },
}

/// Chooses among all stores with the name. A match by uid beats a match by name, and the oldest store wins.
pub fn choose(stores: &[NamedStore], owner: &OwnerTags) -> OwnerMatch {
    let mut stores: Vec<&NamedStore> = stores.iter().collect();
    stores.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    let own: Vec<&NamedStore> = stores.iter().copied().filter(|store| owner.own(&store.tags)).collect();
    if let Some((oldest, newer)) = own.split_first() {
        let duplicates = newer.iter().map(|store| store.id.clone()).collect();
        return OwnerMatch::Own { id: oldest.id.clone(), duplicates };
    }
    let deleting = StoreStatus::Deleting.as_str();
    let former = stores
        .into_iter()
        .find(|store| owner.owned_before(&store.tags) && store.status.as_deref() != Some(deleting));
    match former {
        Some(store) => OwnerMatch::Former {
            id: store.id.clone(),
            arn: store.arn.clone(),
            uid: store.tags.get(OWNER_UID_TAG).cloned().unwrap_or_default(),
        },
        None => OwnerMatch::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn owner(uid: &str) -> OwnerTags {
        OwnerTags { uid: uid.into(), cluster: "c".into(), namespace: "ns".into(), name: "a".into() }
    }

    fn hit(id: &str, created: i64, tags: BTreeMap<String, String>) -> NamedStore {
        NamedStore { id: id.into(), arn: String::new(), status: Some("ACTIVE".into()), created, tags }
    }

    #[test]
    fn a_uid_match_beats_a_name_match_and_the_oldest_wins() {
        let hits = [
            hit("former", 1, owner("v").tags()),
            hit("newer", 3, owner("u").tags()),
            hit("older", 2, owner("u").tags()),
            hit("foreign", 0, BTreeMap::new()),
        ];
        let own = OwnerMatch::Own { id: "older".into(), duplicates: vec!["newer".into()] };
        assert_eq!(choose(&hits, &owner("u")), own);
    }

    #[test]
    fn a_store_that_aws_is_deleting_does_not_match() {
        let mut former = hit("former", 1, owner("v").tags());
        assert!(
            matches!(choose(std::slice::from_ref(&former), &owner("u")), OwnerMatch::Former { uid, .. } if uid == "v")
        );
        former.status = Some("DELETING".into());
        assert_eq!(choose(&[former], &owner("u")), OwnerMatch::Nothing);
    }

    #[test]
    fn a_store_with_only_the_same_name_does_not_match() {
        assert_eq!(choose(&[hit("x", 1, BTreeMap::new())], &owner("u")), OwnerMatch::Nothing);
        let elsewhere = OwnerTags { cluster: "other".into(), ..owner("v") };
        assert_eq!(choose(&[hit("x", 1, elsewhere.tags())], &owner("u")), OwnerMatch::Nothing);
    }
}
