//! Specs of new objects that are refused, and what each breaks.

use serde_json::{Value, json};

use super::{KEY, location, statement, tags, without};

const REGION: &str = "region must be the code of an AWS region, such as us-east-1";
const STORE_ID: &str = "sequenceStoreId must be the id of a store, 10 to 36 digits such as \"3936421177\" (in quotes), not its ARN or name";
const NAME_LENGTH: &str =
    "name must have 1 to 127 characters; leave it out to name the store like the object";
const NAME_TEXT: &str = "name must be made of letters, marks, digits, punctuation, symbols and spaces: \
    no tab, line break or invisible character";
const DESCRIPTION_LENGTH: &str =
    "description must have 1 to 255 characters; AWS can replace a description but never clear it";
const DESCRIPTION_TEXT: &str = "description must be made of letters, marks, digits, punctuation, symbols and spaces: \
    no tab, line break or invisible character";
const KEY_ARN: &str = "keyArn must be the ARN of a KMS key or alias, such as \
    arn:aws:kms:us-east-1:111122223333:key/1234abcd-...: a key id or alias name alone is not accepted by AWS";
const FALLBACK: &str = "fallbackLocation must be s3://bucket/prefix/ with a slash at the end and no invisible character, \
    or \"\" to clear it";
const FALLBACK_PREFIX: &str =
    "the prefix after the bucket in fallbackLocation must have at most 1024 characters";
const LOGS: &str = "accessLogLocation must be s3://bucket/prefix/ with a slash at the end and no invisible character, \
    or \"\" to clear it";
const LOGS_PREFIX: &str = "the prefix after the bucket in accessLogLocation must have at most 800 characters";
const PROPAGATED_LENGTH: &str = "every key of a tag must have 1 to 128 characters";
const ONCE: &str = "every key may stand in the list only once";
const MANAGEMENT: &str = "managementPolicy must be Manage or Observe";
const DELETION: &str = "deletionPolicy must be Delete or Retain";
const FAMILY: &str = "eTagAlgorithmFamily must be MD5up or SHA256up or SHA512up";
const POLL_FORM: &str = "pollInterval must be a whole number of s, m or h, such as 30s, 5m or 1h";
const POLL_FLOOR: &str = "pollInterval must be at least 10s";

pub(super) fn refused() -> Vec<(&'static str, Value, &'static str)> {
    let key = |arn: &str| json!({"sseConfig": {"type": "KMS", "keyArn": arn}});
    let fallback = |location: &str| json!({"fallbackLocation": location});
    let logs = |location: &str| json!({"s3AccessConfig": {"accessLogLocation": location}});
    vec![
        ("the name of a city", json!({"region": "Frankfurt"}), REGION),
        ("half a region", json!({"region": "us-east"}), REGION),
        ("an availability zone", json!({"region": "us-east-1a"}), REGION),
        ("an empty region", json!({"region": ""}), REGION),
        ("a line break after the region", json!({"region": "us-east-1\n"}), REGION),
        ("a short id", json!({"sequenceStoreId": "123456789"}), STORE_ID),
        ("a long id", json!({"sequenceStoreId": "1".repeat(37)}), STORE_ID),
        ("the store's name", json!({"sequenceStoreId": "my-store-name"}), STORE_ID),
        (
            "the store's ARN",
            json!({"sequenceStoreId": "arn:aws:omics:us-east-1:111122223333:sequenceStore/1234567890"}),
            STORE_ID,
        ),
        ("digits of another script", json!({"sequenceStoreId": "١٢٣٤٥٦٧٨٩٠"}), STORE_ID),
        ("lower case", json!({"managementPolicy": "observe"}), MANAGEMENT),
        ("a word of another operator", json!({"deletionPolicy": "Orphan"}), DELETION),
        ("an empty name", json!({"name": ""}), NAME_LENGTH),
        ("a long name", json!({"name": "n".repeat(128)}), NAME_LENGTH),
        ("a tab in the name", json!({"name": "two\twords"}), NAME_TEXT),
        ("a NUL in the name", json!({"name": "a\u{0}b"}), NAME_TEXT),
        ("joined emoji", json!({"name": "👩\u{200d}🔬"}), NAME_TEXT),
        ("an empty description", json!({"description": ""}), DESCRIPTION_LENGTH),
        ("a long description", json!({"description": "d".repeat(256)}), DESCRIPTION_LENGTH),
        ("a line break in the description", json!({"description": "two\nlines"}), DESCRIPTION_TEXT),
        ("a zero-width space", json!({"description": "zero\u{200b}width"}), DESCRIPTION_TEXT),
        ("an override of the direction", json!({"description": "\u{202e}edocylf"}), DESCRIPTION_TEXT),
        ("no type of encryption", json!({"sseConfig": {"keyArn": KEY}}), "spec.sseConfig required type"),
        ("another encryption", json!({"sseConfig": {"type": "AES256"}}), "spec.sseConfig.type enum"),
        ("a key id", key("1234abcd-12ab-34cd-56ef-1234567890ab"), KEY_ARN),
        ("the name of an alias", key("alias/genomes"), KEY_ARN),
        ("an ARN of something else", key("arn:aws:s3:us-east-1:111122223333:key/1234abcd"), KEY_ARN),
        ("an ARN without an account", key("arn:aws:kms:us-east-1::key/1234abcd"), KEY_ARN),
        ("an empty key", key(""), KEY_ARN),
        ("half a family", json!({"eTagAlgorithmFamily": "MD5"}), FAMILY),
        ("no slash at the end", fallback("s3://bucket/no-slash"), FALLBACK),
        ("another scheme", fallback("https://bucket/p/"), FALLBACK),
        ("capitals in the bucket", fallback("s3://Bucket/p/"), FALLBACK),
        ("a bucket of two letters", fallback("s3://ab/p/"), FALLBACK),
        ("a line break in the prefix", fallback("s3://bucket/a\nb/"), FALLBACK),
        ("a zero-width space in the prefix", fallback("s3://bucket/a\u{200b}/"), FALLBACK),
        ("a long prefix", fallback(&location(1025)), FALLBACK_PREFIX),
        (
            "a long prefix in a short bucket",
            fallback(&format!("s3://abc/{}/", "p".repeat(1025))),
            FALLBACK_PREFIX,
        ),
        ("no scheme", logs("logs/"), LOGS),
        ("a long prefix for logs", logs(&location(801)), LOGS_PREFIX),
        (
            "six propagated keys",
            json!({"propagatedSetLevelTags": ["a", "b", "c", "d", "e", "f"]}),
            "spec.propagatedSetLevelTags maxItems",
        ),
        ("a propagated key twice", json!({"propagatedSetLevelTags": ["a", "b", "a"]}), ONCE),
        ("an empty propagated key", json!({"propagatedSetLevelTags": [""]}), PROPAGATED_LENGTH),
        ("a long propagated key", json!({"propagatedSetLevelTags": ["k".repeat(129)]}), PROPAGATED_LENGTH),
        ("a number alone", json!({"pollInterval": "5"}), POLL_FORM),
        ("days", json!({"pollInterval": "1d"}), POLL_FORM),
        ("two units", json!({"pollInterval": "1h30m"}), POLL_FORM),
        ("a fraction", json!({"pollInterval": "1.5h"}), POLL_FORM),
        ("a sentence", json!({"pollInterval": "every five minutes"}), POLL_FORM),
        ("nothing at all", json!({"pollInterval": ""}), POLL_FORM),
        ("too often", json!({"pollInterval": "9s"}), POLL_FLOOR),
    ]
}

const TAG_COUNT: &str =
    "a store can have 46 tags of your own: AWS allows 50, and 4 say which object owns the store";
const TAG_KEY: &str = "every tag key must have 1 to 128 characters";
const TAG_PREFIX: &str = "no tag key may start with aws: in any case (AWS's own) or with healthomics.dev/ \
    (this operator's own): leave such tags out, the operator leaves them alone";
const TAG_KEY_TEXT: &str = "every tag key must be made of letters, digits, spaces and _ . : / = + - @";
const TAG_VALUE: &str = "the value of a tag can have 256 characters";
const TAG_VALUE_TEXT: &str = "the value of a tag must be made of letters, digits, spaces and _ . : / = + - @";
const STATEMENT: &str = "s3AccessPolicy needs a Statement beside Version and Id; {} deletes the policy, and with it all S3 access";

pub(super) fn refused_maps() -> Vec<(&'static str, Value, &'static str)> {
    let tag = |key: &str, value: &str| json!({"tags": {key: value}});
    let policy = |policy: Value| json!({"s3AccessPolicy": policy});
    vec![
        ("47 tags", json!({"tags": tags(47)}), TAG_COUNT),
        ("65 tags", json!({"tags": tags(65)}), "spec.tags maxProperties"),
        ("an empty tag key", tag("", "v"), TAG_KEY),
        ("a long tag key", tag(&"k".repeat(129), "v"), TAG_KEY),
        ("a tag of AWS", tag("aws:x", "v"), TAG_PREFIX),
        ("a tag of AWS in capitals", tag("AWS:x", "v"), TAG_PREFIX),
        ("a tag of this operator", tag("healthomics.dev/uid", "v"), TAG_PREFIX),
        ("a character that no tag has", tag("a#b", "v"), TAG_KEY_TEXT),
        ("an emoji in a tag key", tag("🧬", "v"), TAG_KEY_TEXT),
        ("a decomposed letter in a tag key", tag("e\u{301}", "v"), TAG_KEY_TEXT),
        ("a long tag value", tag("k", &"v".repeat(257)), TAG_VALUE),
        ("an absurd tag value", tag("k", &"v".repeat(1025)), "spec.tags.* maxLength"),
        ("a character that no tag value has", tag("k", "a,b"), TAG_VALUE_TEXT),
        ("a line break in a tag value", tag("k", "a\nb"), TAG_VALUE_TEXT),
        ("an absurd region", json!({"region": "r".repeat(257)}), "spec.region maxLength"),
        ("an absurd id", json!({"sequenceStoreId": "1".repeat(257)}), "spec.sequenceStoreId maxLength"),
        (
            "an absurd managementPolicy",
            json!({"managementPolicy": "m".repeat(257)}),
            "spec.managementPolicy maxLength",
        ),
        (
            "an absurd deletionPolicy",
            json!({"deletionPolicy": "d".repeat(257)}),
            "spec.deletionPolicy maxLength",
        ),
        (
            "an absurd family",
            json!({"eTagAlgorithmFamily": "M".repeat(257)}),
            "spec.eTagAlgorithmFamily maxLength",
        ),
        ("an absurd name", json!({"name": "n".repeat(1025)}), "spec.name maxLength"),
        ("an absurd description", json!({"description": "d".repeat(1025)}), "spec.description maxLength"),
        (
            "an absurd key",
            json!({"sseConfig": {"type": "KMS", "keyArn": format!("{KEY}{}", "0".repeat(2048))}}),
            "spec.sseConfig.keyArn maxLength",
        ),
        (
            "an absurd location",
            json!({"fallbackLocation": location(2048)}),
            "spec.fallbackLocation maxLength",
        ),
        (
            "an absurd log location",
            json!({"s3AccessConfig": {"accessLogLocation": location(2048)}}),
            "spec.s3AccessConfig.accessLogLocation maxLength",
        ),
        (
            "an absurd propagated key",
            json!({"propagatedSetLevelTags": ["k".repeat(1025)]}),
            "spec.propagatedSetLevelTags[] maxLength",
        ),
        ("an absurd interval", json!({"pollInterval": "1".repeat(257)}), "spec.pollInterval maxLength"),
        ("a policy of nothing but a version", policy(json!({"Version": "2012-10-17"})), STATEMENT),
        ("a policy of nothing but an id", policy(json!({"Id": "x"})), STATEMENT),
        ("no statements", policy(json!({"Statement": []})), "spec.s3AccessPolicy.Statement minItems"),
        (
            "201 statements",
            policy(
                json!({"Statement": vec![statement(json!({}))["s3AccessPolicy"]["Statement"][0].clone(); 201]}),
            ),
            "spec.s3AccessPolicy.Statement maxItems",
        ),
        (
            "a long version",
            policy(json!({"Version": "2".repeat(33), "Statement": []})),
            "spec.s3AccessPolicy.Version maxLength",
        ),
        ("a long policy id", policy(json!({"Id": "x".repeat(257)})), "spec.s3AccessPolicy.Id maxLength"),
        ("no effect", without("Effect"), "spec.s3AccessPolicy.Statement[] required Effect"),
        ("no principal", without("Principal"), "spec.s3AccessPolicy.Statement[] required Principal"),
        ("no action", without("Action"), "spec.s3AccessPolicy.Statement[] required Action"),
        ("no resource", without("Resource"), "spec.s3AccessPolicy.Statement[] required Resource"),
        (
            "an unknown effect",
            statement(json!({"Effect": "allow"})),
            "spec.s3AccessPolicy.Statement[].Effect enum",
        ),
    ]
}

/// The YAML mistakes: quotes forgotten, a list for a map, text for an object.
pub(super) fn refused_types() -> Vec<(&'static str, Value, &'static str)> {
    let text = "a number where text belongs";
    let other = "text where something else belongs";
    vec![
        (text, json!({"sequenceStoreId": 1_234_567_890}), "spec.sequenceStoreId type"),
        (text, json!({"region": 1}), "spec.region type"),
        (text, json!({"managementPolicy": 7}), "spec.managementPolicy type"),
        (text, json!({"deletionPolicy": 7}), "spec.deletionPolicy type"),
        (text, json!({"name": 2026}), "spec.name type"),
        (text, json!({"description": 2026}), "spec.description type"),
        (text, json!({"sseConfig": {"type": 1}}), "spec.sseConfig.type type"),
        (text, json!({"sseConfig": {"type": "KMS", "keyArn": 1}}), "spec.sseConfig.keyArn type"),
        (text, json!({"eTagAlgorithmFamily": 5}), "spec.eTagAlgorithmFamily type"),
        (text, json!({"fallbackLocation": 1}), "spec.fallbackLocation type"),
        (
            text,
            json!({"s3AccessConfig": {"accessLogLocation": 1}}),
            "spec.s3AccessConfig.accessLogLocation type",
        ),
        (text, json!({"propagatedSetLevelTags": [2026]}), "spec.propagatedSetLevelTags[] type"),
        (text, json!({"tags": {"cohort": 2026}}), "spec.tags.* type"),
        (text, json!({"pollInterval": 30}), "spec.pollInterval type"),
        (text, json!({"s3AccessPolicy": {"Version": 2012}}), "spec.s3AccessPolicy.Version type"),
        (text, json!({"s3AccessPolicy": {"Id": 1}}), "spec.s3AccessPolicy.Id type"),
        (text, statement(json!({"Sid": 1})), "spec.s3AccessPolicy.Statement[].Sid type"),
        (text, statement(json!({"Effect": true})), "spec.s3AccessPolicy.Statement[].Effect type"),
        (other, json!({"deletionProtection": "yes"}), "spec.deletionProtection type"),
        (other, json!({"sseConfig": KEY}), "spec.sseConfig type"),
        (other, json!({"s3AccessConfig": "s3://logs/p/"}), "spec.s3AccessConfig type"),
        (other, json!({"propagatedSetLevelTags": "a,b"}), "spec.propagatedSetLevelTags type"),
        (other, json!({"tags": "team=genomics"}), "spec.tags type"),
        (other, json!({"s3AccessPolicy": "{}"}), "spec.s3AccessPolicy type"),
        (other, json!({"s3AccessPolicy": {"Statement": ["Allow"]}}), "spec.s3AccessPolicy.Statement[] type"),
        (
            other,
            statement(json!({"Condition": "StringLike"})),
            "spec.s3AccessPolicy.Statement[].Condition type",
        ),
        (
            other,
            statement(json!({"Condition": {"StringLike": "s3:prefix"}})),
            "spec.s3AccessPolicy.Statement[].Condition.* type",
        ),
        (
            "one statement without a list",
            json!({"s3AccessPolicy": {"Statement": {"Effect": "Allow"}}}),
            "spec.s3AccessPolicy.Statement type",
        ),
        ("no spec but a list", json!([]), "spec type"),
    ]
}

/// Where the definition refuses what AWS would take, and why: the beginning of what the refusal says, and the reason.
/// Anything else that is refused AWS refuses as well.
pub const STRICTER: [(&str, &str); 7] = [
    (FALLBACK, "AWS takes any character in a prefix; an invisible one or a line break is a slip"),
    (LOGS, "as above"),
    (KEY_ARN, "AWS takes any text that holds the ARN of anything, and fails later"),
    (
        ONCE,
        "AWS says nothing about keys that repeat; the operator compares sets, and would never see its own list again",
    ),
    (TAG_PREFIX, "`healthomics.dev/` is kept for the owner tags, by which the operator finds its stores"),
    (TAG_COUNT, "AWS's 50 are those of the spec, the four owner tags and those of others together"),
    (
        "spec.s3AccessPolicy.Statement minItems",
        "a list without statements is not how a policy is deleted: `{}` is",
    ),
];
