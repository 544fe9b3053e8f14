//! Names for objects, made from names of stores: valid in Kubernetes, each once, and the same every time.
//! No I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::crd::Store;

/// The longest name made here; it fits a label too.
const LONGEST: usize = 63;

/// A name for each store, by id. All stores of the region take part, also those that a filter leaves out:
/// a name must not depend on the filter. Where several stores have one name, the oldest has it as it is,
/// and every other one with its id.
#[must_use]
pub fn names(stores: &[Store]) -> BTreeMap<String, String> {
    let mut by_age: Vec<&Store> = stores.iter().collect();
    by_age.sort_by_key(|store| (&store.creation_time, &store.id));
    let mut taken = BTreeSet::new();
    let mut names = BTreeMap::new();
    for store in by_age {
        let plain = plain(store.name.as_deref().unwrap_or_default());
        let candidates = [plain.clone(), with_id(&plain, &store.id), with_id("store", &store.id)];
        // Ids are unique, so that at least the last one is free but for a store that is called so.
        let free = candidates.into_iter().find(|name| !name.is_empty() && !taken.contains(name));
        let name = free.unwrap_or_else(|| with_id("sequence-store", &store.id));
        taken.insert(name.clone());
        names.insert(store.id.clone(), name);
    }
    names
}

fn with_id(name: &str, id: &str) -> String {
    let room = LONGEST.saturating_sub(id.len() + 1);
    let short: String = name.chars().take(room).collect();
    match short.trim_end_matches('-') {
        "" => format!("store-{id}"),
        short => format!("{short}-{id}"),
    }
}

/// Lower-case letters, digits and hyphens, a letter or digit at both ends; empty where nothing is left.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => plain.push(c),
            _ if plain.ends_with('-') || plain.is_empty() => {}
            _ => plain.push('-'),
        }
    }
    plain.truncate(LONGEST);
    plain.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let made = names(&[
            store("3000000000", "Genomes 2026", 2022),
            store("1000000000", "genomes/2026", 2021),
            store("2000000000", "…", 2020),
            store("4000000000", "Zürich", 2020),
        ]);
        let made: Vec<&str> = made.values().map(String::as_str).collect();
        assert_eq!(made, ["genomes-2026", "store-2000000000", "genomes-2026-3000000000", "z-rich"]);
    }

    #[test]
    fn a_store_that_is_called_like_another_with_its_id_takes_no_name_away() {
        let made = names(&[
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
            let made = names(&stores);
            let unique: BTreeSet<&String> = made.values().collect();
            prop_assert_eq!(unique.len(), stores.len());
            for name in made.values() {
                let form = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                let ends = !name.starts_with('-') && !name.ends_with('-');
                prop_assert!(form && ends && (1..=LONGEST).contains(&name.len()), "{}", name);
            }
        }
    }
}
