//! Selects stores by name, status and tags. No I/O.

use std::collections::BTreeMap;

use wildmatch::WildMatch;

use super::flags::ExportFlags;
use crate::crd::{Store, StoreStatus};

/// Names, statuses and tags to select; an empty list selects every store.
#[derive(Debug)]
pub(super) struct Filter {
    names: Vec<WildMatch>,
    statuses: Vec<StoreStatus>,
    tags: Vec<(String, Option<String>)>,
}

impl Filter {
    pub(super) fn of(flags: &ExportFlags) -> Self {
        Self {
            names: flags.names.iter().map(|pattern| WildMatch::new(pattern)).collect(),
            statuses: flags.statuses.clone(),
            tags: flags.tags.clone(),
        }
    }

    /// Checks what ListSequenceStores shows: the store has one of the names and one of the statuses.
    pub(super) fn selects(&self, store: &Store) -> bool {
        let name = store.name.as_deref().unwrap_or_default();
        (self.names.is_empty() || self.names.iter().any(|pattern| pattern.matches(name)))
            && (self.statuses.is_empty() || self.statuses.iter().any(|status| store.is(*status)))
    }

    pub(super) fn needs_tags(&self) -> bool {
        !self.tags.is_empty()
    }

    /// The store has all of the tags.
    pub(super) fn selects_tags(&self, tags: &BTreeMap<String, String>) -> bool {
        self.tags.iter().all(|(key, value)| match (tags.get(key), value) {
            (Some(shown), Some(wanted)) => shown == wanted,
            (shown, None) => shown.is_some(),
            (None, Some(_)) => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(names: &[&str], statuses: &[StoreStatus], tags: &[(&str, Option<&str>)]) -> Filter {
        Filter {
            names: names.iter().map(|name| WildMatch::new(name)).collect(),
            statuses: statuses.to_vec(),
            tags: tags.iter().map(|(k, v)| ((*k).to_owned(), v.map(ToOwned::to_owned))).collect(),
        }
    }

    fn store(name: &str, status: &str) -> Store {
        Store { name: Some(name.into()), status: Some(status.into()), ..Store::default() }
    }

    #[test]
    fn a_pattern_matches_the_whole_name() {
        let selects =
            |pattern: &str, name: &str| filter(&[pattern], &[], &[]).selects(&store(name, "ACTIVE"));
        assert!(selects("genomes", "genomes") && !selects("genomes", "genomes-2026"));
        assert!(selects("genomes-*", "genomes-2026") && selects("*2026*", "genomes-2026-a"));
        assert!(selects("a?c", "abc") && !selects("a?c", "ac") && !selects("A*", "abc"));
        let either = filter(&["a", "b"], &[StoreStatus::Active, StoreStatus::Failed], &[]);
        assert!(either.selects(&store("b", "FAILED")) && !either.selects(&store("b", "CREATING")));
        assert!(filter(&[], &[], &[]).selects(&Store::default()));
    }

    #[test]
    fn every_tag_must_match() {
        let tags =
            BTreeMap::from([("team".to_owned(), "genomics".to_owned()), ("x".to_owned(), String::new())]);
        assert!(filter(&[], &[], &[("team", Some("genomics")), ("x", None)]).selects_tags(&tags));
        assert!(!filter(&[], &[], &[("team", Some("other"))]).selects_tags(&tags));
        assert!(!filter(&[], &[], &[("team", Some("genomics")), ("y", None)]).selects_tags(&tags));
    }
}
