//! Annotations that say nothing to the operator though they look as if they should: misspelt keys and
//! values without a meaning. No I/O; pure, so that the operator and the command line say the same.

use std::collections::BTreeMap;
use std::fmt;

use super::{
    INTENT_ANNOTATION, PAUSED_ANNOTATION, PREFIX, RECONCILE_ANNOTATION, RECREATE_ANNOTATION,
    TAKE_OVER_ANNOTATION, is_store_id,
};

/// Every annotation that the operator reads; the last one is its own record, nobody's to write.
pub const KNOWN_ANNOTATIONS: [&str; 5] =
    [PAUSED_ANNOTATION, RECONCILE_ANNOTATION, TAKE_OVER_ANNOTATION, RECREATE_ANNOTATION, INTENT_ANNOTATION];

/// How alike (Jaro-Winkler, 0 to 1) two names must be for one to be a slip of the other.
const ALIKE: f64 = 0.85;
/// As alike must a domain be to be a slip of ours: `healthomics.io` is, a tool's own domain is not.
const DOMAIN_ALIKE: f64 = 0.9;
/// Words that people write for a switch where a name or a number is meant.
const SWITCHES: [&str; 9] = ["", "true", "false", "yes", "no", "on", "off", "1", "0"];
/// The most characters of somebody's value that a message repeats.
const MOST_SHOWN: usize = 40;

/// One annotation that has no effect, and what was probably meant. Its text is one line for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationFinding {
    /// Key of the annotation, as it is on the object.
    pub key: String,
    /// What is wrong with it.
    pub problem: AnnotationProblem,
}

/// What is wrong with an annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnnotationProblem {
    /// The operator reads no annotation of this key.
    UnknownKey {
        /// The known key that is nearest, if one is near.
        nearest: Option<&'static str>,
    },
    /// The operator knows the key, and the value means nothing.
    UnknownValue {
        /// The value, cut where it is long.
        value: String,
        /// What to write instead.
        instead: &'static str,
    },
}

impl fmt::Display for AnnotationFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.problem {
            AnnotationProblem::UnknownKey { nearest: Some(nearest) } => {
                write!(f, "the annotation {key} has no effect: did you mean {nearest}?")
            }
            AnnotationProblem::UnknownKey { nearest: None } => {
                let [known @ .., _] = KNOWN_ANNOTATIONS;
                write!(f, "the annotation {key} has no effect: this operator reads {}", known.join(", "))
            }
            AnnotationProblem::UnknownValue { value, instead } => {
                write!(f, "the annotation {key}: {value:?} has no effect: {instead}")
            }
        }
    }
}

/// Annotations of an object that look like this operator's and have no effect, in order of their keys.
/// Whatever else is on the object is the business of others.
#[must_use]
pub fn annotation_findings(annotations: &BTreeMap<String, String>) -> Vec<AnnotationFinding> {
    let problem = |key: &str, value: &str| match KNOWN_ANNOTATIONS.iter().find(|known| **known == key) {
        Some(known) => unknown_value(known, value),
        None => unknown_key(key),
    };
    annotations
        .iter()
        .filter_map(|(key, value)| {
            problem(key, value).map(|problem| AnnotationFinding { key: key.clone(), problem })
        })
        .collect()
}

fn unknown_value(key: &str, value: &str) -> Option<AnnotationProblem> {
    let switch = SWITCHES.contains(&value.to_ascii_lowercase().as_str());
    let (understood, instead) = match key {
        PAUSED_ANNOTATION => {
            (matches!(value, "true" | "false"), "write \"true\" to pause, or remove the annotation")
        }
        // Any uid goes that a store carries, and somebody else may have written that tag.
        TAKE_OVER_ANNOTATION => (!switch, "write the uid of the owner to displace, as status names it"),
        RECREATE_ANNOTATION => (is_store_id(value), "write the id of the missing store, as status names it"),
        _ => (true, ""),
    };
    (!understood)
        .then(|| AnnotationProblem::UnknownValue { value: value.chars().take(MOST_SHOWN).collect(), instead })
}

fn unknown_key(key: &str) -> Option<AnnotationProblem> {
    let own = PREFIX.trim_end_matches('/');
    match key.split_once('/') {
        Some((domain, name)) if domain == own => {
            Some(AnnotationProblem::UnknownKey { nearest: nearest(name, ALIKE) })
        }
        // Close to our domain: a slip only if the name is one of ours too.
        Some((domain, name)) if strsim::jaro_winkler(&domain.to_ascii_lowercase(), own) >= DOMAIN_ALIKE => {
            nearest(name, ALIKE).map(|known| AnnotationProblem::UnknownKey { nearest: Some(known) })
        }
        Some(_) => None,
        // Without a domain only the very name: `paused` on a SequenceStore can mean nothing else.
        None => nearest(key, 1.0).map(|known| AnnotationProblem::UnknownKey { nearest: Some(known) }),
    }
}

/// The known annotation whose name is most like this one.
fn nearest(name: &str, at_least: f64) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    KNOWN_ANNOTATIONS
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&name, known.trim_start_matches(PREFIX)), known))
        .filter(|(alike, _)| *alike >= at_least)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "6f1c2a3b-0000-4000-8000-1234567890ab";

    fn told(key: &str, value: &str) -> Option<String> {
        let findings = annotation_findings(&BTreeMap::from([(key.to_owned(), value.to_owned())]));
        assert!(findings.len() <= 1, "{findings:?}");
        findings.first().map(ToString::to_string)
    }

    #[test]
    fn what_works_is_not_pointed_out() {
        for (key, value) in [
            (PAUSED_ANNOTATION, "true"),
            (PAUSED_ANNOTATION, "false"),
            (RECONCILE_ANNOTATION, "2026-11-22T10:00:00Z"),
            (RECONCILE_ANNOTATION, ""),
            (TAKE_OVER_ANNOTATION, UID),
            (TAKE_OVER_ANNOTATION, "written-by-hand"),
            (RECREATE_ANNOTATION, "3936421177"),
            (INTENT_ANNOTATION, "{}"),
        ] {
            assert_eq!(told(key, value), None, "{key}: {value}");
        }
    }

    #[test]
    fn annotations_of_others_are_their_own_business() {
        for key in [
            "kubectl.kubernetes.io/last-applied-configuration",
            "argocd.argoproj.io/sync-options",
            "reconcile.fluxcd.io/requestedAt",
            "crossplane.io/paused",
            "health.example.com/paused",
            "helm.sh/resource-policy",
            "paused-by",
            "note",
        ] {
            assert_eq!(told(key, "true"), None, "{key}");
        }
    }

    #[test]
    fn a_misspelt_key_is_told_the_nearest_one() {
        for (key, meant) in [
            ("healthomics.dev/pause", PAUSED_ANNOTATION),
            ("healthomics.dev/Paused", PAUSED_ANNOTATION),
            ("healthomics.dev/puased", PAUSED_ANNOTATION),
            ("healthomics.dev/reconcile", RECONCILE_ANNOTATION),
            ("healthomics.dev/reconcile-requestedAt", RECONCILE_ANNOTATION),
            ("healthomics.dev/reconcile_requested_at", RECONCILE_ANNOTATION),
            ("healthomics.dev/takeover", TAKE_OVER_ANNOTATION),
            ("healthomics.dev/re-create", RECREATE_ANNOTATION),
            ("healthomics.dev/create-intend", INTENT_ANNOTATION),
            ("healthomics.io/paused", PAUSED_ANNOTATION),
            ("healthomic.dev/take-over", TAKE_OVER_ANNOTATION),
            ("HealthOmics.dev/paused", PAUSED_ANNOTATION),
            ("paused", PAUSED_ANNOTATION),
        ] {
            let told = told(key, "true").unwrap_or_else(|| panic!("{key} is not pointed out"));
            assert_eq!(told, format!("the annotation {key} has no effect: did you mean {meant}?"));
        }
    }

    #[test]
    fn a_key_like_none_is_told_all_that_may_be_written() {
        let told = told("healthomics.dev/suspend", "true").expect("is pointed out");
        for known in KNOWN_ANNOTATIONS {
            assert_eq!(told.contains(known), known != INTENT_ANNOTATION, "{told}");
        }
    }

    #[test]
    fn a_value_without_a_meaning_is_told_what_to_write() {
        for (key, value, instead) in [
            (PAUSED_ANNOTATION, "yes", "write \"true\" to pause"),
            (PAUSED_ANNOTATION, "True", "write \"true\" to pause"),
            (PAUSED_ANNOTATION, "", "or remove the annotation"),
            (TAKE_OVER_ANNOTATION, "true", "the uid of the owner"),
            (TAKE_OVER_ANNOTATION, "", "the uid of the owner"),
            (RECREATE_ANNOTATION, "true", "the id of the missing store"),
            (RECREATE_ANNOTATION, "393642117", "the id of the missing store"),
            (RECREATE_ANNOTATION, "arn:aws:omics", "the id of the missing store"),
        ] {
            let told = told(key, value).unwrap_or_else(|| panic!("{key}: {value} is not pointed out"));
            assert!(told.contains(&format!("{key}: {value:?} has no effect")), "{told}");
            assert!(told.contains(instead), "{told}");
        }
    }

    #[test]
    fn findings_come_in_order_and_long_values_are_cut() {
        let annotations = BTreeMap::from([
            (RECREATE_ANNOTATION.to_owned(), "é".repeat(10_000)),
            ("healthomics.dev/pause".to_owned(), "true".to_owned()),
            (PAUSED_ANNOTATION.to_owned(), "true".to_owned()),
        ]);
        let findings = annotation_findings(&annotations);
        let keys: Vec<&str> = findings.iter().map(|finding| finding.key.as_str()).collect();
        assert_eq!(keys, ["healthomics.dev/pause", RECREATE_ANNOTATION]);
        assert!(findings.iter().all(|finding| finding.to_string().len() < 300));
    }
}
