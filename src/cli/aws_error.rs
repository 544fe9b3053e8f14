//! Explains a failed AWS call to the user in one line, with what to do about it. No I/O.

use crate::aws::{CallError, Class, Operation};

/// `program` is the command that the user typed, for the hint at `permissions`.
pub(super) fn explain(error: &CallError, region: Option<&str>, program: &str) -> String {
    let call = match region {
        Some(region) => format!("{} in {region}", error.operation.iam_action()),
        None => error.operation.iam_action().to_owned(),
    };
    let detail = short(&error.detail);
    match error.class {
        Class::Denied => {
            let level = match error.operation {
                Operation::ListReadSets => "observe-and-delete",
                _ => "observe",
            };
            format!(
                "AWS denied {call} to these credentials ({detail}); `{program} permissions --for {level}` prints an IAM \
                 policy that allows it"
            )
        }
        Class::Credentials => no_credentials(error, &call),
        Class::CredentialsUnavailable => format!(
            "the source of your AWS credentials does not answer, or fails ({detail}): check the network, \
             AWS_ENDPOINT_URL_STS and proxies"
        ),
        Class::Throttled => {
            format!("AWS throttled {call}: try again later; for export, set a smaller --quota-share")
        }
        Class::Transient => format!(
            "{call} failed, or AWS could not be reached ({detail}): check the region, the network and \
             AWS_ENDPOINT_URL_OMICS"
        ),
        Class::Unreadable => format!(
            "the response to {call} is not a valid AWS response ({detail}): check proxies and AWS_ENDPOINT_URL_OMICS"
        ),
        Class::Terminal | Class::Quota | Class::Conflict | Class::NotFound => {
            format!("AWS rejected {call}: {detail}")
        }
    }
}

fn no_credentials(error: &CallError, call: &str) -> String {
    let profile = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".into());
    let (text, code) = (&error.detail, error.code.as_deref());
    if text.contains("SSO") || text.contains("sso-session") {
        return format!(
            "profile {profile} is not signed in for {call}: run `aws sso login --profile {profile}`"
        );
    }
    if text.contains("external process") {
        return format!(
            "the credential_process of profile {profile} fails, so {call} was not called: run it by hand"
        );
    }
    if text.contains("credentials-login") {
        return format!(
            "profile {profile} uses `aws login`, whose credentials only the AWS CLI can use: run \
             eval \"$(aws configure export-credentials --profile {profile} --format env)\" and remove AWS_PROFILE"
        );
    }
    if let Some(role) = error.denial.as_ref().and_then(|denial| denial.principal.as_deref()) {
        let code = code.unwrap_or("denied");
        return format!(
            "AWS STS does not let you assume the role {role} for {call} ({code}): check the role and its trust policy"
        );
    }
    let enabled =
        error.opt_in_region().map(|region| format!("check that {region} is enabled in your AWS account, "));
    let (enabled, what) =
        (enabled.unwrap_or_default(), code.unwrap_or("none found in environment, profile or role"));
    format!(
        "no valid AWS credentials for {call} ({what}): {enabled}set AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, or run eval \"$(aws configure export-credentials --format env)\""
    )
}

/// The SDK's message without the debug output of its types that follows, and at most 240 characters.
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
    fn debug_output_of_sdk_types_is_left_out() {
        let text = "dispatch failure: io error: tcp connect error: Connection refused (os error 111) \
                    (DispatchFailure(DispatchFailure { source: ConnectorError { kind: Io } }))";
        assert_eq!(
            short(text),
            "dispatch failure: io error: tcp connect error: Connection refused (os error 111)"
        );
        assert_eq!(short("User (a) is not authorized"), "User (a) is not authorized");
    }
}
