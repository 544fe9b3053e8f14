//! A hash of what a listing shows of a store, to tell whether the store may have changed since a look at it. No I/O.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::crd::{Store, StoreSseConfig};

/// Equal for two answers of AWS that show the same, whether of a Get or of a List. Valid within one process only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of the members that a listing contains. The store is taken apart in full, so that the compiler asks about a new one.
    #[must_use]
    pub fn of(store: &Store) -> Self {
        let Store {
            id,
            arn,
            name,
            description,
            sse_config,
            creation_time,
            fallback_location,
            e_tag_algorithm_family,
            status,
            status_message,
            update_time,
            // A listing does not contain these.
            s3_access: _,
            propagated_set_level_tags: _,
            tags: _,
        } = store;
        let StoreSseConfig { type_, key_arn } = sse_config.clone().unwrap_or_default();
        let texts = [
            name,
            description,
            &type_,
            &key_arn,
            creation_time,
            fallback_location,
            e_tag_algorithm_family,
            status,
            status_message,
            update_time,
        ];
        let mut hasher = DefaultHasher::new();
        (id, arn).hash(&mut hasher);
        for text in texts {
            // AWS may show a member without a value as null, as an empty text, or not at all.
            text.as_deref().unwrap_or_default().hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::StoreS3Access;
    use crate::samples::{ACCOUNT, ID, OTHER_ACCOUNT, store};

    fn sample() -> Store {
        store(ID, ACCOUNT, Some("ACTIVE"))
    }

    fn with(change: impl FnOnce(&mut Store)) -> Fingerprint {
        let mut store = sample();
        change(&mut store);
        Fingerprint::of(&store)
    }

    #[test]
    fn every_member_that_a_listing_shows_moves_the_fingerprint() {
        let value = || Some("another".to_owned());
        let changes: [fn(&mut Store, Option<String>); 9] = [
            |store, value| store.name = value,
            |store, value| store.description = value,
            |store, value| store.creation_time = value,
            |store, value| store.update_time = value,
            |store, value| store.fallback_location = value,
            |store, value| store.e_tag_algorithm_family = value,
            |store, value| store.status = value,
            |store, value| store.status_message = value,
            |store, key_arn| store.sse_config = Some(StoreSseConfig { type_: None, key_arn }),
        ];
        let mut seen = vec![Fingerprint::of(&sample())];
        for change in changes {
            let moved = with(|store| change(store, value()));
            assert!(!seen.contains(&moved), "two members look the same: {moved:?}");
            seen.push(moved);
        }
        let elsewhere = Fingerprint::of(&store(ID, OTHER_ACCOUNT, Some("ACTIVE")));
        assert!(!seen.contains(&elsewhere), "the account is part of the ARN");
    }

    #[test]
    fn what_a_listing_lacks_does_not_move_the_fingerprint() {
        let got = with(|store| {
            store.tags = Some([("team".to_owned(), "genomics".to_owned())].into());
            store.propagated_set_level_tags = Some(vec!["a".into()]);
            store.s3_access = Some(StoreS3Access::default());
        });
        assert_eq!(got, Fingerprint::of(&sample()));
    }

    #[test]
    fn a_member_without_a_value_is_the_same_in_every_spelling() {
        let empty = with(|store| {
            (store.description, store.status_message) = (Some(String::new()), Some(String::new()));
            store.sse_config = Some(StoreSseConfig::default());
        });
        assert_eq!(empty, Fingerprint::of(&sample()));
    }
}
