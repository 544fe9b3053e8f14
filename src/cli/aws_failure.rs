//! What a failed AWS call means to the person at the command line, in one line with a hint. No I/O.

use crate::aws::{CallError, Class};

/// One line; `program` is what to call for the policy.
#[must_use]
pub fn failure(error: &CallError, region: Option<&str>, program: &str) -> String {
    let action = error.operation.iam_action();
    let place = region.map(|region| format!(" in {region}")).unwrap_or_default();
    let detail = short(&error.detail);
    match error.class {
        Class::Denied => format!(
            "AWS denies {action}{place} to these credentials ({detail}): allow it; `{program} permissions` prints the policy"
        ),
        Class::Credentials => {
            let what = error.code.as_deref().unwrap_or("none found in environment, profile or role");
            format!(
                "no valid AWS credentials for {action} ({what}): set AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY, or run eval \"$(aws configure export-credentials --format env)\""
            )
        }
        Class::Throttled => {
            format!(
                "AWS asks for fewer requests of {action}{place}: try again, or set a smaller --quota-share"
            )
        }
        Class::Transient => format!(
            "{action}{place} fails or cannot be reached ({detail}): check the region, the network and \
             AWS_ENDPOINT_URL_OMICS"
        ),
        Class::Unreadable => format!(
            "{action}{place} is answered with something that is not an answer of AWS ({detail}): check proxies and \
             AWS_ENDPOINT_URL_OMICS"
        ),
        Class::Terminal | Class::Quota | Class::Conflict | Class::NotFound => {
            format!("{action}{place} is refused: {detail}")
        }
    }
}

/// The SDK's own words without the dump of its types that follows them.
fn short(detail: &str) -> String {
    let words = detail.split(" (").take_while(|part| !part.contains("Failure(") && !part.contains(" {"));
    let text = words.collect::<Vec<_>>().join(" (");
    let text = if text.is_empty() { detail } else { &text };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(240) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_of_types_is_left_out() {
        let text = "dispatch failure: io error: tcp connect error: Connection refused (os error 111) \
                    (DispatchFailure(DispatchFailure { source: ConnectorError { kind: Io } }))";
        assert_eq!(
            short(text),
            "dispatch failure: io error: tcp connect error: Connection refused (os error 111)"
        );
        assert_eq!(short("User (a) is not authorized"), "User (a) is not authorized");
    }
}
