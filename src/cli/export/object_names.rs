//! Makes object names from store names: valid in Kubernetes, unique, and the same in every run. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::crd::Store;

/// Kubernetes allows longer names, but 63 characters also fit in a label.
const MAX_LENGTH: usize = 63;

/// The object name of each store, by store id. `stores` must be all stores of the region, so that a name does not
/// depend on a filter. Of several stores with the same name the oldest keeps it; the others get their id appended.
pub(super) fn object_names(stores: &[Store]) -> BTreeMap<String, String> {
    let mut by_age: Vec<&Store> = stores.iter().collect();
    by_age.sort_by_key(|store| (&store.creation_time, &store.id));
    let mut taken = BTreeSet::new();
    let mut names = BTreeMap::new();
    for store in by_age {
        let name = sanitized(store.name.as_deref().unwrap_or_default());
        let candidates = [name.clone(), with_id(&name, &store.id), with_id("store", &store.id)];
        // Ids are unique, so all candidates are taken only if other stores are named like them.
        let free = candidates.into_iter().find(|name| !name.is_empty() && !taken.contains(name));
        let name = free.unwrap_or_else(|| with_id("sequence-store", &store.id));
        taken.insert(name.clone());
        names.insert(store.id.clone(), name);
    }
    names
}

fn with_id(name: &str, id: &str) -> String {
    let room = MAX_LENGTH.saturating_sub(id.len() + 1);
    let short: String = name.chars().take(room).collect();
    match short.trim_end_matches('-') {
        "" => format!("store-{id}"),
        short => format!("{short}-{id}"),
    }
}

/// Reduces a name to lower-case letters, digits and inner hyphens; may return an empty string.
fn sanitized(name: &str) -> String {
    let mut valid = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => valid.push(c),
            _ if valid.ends_with('-') || valid.is_empty() => {}
            _ => valid.push('-'),
        }
    }
    valid.truncate(MAX_LENGTH);
    valid.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::is_dns_label;
    use proptest::prelude::*;

    fn store(id: &str, name: &str, year: u16) -> Store {
        Store {
            id: id.into(),
            name: Some(name.into()),
            creation_time: Some(format!("{year}-01-01T00:00:00.000Z")),
            ..Store::default()
        }
    }

    #[test]
    fn names_become_valid_and_the_oldest_keeps_its_own() {
        let made = object_names(&[
            store("3000000000", "Genomes 2026", 2022),
            store("1000000000", "genomes/2026", 2021),
            store("2000000000", "…", 2020),
            store("4000000000", "Zürich", 2020),
        ]);
        let made: Vec<&str> = made.values().map(String::as_str).collect();
        assert_eq!(made, ["genomes-2026", "store-2000000000", "genomes-2026-3000000000", "z-rich"]);
    }

    #[test]
    fn a_store_named_like_another_name_with_id_causes_no_collision() {
        let made = object_names(&[
            store("1000000000", "a-2000000000", 2020),
            store("3000000000", "a", 2021),
            store("2000000000", "a", 2022),
        ]);
        assert_eq!(made["2000000000"], "store-2000000000");
    }

    proptest! {
        #[test]
        fn every_name_is_valid_and_unique(texts in prop::collection::vec(".{0,140}|[a-b-]{1,3}", 1..30)) {
            let stores: Vec<Store> = texts
                .iter()
                .enumerate()
                .map(|(n, text)| store(&format!("{:010}", n + 1_000_000_000), text, 2020))
                .collect();
            let made = object_names(&stores);
            let unique: BTreeSet<&String> = made.values().collect();
            prop_assert_eq!(unique.len(), stores.len());
            for name in made.values() {
                prop_assert!(is_dns_label(name), "{}", name);
            }
        }
    }
}
