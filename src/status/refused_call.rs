//! The messages of calls that AWS refuses to these credentials, and of calls for which there are none. No I/O.

use super::Reason;
use crate::aws::{CallError, Operation, PolicyKind, is_throttling};

pub(super) fn no_credentials(error: &CallError) -> String {
    let action = error.operation.iam_action();
    let code = error.code.as_deref().unwrap_or("no credentials found");
    if error.is_clock_skew() {
        return format!(
            "AWS refuses {action} because the clock of the operator's node is wrong ({code}): set the clock of the node, or \
             repair its time synchronization."
        );
    }
    if let Some(role) = error.denial.as_ref().and_then(|denial| denial.principal.as_deref()) {
        return format!(
            "AWS STS does not let the operator assume the role {role} for {action} ({code}): check that the role exists, \
             and that its trust policy allows the operator's ServiceAccount or source credentials."
        );
    }
    if let Some(region) = error.opt_in_region() {
        return format!(
            "AWS does not know the operator's credentials in {region} for {action} ({code}): check that the region is \
             enabled in the AWS account, and then the credentials."
        );
    }
    format!(
        "The operator has no valid AWS credentials for {action} ({code}): check its IAM role, its EKS Pod Identity \
         association or its environment variables."
    )
}

pub(super) fn credentials_unavailable(error: &CallError) -> (Reason, String) {
    let action = error.operation.iam_action();
    let (reason, why) = match is_throttling(error.code.as_deref()) {
        true => (Reason::Throttled, "throttles the operator's requests for credentials"),
        false => {
            (Reason::AwsUnavailable, "does not answer the operator's requests for credentials, or fails")
        }
    };
    let message = format!(
        "The source of the operator's AWS credentials for {action} (AWS STS, or the EKS Pod Identity agent) {why}; the \
         operator retries. If this lasts, check the network between the operator's Pod and that source."
    );
    (reason, message)
}

pub(super) fn denied(error: &CallError) -> String {
    let action = error.operation.iam_action();
    let denial = error.denial.as_deref().cloned().unwrap_or_default();
    let to = denial.principal.map(|principal| format!(" to {principal}")).unwrap_or_default();
    let other = denial.action.filter(|other| other != action && denial.by.is_none());
    if denial.key.is_some() || other.as_ref().is_some_and(|other| other.starts_with("kms:")) {
        let needed = other.unwrap_or_else(|| "kms:DescribeKey".into());
        let key = denial.key.unwrap_or_else(|| "the key of spec.sseConfig".into());
        return format!(
            "AWS denies {action}{to} because it denies {needed} for {key}: allow {needed} for this key in the operator's \
             IAM policy, and in the policy of the key if the key is in another account."
        );
    }
    if let Some(by) = denial.by {
        return format!("AWS denies {action}{to} by a {}: {}.", by.name(), who_changes(by));
    }
    let allow = match error.operation {
        // The same denial if the role lacks an action that AWS requires for the tags or the key of the new store.
        Operation::CreateSequenceStore => format!(
            "allow {action} with resource \"*\", and {}, in the operator's IAM policy; if spec.sseConfig is set, also \
             allow kms:DescribeKey for the key",
            Operation::TagResource.iam_action()
        ),
        Operation::ListSequenceStores | Operation::ListTagsForResource => {
            "allow this action with resource \"*\" in the operator's IAM policy".into()
        }
        _ => "allow this action in the operator's IAM policy".into(),
    };
    format!("AWS denies {action}{to}: {allow}.")
}

/// What to do about a policy that is not the operator's own.
fn who_changes(by: PolicyKind) -> &'static str {
    match by {
        PolicyKind::ServiceControlPolicy | PolicyKind::ResourceControlPolicy => {
            "ask the administrators of your AWS organization to allow it for this role and region"
        }
        PolicyKind::PermissionsBoundary => "allow this action in the permissions boundary of the role too",
        PolicyKind::SessionPolicy => "allow this action in the session policy with which the role is assumed",
        PolicyKind::VpcEndpointPolicy => "allow this action in the policy of the VPC endpoint",
        PolicyKind::ResourcePolicy => "allow it in the policy of the resource",
    }
}
