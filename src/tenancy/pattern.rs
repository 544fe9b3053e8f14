//! Wildcards in the limits of a binding. No I/O.
//!
//! The meaning is that of IAM's `ArnLike`: an ARN has six parts between colons, and each part of the pattern stands for the
//! same part of the ARN. In a part, `*` stands for any characters, also none, and `?` for one. So `*` never reaches from the
//! account of an ARN into its resource. In the sixth part, which may hold colons, it stands for them too.

use wildmatch::WildMatch;

/// Parts of an ARN: the first five end with a colon.
const PARTS: usize = 6;

/// Whether the text is one that the pattern stands for. Both are compared by case.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (patterns, texts) = (parts(pattern), parts(text));
    patterns.len() == texts.len()
        && patterns.iter().zip(&texts).all(|(pattern, text)| WildMatch::new(pattern).matches(text))
}

fn parts(arn: &str) -> Vec<&str> {
    arn.splitn(PARTS, ':').collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wildcard_stays_within_its_part_of_the_arn() {
        let role = "arn:aws:iam::111122223333:role/lab-reader";
        for pattern in [
            role,
            "arn:aws:iam::111122223333:role/lab-*",
            "arn:aws:iam::111122223333:role/lab-reade?",
            "arn:aws:iam::*:role/lab-reader",
            "arn:*:iam:*:111122223333:*",
        ] {
            assert!(matches(pattern, role), "{pattern}");
        }
        for pattern in [
            "",
            "*",
            "arn:*",
            "arn:aws:iam::111122223333:role/LAB-*",
            "arn:aws:iam::111122223333:role/lab-reader?",
            "arn:aws:iam::444455556666:role/lab-*",
            "arn:aws:iam::111122223333:role/lab",
            "arn:aws:iam::*",
        ] {
            assert!(!matches(pattern, role), "{pattern}");
        }
        let user_of_another = "arn:aws:iam::444455556666:user/x:role/lab-reader";
        assert!(!matches("arn:aws:iam::*:role/lab-reader", user_of_another));
    }

    /// The meaning once more, in the plainest way: one character after the other.
    fn plain(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => plain(rest, text),
            (Some(('*', rest)), Some((_, after))) => plain(rest, text) || plain(pattern, after),
            (Some(('?', rest)), Some((_, after))) => plain(rest, after),
            (Some((one, rest)), Some((other, after))) => one == other && plain(rest, after),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    proptest! {
        #[test]
        fn the_meaning_is_the_written_one(pattern in "[ab:*?é]{0,10}", text in "[ab:*?é]{0,10}") {
            let (patterns, texts) = (parts(&pattern), parts(&text));
            let expected = patterns.len() == texts.len()
                && patterns.iter().zip(&texts).all(|(one, other)| plain(&chars(one), &chars(other)));
            prop_assert_eq!(matches(&pattern, &text), expected);
        }

        #[test]
        fn a_text_without_wildcards_stands_for_itself_alone(one in "[a-c:/]{0,8}", other in "[a-c:/]{0,8}") {
            prop_assert_eq!(matches(&one, &other), one == other);
        }

        #[test]
        fn no_wildcard_changes_the_account(account in "[0-9]{12}", resource in "[ -~]{0,40}") {
            let text = format!("arn:aws:iam::{account}:{resource}");
            let is_ours = account == "111122223333";
            prop_assert_eq!(matches("arn:aws:iam::111122223333:*", &text), is_ours);
        }
    }
}
