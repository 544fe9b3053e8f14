//! Validates requests against all constraints of the public service model, because the SDKs check only a few
//! of them. No I/O.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value};

use crate::error::ApiError;

type Pattern = &'static LazyLock<Regex>;

/// The length of a string in characters, and a pattern that must match the whole string.
#[derive(Clone, Copy)]
pub(crate) struct StringConstraint {
    min: usize,
    max: usize,
    pattern: Option<Pattern>,
}

macro_rules! patterns {
    ($($name:ident = $pattern:literal;)*) => {
        $(static $name: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(concat!(r"\A(?:", $pattern, r")\z")).expect("a constant pattern")
        });)*
    };
}

patterns! {
    PRINTABLE = r"[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}]+";
    DIGITS = r"[0-9]+";
    FALLBACK = r"|s3://[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]/?(?:.{1,1024}/)?";
    ACCESS_LOG = r"|s3://[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]/?(?:.{1,800}/)?";
    KEY_ARN = r".*arn:[^: ]*:[^: ]*:[^: ]*:[0-9]{12}:[^: ]*.*";
    ANY_ARN = r"arn:.+";
    OPTIONAL_ARN = r"|arn:.+";
    ACCESS_POINT = r"arn:[^:]*:s3:[^:]*:[^:]*:accesspoint/.*";
    TAG_TEXT = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*";
}

const fn constraint(min: usize, max: usize, pattern: Pattern) -> StringConstraint {
    StringConstraint { min, max, pattern: Some(pattern) }
}

pub(crate) const NAME: StringConstraint = constraint(1, 127, &PRINTABLE);
pub(crate) const DESCRIPTION: StringConstraint = constraint(1, 255, &PRINTABLE);
pub(crate) const CLIENT_TOKEN: StringConstraint = constraint(1, 127, &PRINTABLE);
pub(crate) const NEXT_TOKEN: StringConstraint = constraint(1, 6144, &PRINTABLE);
pub(crate) const ID: StringConstraint = constraint(10, 36, &DIGITS);
pub(crate) const FALLBACK_LOCATION: StringConstraint = constraint(0, usize::MAX, &FALLBACK);
pub(crate) const ACCESS_LOG_LOCATION: StringConstraint = constraint(0, usize::MAX, &ACCESS_LOG);
pub(crate) const KMS_KEY_ARN: StringConstraint = constraint(20, 2048, &KEY_ARN);
pub(crate) const TAG_ARN: StringConstraint = constraint(1, 150, &ANY_ARN);
pub(crate) const REFERENCE_ARN: StringConstraint = constraint(0, 127, &OPTIONAL_ARN);
pub(crate) const ACCESS_POINT_ARN: StringConstraint = constraint(1, 1024, &ACCESS_POINT);
pub(crate) const POLICY: StringConstraint = StringConstraint { min: 1, max: 100_000, pattern: None };
pub(crate) const TAG_KEY: StringConstraint = StringConstraint { min: 1, max: 128, pattern: None };
const TAG_VALUE: StringConstraint = StringConstraint { min: 0, max: 256, pattern: None };

/// The maximum number of tags on one store.
pub(crate) const MAX_TAGS: usize = 50;

pub(crate) const STORE_STATUSES: &[&str] = &["CREATING", "ACTIVE", "UPDATING", "DELETING", "FAILED"];
pub(crate) const READ_SET_STATUSES: &[&str] =
    &["ARCHIVED", "ACTIVATING", "ACTIVE", "DELETING", "DELETED", "PROCESSING_UPLOAD", "UPLOAD_FAILED"];

fn violation(path: &str, rule: &str) -> ApiError {
    ApiError::validation(format!(
        "1 validation error detected: Value at '{path}' failed to satisfy constraint: Member must {rule}"
    ))
}

impl StringConstraint {
    pub(crate) fn check(&self, path: &str, value: &str) -> Result<(), ApiError> {
        let length = value.chars().count();
        if length < self.min {
            return Err(violation(path, &format!("have length greater than or equal to {}", self.min)));
        }
        if length > self.max {
            return Err(violation(path, &format!("have length less than or equal to {}", self.max)));
        }
        match self.pattern {
            Some(pattern) if !pattern.is_match(value) => {
                Err(violation(path, &format!("satisfy regular expression pattern: {}", pattern.as_str())))
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn missing(path: &str) -> ApiError {
    violation(path, "not be null")
}

fn wrong_type(path: &str, wanted: &str) -> ApiError {
    ApiError::validation(format!("Value at '{path}' is of the wrong type: expected {wanted}"))
}

pub(crate) fn one_of(path: &str, value: &str, allowed: &[&str]) -> Result<(), ApiError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(violation(path, &format!("satisfy enum value set: [{}]", allowed.join(", "))))
}

/// A JSON structure in a request. A `null` member counts as absent; members that are not in the model are
/// ignored.
#[derive(Debug)]
pub(crate) struct Structure {
    /// The path of this structure in the request body; empty for the body itself.
    path: String,
    members: Map<String, Value>,
}

impl Structure {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Structure { path: String::new(), members: Map::new() });
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Structure { path: String::new(), members }),
            Ok(_) => Err(ApiError::validation("The request body is not a JSON object")),
            Err(error) => Err(ApiError::validation(format!("The request body is not JSON: {error}"))),
        }
    }

    /// The members without the client token: two requests with the same token must agree in them.
    pub(crate) fn parameters(&self) -> Value {
        let mut members = self.members.clone();
        members.retain(|name, value| name != "clientToken" && !value.is_null());
        Value::Object(members)
    }

    pub(crate) fn path_of(&self, member: &str) -> String {
        if self.path.is_empty() { member.to_owned() } else { format!("{}.{member}", self.path) }
    }

    fn get(&self, member: &str) -> Option<&Value> {
        self.members.get(member).filter(|value| !value.is_null())
    }

    pub(crate) fn string(&self, member: &str) -> Result<Option<String>, ApiError> {
        match self.get(member) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value.clone())),
            Some(_) => Err(wrong_type(&self.path_of(member), "a string")),
        }
    }

    pub(crate) fn text(
        &self,
        member: &str,
        constraint: StringConstraint,
    ) -> Result<Option<String>, ApiError> {
        let value = self.string(member)?;
        if let Some(value) = &value {
            constraint.check(&self.path_of(member), value)?;
        }
        Ok(value)
    }

    pub(crate) fn required_text(
        &self,
        member: &str,
        constraint: StringConstraint,
    ) -> Result<String, ApiError> {
        self.text(member, constraint)?.ok_or_else(|| missing(&self.path_of(member)))
    }

    pub(crate) fn choice(&self, member: &str, allowed: &[&str]) -> Result<Option<String>, ApiError> {
        let value = self.string(member)?;
        if let Some(value) = &value {
            one_of(&self.path_of(member), value, allowed)?;
        }
        Ok(value)
    }

    pub(crate) fn timestamp(&self, member: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(value) = self.string(member)? else {
            return Ok(None);
        };
        value.parse().map(Some).map_err(|_| wrong_type(&self.path_of(member), "an ISO 8601 timestamp"))
    }

    pub(crate) fn structure(&self, member: &str) -> Result<Option<Structure>, ApiError> {
        match self.get(member) {
            None => Ok(None),
            Some(Value::Object(members)) => {
                Ok(Some(Structure { path: self.path_of(member), members: members.clone() }))
            }
            Some(_) => Err(wrong_type(&self.path_of(member), "a structure")),
        }
    }

    pub(crate) fn list(
        &self,
        member: &str,
        sizes: std::ops::RangeInclusive<usize>,
        constraint: StringConstraint,
    ) -> Result<Option<Vec<String>>, ApiError> {
        let path = self.path_of(member);
        let items = match self.get(member) {
            None => return Ok(None),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(wrong_type(&path, "a list")),
        };
        check_size(&path, items.len(), &sizes)?;
        let strings = items.iter().map(|item| match item {
            Value::String(item) => constraint.check(&format!("{path}.member"), item).map(|()| item.clone()),
            _ => Err(wrong_type(&format!("{path}.member"), "a string")),
        });
        strings.collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn tags(&self) -> Result<Option<BTreeMap<String, String>>, ApiError> {
        let Some(map) = self.structure("tags")? else {
            return Ok(None);
        };
        check_size("tags", map.members.len(), &(0..=MAX_TAGS))?;
        let mut tags = BTreeMap::new();
        for (key, value) in map.members {
            let Value::String(value) = value else {
                return Err(wrong_type("tags.value", "a string"));
            };
            check_tag_key(&key)?;
            TAG_VALUE.check("tags.value", &value)?;
            check_tag_characters(&value)?;
            tags.insert(key, value);
        }
        Ok(Some(tags))
    }
}

pub(crate) fn check_size(
    path: &str,
    size: usize,
    sizes: &std::ops::RangeInclusive<usize>,
) -> Result<(), ApiError> {
    if size < *sizes.start() {
        return Err(violation(path, &format!("have length greater than or equal to {}", sizes.start())));
    }
    if size > *sizes.end() {
        return Err(violation(path, &format!("have length less than or equal to {}", sizes.end())));
    }
    Ok(())
}

pub(crate) fn check_tag_key(key: &str) -> Result<(), ApiError> {
    TAG_KEY.check("tags.key", key)?;
    if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
        return Err(ApiError::validation("Tag keys that start with aws: are reserved"));
    }
    check_tag_characters(key)
}

fn check_tag_characters(text: &str) -> Result<(), ApiError> {
    if TAG_TEXT.is_match(text) {
        return Ok(());
    }
    Err(ApiError::validation("Tags hold letters, digits, spaces and _ . : / = + - @ only"))
}

/// Reads `maxResults` and `nextToken` from the query string.
pub(crate) fn paging(query: &[(String, String)]) -> Result<(Option<usize>, Option<String>), ApiError> {
    let find = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let size = match find("maxResults") {
        None => None,
        Some(value) => {
            let number: i64 = value.parse().map_err(|_| wrong_type("maxResults", "an integer"))?;
            match usize::try_from(number) {
                Ok(size @ 1..=100) => Some(size),
                Ok(size) if size > 100 => {
                    return Err(violation("maxResults", "have value less than or equal to 100"));
                }
                _ => {
                    return Err(violation("maxResults", "have value greater than or equal to 1"));
                }
            }
        }
    };
    let token = find("nextToken");
    if let Some(token) = token {
        NEXT_TOKEN.check("nextToken", token)?;
    }
    Ok((size, token.map(str::to_owned)))
}
