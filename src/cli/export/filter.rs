//! Which stores are wanted. No I/O.

use std::collections::BTreeMap;

use wildmatch::WildMatch;

use crate::cli::Export;
use crate::crd::Store;

/// Wanted names, statuses and tags; what is not given lets everything through.
#[derive(Debug)]
pub struct Filter {
    names: Vec<WildMatch>,
    statuses: Vec<String>,
    tags: Vec<(String, Option<String>)>,
}

impl Filter {
    /// From the command line.
    #[must_use]
    pub fn of(flags: &Export) -> Self {
        Self {
            names: flags.names.iter().map(|pattern| WildMatch::new(pattern)).collect(),
            statuses: flags.statuses.clone(),
            tags: flags.tags.clone(),
        }
    }

    /// By what a listing shows: one of the names and one of the statuses.
    #[must_use]
    pub fn wants(&self, store: &Store) -> bool {
        let name = store.name.as_deref().unwrap_or_default();
        let status = store.status.as_deref().unwrap_or_default();
        (self.names.is_empty() || self.names.iter().any(|pattern| pattern.matches(name)))
            && (self.statuses.is_empty() || self.statuses.iter().any(|wanted| wanted == status))
    }

    /// Whether tags matter.
    #[must_use]
    pub fn asks_for_tags(&self) -> bool {
        !self.tags.is_empty()
    }

    /// By tags: all of them.
    #[must_use]
    pub fn wants_tags(&self, tags: &BTreeMap<String, String>) -> bool {
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

    fn filter(names: &[&str], statuses: &[&str], tags: &[(&str, Option<&str>)]) -> Filter {
        Filter {
            names: names.iter().map(|name| WildMatch::new(name)).collect(),
            statuses: statuses.iter().map(|status| (*status).to_owned()).collect(),
            tags: tags.iter().map(|(k, v)| ((*k).to_owned(), v.map(ToOwned::to_owned))).collect(),
        }
    }

    fn store(name: &str, status: &str) -> Store {
        Store { name: Some(name.into()), status: Some(status.into()), ..Store::default() }
    }

    #[test]
    fn names_are_whole_names_with_wildcards() {
        let wants = |pattern: &str, name: &str| filter(&[pattern], &[], &[]).wants(&store(name, "ACTIVE"));
        assert!(wants("genomes", "genomes") && !wants("genomes", "genomes-2026"));
        assert!(wants("genomes-*", "genomes-2026") && wants("*2026*", "genomes-2026-a"));
        assert!(wants("a?c", "abc") && !wants("a?c", "ac") && !wants("A*", "abc"));
        let either = filter(&["a", "b"], &["ACTIVE", "FAILED"], &[]);
        assert!(either.wants(&store("b", "FAILED")) && !either.wants(&store("b", "CREATING")));
        assert!(filter(&[], &[], &[]).wants(&Store::default()));
    }

    #[test]
    fn all_tags_must_fit() {
        let tags =
            BTreeMap::from([("team".to_owned(), "genomics".to_owned()), ("x".to_owned(), String::new())]);
        assert!(filter(&[], &[], &[("team", Some("genomics")), ("x", None)]).wants_tags(&tags));
        assert!(!filter(&[], &[], &[("team", Some("other"))]).wants_tags(&tags));
        assert!(!filter(&[], &[], &[("team", Some("genomics")), ("y", None)]).wants_tags(&tags));
    }
}
