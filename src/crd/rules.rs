//! Admission rules of the API as CEL, each with a message that says what to write instead. No I/O.

use kube::core::Rule;

/// Rules run only on transitions: a status write on an object whose spec already differs must pass.
fn frozen(field: &str, mended: &str, message: &str) -> Rule {
    Rule::new(format!(
        "!has(oldSelf.status) || !has(oldSelf.status.store) \
         || (has(self.spec.{field}) == has(oldSelf.spec.{field}) \
         && (!has(self.spec.{field}) || self.spec.{field} == oldSelf.spec.{field})){mended}"
    ))
    .message(message)
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

pub(super) fn name_or_short_object_name() -> Rule {
    Rule::new("has(self.spec.name) || has(self.spec.sequenceStoreId) || self.metadata.name.size() <= 127")
        .message(
            "a store without spec.name is named like the object, and AWS allows 127 characters: \
         set spec.name or shorten metadata.name",
        )
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

pub(super) fn printable(field: &str) -> Rule {
    Rule::new(r"self.matches('^[\\p{L}\\p{M}\\p{Z}\\p{S}\\p{N}\\p{P}]*$')").message(
        format!("{field} must be made of letters, marks, digits, punctuation, symbols and spaces: no tab, line break or invisible character").as_str(),
    )
}

pub(super) fn location(field: &str) -> Rule {
    Rule::new("self.matches('^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/|/.+/)?)?$')").message(
        format!("{field} must be s3://bucket/prefix/ with a slash at the end, or \"\" to clear it").as_str(),
    )
}

pub(super) fn key_arn() -> Rule {
    Rule::new("self.matches('^arn:[^: ]*:kms:[^: ]*:[0-9]{12}:[^: ]+$')").message(
        "keyArn must be the ARN of a KMS key, such as arn:aws:kms:us-east-1:111122223333:key/1234abcd-...: \
         a key id or alias name alone is not accepted by AWS",
    )
}

pub(super) fn unique() -> Rule {
    Rule::new("self.all(a, self.exists_one(b, a == b))").message("every key may stand in the list only once")
}

pub(super) fn poll_interval_form() -> Rule {
    Rule::new("self.matches('^[1-9][0-9]{0,6}(s|m|h)$')")
        .message("pollInterval must be a whole number of s, m or h, such as 30s, 5m or 1h")
}

pub(super) fn poll_interval_floor() -> Rule {
    Rule::new("!self.matches('^[1-9][0-9]{0,6}(s|m|h)$') || duration(self) >= duration('10s')")
        .message("pollInterval must be at least 10s")
}
