//! S3 access policies: what AWS accepts. When two of them mean the same is in `policy_meaning`. No I/O.

use serde_json::{Map, Value};

/// AWS's limit for a policy as JSON, in bytes.
pub const MOST_BYTES: usize = 15 * 1024;

const ELEMENTS: [&str; 3] = ["Version", "Id", "Statement"];
const STATEMENT_ELEMENTS: [&str; 6] = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
const CONDITION_KEYS: [&str; 4] = ["s3:prefix", "s3:signatureversion", "s3:TlsVersion", "aws:PrincipalArn"];

/// Checks what the API server's rules cannot: size, element names, condition keys. The error says what AWS accepts.
pub fn check(policy: &Map<String, Value>) -> Result<(), String> {
    let size = render(policy).len();
    if size > MOST_BYTES {
        return Err(
            "spec.s3AccessPolicy is larger than 15,360 bytes as JSON, the most that AWS accepts: shorten it."
                .into(),
        );
    }
    known(policy, &ELEMENTS, "spec.s3AccessPolicy")?;
    let statements = policy.get("Statement").and_then(Value::as_array).into_iter().flatten();
    for (index, statement) in statements.enumerate() {
        let place = format!("spec.s3AccessPolicy.Statement[{index}]");
        let statement = statement.as_object().ok_or_else(|| format!("{place} must be an object."))?;
        known(statement, &STATEMENT_ELEMENTS, &place)?;
        conditions(statement.get("Condition"), &place)?;
    }
    Ok(())
}

fn known(object: &Map<String, Value>, names: &[&str], place: &str) -> Result<(), String> {
    match object.keys().find(|key| !names.contains(&key.as_str())) {
        Some(key) => {
            let accepted = names.join(", ");
            Err(format!("{place} has the element `{key}`, and AWS accepts only {accepted}: remove it."))
        }
        None => Ok(()),
    }
}

fn conditions(condition: Option<&Value>, place: &str) -> Result<(), String> {
    for (operator, keys) in condition.and_then(Value::as_object).into_iter().flatten() {
        for key in keys.as_object().into_iter().flat_map(Map::keys) {
            // IAM ignores the case of condition keys.
            let is = |known: &str| key.eq_ignore_ascii_case(known);
            let tag = "s3:ExistingObjectTag/";
            let of_tag = key.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
            if !CONDITION_KEYS.into_iter().any(is) && !of_tag {
                let accepted = CONDITION_KEYS.join(", ");
                return Err(format!(
                    "{place} has the condition key `{key}`, and AWS accepts only {accepted} and \
                     s3:ExistingObjectTag/<key>: remove it."
                ));
            }
            if is("aws:PrincipalArn") && !["ArnEquals", "ArnLike"].contains(&operator.as_str()) {
                return Err(format!(
                    "{place} uses the condition key aws:PrincipalArn with `{operator}`, and AWS accepts only ArnEquals \
                     and ArnLike: write one of these."
                ));
            }
        }
    }
    Ok(())
}

/// Compact JSON: the form in which AWS gets it, and to which AWS's size limit applies.
pub fn render(policy: &Map<String, Value>) -> String {
    serde_json::to_string(policy).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    fn statement(extra: Value) -> Value {
        let mut statement =
            json!({"Sid": "a", "Effect": "Allow", "Action": "s3:GetObject", "Principal": {"AWS": "x"}});
        statement.as_object_mut().expect("object").extend(object(extra));
        json!({"Version": "2012-10-17", "Statement": [statement]})
    }

    #[test]
    fn a_policy_that_aws_would_refuse_is_explained_before_the_call() {
        for key in ["s3:prefix", "S3:Prefix", "s3:tlsversion", "s3:existingobjecttag/team"] {
            assert_eq!(check(&object(statement(json!({"Condition": {"StringLike": {key: "a"}}})))), Ok(()));
        }
        let refused = [
            (json!({"Rules": []}), "Rules"),
            (statement(json!({"NotAction": "x"})), "NotAction"),
            (
                statement(json!({"Condition": {"Bool": {"aws:SecureTransport": "true"}}})),
                "aws:SecureTransport",
            ),
            (statement(json!({"Condition": {"StringEquals": {"aws:PrincipalArn": "x"}}})), "ArnLike"),
            (statement(json!({"Condition": {"StringEquals": {"AWS:principalarn": "x"}}})), "ArnLike"),
            (json!({"Id": "x".repeat(MOST_BYTES)}), "bytes"),
        ];
        for (policy, hint) in refused {
            let error = check(&object(policy)).expect_err(hint);
            assert!(error.contains(hint), "{error}");
        }
    }
}
