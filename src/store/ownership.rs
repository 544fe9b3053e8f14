//! Which of the stores that bear a name is the object's own, by owner tags. No I/O.

use crate::aws::NamedStore;
use crate::crd::OwnerTags;

/// What a complete look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerMatch {
    /// No store of this object.
    Nothing,
    /// A store that carries the object's uid, and newer ones that do too.
    Own {
        /// The oldest; it is kept.
        id: String,
        /// Somebody else's doing: reported, never deleted.
        duplicates: Vec<String>,
    },
    /// A store of a former object of the same cluster, namespace and name.
    Former {
        /// Id of the store.
        id: String,
        /// ARN of the store.
        arn: String,
        /// uid of the former object.
        uid: String,
    },
}

/// Chooses among all stores that bear the name; a uid match beats a name match, the oldest wins.
#[must_use]
pub fn choose(hits: &[NamedStore], owner: &OwnerTags) -> OwnerMatch {
    let mut hits: Vec<&NamedStore> = hits.iter().collect();
    hits.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    let own: Vec<&&NamedStore> = hits.iter().filter(|hit| owner.own(&hit.tags)).collect();
    if let Some((oldest, newer)) = own.split_first() {
        let duplicates = newer.iter().map(|hit| hit.id.clone()).collect();
        return OwnerMatch::Own { id: oldest.id.clone(), duplicates };
    }
    let former =
        hits.iter().find(|hit| owner.owned_before(&hit.tags) && hit.status.as_deref() != Some("DELETING"));
    match former {
        Some(hit) => OwnerMatch::Former {
            id: hit.id.clone(),
            arn: hit.arn.clone(),
            uid: hit.tags.get(crate::crd::OWNER_UID_TAG).cloned().unwrap_or_default(),
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
    fn a_store_that_is_being_deleted_is_not_claimed() {
        let mut former = hit("former", 1, owner("v").tags());
        assert!(
            matches!(choose(std::slice::from_ref(&former), &owner("u")), OwnerMatch::Former { uid, .. } if uid == "v")
        );
        former.status = Some("DELETING".into());
        assert_eq!(choose(&[former], &owner("u")), OwnerMatch::Nothing);
    }

    #[test]
    fn a_store_that_only_bears_the_name_is_nobody_s() {
        assert_eq!(choose(&[hit("x", 1, BTreeMap::new())], &owner("u")), OwnerMatch::Nothing);
        let elsewhere = OwnerTags { cluster: "other".into(), ..owner("v") };
        assert_eq!(choose(&[hit("x", 1, elsewhere.tags())], &owner("u")), OwnerMatch::Nothing);
    }
}
