//! The CEL rules of the API, each with a message that says what is wrong and what to write instead. No I/O.
//!
//! Exact length limits are CEL rules too: the API server's error for `maxLength` counts bytes where AWS counts
//! characters, and cannot say what to write instead. The `maxLength` values in the schema are wider; the API server
//! uses them to estimate the cost of the rules.

pub(super) mod account_binding;

use kube::core::Rule;

use super::check::Check;

/// A rule for a field that cannot change once a store is recorded in `status.store`. `or_else` is CEL that is appended
/// to allow further values. The rule refers to `oldSelf`, so it runs only on updates, and an unchanged field passes:
/// otherwise the API server would refuse every status write on an object whose spec already differs.
fn frozen(field: &str, or_else: &str, message: &str) -> Rule {
    Rule::new(format!(
        "!has(oldSelf.status) || !has(oldSelf.status.store) \
         || (has(self.spec.{field}) == has(oldSelf.spec.{field}) \
         && (!has(self.spec.{field}) || self.spec.{field} == oldSelf.spec.{field})){or_else}"
    ))
    .message(message)
    .field_path(format!(".spec.{field}"))
}

pub(super) fn frozen_sequence_store_id() -> Rule {
    frozen(
        "sequenceStoreId",
        "",
        "spec.sequenceStoreId cannot be added, removed or changed once a store is recorded in status.store: \
         delete this object (deletionPolicy: Retain keeps the store) and apply a new one",
    )
}

pub(super) fn frozen_region() -> Rule {
    frozen(
        "region",
        " || !has(self.spec.region) || (has(oldSelf.status.region) && self.spec.region == oldSelf.status.region)",
        "spec.region cannot be changed once a store is recorded in status.store: \
         set it to the value shown in status.region, or remove the field",
    )
}

pub(super) fn frozen_e_tag_algorithm_family() -> Rule {
    frozen(
        "eTagAlgorithmFamily",
        " || !has(self.spec.eTagAlgorithmFamily) || (has(oldSelf.status.store.eTagAlgorithmFamily) \
         && self.spec.eTagAlgorithmFamily == oldSelf.status.store.eTagAlgorithmFamily)",
        "AWS cannot change eTagAlgorithmFamily of a store: \
         set it to the value shown in status.store.eTagAlgorithmFamily, or remove the field",
    )
}

pub(super) fn frozen_sse_config() -> Rule {
    frozen(
        "sseConfig",
        " || !has(self.spec.sseConfig) || (has(oldSelf.status.store.sseConfig) \
         && has(oldSelf.status.store.sseConfig.type) \
         && self.spec.sseConfig.type == oldSelf.status.store.sseConfig.type \
         && (!has(self.spec.sseConfig.keyArn) || (has(oldSelf.status.store.sseConfig.keyArn) \
         && self.spec.sseConfig.keyArn == oldSelf.status.store.sseConfig.keyArn)))",
        "AWS cannot change sseConfig of a store: set it to the value shown in status.store.sseConfig, or remove the field",
    )
}

pub(super) const LONG_OBJECT_NAME: &str = "a store without spec.name gets the name of the object, and AWS allows at most \
    127 characters: set spec.name or shorten metadata.name";

/// On an update this rule passes if the old object already broke it. CEL rules at the root run on every write:
/// otherwise the API server would refuse every status write on an object that is older than the rule.
pub(super) fn name_or_short_object_name() -> Rule {
    let mut rule = Rule::new(
        "has(self.spec.name) || has(self.spec.sequenceStoreId) || self.metadata.name.size() <= 127 \
         || (oldSelf.hasValue() && !has(oldSelf.value().spec.name) && !has(oldSelf.value().spec.sequenceStoreId))",
    )
    .message(LONG_OBJECT_NAME);
    rule.field_path = Some(".spec.name".into());
    rule.optional_old_self = Some(true);
    rule
}

/// A rule for one field, with the message for values that break it.
#[derive(Clone, Debug)]
pub(in crate::crd) struct FieldRule {
    pub(super) check: Check,
    pub(super) message: String,
}

impl FieldRule {
    fn new(check: Check, message: impl Into<String>) -> Self {
        Self { check, message: message.into() }
    }
}

impl From<FieldRule> for Rule {
    fn from(rule: FieldRule) -> Self {
        Self::new(rule.check.cel()).message(rule.message.as_str())
    }
}

/// Length limits in characters, as AWS counts them, not in bytes.
pub(super) fn length(min: u16, max: u16, message: &str) -> FieldRule {
    FieldRule::new(Check::Length { min, max }, message)
}

pub(super) const MANAGEMENT_POLICIES: &[&str] = &["Manage", "Observe"];
pub(super) const DELETION_POLICIES: &[&str] = &["Delete", "Retain"];
pub(super) const E_TAG_ALGORITHM_FAMILIES: &[&str] = &["MD5up", "SHA256up", "SHA512up"];

/// The values of an enumeration. A rule, because the API server refuses null for a nullable `enum`.
pub(super) fn one_of(field: &str, values: &'static [&'static str]) -> FieldRule {
    FieldRule::new(Check::OneOf(values), format!("{field} must be {}", alternatives(values)))
}

/// `A or B`, `A, B or C`
fn alternatives(values: &[&str]) -> String {
    match values {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => values.concat(),
    }
}

/// Three words at most, such as in us-isob-east-1: the operator keeps a client for each region in use.
const REGION: &str = "^[a-z]{2,5}(-[a-z]{1,12}){1,3}-[0-9]{1,2}$";

pub(super) fn region() -> FieldRule {
    FieldRule::new(Check::Matches(REGION), "region must be an AWS region code, such as us-east-1")
}

pub(super) fn sequence_store_id() -> FieldRule {
    FieldRule::new(
        Check::Matches("^[0-9]{10,36}$"),
        "sequenceStoreId must be the id of a store, not its ARN or name: write 10 to 36 digits in quotes, such as \"3936421177\"",
    )
}

pub(super) fn name_length() -> FieldRule {
    length(
        1,
        127,
        "name must have 1 to 127 characters; remove the field to give a new store the name of the object",
    )
}

pub(super) fn description_length() -> FieldRule {
    length(
        1,
        255,
        "description must have 1 to 255 characters; AWS can replace a description but cannot clear it",
    )
}

/// The characters that HealthOmics accepts in a name or description.
pub(super) fn printable(field: &str) -> FieldRule {
    FieldRule::new(
        Check::Matches(r"^[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}]*$"),
        format!(
            "{field} must contain only letters, digits, punctuation, symbols and spaces: remove tabs, line breaks and invisible characters"
        ),
    )
}

/// Stricter than AWS, which accepts any character in the prefix: a line break or an invisible character is a mistake.
pub(super) fn location(field: &str) -> FieldRule {
    FieldRule::new(
        Check::Matches(
            r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|/[\p{L}\p{M}\p{Zs}\p{S}\p{N}\p{P}]+/)?)?$",
        ),
        format!(
            "{field} must be s3://bucket or s3://bucket/prefix/: a bucket name of 3 to 63 lower-case letters, digits, dots \
             and hyphens, a slash at the end of the prefix, no invisible characters; or \"\" to clear it"
        ),
    )
}

/// The longest prefix in `fallbackLocation` and in `accessLogLocation`.
pub(super) const FALLBACK_PREFIX: u16 = 1024;
pub(super) const ACCESS_LOG_PREFIX: u16 = 800;

/// A separate rule for the length, because the API server refuses a pattern that repeats more than 1,000 times.
pub(super) fn location_prefix(field: &str, max: u16) -> FieldRule {
    FieldRule::new(
        Check::PrefixLength { max },
        format!("the prefix after the bucket in {field} must have at most {max} characters"),
    )
}

pub(super) fn key_arn() -> FieldRule {
    FieldRule::new(
        Check::Matches("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[a-zA-Z0-9/_-]+$"),
        "keyArn must be the full ARN of a KMS key or alias, not a key id or alias name: \
         write for example arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    )
}

pub(super) fn propagated_keys() -> FieldRule {
    FieldRule::new(
        Check::EachLength { min: 1, max: 128 },
        "every key in propagatedSetLevelTags must have 1 to 128 characters",
    )
}

pub(super) fn unique_propagated_keys() -> FieldRule {
    FieldRule::new(
        Check::NoDuplicate,
        "propagatedSetLevelTags must not contain the same key twice: remove the duplicates",
    )
}

/// The characters that AWS accepts in a tag, as a pattern and in words.
const TAG_PATTERN: &str = r"^[\p{L}\p{Z}\p{N}_.:/=+@-]*$";
const TAG_CHARACTERS: &str = "letters, digits, spaces and _ . : / = + - @";

/// Rules for the keys of `tags`. The messages do not name the refused key, because such a rule would exceed the API
/// server's cost limit.
pub(super) fn tags() -> [FieldRule; 4] {
    [
        FieldRule::new(
            Check::Entries { max: 46 },
            "tags must have at most 46 keys: AWS allows 50 tags for a store, and the operator adds 4 owner tags",
        ),
        FieldRule::new(Check::EachLength { min: 1, max: 128 }, "tag keys must have 1 to 128 characters"),
        FieldRule::new(
            Check::NoReservedKey,
            "tag keys must not start with aws: in any letter case (reserved for AWS) or with healthomics.dev/ (reserved for \
             this operator): remove these keys from spec.tags; this does not remove the tags from the store",
        ),
        FieldRule::new(
            Check::EachMatches(TAG_PATTERN),
            format!("tag keys must contain only {TAG_CHARACTERS}"),
        ),
    ]
}

pub(super) fn tag_value() -> [FieldRule; 2] {
    let characters = format!("tag values must contain only {TAG_CHARACTERS}");
    [
        length(0, 256, "tag values must have at most 256 characters"),
        FieldRule::new(Check::Matches(TAG_PATTERN), characters),
    ]
}

pub(super) fn policy_needs_statement() -> FieldRule {
    FieldRule::new(
        Check::PolicyHasStatement,
        "s3AccessPolicy must have a Statement: add one, or write {} to delete the policy and end all S3 access",
    )
}

pub(super) fn config_map_length() -> FieldRule {
    length(
        1,
        253,
        "configMap must have 1 to 253 characters; remove writeConnectionTo if you want no ConfigMap",
    )
}

/// The form that the API server demands of the name of a ConfigMap.
pub(super) fn config_map_name() -> FieldRule {
    FieldRule::new(
        Check::Matches(r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)?$"),
        "configMap must be the name of a ConfigMap in this namespace: lower-case letters, digits, hyphens and dots, with a \
         letter or digit at the start and the end of each part between dots",
    )
}

pub(super) fn poll_interval_form() -> FieldRule {
    FieldRule::new(
        Check::Matches("^[1-9][0-9]{0,6}(s|m|h)$"),
        "pollInterval must be a whole number followed by s, m or h, such as 30s, 5m or 1h",
    )
}

/// Uses a pattern instead of CEL's `duration`, which returns an error for durations above 292 years.
pub(super) fn poll_interval_floor() -> FieldRule {
    FieldRule::new(Check::DoesNotMatch("^[1-9]s$"), "pollInterval must be at least 10s")
}
