//! The CEL rules of the API, each with a message that says what is wrong and what to write instead. No I/O.
//!
//! Exact length limits are CEL rules too: the API server's error for `maxLength` counts bytes where AWS counts
//! characters, and cannot say what to write instead. The `maxLength` values in the schema are wider; the API server
//! uses them to estimate the cost of the rules.

use kube::core::Rule;

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

/// On an update this rule passes if the old object already broke it. CEL rules at the root run on every write:
/// otherwise the API server would refuse every status write on an object that is older than the rule.
pub(super) fn name_or_short_object_name() -> Rule {
    let mut rule = Rule::new(
        "has(self.spec.name) || has(self.spec.sequenceStoreId) || self.metadata.name.size() <= 127 \
         || (oldSelf.hasValue() && !has(oldSelf.value().spec.name) && !has(oldSelf.value().spec.sequenceStoreId))",
    )
    .message(
        "a store without spec.name gets the name of the object, and AWS allows at most 127 characters: \
         set spec.name or shorten metadata.name",
    );
    rule.field_path = Some(".spec.name".into());
    rule.optional_old_self = Some(true);
    rule
}

/// Length limits in characters, as AWS counts them, not in bytes.
pub(super) fn length(min: u16, max: u16, message: &str) -> Rule {
    Rule::new(format!("self.size() >= {min} && self.size() <= {max}")).message(message)
}

/// The values of an enumeration. A rule, because the API server refuses null for a nullable `enum`.
pub(super) fn one_of(field: &str, values: &[&str]) -> Rule {
    let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    Rule::new(format!("self in [{}]", quoted.join(", ")))
        .message(format!("{field} must be {}", alternatives(values)).as_str())
}

/// `A or B`, `A, B or C`
fn alternatives(values: &[&str]) -> String {
    match values {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => values.concat(),
    }
}

/// Three words at most, such as in us-isob-east-1: the operator keeps a client for each region in use.
pub(super) fn region() -> Rule {
    Rule::new(r"self.matches('^[a-z]{2,5}(-[a-z]{1,12}){1,3}-[0-9]{1,2}$')")
        .message("region must be an AWS region code, such as us-east-1")
}

pub(super) fn sequence_store_id() -> Rule {
    Rule::new("self.matches('^[0-9]{10,36}$')").message(
        "sequenceStoreId must be the id of a store, not its ARN or name: write 10 to 36 digits in quotes, such as \"3936421177\"",
    )
}

/// The characters that HealthOmics accepts in a name or description.
pub(super) fn printable(field: &str) -> Rule {
    Rule::new(r"self.matches('^[\\p{L}\\p{M}\\p{Z}\\p{S}\\p{N}\\p{P}]*$')").message(
        format!("{field} must contain only letters, digits, punctuation, symbols and spaces: remove tabs, line breaks and invisible characters").as_str(),
    )
}

/// Stricter than AWS, which accepts any character in the prefix: a line break or an invisible character is a mistake.
pub(super) fn location(field: &str) -> Rule {
    Rule::new(
        r"self.matches('^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|/[\\p{L}\\p{M}\\p{Zs}\\p{S}\\p{N}\\p{P}]+/)?)?$')",
    )
    .message(
        format!(
            "{field} must be s3://bucket or s3://bucket/prefix/: a bucket name of 3 to 63 lower-case letters, digits, dots \
             and hyphens, a slash at the end of the prefix, no invisible characters; or \"\" to clear it"
        )
        .as_str(),
    )
}

/// A separate rule for the length, because the API server refuses a pattern that repeats more than 1,000 times.
pub(super) fn location_prefix(field: &str, max: u16) -> Rule {
    Rule::new(format!("self.size() - self.find('^s3://[^/]*/').size() <= {max} + 1")).message(
        format!("the prefix after the bucket in {field} must have at most {max} characters").as_str(),
    )
}

pub(super) fn key_arn() -> Rule {
    Rule::new("self.matches('^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[a-zA-Z0-9/_-]+$')")
        .message(
            "keyArn must be the full ARN of a KMS key or alias, not a key id or alias name: \
         write for example arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        )
}

pub(super) fn propagated_keys() -> Rule {
    Rule::new("self.all(k, k.size() >= 1 && k.size() <= 128)")
        .message("every key in propagatedSetLevelTags must have 1 to 128 characters")
}

pub(super) fn unique_propagated_keys() -> Rule {
    Rule::new("self.all(a, self.exists_one(b, a == b))")
        .message("propagatedSetLevelTags must not contain the same key twice: remove the duplicates")
}

/// The characters that AWS accepts in a tag, as CEL and in words.
const TAG_PATTERN: &str = r"matches('^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$')";
const TAG_CHARACTERS: &str = "letters, digits, spaces and _ . : / = + - @";

/// Rules for the keys of `tags`. The messages do not name the refused key, because such a rule would exceed the API
/// server's cost limit.
pub(super) fn tags() -> [Rule; 4] {
    [
        Rule::new("self.size() <= 46").message(
            "tags must have at most 46 keys: AWS allows 50 tags for a store, and the operator adds 4 owner tags",
        ),
        Rule::new("self.all(k, k.size() >= 1 && k.size() <= 128)")
            .message("tag keys must have 1 to 128 characters"),
        Rule::new("self.all(k, !k.lowerAscii().startsWith('aws:') && !k.startsWith('healthomics.dev/'))").message(
            "tag keys must not start with aws: in any letter case (reserved for AWS) or with healthomics.dev/ (reserved for \
             this operator): remove these keys from spec.tags; this does not remove the tags from the store",
        ),
        Rule::new(format!("self.all(k, k.{TAG_PATTERN})"))
            .message(format!("tag keys must contain only {TAG_CHARACTERS}").as_str()),
    ]
}

pub(super) fn tag_value() -> [Rule; 2] {
    let characters = Rule::new(format!("self.{TAG_PATTERN}"))
        .message(format!("tag values must contain only {TAG_CHARACTERS}").as_str());
    [length(0, 256, "tag values must have at most 256 characters"), characters]
}

pub(super) fn policy_needs_statement() -> Rule {
    Rule::new("has(self.Statement) || (!has(self.Version) && !has(self.Id))").message(
        "s3AccessPolicy must have a Statement: add one, or write {} to delete the policy and end all S3 access",
    )
}

pub(super) fn poll_interval_form() -> Rule {
    Rule::new("self.matches('^[1-9][0-9]{0,6}(s|m|h)$')")
        .message("pollInterval must be a whole number followed by s, m or h, such as 30s, 5m or 1h")
}

/// Uses a pattern instead of CEL's `duration`, which returns an error for durations above 292 years.
pub(super) fn poll_interval_floor() -> Rule {
    Rule::new("!self.matches('^[1-9]s$')").message("pollInterval must be at least 10s")
}
