//! Specs of new objects that the API server refuses, with the limit or rule that each one breaks.

use serde_json::{Value, json};

use super::{KEY, location, statement, tags, without};

const REGION: &str = "region must be an AWS region code, such as us-east-1";
const STORE_ID: &str = "sequenceStoreId must be the id of a store, not its ARN or name: \
    write 10 to 36 digits in quotes, such as \"3936421177\"";
const NAME_LENGTH: &str =
    "name must have 1 to 127 characters; remove the field to give a new store the name of the object";
const NAME_TEXT: &str = "name must contain only letters, digits, punctuation, symbols and spaces: \
    remove tabs, line breaks and invisible characters";
const DESCRIPTION_LENGTH: &str =
    "description must have 1 to 255 characters; AWS can replace a description but cannot clear it";
const DESCRIPTION_TEXT: &str = "description must contain only letters, digits, punctuation, symbols and spaces: \
    remove tabs, line breaks and invisible characters";
const KEY_ARN: &str = "keyArn must be the full ARN of a KMS key or alias, not a key id or alias name: \
    write for example arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const FALLBACK: &str = "fallbackLocation must be s3://bucket or s3://bucket/prefix/: a bucket name of 3 to 63 lower-case \
    letters, digits, dots and hyphens, a slash at the end of the prefix, no invisible characters; or \"\" to clear it";
const FALLBACK_PREFIX: &str =
    "the prefix after the bucket in fallbackLocation must have at most 1024 characters";
const LOGS: &str = "accessLogLocation must be s3://bucket or s3://bucket/prefix/: a bucket name of 3 to 63 lower-case \
    letters, digits, dots and hyphens, a slash at the end of the prefix, no invisible characters; or \"\" to clear it";
const LOGS_PREFIX: &str = "the prefix after the bucket in accessLogLocation must have at most 800 characters";
const PROPAGATED_LENGTH: &str = "every key in propagatedSetLevelTags must have 1 to 128 characters";
const ONCE: &str = "propagatedSetLevelTags must not contain the same key twice: remove the duplicates";
const MANAGEMENT: &str = "managementPolicy must be Manage or Observe";
const DELETION: &str = "deletionPolicy must be Delete or Retain";
const FAMILY: &str = "eTagAlgorithmFamily must be MD5up, SHA256up or SHA512up";
const POLL_FORM: &str = "pollInterval must be a whole number followed by s, m or h, such as 30s, 5m or 1h";
const POLL_FLOOR: &str = "pollInterval must be at least 10s";
const CONFIG_MAP_LENGTH: &str =
    "configMap must have 1 to 253 characters; remove writeConnectionTo if you want no ConfigMap";
const CONFIG_MAP_NAME: &str = "configMap must be the name of a ConfigMap in this namespace: lower-case letters, digits, \
    hyphens and dots, with a letter or digit at the start and the end of each part between dots";

type Refused = Vec<(&'static str, Value, &'static str)>;

/// What each example shows, its spec, and the limit or rule that it breaks.
pub(super) fn refused() -> Refused {
    [
        single_values(),
        encryption_and_locations(),
        propagated_keys_and_intervals(),
        tags_of_the_store(),
        beyond_the_schema(),
        policies(),
        endless_policies(),
        wrong_types(),
    ]
    .concat()
}

fn single_values() -> Refused {
    vec![
        ("the name of a city instead of a region code", json!({"region": "Frankfurt"}), REGION),
        ("an incomplete region code", json!({"region": "us-east"}), REGION),
        ("a made-up region of many words", json!({"region": "us-a-b-c-d-1"}), REGION),
        ("a made-up region with a long word", json!({"region": "us-abcdefghijklm-1"}), REGION),
        ("an availability zone", json!({"region": "us-east-1a"}), REGION),
        ("an empty region", json!({"region": ""}), REGION),
        ("a line break after the region code", json!({"region": "us-east-1\n"}), REGION),
        ("an id of 9 digits", json!({"sequenceStoreId": "123456789"}), STORE_ID),
        ("an id of 37 digits", json!({"sequenceStoreId": "1".repeat(37)}), STORE_ID),
        ("the store's name instead of its id", json!({"sequenceStoreId": "my-store-name"}), STORE_ID),
        (
            "the store's ARN instead of its id",
            json!({"sequenceStoreId": "arn:aws:omics:us-east-1:111122223333:sequenceStore/1234567890"}),
            STORE_ID,
        ),
        ("an id in Arabic-Indic digits", json!({"sequenceStoreId": "١٢٣٤٥٦٧٨٩٠"}), STORE_ID),
        ("a lower-case managementPolicy", json!({"managementPolicy": "observe"}), MANAGEMENT),
        ("a deletionPolicy of another operator", json!({"deletionPolicy": "Orphan"}), DELETION),
        ("an empty name", json!({"name": ""}), NAME_LENGTH),
        ("a name of 128 characters", json!({"name": "n".repeat(128)}), NAME_LENGTH),
        ("a tab in the name", json!({"name": "two\twords"}), NAME_TEXT),
        ("a NUL character in the name", json!({"name": "a\u{0}b"}), NAME_TEXT),
        ("a joined emoji in the name", json!({"name": "👩\u{200d}🔬"}), NAME_TEXT),
        ("an empty description", json!({"description": ""}), DESCRIPTION_LENGTH),
        ("a description of 256 characters", json!({"description": "d".repeat(256)}), DESCRIPTION_LENGTH),
        ("a line break in the description", json!({"description": "two\nlines"}), DESCRIPTION_TEXT),
        (
            "a zero-width space in the description",
            json!({"description": "zero\u{200b}width"}),
            DESCRIPTION_TEXT,
        ),
        (
            "a right-to-left override in the description",
            json!({"description": "\u{202e}edocylf"}),
            DESCRIPTION_TEXT,
        ),
    ]
}

fn encryption_and_locations() -> Refused {
    let key = |arn: &str| json!({"sseConfig": {"type": "KMS", "keyArn": arn}});
    let fallback = |location: &str| json!({"fallbackLocation": location});
    let logs = |location: &str| json!({"s3AccessConfig": {"accessLogLocation": location}});
    vec![
        ("no encryption type", json!({"sseConfig": {"keyArn": KEY}}), "spec.sseConfig required type"),
        (
            "an encryption type other than KMS",
            json!({"sseConfig": {"type": "AES256"}}),
            "spec.sseConfig.type enum",
        ),
        ("a key id instead of a key ARN", key("1234abcd-12ab-34cd-56ef-1234567890ab"), KEY_ARN),
        ("an alias name instead of an alias ARN", key("alias/genomes"), KEY_ARN),
        ("an ARN of another AWS service", key("arn:aws:s3:us-east-1:111122223333:key/1234abcd"), KEY_ARN),
        ("an ARN without an account", key("arn:aws:kms:us-east-1::key/1234abcd"), KEY_ARN),
        ("an empty key ARN", key(""), KEY_ARN),
        ("an incomplete algorithm family", json!({"eTagAlgorithmFamily": "MD5"}), FAMILY),
        ("a location without a slash at the end", fallback("s3://bucket/no-slash"), FALLBACK),
        ("a location with another scheme", fallback("https://bucket/p/"), FALLBACK),
        ("capital letters in the bucket name", fallback("s3://Bucket/p/"), FALLBACK),
        ("a bucket name of two letters", fallback("s3://ab/p/"), FALLBACK),
        ("a line break in the prefix", fallback("s3://bucket/a\nb/"), FALLBACK),
        ("a zero-width space in the prefix", fallback("s3://bucket/a\u{200b}/"), FALLBACK),
        ("a prefix of 1025 characters", fallback(&location(1025)), FALLBACK_PREFIX),
        (
            "a prefix of 1025 characters after a short bucket name",
            fallback(&format!("s3://abc/{}/", "p".repeat(1025))),
            FALLBACK_PREFIX,
        ),
        ("a log location without a scheme", logs("logs/"), LOGS),
        ("a log prefix of 801 characters", logs(&location(801)), LOGS_PREFIX),
    ]
}

fn propagated_keys_and_intervals() -> Refused {
    vec![
        (
            "six propagated keys",
            json!({"propagatedSetLevelTags": ["a", "b", "c", "d", "e", "f"]}),
            "spec.propagatedSetLevelTags maxItems",
        ),
        ("the same propagated key twice", json!({"propagatedSetLevelTags": ["a", "b", "a"]}), ONCE),
        ("an empty propagated key", json!({"propagatedSetLevelTags": [""]}), PROPAGATED_LENGTH),
        (
            "a propagated key of 129 characters",
            json!({"propagatedSetLevelTags": ["k".repeat(129)]}),
            PROPAGATED_LENGTH,
        ),
        ("an interval without a unit", json!({"pollInterval": "5"}), POLL_FORM),
        ("an interval in days", json!({"pollInterval": "1d"}), POLL_FORM),
        ("an interval with two units", json!({"pollInterval": "1h30m"}), POLL_FORM),
        ("an interval with a fraction", json!({"pollInterval": "1.5h"}), POLL_FORM),
        ("an interval in words", json!({"pollInterval": "every five minutes"}), POLL_FORM),
        ("an empty interval", json!({"pollInterval": ""}), POLL_FORM),
        ("an interval below 10s", json!({"pollInterval": "9s"}), POLL_FLOOR),
        (
            "a connection without a ConfigMap",
            json!({"writeConnectionTo": {}}),
            "spec.writeConnectionTo required configMap",
        ),
        ("an empty name of a ConfigMap", json!({"writeConnectionTo": {"configMap": ""}}), CONFIG_MAP_LENGTH),
        (
            "a name of a ConfigMap with 254 characters",
            json!({"writeConnectionTo": {"configMap": "c".repeat(254)}}),
            CONFIG_MAP_LENGTH,
        ),
        ("a ConfigMap in capitals", json!({"writeConnectionTo": {"configMap": "Genomes"}}), CONFIG_MAP_NAME),
        (
            "a ConfigMap elsewhere",
            json!({"writeConnectionTo": {"configMap": "other/genomes"}}),
            CONFIG_MAP_NAME,
        ),
        ("a ConfigMap with two dots", json!({"writeConnectionTo": {"configMap": "a..b"}}), CONFIG_MAP_NAME),
        (
            "a ConfigMap that ends in a hyphen",
            json!({"writeConnectionTo": {"configMap": "a-"}}),
            CONFIG_MAP_NAME,
        ),
    ]
}

const TAG_COUNT: &str =
    "tags must have at most 46 keys: AWS allows 50 tags for a store, and the operator adds 4 owner tags";
const TAG_KEY: &str = "tag keys must have 1 to 128 characters";
const TAG_PREFIX: &str = "tag keys must not start with aws: in any letter case (reserved for AWS) or with healthomics.dev/ \
    (reserved for this operator): remove these keys from spec.tags; this does not remove the tags from the store";
const TAG_KEY_TEXT: &str = "tag keys must contain only letters, digits, spaces and _ . : / = + - @";
const TAG_VALUE: &str = "tag values must have at most 256 characters";
const TAG_VALUE_TEXT: &str = "tag values must contain only letters, digits, spaces and _ . : / = + - @";
const STATEMENT: &str =
    "s3AccessPolicy must have a Statement: add one, or write {} to delete the policy and end all S3 access";

fn tags_of_the_store() -> Refused {
    let tag = |key: &str, value: &str| json!({"tags": {key: value}});
    vec![
        ("47 tags", json!({"tags": tags(47)}), TAG_COUNT),
        ("65 tags", json!({"tags": tags(65)}), "spec.tags maxProperties"),
        ("an empty tag key", tag("", "v"), TAG_KEY),
        ("a tag key of 129 characters", tag(&"k".repeat(129), "v"), TAG_KEY),
        ("a tag key with the prefix aws:", tag("aws:x", "v"), TAG_PREFIX),
        ("a tag key with the prefix AWS:", tag("AWS:x", "v"), TAG_PREFIX),
        ("a tag key with the prefix of this operator", tag("healthomics.dev/uid", "v"), TAG_PREFIX),
        ("a character that AWS does not accept in a tag key", tag("a#b", "v"), TAG_KEY_TEXT),
        ("an emoji in a tag key", tag("🧬", "v"), TAG_KEY_TEXT),
        ("a decomposed letter in a tag key", tag("e\u{301}", "v"), TAG_KEY_TEXT),
        ("a tag value of 257 characters", tag("k", &"v".repeat(257)), TAG_VALUE),
        ("a tag value of 1025 characters", tag("k", &"v".repeat(1025)), "spec.tags.* maxLength"),
        ("a character that AWS does not accept in a tag value", tag("k", "a,b"), TAG_VALUE_TEXT),
        ("a line break in a tag value", tag("k", "a\nb"), TAG_VALUE_TEXT),
    ]
}

/// Values that exceed the `maxLength` of the schema, which is wider than the limit of AWS.
fn beyond_the_schema() -> Refused {
    vec![
        ("a region of 257 characters", json!({"region": "r".repeat(257)}), "spec.region maxLength"),
        (
            "an id of 257 digits",
            json!({"sequenceStoreId": "1".repeat(257)}),
            "spec.sequenceStoreId maxLength",
        ),
        (
            "a managementPolicy of 257 characters",
            json!({"managementPolicy": "m".repeat(257)}),
            "spec.managementPolicy maxLength",
        ),
        (
            "a deletionPolicy of 257 characters",
            json!({"deletionPolicy": "d".repeat(257)}),
            "spec.deletionPolicy maxLength",
        ),
        (
            "an algorithm family of 257 characters",
            json!({"eTagAlgorithmFamily": "M".repeat(257)}),
            "spec.eTagAlgorithmFamily maxLength",
        ),
        ("a name of 1025 characters", json!({"name": "n".repeat(1025)}), "spec.name maxLength"),
        (
            "a description of 1025 characters",
            json!({"description": "d".repeat(1025)}),
            "spec.description maxLength",
        ),
        (
            "a key ARN of more than 2048 characters",
            json!({"sseConfig": {"type": "KMS", "keyArn": format!("{KEY}{}", "0".repeat(2048))}}),
            "spec.sseConfig.keyArn maxLength",
        ),
        (
            "a location of more than 2048 characters",
            json!({"fallbackLocation": location(2048)}),
            "spec.fallbackLocation maxLength",
        ),
        (
            "a log location of more than 2048 characters",
            json!({"s3AccessConfig": {"accessLogLocation": location(2048)}}),
            "spec.s3AccessConfig.accessLogLocation maxLength",
        ),
        (
            "a propagated key of 1025 characters",
            json!({"propagatedSetLevelTags": ["k".repeat(1025)]}),
            "spec.propagatedSetLevelTags[] maxLength",
        ),
        (
            "an interval of 257 characters",
            json!({"pollInterval": "1".repeat(257)}),
            "spec.pollInterval maxLength",
        ),
        (
            "a name of a ConfigMap with 1025 characters",
            json!({"writeConnectionTo": {"configMap": "c".repeat(1025)}}),
            "spec.writeConnectionTo.configMap maxLength",
        ),
    ]
}

fn policies() -> Refused {
    let policy = |policy: Value| json!({"s3AccessPolicy": policy});
    vec![
        ("a policy with only a version", policy(json!({"Version": "2012-10-17"})), STATEMENT),
        ("a policy with only an id", policy(json!({"Id": "x"})), STATEMENT),
        (
            "a policy with an empty list of statements",
            policy(json!({"Statement": []})),
            "spec.s3AccessPolicy.Statement minItems",
        ),
        (
            "a policy with 201 statements",
            policy(
                json!({"Statement": vec![statement(json!({}))["s3AccessPolicy"]["Statement"][0].clone(); 201]}),
            ),
            "spec.s3AccessPolicy.Statement maxItems",
        ),
        (
            "a policy version of 33 characters",
            policy(json!({"Version": "2".repeat(33), "Statement": []})),
            "spec.s3AccessPolicy.Version maxLength",
        ),
        (
            "a policy id of 257 characters",
            policy(json!({"Id": "x".repeat(257)})),
            "spec.s3AccessPolicy.Id maxLength",
        ),
        (
            "a statement without an effect",
            without("Effect"),
            "spec.s3AccessPolicy.Statement[] required Effect",
        ),
        (
            "a statement without a principal",
            without("Principal"),
            "spec.s3AccessPolicy.Statement[] required Principal",
        ),
        (
            "a statement without an action",
            without("Action"),
            "spec.s3AccessPolicy.Statement[] required Action",
        ),
        (
            "a statement without a resource",
            without("Resource"),
            "spec.s3AccessPolicy.Statement[] required Resource",
        ),
        (
            "a lower-case effect",
            statement(json!({"Effect": "allow"})),
            "spec.s3AccessPolicy.Statement[].Effect enum",
        ),
    ]
}

/// Elements of a statement that are longer than a whole policy may be.
fn endless_policies() -> Refused {
    let text = |element: &str| statement(json!({element: "x".repeat(15_361)}));
    let list = |element: &str| statement(json!({element: vec![""; 5001]}));
    let map = |element: &str| {
        let members = (0..5001).map(|number| (number.to_string(), json!(0)));
        statement(json!({element: members.collect::<serde_json::Map<_, _>>()}))
    };
    vec![
        (
            "a principal of 15,361 characters",
            text("Principal"),
            "spec.s3AccessPolicy.Statement[].Principal maxLength",
        ),
        (
            "a list of 5,001 principals",
            list("Principal"),
            "spec.s3AccessPolicy.Statement[].Principal maxItems",
        ),
        (
            "a map of 5,001 principals",
            map("Principal"),
            "spec.s3AccessPolicy.Statement[].Principal maxProperties",
        ),
        (
            "an action of 15,361 characters",
            text("Action"),
            "spec.s3AccessPolicy.Statement[].Action maxLength",
        ),
        ("a list of 5,001 actions", list("Action"), "spec.s3AccessPolicy.Statement[].Action maxItems"),
        ("a map of 5,001 actions", map("Action"), "spec.s3AccessPolicy.Statement[].Action maxProperties"),
        (
            "a resource of 15,361 characters",
            text("Resource"),
            "spec.s3AccessPolicy.Statement[].Resource maxLength",
        ),
        ("a list of 5,001 resources", list("Resource"), "spec.s3AccessPolicy.Statement[].Resource maxItems"),
        (
            "a map of 5,001 resources",
            map("Resource"),
            "spec.s3AccessPolicy.Statement[].Resource maxProperties",
        ),
        ("a statement id of 15,361 characters", text("Sid"), "spec.s3AccessPolicy.Statement[].Sid maxLength"),
    ]
}

/// Values of the wrong type, as in YAML with missing quotes, or a string in place of an object.
fn wrong_types() -> Refused {
    let not_a_string = "a number or boolean instead of a string";
    let string = "a string instead of another type";
    vec![
        (not_a_string, json!({"sequenceStoreId": 1_234_567_890}), "spec.sequenceStoreId type"),
        (not_a_string, json!({"region": 1}), "spec.region type"),
        (not_a_string, json!({"managementPolicy": 7}), "spec.managementPolicy type"),
        (not_a_string, json!({"deletionPolicy": 7}), "spec.deletionPolicy type"),
        (not_a_string, json!({"name": 2026}), "spec.name type"),
        (not_a_string, json!({"description": 2026}), "spec.description type"),
        (not_a_string, json!({"sseConfig": {"type": 1}}), "spec.sseConfig.type type"),
        (not_a_string, json!({"sseConfig": {"type": "KMS", "keyArn": 1}}), "spec.sseConfig.keyArn type"),
        (not_a_string, json!({"eTagAlgorithmFamily": 5}), "spec.eTagAlgorithmFamily type"),
        (not_a_string, json!({"fallbackLocation": 1}), "spec.fallbackLocation type"),
        (
            not_a_string,
            json!({"s3AccessConfig": {"accessLogLocation": 1}}),
            "spec.s3AccessConfig.accessLogLocation type",
        ),
        (not_a_string, json!({"propagatedSetLevelTags": [2026]}), "spec.propagatedSetLevelTags[] type"),
        (not_a_string, json!({"tags": {"cohort": 2026}}), "spec.tags.* type"),
        (not_a_string, json!({"pollInterval": 30}), "spec.pollInterval type"),
        (
            not_a_string,
            json!({"writeConnectionTo": {"configMap": 7}}),
            "spec.writeConnectionTo.configMap type",
        ),
        (not_a_string, json!({"s3AccessPolicy": {"Version": 2012}}), "spec.s3AccessPolicy.Version type"),
        (not_a_string, json!({"s3AccessPolicy": {"Id": 1}}), "spec.s3AccessPolicy.Id type"),
        (not_a_string, statement(json!({"Sid": 1})), "spec.s3AccessPolicy.Statement[].Sid type"),
        (not_a_string, statement(json!({"Effect": true})), "spec.s3AccessPolicy.Statement[].Effect type"),
        (string, json!({"deletionProtection": "yes"}), "spec.deletionProtection type"),
        (string, json!({"observeReadSets": "hourly"}), "spec.observeReadSets type"),
        (string, json!({"sseConfig": KEY}), "spec.sseConfig type"),
        (string, json!({"s3AccessConfig": "s3://logs/p/"}), "spec.s3AccessConfig type"),
        (string, json!({"propagatedSetLevelTags": "a,b"}), "spec.propagatedSetLevelTags type"),
        (string, json!({"tags": "team=genomics"}), "spec.tags type"),
        (string, json!({"writeConnectionTo": "genomes"}), "spec.writeConnectionTo type"),
        (string, json!({"s3AccessPolicy": "{}"}), "spec.s3AccessPolicy type"),
        (string, json!({"s3AccessPolicy": {"Statement": ["Allow"]}}), "spec.s3AccessPolicy.Statement[] type"),
        (
            string,
            statement(json!({"Condition": "StringLike"})),
            "spec.s3AccessPolicy.Statement[].Condition type",
        ),
        (
            string,
            statement(json!({"Condition": {"StringLike": "s3:prefix"}})),
            "spec.s3AccessPolicy.Statement[].Condition.* type",
        ),
        (
            "a single statement that is not in a list",
            json!({"s3AccessPolicy": {"Statement": {"Effect": "Allow"}}}),
            "spec.s3AccessPolicy.Statement type",
        ),
        ("a list instead of the spec", json!([]), "spec type"),
    ]
}

/// Rules that refuse values which AWS accepts: the beginning of the refusal, and the reason for the rule.
/// AWS refuses whatever the other rules refuse.
pub const STRICTER: [(&str, &str); 7] = [
    (FALLBACK, "AWS accepts any character in a prefix; a line break or an invisible character is a mistake"),
    (LOGS, "the same reason as for fallbackLocation"),
    (KEY_ARN, "AWS accepts any string that contains an ARN, and fails later"),
    (ONCE, "AWS does not document what it does with duplicate keys; the operator compares the keys as a set"),
    (TAG_PREFIX, "the operator finds its stores by the owner tags, whose keys start with `healthomics.dev/`"),
    (TAG_COUNT, "the limit of 50 tags in AWS also covers the four owner tags"),
    (
        "spec.s3AccessPolicy.Statement minItems",
        "an empty list of statements could be meant to delete the policy, which `{}` does",
    ),
];
