//! The annotations that the operator reads, and the findings about those that have no effect: misspelt keys and
//! invalid values. The controller reports the findings as Events, `plan` prints them. No I/O.

use std::collections::BTreeMap;
use std::fmt;

use super::{PREFIX, is_store_id};

/// Annotation that pauses the object while its value is `true`: the operator makes no AWS call for it.
pub const PAUSED_ANNOTATION: &str = "healthomics.dev/paused";
/// Annotation whose every new value requests an immediate reconciliation.
pub const RECONCILE_ANNOTATION: &str = "healthomics.dev/reconcile-requested-at";
/// Annotation that lets this object take over a store from the owner whose uid is the value.
pub const TAKE_OVER_ANNOTATION: &str = "healthomics.dev/take-over";
/// Annotation that lets the operator create one new store in place of the missing store whose id is the value.
pub const RECREATE_ANNOTATION: &str = "healthomics.dev/recreate";
/// Annotation in which the operator records the store that it is about to create.
pub const INTENT_ANNOTATION: &str = "healthomics.dev/create-intent";

/// Every annotation that the operator reads. The operator itself writes the last one; users must not.
pub const KNOWN_ANNOTATIONS: [&str; 5] =
    [PAUSED_ANNOTATION, RECONCILE_ANNOTATION, TAKE_OVER_ANNOTATION, RECREATE_ANNOTATION, INTENT_ANNOTATION];

/// Least Jaro-Winkler similarity (0 to 1) at which a name counts as a misspelling of a known name.
const SIMILAR_NAME: f64 = 0.85;
/// The same for the domain: `healthomics.io` counts as a misspelling, the domains of other tools do not.
const SIMILAR_DOMAIN: f64 = 0.9;
/// Boolean words, which are invalid where the annotation needs a uid or a store id.
const BOOLEAN_WORDS: [&str; 9] = ["", "true", "false", "yes", "no", "on", "off", "1", "0"];
/// How many characters of a user's value a message repeats at most.
const MAX_SHOWN: usize = 40;

/// One annotation that has no effect. `Display` gives a one-line message that says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationFinding {
    /// Key of the annotation, exactly as on the object.
    pub key: String,
    /// Why the annotation has no effect.
    pub problem: AnnotationProblem,
}

/// Why an annotation has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnnotationProblem {
    /// The operator does not read this key.
    UnknownKey {
        /// The most similar known key, if one is similar enough.
        nearest: Option<&'static str>,
    },
    /// The operator reads this key but the value is invalid.
    UnknownValue {
        /// The value, truncated if it is long.
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
                write!(f, "the annotation {key} has no effect: the operator reads only {}", known.join(", "))
            }
            AnnotationProblem::UnknownValue { value, instead } => {
                write!(f, "the value {value:?} of the annotation {key} has no effect: {instead}")
            }
        }
    }
}

/// Finds the annotations that were meant for this operator but have no effect, in the order of their keys.
/// Ignores the annotations of other tools.
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
    let boolean = BOOLEAN_WORDS.contains(&value.to_ascii_lowercase().as_str());
    let (valid, instead) = match key {
        PAUSED_ANNOTATION => (
            matches!(value, "true" | "false"),
            "set it to \"true\" to pause the object, or remove the annotation",
        ),
        // Not checked for the form of a uid: another tool may have written the store's owner tag.
        TAKE_OVER_ANNOTATION => {
            (!boolean, "set it to the uid of the owner that the message of the Ready condition names")
        }
        RECREATE_ANNOTATION => (
            is_store_id(value),
            "set it to the id of the missing store that the message of the Ready condition names",
        ),
        _ => (true, ""),
    };
    (!valid)
        .then(|| AnnotationProblem::UnknownValue { value: value.chars().take(MAX_SHOWN).collect(), instead })
}

fn unknown_key(key: &str) -> Option<AnnotationProblem> {
    let own = PREFIX.trim_end_matches('/');
    match key.split_once('/') {
        Some((domain, name)) if domain == own => {
            Some(AnnotationProblem::UnknownKey { nearest: nearest(name, SIMILAR_NAME) })
        }
        // A domain similar to ours counts as a misspelling only if the name is similar too.
        Some((domain, name)) if strsim::jaro_winkler(&domain.to_ascii_lowercase(), own) >= SIMILAR_DOMAIN => {
            nearest(name, SIMILAR_NAME).map(|known| AnnotationProblem::UnknownKey { nearest: Some(known) })
        }
        Some(_) => None,
        // Without a domain the name must match exactly: other tools use keys without a domain too.
        None => nearest(key, 1.0).map(|known| AnnotationProblem::UnknownKey { nearest: Some(known) }),
    }
}

/// The known annotation with the most similar name.
fn nearest(name: &str, at_least: f64) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    KNOWN_ANNOTATIONS
        .into_iter()
        .map(|known| (strsim::jaro_winkler(&name, known.trim_start_matches(PREFIX)), known))
        .filter(|(similarity, _)| *similarity >= at_least)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "6f1c2a3b-0000-4000-8000-1234567890ab";

    fn finding(key: &str, value: &str) -> Option<String> {
        let findings = annotation_findings(&BTreeMap::from([(key.to_owned(), value.to_owned())]));
        assert!(findings.len() <= 1, "{findings:?}");
        findings.first().map(ToString::to_string)
    }

    #[test]
    fn valid_annotations_give_no_finding() {
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
            assert_eq!(finding(key, value), None, "{key}: {value}");
        }
    }

    #[test]
    fn annotations_of_other_tools_give_no_finding() {
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
            assert_eq!(finding(key, "true"), None, "{key}");
        }
    }

    #[test]
    fn a_misspelt_key_is_reported_with_the_most_similar_known_key() {
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
            let text = finding(key, "true").unwrap_or_else(|| panic!("{key} is not reported"));
            assert_eq!(text, format!("the annotation {key} has no effect: did you mean {meant}?"));
        }
    }

    #[test]
    fn an_unknown_key_is_reported_with_every_key_that_users_may_write() {
        let text = finding("healthomics.dev/suspend", "true").expect("a finding");
        for known in KNOWN_ANNOTATIONS {
            assert_eq!(text.contains(known), known != INTENT_ANNOTATION, "{text}");
        }
    }

    #[test]
    fn an_invalid_value_is_reported_with_what_to_write_instead() {
        for (key, value, instead) in [
            (PAUSED_ANNOTATION, "yes", "set it to \"true\" to pause the object"),
            (PAUSED_ANNOTATION, "True", "set it to \"true\" to pause the object"),
            (PAUSED_ANNOTATION, "", "or remove the annotation"),
            (TAKE_OVER_ANNOTATION, "true", "the uid of the owner"),
            (TAKE_OVER_ANNOTATION, "", "the uid of the owner"),
            (RECREATE_ANNOTATION, "true", "the id of the missing store"),
            (RECREATE_ANNOTATION, "393642117", "the id of the missing store"),
            (RECREATE_ANNOTATION, "arn:aws:omics", "the id of the missing store"),
        ] {
            let text = finding(key, value).unwrap_or_else(|| panic!("{key}: {value} is not reported"));
            assert!(
                text.contains(&format!("the value {value:?} of the annotation {key} has no effect")),
                "{text}"
            );
            assert!(text.contains(instead), "{text}");
        }
    }

    #[test]
    fn findings_are_in_key_order_and_truncate_long_values() {
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
