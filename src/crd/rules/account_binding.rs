//! The CEL rules of `AccountBinding`. No I/O.

use kube::core::Rule;

use super::{Check, FieldRule, REGION};

/// A binding that selects nothing would do nothing, and one that does both would be ambiguous. The rule is one of the spec, and
/// not of the root, whose rules run on every status write.
pub(in crate::crd) fn namespaces_or_selector() -> Rule {
    Rule::new("has(self.namespaces) != has(self.namespaceSelector)")
        .message("set either spec.namespaces or spec.namespaceSelector, and not both")
}

pub(in crate::crd) fn namespaces() -> FieldRule {
    FieldRule::new(
        Check::EachMatches("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"),
        "every entry of namespaces must be the name of a namespace: 1 to 63 lower-case letters, digits and hyphens; \
         patterns are not possible, use namespaceSelector for labels",
    )
}

/// Without values nobody could tell what is meant.
pub(in crate::crd) fn selector_values() -> Rule {
    Rule::new("(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)").message(
        "an expression with the operator In or NotIn must have values, and one with Exists or DoesNotExist must have none",
    )
}

const LABEL_KEY: &str =
    "^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?$";

/// A key that no label can have would bind every namespace by `NotIn` or `DoesNotExist`.
pub(in crate::crd) fn label_key() -> FieldRule {
    FieldRule::new(
        Check::Matches(LABEL_KEY),
        "key must be the key of a label, such as team or example.org/team",
    )
}

pub(in crate::crd) fn label_keys() -> FieldRule {
    FieldRule::new(
        Check::EachMatches(LABEL_KEY),
        "every key of matchLabels must be the key of a label, such as team or example.org/team",
    )
}

/// For one value, and for each of a list.
pub(in crate::crd) fn label_value() -> FieldRule {
    FieldRule::new(
        Check::Matches("^([a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?)?$"),
        "the value of a label must have at most 63 letters, digits, hyphens, dots and underscores, with a letter or digit at the \
         start and the end",
    )
}

pub(in crate::crd) fn role_arn() -> FieldRule {
    FieldRule::new(
        Check::Matches(
            "^arn:aws[a-z-]*:iam::[0-9]{12}:role/([a-zA-Z0-9+=,.@_-]{1,64}/){0,8}[a-zA-Z0-9+=,.@_-]{1,64}$",
        ),
        "roleArn must be the full ARN of an IAM role, not its name: \
         write for example arn:aws:iam::111122223333:role/sequence-stores",
    )
}

/// Stores on record are pinned to the account of the role, and objects should not change hands by an edit.
pub(in crate::crd) fn immutable_role_arn() -> Rule {
    Rule::new("self == oldSelf")
        .message("roleArn cannot be changed: delete this AccountBinding and create one with the new role")
}

pub(in crate::crd) fn external_id() -> FieldRule {
    FieldRule::new(
        Check::Matches("^[a-zA-Z0-9_+=,.@:/-]{2,1000}[a-zA-Z0-9_+=,.@:/-]{0,224}$"),
        "externalId must have 2 to 1224 characters: letters, digits and _ + = , . @ : / -",
    )
}

pub(in crate::crd) fn regions() -> FieldRule {
    FieldRule::new(
        Check::EachMatches(REGION),
        "every entry of allow.regions must be an AWS region code, such as us-east-1",
    )
}

pub(in crate::crd) fn kms_key_arns() -> FieldRule {
    FieldRule::new(
        Check::EachMatches("^arn:aws[a-z-]*:kms:[a-z0-9*?-]+:[0-9*?]{1,12}:(key|alias)/[a-zA-Z0-9/_*?-]+$"),
        "every entry of allow.kmsKeyArns must be the ARN of a KMS key or alias, in which * stands for any characters between \
         two colons: write for example arn:aws:kms:us-east-1:111122223333:key/*",
    )
}

pub(in crate::crd) fn locations() -> FieldRule {
    FieldRule::new(
        Check::EachMatches(r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([\p{L}\p{M}\p{Zs}\p{S}\p{N}\p{P}]+/)?$"),
        "every entry of allow.locations must be s3://bucket/ or s3://bucket/prefix/, with a slash at the end",
    )
}

pub(in crate::crd) fn policy_principals() -> FieldRule {
    FieldRule::new(
        Check::EachMatches(
            r"^([*]|[0-9]{12}|[a-z0-9-]+([.][a-z0-9-]+)+|arn:aws[a-z-]*:(iam|sts)::[0-9*?]{1,12}:[\x21-\x7e]+)$",
        ),
        "every entry of allow.policyPrincipals must be the ARN of an IAM principal, in which * stands for any characters \
         between two colons, an account id, the name of an AWS service, or * for everybody: write for example \
         arn:aws:iam::111122223333:role/lab-*",
    )
}

pub(in crate::crd) fn sequence_store_ids() -> FieldRule {
    FieldRule::new(
        Check::EachMatches("^[0-9]{10,36}$"),
        "every entry of allow.sequenceStoreIds must be the id of a store: 10 to 36 digits in quotes",
    )
}
