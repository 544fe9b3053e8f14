//! The forms of names in Kubernetes, RFC 1123, and in AWS. No I/O.

/// Whether this can be the name of a namespace: at most 63 lower-case letters, digits and hyphens, no hyphen at either end.
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && has_label_form(text)
}

/// Whether this can be the name of an object: at most 253 characters, parts in the form of a label between dots.
#[must_use]
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(has_label_form)
}

/// Whether a text has the form of an AWS account: 12 digits.
#[must_use]
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The account in an ARN; none for a text that has no account in the place of one.
#[must_use]
pub fn account_of_arn(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| is_account_id(account))
}

fn has_label_form(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(allowed) && !text.starts_with('-') && !text.ends_with('-')
}

/// Whether a text has the form of the code of an AWS region, such as `us-east-1`: the form of `spec.region`.
#[must_use]
pub fn is_region(text: &str) -> bool {
    let is_word = |word: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&word.len()) && word.chars().all(|c| c.is_ascii_lowercase())
    };
    let words: Vec<&str> = text.split('-').collect();
    let [area, middle @ .., number] = words.as_slice() else { return false };
    is_word(area, 2..=5)
        && (1..=3).contains(&middle.len())
        && middle.iter().all(|word| is_word(word, 1..=12))
        && (1..=2).contains(&number.len())
        && number.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_subdomains_have_the_form_that_the_api_server_demands() {
        for label in ["a", "7", "team-a", &"x".repeat(63)] {
            assert!(is_dns_label(label) && is_dns_subdomain(label), "{label}");
        }
        for neither in ["", "-a", "a-", "Lab", "lab_", "é", "a b"] {
            assert!(!is_dns_label(neither) && !is_dns_subdomain(neither), "{neither}");
        }
        let (long_label, long_name) = ("x".repeat(64), "x.".repeat(126) + "x");
        assert!(!is_dns_label(&long_label) && is_dns_subdomain(&long_label));
        assert!(is_dns_subdomain("a.b-c.d") && !is_dns_label("a.b") && is_dns_subdomain(&long_name));
        for not_a_name in ["a..b", ".a", "a.", "a.-b", &(long_name + "x")] {
            assert!(!is_dns_subdomain(not_a_name), "{not_a_name}");
        }
    }
}
