//! Compares the AWS operations that the tests of a run called with the IAM policy that `permissions` prints.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use healthomics_simulator::LedgerEntry;
use sequencestore_operator::cli::policy;
use sequencestore_operator::cli::{CalledAs, Command, UserCommand};

use crate::world::Error;

static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// AWS allows the first to every caller, whatever the policy says. The others are called to get the operator's own
/// credentials: the trust policy of its role allows them.
const ALWAYS_ALLOWED: [&str; 3] =
    ["sts:GetCallerIdentity", "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"];
/// AWS needs this permission to create a store with a KMS key; the operator never calls it.
const DEPENDENT: &str = "kms:DescribeKey";

pub fn record(entries: &[LedgerEntry]) {
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    seen.extend(entries.iter().map(|entry| action(&entry.operation)));
}

/// The IAM action of an operation as the ledger names it.
pub fn action(operation: &str) -> String {
    if operation.contains(':') { operation.to_owned() } else { format!("omics:{operation}") }
}

/// The actions that the policy printed by `permissions` with these arguments allows.
pub fn allowed(arguments: &[&str]) -> Result<BTreeSet<String>, Error> {
    let line = ["x", "permissions"].iter().chain(arguments).map(Into::into);
    let Command::ForUsers(UserCommand::Permissions(flags)) = CalledAs::Operator.parse(line)? else {
        return Err("not permissions".into());
    };
    let policy = serde_json::to_value(policy(&flags))?;
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    let allowing = statements.iter().filter(|statement| statement["Effect"] == "Allow");
    let actions = allowing.flat_map(|statement| statement["Action"].as_array().cloned().unwrap_or_default());
    Ok(actions.filter_map(|action| action.as_str().map(ToOwned::to_owned)).collect())
}

/// Fails if the full policy does not allow a called operation and, after a run of all tests, if it allows an action
/// that no test called.
pub fn compare(all_tests: bool) -> Result<String, Error> {
    let key = "--kms-key=arn:aws:kms:us-east-1:123456789012:key/1234abcd";
    let allowed = allowed(&["--for", "full", key])?;
    let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let denied: Vec<_> = seen
        .iter()
        .filter(|action| !allowed.contains(*action) && !ALWAYS_ALLOWED.contains(&action.as_str()))
        .collect();
    if !denied.is_empty() {
        return Err(format!("called, and not in the policy: {denied:?}").into());
    }
    let unused: Vec<_> =
        allowed.iter().filter(|action| !seen.contains(*action) && *action != DEPENDENT).collect();
    if all_tests && !unused.is_empty() {
        return Err(format!("in the policy, and never called: {unused:?}").into());
    }
    Ok(format!("{} operations called, {} actions in the policy", seen.len(), allowed.len()))
}
