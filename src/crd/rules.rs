//! Admission rules of the API as CEL, each with a message that says what to write instead. No I/O.
//!
//! Exact limits are rules too: what the API server says of `maxLength` counts bytes where AWS counts characters,
//! and cannot say what to write. The limits in the schema are wider; they bound what a rule may cost.

use kube::core::Rule;

/// Rules run only on transitions: a status write on an object whose spec already differs must pass.
fn frozen(field: &str, mended: &str, message: &str) -> Rule {
    Rule::new(format!(
        "!has(oldSelf.status) || !has(oldSelf.status.store) \
         || (has(self.spec.{field}) == has(oldSelf.spec.{field}) \
         && (!has(self.spec.{field}) || self.spec.{field} == oldSelf.spec.{field})){mended}"
    ))
    .message(message)
    .field_path(format!(".spec.{field}"))
}

pub(super) fn frozen_sequence_store_id() -> Rule {
    frozen(
        "sequenceStoreId",
        "",
        "spec.sequenceStoreId can be neither added, removed nor changed once a store is on record in status.store: \
         delete this object (deletionPolicy: Retain keeps the store) and apply a new one",
    )
}

pub(super) fn frozen_region() -> Rule {
    frozen(
        "region",
        " || !has(self.spec.region) || (has(oldSelf.status.region) && self.spec.region == oldSelf.status.region)",
        "spec.region cannot change once a store is on record: write the region in status.region, or leave it out",
    )
}

pub(super) fn frozen_e_tag_algorithm_family() -> Rule {
    frozen(
        "eTagAlgorithmFamily",
        " || !has(self.spec.eTagAlgorithmFamily) || (has(oldSelf.status.store.eTagAlgorithmFamily) \
         && self.spec.eTagAlgorithmFamily == oldSelf.status.store.eTagAlgorithmFamily)",
        "AWS cannot change eTagAlgorithmFamily of a store: write the value in status.store, or leave it out",
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
        "AWS cannot change sseConfig of a store: write the value in status.store, or leave it out",
    )
}

/// On an update it runs only if it held before: as a rule of the root it would otherwise refuse every status write
/// on an object that is older than the rule.
pub(super) fn name_or_short_object_name() -> Rule {
    let mut rule = Rule::new(
        "has(self.spec.name) || has(self.spec.sequenceStoreId) || self.metadata.name.size() <= 127 \
         || (oldSelf.hasValue() && !has(oldSelf.value().spec.name) && !has(oldSelf.value().spec.sequenceStoreId))",
    )
    .message(
        "a store without spec.name is named like the object, and AWS allows 127 characters: \
         set spec.name or shorten metadata.name",
    );
    rule.field_path = Some(".spec.name".into());
    rule.optional_old_self = Some(true);
    rule
}

/// Limits in characters, as AWS counts them.
pub(super) fn length(least: u16, most: u16, message: &str) -> Rule {
    Rule::new(format!("self.size() >= {least} && self.size() <= {most}")).message(message)
}

/// Values of a field that may be null too.
pub(super) fn one_of(field: &str, values: &[&str]) -> Rule {
    let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    Rule::new(format!("self in [{}]", quoted.join(", ")))
        .message(format!("{field} must be {}", values.join(" or ")).as_str())
}

pub(super) fn region() -> Rule {
    Rule::new(r"self.matches('^[a-z]{2,5}(-[a-z]+)+-[0-9]{1,2}$')")
        .message("region must be the code of an AWS region, such as us-east-1")
}

pub(super) fn sequence_store_id() -> Rule {
    Rule::new("self.matches('^[0-9]{10,36}$')").message(
        "sequenceStoreId must be the id of a store, 10 to 36 digits such as \"3936421177\" (in quotes), not its ARN or name",
    )
}

/// The characters that HealthOmics takes in texts.
pub(super) fn printable(field: &str) -> Rule {
    Rule::new(r"self.matches('^[\\p{L}\\p{M}\\p{Z}\\p{S}\\p{N}\\p{P}]*$')").message(
        format!("{field} must be made of letters, marks, digits, punctuation, symbols and spaces: no tab, line break or invisible character").as_str(),
    )
}

/// AWS's own pattern for the prefix is "anything"; a line break or an invisible character in it is a slip.
pub(super) fn location(field: &str) -> Rule {
    Rule::new(
        r"self.matches('^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|/[\\p{L}\\p{M}\\p{Zs}\\p{S}\\p{N}\\p{P}]+/)?)?$')",
    )
    .message(
        format!("{field} must be s3://bucket/prefix/ with a slash at the end and no invisible character, or \"\" to clear it").as_str(),
    )
}

/// A repetition of more than 1,000 is no pattern to the API server, so the length is a rule of its own.
pub(super) fn location_prefix(field: &str, most: u16) -> Rule {
    Rule::new(format!("self.size() - self.find('^s3://[^/]*/').size() <= {most} + 1")).message(
        format!("the prefix after the bucket in {field} must have at most {most} characters").as_str(),
    )
}

pub(super) fn key_arn() -> Rule {
    Rule::new("self.matches('^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[a-zA-Z0-9/_-]+$')").message(
        "keyArn must be the ARN of a KMS key or alias, such as arn:aws:kms:us-east-1:111122223333:key/1234abcd-...: \
         a key id or alias name alone is not accepted by AWS",
    )
}

pub(super) fn propagated_keys() -> Rule {
    Rule::new("self.all(k, k.size() >= 1 && k.size() <= 128)")
        .message("every key of a tag must have 1 to 128 characters")
}

pub(super) fn unique() -> Rule {
    Rule::new("self.all(a, self.exists_one(b, a == b))").message("every key may stand in the list only once")
}

/// What a tag may be made of.
const TAG_TEXT: &str = r"matches('^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$')";
const TAG_CHARACTERS: &str = "letters, digits, spaces and _ . : / = + - @";

/// Rules over `tags`. To name the refused key would cost more than the API server allows a rule.
pub(super) fn tags() -> [Rule; 4] {
    [
        Rule::new("self.size() <= 46").message(
            "a store can have 46 tags of your own: AWS allows 50, and 4 say which object owns the store",
        ),
        Rule::new("self.all(k, k.size() >= 1 && k.size() <= 128)")
            .message("every tag key must have 1 to 128 characters"),
        Rule::new("self.all(k, !k.lowerAscii().startsWith('aws:') && !k.startsWith('healthomics.dev/'))").message(
            "no tag key may start with aws: in any case (AWS's own) or with healthomics.dev/ (this operator's own): \
             leave such tags out, the operator leaves them alone",
        ),
        Rule::new(format!("self.all(k, k.{TAG_TEXT})"))
            .message(format!("every tag key must be made of {TAG_CHARACTERS}").as_str()),
    ]
}

pub(super) fn tag_value() -> [Rule; 2] {
    let characters = Rule::new(format!("self.{TAG_TEXT}"))
        .message(format!("the value of a tag must be made of {TAG_CHARACTERS}").as_str());
    [length(0, 256, "the value of a tag can have 256 characters"), characters]
}

pub(super) fn statement_with_the_rest() -> Rule {
    Rule::new("has(self.Statement) || (!has(self.Version) && !has(self.Id))").message(
        "s3AccessPolicy needs a Statement beside Version and Id; {} deletes the policy, and with it all S3 access",
    )
}

pub(super) fn poll_interval_form() -> Rule {
    Rule::new("self.matches('^[1-9][0-9]{0,6}(s|m|h)$')")
        .message("pollInterval must be a whole number of s, m or h, such as 30s, 5m or 1h")
}

/// Not by `duration`, which fails beyond 292 years instead of answering.
pub(super) fn poll_interval_floor() -> Rule {
    Rule::new("!self.matches('^[1-9]s$')").message("pollInterval must be at least 10s")
}
