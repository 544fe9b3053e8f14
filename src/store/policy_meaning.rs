//! When two S3 access policies mean the same, in whatever form AWS shows them. No I/O.
//!
//! AWS may show a policy in another form than the one that was written. What only changes the form is taken out here;
//! everything else, such as the case of a resource, stays a difference.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::crd::is_account_id;

/// What IAM assumes for a policy that has no version.
const DEFAULT_VERSION: &str = "2008-10-17";
/// Numbers up to here have one text, whether they are written with a decimal point or without.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Different,
    /// Equal but for principals that the two sides name in ways that nobody can compare.
    Renamed(RenamedPrincipals),
}

/// One side names a role or user by its ARN, the other by its unique id (`AROA…`, `AIDA…`) or canonical user id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenamedPrincipals {
    pub wanted: Vec<String>,
    pub shown: Vec<String>,
}

impl RenamedPrincipals {
    /// AWS shows a unique id in place of the ARN of a role or user that was deleted.
    pub fn are_deleted(&self) -> bool {
        self.shown.iter().any(|principal| is_unique_id(principal))
    }
}

/// Compares a policy with the document that AWS shows. `partition` is that of the store, such as `aws`.
pub fn compare(wanted: &Map<String, Value>, shown: Option<&str>, partition: &str) -> Comparison {
    let wanted = Meaning::of(wanted, partition);
    let shown = match shown.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(document) => Meaning::of(&document, partition),
            Err(_) => return Comparison::Different,
        },
        None => Meaning::of(&Map::new(), partition),
    };
    if wanted == shown {
        return Comparison::Equal;
    }
    renamed(&wanted, &shown).map_or(Comparison::Different, Comparison::Renamed)
}

#[derive(Debug, PartialEq, Eq)]
struct Meaning {
    version: String,
    id: Option<String>,
    statements: BTreeSet<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Statement {
    principals: BTreeSet<String>,
    /// All other elements by name.
    elements: BTreeMap<String, BTreeSet<String>>,
}

impl Meaning {
    fn of(document: &Map<String, Value>, partition: &str) -> Self {
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(Value::Null) | None => Vec::new(),
            Some(one) => vec![one],
        };
        let element = |name: &str| {
            document.get(name).filter(|value| !value.is_null()).map(text).filter(|text| !text.is_empty())
        };
        Self {
            version: element("Version").unwrap_or_else(|| DEFAULT_VERSION.into()),
            id: element("Id"),
            statements: statements.into_iter().map(|statement| Statement::of(statement, partition)).collect(),
        }
    }
}

impl Statement {
    fn of(statement: &Value, partition: &str) -> Self {
        let mut meaning = Self { principals: BTreeSet::new(), elements: BTreeMap::new() };
        let Some(members) = statement.as_object() else {
            meaning.elements.insert(String::new(), texts(statement));
            return meaning;
        };
        for (name, value) in members {
            let found = match name.as_str() {
                "Principal" => {
                    meaning.principals = principals(value, partition);
                    continue;
                }
                "NotPrincipal" => principals(value, partition),
                // IAM ignores the case of actions, and tells resources apart by theirs.
                "Action" | "NotAction" => texts(value).iter().map(|action| action.to_lowercase()).collect(),
                "Condition" => conditions(value),
                "Sid" => texts(value).into_iter().filter(|sid| !sid.is_empty()).collect(),
                _ => texts(value),
            };
            let may_be_absent = ["Condition", "Sid"].contains(&name.as_str());
            if !(may_be_absent && found.is_empty()) {
                meaning.elements.insert(name.clone(), found);
            }
        }
        meaning
    }
}

/// A list as a set, one value as a list of it.
fn texts(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        Value::Null => BTreeSet::new(),
        one => BTreeSet::from([text(one)]),
    }
}

/// Booleans and numbers are the same as their texts. Members of objects are in the order of their names.
fn text(value: &Value) -> String {
    match with_texts(value) {
        Value::String(text) => text,
        // All at once: a text within a text within a text doubles its backslashes at each level.
        nested => nested.to_string(),
    }
}

/// The value with a text in place of each number, boolean and null.
fn with_texts(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        Value::Number(number) => {
            number_text(&number.to_string()).unwrap_or_else(|| number.to_string()).into()
        }
        Value::Object(members) => {
            let sorted: BTreeMap<&String, Value> =
                members.iter().map(|(name, value)| (name, with_texts(value))).collect();
            Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), value)).collect())
        }
        Value::Array(items) => items.iter().map(with_texts).collect(),
        Value::Null | Value::Bool(_) => value.to_string().into(),
    }
}

/// One text for each number: `1.20` and `1.2`, `1.0` and `1`. None for a text that is no number.
fn number_text(text: &str) -> Option<String> {
    if let Ok(whole) = text.parse::<i128>() {
        return Some(whole.to_string());
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
    let is_whole = number.fract() == 0.0 && number.abs() < LARGEST_EXACT;
    Some(if is_whole { format!("{number:.0}") } else { number.to_string() })
}

/// Principals as `type name`. The account id stands for the root user, and `*` for `{"AWS": "*"}`.
fn principals(value: &Value, partition: &str) -> BTreeSet<String> {
    let named = |kind: &str, name: String| match kind {
        "AWS" if is_account_id(&name) => format!("AWS arn:{partition}:iam::{name}:root"),
        kind => format!("{kind} {name}"),
    };
    match value {
        Value::Object(kinds) => kinds
            .iter()
            .flat_map(|(kind, names)| texts(names).into_iter().map(|name| named(kind, name)))
            .collect(),
        names => {
            let kind = |name: &str| if name == "*" { "AWS" } else { "" };
            texts(names).into_iter().map(|name| named(kind(&name), name)).collect()
        }
    }
}

/// Each condition as a text. Two keys that differ only in case stay two conditions.
fn conditions(value: &Value) -> BTreeSet<String> {
    let Some(operators) = value.as_object() else { return texts(value) };
    let mut found = BTreeSet::new();
    for (operator, keys) in operators {
        let operator = operator.to_lowercase();
        let Some(keys) = keys.as_object() else {
            found.insert(format!("{operator} {}", text(keys)));
            continue;
        };
        for (key, values) in keys {
            let values: BTreeSet<String> =
                texts(values).into_iter().map(|value| condition_value(&operator, value)).collect();
            found.insert(format!("{operator} {} {values:?}", condition_key(key)));
        }
    }
    found
}

/// IAM ignores the case of condition keys. What follows the slash is the key of a tag, and S3 tells `Team` from `team`.
fn condition_key(key: &str) -> String {
    match key.split_once('/') {
        Some((name, tag)) => format!("{}/{tag}", name.to_lowercase()),
        None => key.to_lowercase(),
    }
}

fn condition_value(operator: &str, value: String) -> String {
    let compares = operator.rsplit(':').next().unwrap_or_default();
    if compares.starts_with("numeric") {
        return number_text(&value).unwrap_or(value);
    }
    if ["bool", "boolifexists", "null"].contains(&compares) { value.to_lowercase() } else { value }
}

/// The principals in which the policies differ, if these are all that differs, and one side names them by id.
fn renamed(wanted: &Meaning, shown: &Meaning) -> Option<RenamedPrincipals> {
    if (&wanted.version, &wanted.id) != (&shown.version, &shown.id) {
        return None;
    }
    let mut ours: Vec<&Statement> = wanted.statements.difference(&shown.statements).collect();
    let theirs: Vec<&Statement> = shown.statements.difference(&wanted.statements).collect();
    if ours.len() != theirs.len() {
        return None;
    }
    let mut found = RenamedPrincipals::default();
    for their in theirs {
        let pair = ours.iter().enumerate().find_map(|(index, our)| {
            let is_pair = our.elements == their.elements;
            Some((index, is_pair.then(|| renamed_in(our, their)).flatten()?))
        });
        let (index, names) = pair?;
        ours.remove(index);
        found.wanted.extend(names.wanted);
        found.shown.extend(names.shown);
    }
    for names in [&mut found.wanted, &mut found.shown] {
        names.sort();
        names.dedup();
    }
    Some(found)
}

fn renamed_in(our: &Statement, their: &Statement) -> Option<RenamedPrincipals> {
    let name = |principal: &String| principal.split_once(' ').map_or("", |(_, name)| name).to_owned();
    let wanted: Vec<&String> = our.principals.difference(&their.principals).collect();
    let shown: Vec<&String> = their.principals.difference(&our.principals).collect();
    let ids = |side: &[&String]| side.iter().all(|principal| is_id(principal));
    let arns = |side: &[&String]| side.iter().all(|principal| is_role_or_user(principal));
    let is_renamed =
        wanted.len() == shown.len() && (ids(&shown) && arns(&wanted) || ids(&wanted) && arns(&shown));
    is_renamed.then(|| RenamedPrincipals {
        wanted: wanted.into_iter().map(name).collect(),
        shown: shown.into_iter().map(name).collect(),
    })
}

fn is_id(principal: &str) -> bool {
    match principal.split_once(' ') {
        Some(("AWS", name)) => is_unique_id(name),
        Some((kind, _)) => kind == "CanonicalUser",
        None => false,
    }
}

/// The unique id of a role or user, as IAM makes them.
fn is_unique_id(name: &str) -> bool {
    let rest = name.strip_prefix("AROA").or_else(|| name.strip_prefix("AIDA"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

fn is_role_or_user(principal: &str) -> bool {
    let Some(arn) = principal.strip_prefix("AWS arn:") else { return false };
    [":role/", ":user/"].iter().any(|kind| arn.contains(kind))
}

#[cfg(test)]
mod tests;
