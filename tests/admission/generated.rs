//! Generates values for every field that AWS validates: all kinds of Unicode, lengths around every limit, and almost
//! valid forms. Every run generates the same values. No I/O.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// A field, and specs that set only this field.
pub struct Cases {
    pub field: &'static str,
    pub specs: Vec<Value>,
}

/// The pieces of generated strings: each is one character or one grapheme cluster.
const PIECES: [&str; 46] = [
    "a",
    "Z",
    "7",
    " ",
    "-",
    "_",
    ".",
    ":",
    "/",
    "=",
    "+",
    "@",
    "#",
    ",",
    "\"",
    "\\",
    "{",
    "|",
    "~",
    "$",
    // Composed and decomposed letters, a lone combining mark, letters of other scripts, right-to-left letters.
    "é",
    "e\u{301}",
    "\u{301}",
    "漢",
    "ß",
    "ǅ",
    "ש",
    "م",
    "क्षि",
    "ﬁ",
    // Outside the Basic Multilingual Plane: emoji (plain, with modifier, joined), a letter, the last code point.
    "🧬",
    "👍🏽",
    "👩\u{200d}🔬",
    "𝔘",
    "\u{10ffff}",
    // Control characters, spaces, invisible characters, a private-use and an unassigned code point.
    "\u{0}",
    "\t",
    "\n",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{200b}",
    "\u{202e}",
    "\u{e000}",
    "\u{378}",
];

/// Pieces that every field accepts, so that only the length decides.
const PLAIN: [&str; 8] = ["a", "Z", "7", "-", "漢", "é", "ש", "𝔘"];

fn piece() -> impl Strategy<Value = String> {
    select(PIECES.as_slice()).prop_map(str::to_owned)
}

/// Short strings of any pieces, and strings of one repeated accepted piece with a length around the limit.
fn text(limit: usize) -> BoxedStrategy<String> {
    let around = || select(vec![1, limit - 1, limit, limit + 1, 2 * limit]);
    let plain = || select(PLAIN.as_slice());
    prop_oneof![
        4 => vec(piece(), 0..5).prop_map(|pieces| pieces.concat()),
        2 => (plain(), around()).prop_map(|(piece, count)| piece.repeat(count)),
        // Accepted pieces with any piece at the end.
        1 => (plain(), piece(), around()).prop_map(|(plain, piece, count)| plain.repeat(count - 1) + &piece),
    ]
    .boxed()
}

/// `form` with every `{}` replaced.
fn filled(form: &'static str, gap: BoxedStrategy<String>) -> BoxedStrategy<String> {
    gap.prop_map(move |gap| form.replace("{}", &gap)).boxed()
}

fn location(max: usize) -> BoxedStrategy<String> {
    let bucket = select(vec!["abc", "ab", "bucket-1.x", "Bucket", "a..b", "-ab", "ab-", "b_c"]);
    let bucket = prop_oneof![4 => bucket.prop_map(str::to_owned), 1 => select(vec![62_usize, 63, 64]).prop_map(|n| "b".repeat(n))];
    let form = select(vec![
        "s3://{b}/{p}/",
        "s3://{b}/{p}",
        "s3://{b}/",
        "s3://{b}",
        "s3:/{b}/{p}/",
        "{b}/{p}/",
        " s3://{b}/",
    ]);
    prop_oneof![
        8 => (form, bucket, text(max)).prop_map(|(form, bucket, prefix)| form.replace("{b}", &bucket).replace("{p}", &prefix)),
        1 => piece(),
        1 => Just(String::new()),
    ]
    .boxed()
}

fn key_arn() -> BoxedStrategy<String> {
    let form = select(vec![
        "arn:aws:kms:us-east-1:111122223333:key/{}",
        "arn:aws:kms:us-east-1:111122223333:alias/{}",
        "arn:aws-us-gov:kms:{}:111122223333:key/1234abcd",
        "arn:{}:kms:us-east-1:111122223333:key/1234abcd",
        "arn:aws:kms:us-east-1:{}:key/1234abcd-12ab-34cd",
        "key/{}",
    ]);
    let gap = prop_oneof![
        2 => select(vec!["1234abcd-12ab", "mrk-1234abcd", "team/a_b", "aws", "us-west-2", "111122223333", "cn-north-1"])
            .prop_map(str::to_owned),
        1 => text(2048),
    ];
    (form, gap).prop_map(|(form, gap)| form.replace("{}", &gap)).boxed()
}

fn policy() -> BoxedStrategy<Value> {
    let maybe = |name: &'static str, values: Vec<Value>| prop_oneof![6 => select(values).prop_map(move |value| Some((name, value))), 1 => Just(None)];
    let text = || piece().prop_map(Value::from);
    let condition = select(vec![
        json!({}),
        json!({"StringLike": {"s3:prefix": "a"}}),
        json!({"StringLike": {"S3:Prefix": "a"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "a"}}),
        json!({"StringEquals": {"aws:PrincipalArn": "a"}}),
        json!({"StringEquals": {"s3:ExistingObjectTag/team": "a"}}),
        json!({"Bool": {"aws:SecureTransport": "true"}}),
        json!({"Bool": []}),
        json!("StringLike"),
    ]);
    let one_or_list = vec![json!("s3:GetObject"), json!(["s3:GetObject", "s3:ListBucket"]), json!("*")];
    let statement = (
        maybe("Effect", vec![json!("Allow"), json!("Deny"), json!("Allow"), json!("allow")]),
        maybe("Principal", vec![json!("*"), json!({"AWS": ["111122223333"]})]),
        maybe("Action", one_or_list.clone()),
        maybe("Resource", one_or_list),
        prop_oneof![1 => text().prop_map(|value| Some(("Sid", value))), 2 => Just(None)],
        prop_oneof![2 => condition.prop_map(|value| Some(("Condition", value))), 2 => Just(None)],
        prop_oneof![1 => text().prop_map(|value| Some(("NotAction", value))), 12 => Just(None)],
    );
    let statement = statement.prop_map(|(a, b, c, d, e, f, g)| {
        [a, b, c, d, e, f, g].into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect()
    });
    let statements = vec(statement.prop_map(Value::Object), 0..3).prop_map(Value::from);
    let long = select(vec![10_usize, 14_000, 16_000]).prop_map(|length| json!("x".repeat(length)));
    prop_oneof![
        8 => statements.clone().prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements})),
        1 => (statements.clone(), text()).prop_map(|(statements, id)| json!({"Id": id, "Statement": statements})),
        1 => (statements.clone(), long).prop_map(|(mut statements, long)| {
            if let Some(first) = statements.get_mut(0) {
                first["Sid"] = long;
            }
            json!({"Statement": statements})
        }),
        1 => statements.prop_map(|statements| json!({"Statement": statements, "Rules": []})),
        1 => Just(json!({"Version": "2012-10-17"})),
    ]
    .boxed()
}

/// Generates `count` specs for every field.
pub fn cases(count: usize) -> Vec<Cases> {
    let mut runner = TestRunner::deterministic();
    let mut of = |field, specs: BoxedStrategy<Value>| {
        let mut draw = || specs.new_tree(&mut runner).expect("no strategy filters values").current();
        Cases { field, specs: (0..count).map(|_| draw()).collect() }
    };
    let tag_key = prop_oneof![
        6 => text(128),
        1 => filled("aws:{}", text(128)),
        1 => filled("AwS:{}", text(128)),
        1 => filled("healthomics.dev/{}", text(128)),
    ];
    let tag = |key: BoxedStrategy<String>, value: BoxedStrategy<String>| {
        let value = value.prop_map(Value::from);
        let tags =
            vec((key, value), 0..3).prop_map(|tags| tags.into_iter().collect::<serde_json::Map<_, _>>());
        tags.prop_map(|tags| json!({"tags": tags})).boxed()
    };
    let id = prop_oneof![
        3 => "[0-9]{8,12}",
        1 => "[0-9]{35,38}",
        1 => vec(piece(), 0..3).prop_map(|pieces| format!("1234567890{}", pieces.concat())),
        1 => Just("١٢٣٤٥٦٧٨٩٠".to_owned()),
    ];
    let keys = vec(prop_oneof![3 => piece(), 1 => text(128)], 0..8);
    vec![
        of("name", text(127).prop_map(|text| json!({"name": text})).boxed()),
        of("description", text(255).prop_map(|text| json!({"description": text})).boxed()),
        of("fallbackLocation", location(1024).prop_map(|text| json!({"fallbackLocation": text})).boxed()),
        of(
            "accessLogLocation",
            location(800).prop_map(|text| json!({"s3AccessConfig": {"accessLogLocation": text}})).boxed(),
        ),
        of("keyArn", key_arn().prop_map(|arn| json!({"sseConfig": {"type": "KMS", "keyArn": arn}})).boxed()),
        of("propagatedSetLevelTags", keys.prop_map(|keys| json!({"propagatedSetLevelTags": keys})).boxed()),
        of("tag keys", tag(tag_key.boxed(), Just("v".to_owned()).boxed())),
        of("tag values", tag("[a-c]".boxed(), text(256))),
        of(
            "tag count",
            (40_usize..70)
                .prop_map(|count| {
                    let tags: serde_json::Map<_, _> =
                        (0..count).map(|n| (format!("k{n}"), json!("v"))).collect();
                    json!({"tags": tags})
                })
                .boxed(),
        ),
        of("sequenceStoreId", id.prop_map(|id| json!({"sequenceStoreId": id})).boxed()),
        of("s3AccessPolicy", policy().prop_map(|policy| json!({"s3AccessPolicy": policy})).boxed()),
    ]
}
