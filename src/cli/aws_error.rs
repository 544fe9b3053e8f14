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
                Operation::ListReadSets => "observe --read-sets",
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
            format!("AWS throttles {call}, because others call HealthOmics too: try again later")
        }
        Class::Transient => format!(
            "{call} failed: {}: check the region, the network and {}",
            error.failure.sentence(),
            error.operation.endpoint_variable()
        ),
        Class::Unreadable => format!(
            "the response to {call} is not a valid AWS response ({detail}): check proxies and {}",
            error.operation.endpoint_variable()
        ),
        Class::Terminal | Class::Quota | Class::Conflict | Class::NotFound => {
            format!("AWS rejected {call}: {detail}")
        }
    }
}

fn no_credentials(error: &CallError, call: &str) -> String {
    let profile = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".into());
    let (text, code) = (&error.detail, error.code.as_deref());
    if error.is_clock_skew() {
        return format!("AWS refuses {call} because the clock of this computer is wrong: set it");
    }
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

/// One line of at most 240 characters.
fn short(detail: &str) -> String {
    let line = detail.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(240) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Cause;

    fn failed(operation: Operation, class: Class) -> String {
        let mut error = CallError { class, ..CallError::unreadable(operation, "details") };
        error.failure.cause = Cause::ConnectionRefused;
        error.failure.host = Some("127.0.0.1:1".into());
        explain(&error, Some("us-east-1"), "kubectl seqstore plan")
    }

    #[test]
    fn a_network_error_names_the_host_the_cause_and_the_variable_of_that_endpoint() {
        assert_eq!(
            failed(Operation::GetSequenceStore, Class::Transient),
            "omics:GetSequenceStore in us-east-1 failed: 127.0.0.1:1 refuses the connection: check the region, the \
             network and AWS_ENDPOINT_URL_OMICS"
        );
        for class in [Class::Transient, Class::Unreadable] {
            let line = failed(Operation::GetCallerIdentity, class);
            assert!(line.contains("AWS_ENDPOINT_URL_STS") && !line.contains("OMICS"), "{line}");
        }
    }

    #[test]
    fn throttling_names_no_flag_because_not_every_command_has_one() {
        let line = failed(Operation::GetSequenceStore, Class::Throttled);
        assert!(!line.contains("--"), "{line}");
    }
}
