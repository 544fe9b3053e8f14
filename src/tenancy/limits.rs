//! What the specs of bound objects may name: the limits in `allow` of an AccountBinding. No I/O.
//!
//! Only what a spec asks for is judged. What AWS shows is not: a store that was made before a limit stays usable.

use serde_json::{Map, Value};

use super::pattern;
use crate::crd::{Allow, SequenceStoreSpec, is_account_id};

/// The limits of one binding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    binding: String,
    allow: Allow,
}

impl Limits {
    #[must_use]
    pub fn of(binding: &str, allow: Option<&Allow>) -> Self {
        Self { binding: binding.to_owned(), allow: allow.cloned().unwrap_or_default() }
    }

    /// Checks a spec. `asked` are the regions that it asks for, by its own words or because it leaves the region open.
    ///
    /// # Errors
    /// The first value outside the limits: what it is, which limit of which binding, and who can change that.
    pub fn check(&self, spec: &SequenceStoreSpec, asked: &[&str]) -> Result<(), String> {
        let Allow { regions, kms_key_arns, locations, policy_principals, .. } = &self.allow;
        self.check_store(spec)?;
        if let Some(region) = asked.iter().find(|region| !is_listed(regions.as_ref(), region)) {
            return Err(self.refused("the region", region, "regions"));
        }
        let key = spec.sse_config.as_ref().and_then(|sse| sse.key_arn.as_deref());
        if let Some(key) = key.filter(|key| !is_matched(kms_key_arns.as_ref(), key)) {
            return Err(self.refused("spec.sseConfig.keyArn", key, "kmsKeyArns"));
        }
        let access_log =
            spec.s3_access_config.as_ref().and_then(|access| access.access_log_location.as_deref());
        for (field, location) in [
            ("spec.fallbackLocation", spec.fallback_location.as_deref()),
            ("spec.s3AccessConfig.accessLogLocation", access_log),
        ] {
            if let Some(location) = location.filter(|location| !is_under(locations.as_ref(), location)) {
                return Err(self.refused(field, location, "locations"));
            }
        }
        let allowed = policy_principals.as_ref();
        let policy = spec.s3_access_policy.as_ref().filter(|_| allowed.is_some());
        match policy.and_then(|policy| first_outside(policy, |name| is_principal(allowed, name))) {
            Some(principal) => {
                Err(self.refused("the principal in spec.s3AccessPolicy", &principal, "policyPrincipals"))
            }
            None => Ok(()),
        }
    }

    /// Checks which existing store a spec names. It matters for a deletion too: a store that the object may not name must
    /// not be deleted with it.
    ///
    /// # Errors
    /// As for [`Self::check`].
    pub fn check_store(&self, spec: &SequenceStoreSpec) -> Result<(), String> {
        let ids = self.allow.sequence_store_ids.as_ref();
        match spec.sequence_store_id.as_deref().filter(|id| !is_listed(ids, id)) {
            Some(id) => Err(self.refused("spec.sequenceStoreId", id, "sequenceStoreIds")),
            None => Ok(()),
        }
    }

    fn refused(&self, what: &str, value: &str, limit: &str) -> String {
        format!(
            "The AccountBinding {} of this namespace does not allow {what} `{value}`: write a value that its \
             spec.allow.{limit} lists, or ask whoever manages the binding to allow this one.",
            self.binding
        )
    }
}

fn is_listed(allowed: Option<&Vec<String>>, value: &str) -> bool {
    allowed.is_none_or(|allowed| allowed.iter().any(|one| one == value))
}

fn is_matched(allowed: Option<&Vec<String>>, value: &str) -> bool {
    allowed.is_none_or(|allowed| allowed.iter().any(|one| pattern::matches(one, value)))
}

/// Whether the location is one of the allowed ones, or under one. An empty one clears the field and names nothing.
fn is_under(allowed: Option<&Vec<String>>, location: &str) -> bool {
    let with_slash = |location: &str| format!("{}/", location.trim_end_matches('/'));
    let Some(allowed) = allowed.filter(|_| !location.is_empty()) else { return true };
    // Whole names only: `s3://lab/` does not allow `s3://lab-of-others/`.
    let location = with_slash(location);
    allowed.iter().any(|one| location.starts_with(&with_slash(one)))
}

/// Whether a policy may name the principal. `*` alone in the list stands for everybody; only it allows the principal `*`.
fn is_principal(allowed: Option<&Vec<String>>, name: &str) -> bool {
    // An account id is short for the root user of the account.
    let root = is_account_id(name).then(|| format!(":iam::{name}:root"));
    let means = |one: &String| {
        let is_same_account =
            root.as_deref().is_some_and(|root| one.ends_with(root) && one.starts_with("arn:"));
        let is_root_of =
            is_account_id(one) && name.starts_with("arn:") && name.ends_with(&format!(":iam::{one}:root"));
        one == "*" || one == name || is_same_account || is_root_of || pattern::matches(one, name)
    };
    allowed.is_none_or(|allowed| allowed.iter().any(means))
}

/// The first principal that is not allowed, of the statements that allow something. What cannot be read as a principal is
/// shown as it stands, and is not allowed. A statement that denies gives nobody anything.
fn first_outside(policy: &Map<String, Value>, is_allowed: impl Fn(&str) -> bool) -> Option<String> {
    let statements: Vec<&Value> = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one],
    };
    let allowing = statements
        .into_iter()
        .filter(|statement| statement.get("Effect").and_then(Value::as_str) != Some("Deny"));
    allowing.flat_map(principals).find(|name| !is_allowed(name))
}

/// The names of all principals of a statement. `NotPrincipal` stands for everybody else.
fn principals(statement: &Value) -> Vec<String> {
    let everybody_else = statement.get("NotPrincipal").map(|value| format!("NotPrincipal {value}"));
    let named = match statement.get("Principal") {
        Some(Value::Object(kinds)) => kinds.values().flat_map(texts).collect(),
        Some(names) => texts(names),
        None if everybody_else.is_some() => Vec::new(),
        // AWS refuses it.
        None => vec![String::new()],
    };
    named.into_iter().chain(everybody_else).collect()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn allow(field: &str, values: &[&str]) -> Limits {
        let allow = serde_json::from_value(json!({field: values})).expect("an allow");
        Limits::of("lab", Some(&allow))
    }

    fn check(limits: &Limits, spec: Value) -> Result<(), String> {
        limits.check(&serde_json::from_value(spec).expect("a spec"), &["us-east-1"])
    }

    #[track_caller]
    fn refuses(limits: &Limits, spec: Value, words: &[&str]) {
        let message = check(limits, spec).expect_err("outside the limits");
        for word in words.iter().chain(&["AccountBinding lab", "spec.allow."]) {
            assert!(message.contains(word), "{word}: {message}");
        }
    }

    fn policy(principal: Value) -> Value {
        json!({"s3AccessPolicy": {"Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "r"},
            {"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "r"},
        ]}})
    }

    #[test]
    fn an_absent_limit_limits_nothing_and_an_empty_one_allows_nothing() {
        let everything = json!({
            "sequenceStoreId": "1234567890", "sseConfig": {"type": "KMS", "keyArn": KEY},
            "fallbackLocation": "s3://lab/", "s3AccessConfig": {"accessLogLocation": "s3://logs/"},
            "s3AccessPolicy": policy(json!("*"))["s3AccessPolicy"],
        });
        assert_eq!(check(&Limits::of("lab", None), everything.clone()), Ok(()));
        for (field, value) in [
            ("regions", "us-east-1"),
            ("kmsKeyArns", KEY),
            ("locations", "s3://lab/"),
            ("policyPrincipals", "`*`"),
            ("sequenceStoreIds", "1234567890"),
        ] {
            refuses(&allow(field, &[]), everything.clone(), &[value, field]);
            if field != "regions" {
                assert_eq!(check(&allow(field, &[]), json!({})), Ok(()), "{field}: the spec names nothing");
            }
        }
    }

    #[test]
    fn regions_and_stores_are_compared_whole() {
        assert_eq!(check(&allow("regions", &["eu-west-1", "us-east-1"]), json!({})), Ok(()));
        refuses(&allow("regions", &["us-east-11", "us-east-"]), json!({}), &["us-east-1"]);
        let store = |id: &str| json!({"sequenceStoreId": id});
        assert_eq!(check(&allow("sequenceStoreIds", &["1234567890"]), store("1234567890")), Ok(()));
        refuses(&allow("sequenceStoreIds", &["1234567890"]), store("12345678901"), &["12345678901"]);
    }

    #[test]
    fn a_location_may_lie_under_an_allowed_one() {
        let limits = allow("locations", &["s3://lab/", "s3://shared/team-a/"]);
        for location in
            ["s3://lab", "s3://lab/", "s3://lab/x/", "s3://shared/team-a/", "s3://shared/team-a/b/", ""]
        {
            assert_eq!(check(&limits, json!({"fallbackLocation": location})), Ok(()), "{location}");
        }
        for location in
            ["s3://lab-of-others/", "s3://shared/", "s3://shared/team-ab/", "s3://other/s3://lab/"]
        {
            refuses(&limits, json!({"fallbackLocation": location}), &[location, "spec.fallbackLocation"]);
            refuses(
                &limits,
                json!({"s3AccessConfig": {"accessLogLocation": location}}),
                &["accessLogLocation"],
            );
        }
    }

    #[test]
    fn principals_are_found_in_every_form_of_a_policy() {
        let role = "arn:aws:iam::111122223333:role/lab-reader";
        let limits = allow("policyPrincipals", &["arn:aws:iam::111122223333:role/lab-*", "444455556666"]);
        for allowed in
            [json!({"AWS": role}), json!({"AWS": [role, "444455556666", "arn:aws:iam::444455556666:root"]})]
        {
            assert_eq!(check(&limits, policy(allowed.clone())), Ok(()), "{allowed}");
        }
        let evil = "arn:aws:iam::999999999999:root";
        for (outside, shown) in [
            (json!("*"), "`*`"),
            (json!({"AWS": "*"}), "`*`"),
            (json!({"AWS": [role, evil]}), evil),
            (json!({"AWS": {"AWS": evil}}), evil),
            (json!({"AWS": role, "Service": "omics.amazonaws.com"}), "omics.amazonaws.com"),
            (json!([role, evil]), evil),
            (json!(7), "7"),
            (json!("999999999999"), "999999999999"),
        ] {
            refuses(&limits, policy(outside), &[shown, "policyPrincipals"]);
        }
        let hidden =
            json!({"s3AccessPolicy": {"Statement": {"Effect": "Allow", "Principal": {"AWS": evil}}}});
        refuses(&limits, hidden, &[evil]);
        let others =
            json!({"s3AccessPolicy": {"Statement": [{"Effect": "Allow", "NotPrincipal": {"AWS": role}}]}});
        refuses(&limits, others, &["NotPrincipal"]);
        let odd = json!({"s3AccessPolicy": {"Statement": [{"Effect": "allow", "Principal": {"AWS": evil}}]}});
        refuses(&limits, odd, &[evil]);
        assert_eq!(check(&allow("policyPrincipals", &["*"]), policy(json!("*"))), Ok(()));
        assert_eq!(
            check(
                &allow("policyPrincipals", &["arn:aws:iam::444455556666:root"]),
                policy(json!({"AWS": "444455556666"}))
            ),
            Ok(())
        );
    }

    proptest! {
        /// A location that is allowed shares its bucket and every whole part of the prefix with an allowed one.
        #[test]
        fn no_location_is_allowed_by_a_part_of_a_name(
            one in "s3://[a-b]{3,4}/([a-b]{1,2}/){0,2}",
            other in "s3://[a-b]{3,4}/([a-b]{1,2}/){0,2}",
        ) {
            let parts = |text: &str| text.trim_end_matches('/').split('/').map(ToOwned::to_owned).collect::<Vec<_>>();
            let expected = parts(&other).starts_with(&parts(&one));
            prop_assert_eq!(check(&allow("locations", &[&one]), json!({"fallbackLocation": other})).is_ok(), expected);
        }
    }
}
