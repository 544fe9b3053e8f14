//! What a CEL rule of a field checks, in two forms: as CEL for the API server, and as code for commands that have no
//! API server. No I/O.

use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, Mutex, PoisonError};

use regex::Regex;
use serde_json::Value;

/// What a rule demands of the value of a field. Patterns are in the syntax that RE2, the API server's, and Rust share.
#[derive(Clone, Copy, Debug)]
pub(super) enum Check {
    /// The characters of a text.
    Length {
        min: u16,
        max: u16,
    },
    OneOf(&'static [&'static str]),
    Matches(&'static str),
    DoesNotMatch(&'static str),
    /// The characters of a location after `s3://bucket/`, without the slash at its end.
    PrefixLength {
        max: u16,
    },
    /// The entries of a map.
    Entries {
        max: u16,
    },
    /// The characters of each entry of a list, or of each key of a map.
    EachLength {
        min: u16,
        max: u16,
    },
    EachMatches(&'static str),
    /// No key has a prefix that belongs to AWS or to this operator.
    NoReservedKey,
    NoDuplicate,
    /// Only an empty policy may lack statements.
    PolicyHasStatement,
}

const BUCKET: &str = "^s3://[^/]*/";
const RESERVED_BY_AWS: &str = "aws:";
const RESERVED_HERE: &str = super::PREFIX;

impl Check {
    pub(super) fn cel(self) -> String {
        match self {
            Self::Length { min, max } => format!("self.size() >= {min} && self.size() <= {max}"),
            Self::OneOf(values) => {
                let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
                format!("self in [{}]", quoted.join(", "))
            }
            Self::Matches(pattern) => format!("self.matches('{}')", escaped(pattern)),
            Self::DoesNotMatch(pattern) => format!("!self.matches('{}')", escaped(pattern)),
            Self::PrefixLength { max } => format!("self.size() - self.find('{BUCKET}').size() <= {max} + 1"),
            Self::Entries { max } => format!("self.size() <= {max}"),
            Self::EachLength { min, max } => {
                format!("self.all(k, k.size() >= {min} && k.size() <= {max})")
            }
            Self::EachMatches(pattern) => format!("self.all(k, k.matches('{}'))", escaped(pattern)),
            Self::NoReservedKey => format!(
                "self.all(k, !k.lowerAscii().startsWith('{RESERVED_BY_AWS}') && !k.startsWith('{RESERVED_HERE}'))"
            ),
            Self::NoDuplicate => "self.all(a, self.exists_one(b, a == b))".into(),
            Self::PolicyHasStatement => "has(self.Statement) || (!has(self.Version) && !has(self.Id))".into(),
        }
    }

    /// Whether the value passes. A value of another type than the rule's passes: the schema has refused it already.
    pub(super) fn holds(self, value: &Value) -> bool {
        let text = value.as_str().unwrap_or_default();
        let within = |text: &str, min: u16, max: u16| {
            (usize::from(min)..=usize::from(max)).contains(&text.chars().count())
        };
        match self {
            Self::Length { min, max } => within(text, min, max),
            Self::OneOf(values) => values.contains(&text),
            Self::Matches(pattern) => matches(pattern, text),
            Self::DoesNotMatch(pattern) => !matches(pattern, text),
            Self::PrefixLength { max } => {
                let bucket = compiled(BUCKET).and_then(|bucket| Some(bucket.find(text)?.end()));
                let prefix = text.get(bucket.unwrap_or_default()..).unwrap_or_default();
                prefix.chars().count() <= usize::from(max) + 1
            }
            Self::Entries { max } => entries(value).len() <= usize::from(max),
            Self::EachLength { min, max } => entries(value).iter().all(|entry| within(entry, min, max)),
            Self::EachMatches(pattern) => entries(value).iter().all(|entry| matches(pattern, entry)),
            Self::NoReservedKey => !entries(value).iter().any(|key| {
                key.to_ascii_lowercase().starts_with(RESERVED_BY_AWS) || key.starts_with(RESERVED_HERE)
            }),
            Self::NoDuplicate => {
                let all = entries(value);
                all.iter().collect::<BTreeSet<_>>().len() == all.len()
            }
            Self::PolicyHasStatement => {
                let has = |element: &str| value.get(element).is_some();
                has("Statement") || (!has("Version") && !has("Id"))
            }
        }
    }
}

/// As the literal of a text in CEL.
fn escaped(pattern: &str) -> String {
    pattern.replace('\\', r"\\")
}

/// Compiled patterns: compiling one with classes of Unicode takes much longer than a match.
static COMPILED: LazyLock<Mutex<HashMap<&'static str, Option<Regex>>>> = LazyLock::new(Mutex::default);

fn compiled(pattern: &'static str) -> Option<Regex> {
    let mut all = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    all.entry(pattern).or_insert_with(|| Regex::new(pattern).ok()).clone()
}

fn matches(pattern: &'static str, text: &str) -> bool {
    compiled(pattern).is_some_and(|pattern| pattern.is_match(text))
}

/// The entries of a list of texts, or the keys of a map.
fn entries(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::Object(members) => members.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}
