//! The equivalent documents as which `GetS3AccessPolicy` may show a policy. No I/O.

use serde_json::{Map, Value, json};

use crate::knobs::PolicyReadBack;

/// The policy as the knob says. A text that is not a JSON object stays as it is.
pub(crate) fn shown(policy: String, knob: PolicyReadBack) -> String {
    let Ok(Value::Object(mut document)) = serde_json::from_str::<Value>(&policy) else { return policy };
    match knob {
        PolicyReadBack::AsWritten => return policy,
        PolicyReadBack::Canonical => {
            let Value::Object(sorted) = unwrapped(Value::Object(document)) else { return policy };
            document = sorted;
        }
        PolicyReadBack::DefaultVersion => {
            document.entry("Version").or_insert_with(|| "2008-10-17".into());
        }
        PolicyReadBack::OneStatement => {
            if let Some(Value::Array(statements)) = document.get_mut("Statement")
                && statements.len() == 1
            {
                let only = statements.remove(0);
                document.insert("Statement".to_owned(), only);
            }
        }
        PolicyReadBack::ReversedAndRepeated => {
            each_statement(&mut document, |statement| {
                ["Action", "Resource"].iter().for_each(|name| change(statement, name, reversed_and_repeated));
                each_principal_value(statement, reversed_and_repeated);
            });
            change(&mut document, "Statement", reversed_and_repeated);
        }
        PolicyReadBack::Escaped => return escaped(&Value::Object(document).to_string()),
        knob => each_statement(&mut document, |statement| rewrite(statement, knob)),
    }
    Value::Object(document).to_string()
}

/// The rewritings that concern one statement.
fn rewrite(statement: &mut Map<String, Value>, knob: PolicyReadBack) {
    match knob {
        PolicyReadBack::Lists => {
            ["Action", "Resource"].iter().for_each(|name| change(statement, name, listed));
            each_principal_value(statement, listed);
            each_condition_value(statement, listed);
        }
        PolicyReadBack::RootArns => each_principal(statement, |id| {
            let is_account = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
            is_account.then(|| format!("arn:aws:iam::{id}:root"))
        }),
        PolicyReadBack::AccountIds => each_principal(statement, |arn| {
            Some(arn.strip_prefix("arn:aws:iam::")?.strip_suffix(":root")?.to_owned())
        }),
        PolicyReadBack::DeletedPrincipals => each_principal(statement, unique_id),
        PolicyReadBack::AnyoneAsMap if statement["Principal"] == "*" => {
            statement.insert("Principal".to_owned(), json!({"AWS": "*"}));
        }
        PolicyReadBack::AnyoneAsText if statement["Principal"] == json!({"AWS": "*"}) => {
            statement.insert("Principal".to_owned(), json!("*"));
        }
        PolicyReadBack::ConditionTexts => each_condition_value(statement, |value| each(value, as_text)),
        PolicyReadBack::ConditionValues => each_condition_value(statement, |value| each(value, as_value)),
        PolicyReadBack::LowerCaseConditions => rename_conditions(statement, str::to_ascii_lowercase),
        PolicyReadBack::UpperCaseConditions => rename_conditions(statement, str::to_ascii_uppercase),
        PolicyReadBack::LowerCaseActions => change(statement, "Action", |actions| {
            each(actions, |action| {
                action.as_str().map(str::to_ascii_lowercase).map_or(action.clone(), Value::from)
            })
        }),
        PolicyReadBack::EmptyElements => {
            statement.entry("Sid").or_insert_with(|| "".into());
            statement.entry("Condition").or_insert_with(|| json!({}));
        }
        PolicyReadBack::NoEmptyElements => statement.retain(|_, value| *value != "" && *value != json!({})),
        _ => {}
    }
}

fn change(object: &mut Map<String, Value>, name: &str, to: impl Fn(Value) -> Value) {
    if let Some(value) = object.get_mut(name) {
        *value = to(value.take());
    }
}

fn each_statement(document: &mut Map<String, Value>, mut change: impl FnMut(&mut Map<String, Value>)) {
    match document.get_mut("Statement") {
        Some(Value::Array(statements)) => {
            statements.iter_mut().filter_map(Value::as_object_mut).for_each(change);
        }
        Some(Value::Object(statement)) => change(statement),
        _ => {}
    }
}

fn each_principal_value(statement: &mut Map<String, Value>, to: impl Fn(Value) -> Value) {
    for value in statement.get_mut("Principal").and_then(Value::as_object_mut).into_iter().flatten() {
        *value.1 = to(value.1.take());
    }
}

/// Replaces the principals of type `AWS` for which `to` gives another one.
fn each_principal(statement: &mut Map<String, Value>, to: impl Fn(&str) -> Option<String>) {
    let Some(principals) = statement.get_mut("Principal").and_then(Value::as_object_mut) else { return };
    change(principals, "AWS", |value| {
        each(value, |principal| principal.as_str().and_then(&to).map_or(principal.clone(), Value::from))
    });
}

fn each_condition_value(statement: &mut Map<String, Value>, to: impl Fn(Value) -> Value) {
    let operators = statement.get_mut("Condition").and_then(Value::as_object_mut).into_iter().flatten();
    for (_, keys) in operators {
        for (_, value) in keys.as_object_mut().into_iter().flatten() {
            *value = to(value.take());
        }
    }
}

fn rename_conditions(statement: &mut Map<String, Value>, to: impl Fn(&str) -> String) {
    // The key of an object tag keeps its case: S3 tells `Team` from `team`.
    let renamed = |key: &str| match key.split_once('/') {
        Some((name, tag)) => format!("{}/{tag}", to(name)),
        None => to(key),
    };
    change(statement, "Condition", |condition| {
        let Value::Object(operators) = condition else { return condition };
        let operator = |(name, keys): (String, Value)| {
            let Value::Object(keys) = keys else { return (to(&name), keys) };
            (to(&name), Value::Object(keys.into_iter().map(|(key, value)| (renamed(&key), value)).collect()))
        };
        Value::Object(operators.into_iter().map(operator).collect())
    });
}

/// Changes each element of a list, or the one value.
fn each(value: Value, to: impl Fn(Value) -> Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(to).collect()),
        one => to(one),
    }
}

fn listed(value: Value) -> Value {
    if value.is_array() { value } else { Value::Array(vec![value]) }
}

fn reversed_and_repeated(value: Value) -> Value {
    let Value::Array(mut items) = listed(value) else { return Value::Null };
    items.reverse();
    items.extend(items.first().cloned());
    Value::Array(items)
}

fn as_text(value: Value) -> Value {
    match value {
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
        other => other,
    }
}

fn as_value(value: Value) -> Value {
    let parsed = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    parsed.filter(|parsed| parsed.is_boolean() || parsed.is_number()).unwrap_or(value)
}

/// An invented unique id, always the same for one ARN.
fn unique_id(arn: &str) -> Option<String> {
    let (_, resource) = arn.strip_prefix("arn:aws:iam::")?.split_once(':')?;
    let prefix = match resource.split_once('/')?.0 {
        "role" => "AROA",
        "user" => "AIDA",
        _ => return None,
    };
    let hash = arn.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    Some(format!("{prefix}{hash:017X}"))
}

fn escaped(json: &str) -> String {
    let mut units = [0; 2];
    let mut text = String::new();
    for letter in json.chars() {
        match letter {
            '/' => text.push_str("\\/"),
            ascii if ascii.is_ascii() => text.push(ascii),
            other => other.encode_utf16(&mut units).iter().for_each(|unit| text += &format!("\\u{unit:04x}")),
        }
    }
    text
}

fn unwrapped(value: Value) -> Value {
    match value {
        Value::Array(mut items) if items.len() == 1 => unwrapped(items.remove(0)),
        Value::Array(items) => Value::Array(items.into_iter().map(unwrapped).collect()),
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.into_iter().map(|(key, value)| (key, unwrapped(value))).collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(members.into_iter().collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(statement: Value) -> String {
        let mut whole =
            json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "r"});
        whole.as_object_mut().expect("an object").extend(statement.as_object().expect("an object").clone());
        json!({"Statement": [whole]}).to_string()
    }

    #[test]
    fn each_knob_rewrites_what_it_says() {
        let root = "arn:aws:iam::111122223333:root";
        let condition = |condition: Value| json!({"Condition": {"StringLike": condition}});
        let lower = json!({"Condition": {"stringlike": {"s3:existingobjecttag/Team": "a"}}});
        let upper = json!({"Condition": {"STRINGLIKE": {"S3:EXISTINGOBJECTTAG/Team": "a"}}});
        let mixed = condition(json!({"s3:ExistingObjectTag/Team": "a"}));
        let rows = [
            (PolicyReadBack::Lists, json!({}), json!({"Action": ["s3:GetObject"], "Resource": ["r"]})),
            (
                PolicyReadBack::RootArns,
                json!({"Principal": {"AWS": "111122223333"}}),
                json!({"Principal": {"AWS": root}}),
            ),
            (
                PolicyReadBack::AccountIds,
                json!({"Principal": {"AWS": [root]}}),
                json!({"Principal": {"AWS": ["111122223333"]}}),
            ),
            (PolicyReadBack::AnyoneAsMap, json!({}), json!({"Principal": {"AWS": "*"}})),
            (PolicyReadBack::AnyoneAsText, json!({"Principal": {"AWS": "*"}}), json!({})),
            (
                PolicyReadBack::ConditionTexts,
                condition(json!({"k": [true, 1.5]})),
                condition(json!({"k": ["true", "1.5"]})),
            ),
            (
                PolicyReadBack::ConditionValues,
                condition(json!({"k": ["true", "a"]})),
                condition(json!({"k": [true, "a"]})),
            ),
            (PolicyReadBack::LowerCaseConditions, mixed.clone(), lower),
            (PolicyReadBack::UpperCaseConditions, mixed, upper),
            (
                PolicyReadBack::LowerCaseActions,
                json!({"Action": ["s3:GetObject"]}),
                json!({"Action": ["s3:getobject"]}),
            ),
            (PolicyReadBack::EmptyElements, json!({}), json!({"Sid": "", "Condition": {}})),
            (PolicyReadBack::NoEmptyElements, json!({"Sid": "", "Condition": {}}), json!({})),
        ];
        for (knob, written, expected) in rows {
            let shown: Value = serde_json::from_str(&shown(policy(written), knob)).expect("JSON");
            assert_eq!(shown, serde_json::from_str::<Value>(&policy(expected)).expect("JSON"), "{knob:?}");
        }
        let role = policy(json!({"Principal": {"AWS": "arn:aws:iam::111122223333:role/reads"}}));
        assert!(shown(role, PolicyReadBack::DeletedPrincipals).contains("\"AROA"));
        let escaped = shown(policy(json!({"Sid": "é/"})), PolicyReadBack::Escaped);
        assert!(escaped.contains(r"\u00e9\/"), "{escaped}");
        assert_eq!(shown("<html>".into(), PolicyReadBack::Lists), "<html>");
    }
}
