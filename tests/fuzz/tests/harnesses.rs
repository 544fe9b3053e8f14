//! Every harness with the kept corpus, and with inputs made from it. `make fuzz` looks for more.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fuzz::{HARNESSES, Harness, corpus};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// What separates the parts of an input.
const PARTS: &str = "\n===\n";
/// The longest input that a harness gets here.
const MOST_BYTES: usize = 64 * 1024;

fn harness(name: &str) -> Harness {
    let found = HARNESSES.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, harness)| harness).unwrap_or_else(|| panic!("no harness {name}"))
}

/// The words in the dictionary that `cargo fuzz` is given too: `"word"`, with `\xNN` for a byte.
fn words() -> Vec<Vec<u8>> {
    let lines = include_str!("../dictionary").lines().filter(|line| line.starts_with('"'));
    lines.map(|line| word(line.trim_matches('"'))).collect()
}

fn word(quoted: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = quoted.as_bytes();
    while let [first, more @ ..] = rest {
        (rest, _) = match (first, more) {
            (b'\\', [b'x', high, low, more @ ..]) => {
                let digits = String::from_utf8(vec![*high, *low]).expect("two digits");
                (more, bytes.push(u8::from_str_radix(&digits, 16).expect("hexadecimal digits")))
            }
            (b'\\', [escaped, more @ ..]) => (more, bytes.push(*escaped)),
            (plain, more) => (more, bytes.push(*plain)),
        };
    }
    bytes
}

/// One change of an input.
#[derive(Clone, Debug)]
enum Change {
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    /// The rest is that of another input.
    GoOnAs(Index, Vec<u8>),
    /// In a part that is JSON, another value in place of one.
    Replace(Index, Value),
    /// In a part that is JSON, one more level of lists or objects around a value.
    Wrap(Index, usize, bool),
}

impl Change {
    fn apply(self, input: &mut Vec<u8>) {
        let place = |index: Index, input: &[u8]| index.index(input.len() + 1);
        match self {
            Self::Insert(index, bytes) => {
                let at = place(index, input);
                input.splice(at..at, bytes);
            }
            Self::Remove(index, length) => {
                let at = place(index, input);
                input.drain(at..input.len().min(at + length));
            }
            Self::Repeat(index, length, times) => {
                let at = place(index, input);
                let part = input[at..input.len().min(at + length)].repeat(times);
                input.splice(at..at, part);
            }
            Self::GoOnAs(index, other) => {
                let at = place(index, input);
                let rest = other.get(at..).unwrap_or_default().to_vec();
                input.splice(at.., rest);
            }
            Self::Replace(index, value) => change_json(input, index, |_| value.clone()),
            Self::Wrap(index, levels, in_lists) => change_json(input, index, |old| {
                let around = |inner, _| if in_lists { json!([inner]) } else { json!({"a": inner}) };
                (0..levels).fold(old.clone(), around)
            }),
        }
        input.truncate(MOST_BYTES);
    }
}

/// Changes one value in one of the parts that are JSON, if there are any.
fn change_json(input: &mut Vec<u8>, index: Index, change: impl Fn(&Value) -> Value) {
    let text = String::from_utf8_lossy(input).into_owned();
    let mut parts: Vec<String> = text.split(PARTS).map(ToOwned::to_owned).collect();
    let json = |part: &String| serde_json::from_str::<Value>(part).ok();
    let values: Vec<(usize, Value)> =
        parts.iter().enumerate().filter_map(|(number, part)| Some((number, json(part)?))).collect();
    if values.is_empty() {
        return;
    }
    let (number, mut value) = values[index.index(values.len())].clone();
    let mut at = index.index(count(&value));
    change_nth(&mut value, &mut at, &change);
    parts[number] = value.to_string();
    *input = parts.join(PARTS).into_bytes();
}

/// A value and all in it.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

fn change_nth(value: &mut Value, left: &mut usize, change: &impl Fn(&Value) -> Value) {
    if *left == 0 {
        *value = change(value);
    }
    *left = left.wrapping_sub(1);
    match value {
        _ if *left == usize::MAX => {}
        Value::Array(items) => items.iter_mut().for_each(|item| change_nth(item, left, change)),
        Value::Object(members) => members.values_mut().for_each(|member| change_nth(member, left, change)),
        _ => {}
    }
}

fn any_change(inputs: Vec<Vec<u8>>) -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    let bytes = prop_oneof![
        3 => select(words()),
        2 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop_oneof![
        4 => (index(), bytes).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        2 => (index(), 1..20_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        1 => (index(), 1..40_usize, 1..200_usize).prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        1 => (index(), select(inputs)).prop_map(|(at, other)| Change::GoOnAs(at, other)),
        6 => (index(), any_value()).prop_map(|(at, value)| Change::Replace(at, value)),
        1 => (index(), 1..60_usize, any::<bool>()).prop_map(|(at, levels, lists)| Change::Wrap(at, levels, lists)),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let odd = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("*"),
        json!("one\ntwo \u{1b}[31m"),
        json!("s3://bucket/prefix/"),
        json!("2222222222"),
        json!("2026-01-01T00:00:00Z"),
        json!("x".repeat(5000)),
        json!([]),
        json!({}),
        json!(["a", "b", "a"]),
        json!({"a": "b", "AWS": ["111122223333"]}),
    ];
    prop_oneof![3 => select(odd), 1 => any::<String>().prop_map(Value::from)]
}

/// Inputs made from the kept ones.
fn any_input(name: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let inputs: Vec<Vec<u8>> = corpus(name).into_iter().map(|(_, input)| input).collect();
    (select(inputs.clone()), prop::collection::vec(any_change(inputs), 1..8)).prop_map(
        |(mut input, changes)| {
            changes.into_iter().for_each(|change| change.apply(&mut input));
            input
        },
    )
}

/// Makes so many inputs.
fn holds_for_made_inputs(name: &str, cases: u32) {
    let harness = harness(name);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&any_input(name), |input| {
        catch_unwind(AssertUnwindSafe(|| harness(&input))).map_err(|_| {
            TestCaseError::fail(format!(
                "the harness {name} panics for {:?}",
                String::from_utf8_lossy(&input)
            ))
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

macro_rules! made_inputs {
    ($($name:ident $cases:literal)+) => {
        /// What holds for inputs that are made from the kept ones.
        mod made_inputs {
            $(#[test]
            fn $name() {
                super::holds_for_made_inputs(stringify!($name), $cases);
            })+
        }

        #[test]
        fn every_harness_is_here() {
            assert_eq!(HARNESSES.map(|(name, _)| name), [$(stringify!($name)),+]);
        }
    };
}

made_inputs!(objects 600 answers 300 policies 1500 annotations 300 values 300 events 100 documents 500);

#[test]
fn what_was_found_once_is_not_found_again() {
    let mut found = Vec::new();
    for (name, harness) in HARNESSES {
        let inputs = corpus(name);
        assert!(inputs.len() >= 3, "{name} has {} inputs", inputs.len());
        let panics = |(_, input): &(_, Vec<u8>)| catch_unwind(|| harness(input)).is_err();
        found.extend(inputs.into_iter().filter(panics).map(|(file, _)| file));
    }
    assert!(found.is_empty(), "the harnesses panic for {found:#?}");
}

/// The repository stays small, and its inputs readable.
#[test]
fn the_corpus_is_small() {
    let all = HARNESSES.into_iter().flat_map(|(name, _)| corpus(name));
    let bytes: usize = all.map(|(_, input)| input.len()).sum();
    assert!(bytes < 400 * 1024, "{bytes} bytes: cargo fuzz cmin");
}
