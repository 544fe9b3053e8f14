//! `permissions`: prints the IAM policy for what the operator may do, or the policies for the role of an AccountBinding. The IAM
//! action of each operation is `Operation::iam_action`. I/O: reads Kubernetes or a file for a binding, writes standard output
//! and error.

mod flags;
mod role;
mod source;

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Value, json};

use super::output::{eprint, print, printable};
use crate::aws::Operation;
use crate::crd::{CLUSTER_TAG, OWNER_UID_TAG, PREFIX};
pub(super) use flags::EXAMPLES;
use flags::PermissionLevel;
pub use flags::PermissionsFlags;

/// IAM authorises these operations without a resource: a statement with a store's ARN never matches them.
const WITHOUT_RESOURCE: &[Operation] = &[Operation::ListSequenceStores, Operation::ListTagsForResource];
const READ: &[Operation] = &[Operation::GetSequenceStore, Operation::GetS3AccessPolicy];
/// For objects that ask for a count, whoever owns their store.
const COUNT: &[Operation] = &[Operation::ListReadSets];
/// The operator lists read sets to explain why AWS refuses to delete a store.
const DELETE: &[Operation] = &[Operation::DeleteSequenceStore, Operation::ListReadSets];
const CREATE: &[Operation] = &[Operation::CreateSequenceStore];
const CHANGE: &[Operation] = &[
    Operation::UpdateSequenceStore,
    Operation::TagResource,
    Operation::UntagResource,
    Operation::PutS3AccessPolicy,
    Operation::DeleteS3AccessPolicy,
];
/// AWS requires this action, beside the creation itself, to create a store with a KMS key.
const DESCRIBE_KEY: &str = "kms:DescribeKey";

/// `program` is the command as the user typed it.
pub(super) async fn execute(flags: &PermissionsFlags, program: &str) -> Result<ExitCode, String> {
    flags.check()?;
    let text = match &flags.binding {
        Some(name) => {
            let (binding, cluster) = source::read(flags, name).await?;
            let policies = role::policies(&binding, flags, cluster.as_deref());
            let policies = policies.map_err(|error| printable(&error))?;
            let remarks = policies.remarks.iter().map(|remark| printable(remark));
            remarks.for_each(|remark| eprint(&format!("{program}: {remark}")));
            serde_json::to_string_pretty(&policies)
        }
        None => serde_json::to_string_pretty(&policy(flags)),
    };
    print(&format!("{}\n", text.map_err(|e| e.to_string())?))?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IamPolicy {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: &'static str,
    effect: &'static str,
    /// Only in a trust policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<BTreeMap<&'static str, String>>,
    action: Vec<&'static str>,
    /// None in a trust policy: it is about the role that has it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    condition: BTreeMap<&'static str, BTreeMap<String, Value>>,
}

impl IamPolicy {
    fn of(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }
}

impl Statement {
    fn of(sid: &'static str, actions: &[&'static str]) -> Self {
        let (action, resource, condition) = (actions.to_vec(), Vec::new(), BTreeMap::new());
        Self { sid, effect: "Allow", principal: None, action, resource, condition }
    }

    fn on(self, resource: &[String]) -> Self {
        Self { resource: resource.to_vec(), ..self }
    }

    fn allow(sid: &'static str, operations: &[Operation], resource: &[String]) -> Self {
        let actions: Vec<&str> = operations.iter().map(|operation| operation.iam_action()).collect();
        Self::of(sid, &actions).on(resource)
    }

    fn when(mut self, condition: Option<(&'static str, String, Value)>) -> Self {
        if let Some((operator, key, value)) = condition {
            self.condition.entry(operator).or_default().insert(key, value);
        }
        self
    }
}

/// The IAM policy for these flags.
pub fn policy(flags: &PermissionsFlags) -> IamPolicy {
    let anywhere = ["*".to_owned()];
    let stores = stores(flags);
    let in_regions = || {
        (!flags.regions.is_empty())
            .then(|| ("StringEquals", "aws:RequestedRegion".into(), json!(flags.regions)))
    };
    let owned = |tags| owner_condition(flags, tags);

    let counts: &[Operation] = if flags.read_sets { COUNT } else { &[] };
    let mut statement = vec![
        Statement::allow("ListStoresAndTags", WITHOUT_RESOURCE, &anywhere).when(in_regions()),
        Statement::allow("ReadStores", &[READ, counts].concat(), &stores),
    ];
    if flags.level >= PermissionLevel::ObserveAndDelete {
        let delete: Vec<Operation> =
            DELETE.iter().copied().filter(|operation| !counts.contains(operation)).collect();
        statement.push(Statement::allow("DeleteStores", &delete, &stores).when(owned("aws:ResourceTag")));
    }
    if flags.level >= PermissionLevel::Full {
        let create = Statement::allow("CreateStores", CREATE, &anywhere);
        statement.push(create.when(owned("aws:RequestTag")).when(in_regions()));
        statement.push(Statement::allow("ChangeStores", CHANGE, &stores).when(owned("aws:ResourceTag")));
    }
    if flags.level >= PermissionLevel::Full && flags.require_owner_tags {
        // Adoption tags a store that has no owner tags yet, which the condition of ChangeStores excludes.
        let tag = Statement::allow("WriteOwnerTags", &[Operation::TagResource], &stores);
        statement.push(tag.when(owned("aws:RequestTag")));
        let keep = Statement::allow("KeepOwnerTags", &[Operation::UntagResource], &stores);
        let ours = ("ForAnyValue:StringLike", "aws:TagKeys".to_owned(), json!([format!("{PREFIX}*")]));
        statement.push(Statement { effect: "Deny", ..keep.when(Some(ours)) });
    }
    if !flags.kms_keys.is_empty() {
        statement.push(Statement::of("DescribeKeysOfNewStores", &[DESCRIBE_KEY]).on(&flags.kms_keys));
    }
    IamPolicy::of(statement)
}

fn stores(flags: &PermissionsFlags) -> Vec<String> {
    let account = flags.account.as_deref().unwrap_or("*");
    let arn = |region: &str| format!("arn:{}:omics:{region}:{account}:sequenceStore/*", flags.partition);
    match flags.regions.as_slice() {
        [] => vec![arn("*")],
        regions => regions.iter().map(|region| arn(region)).collect(),
    }
}

/// Requires the owner tag of this cluster or, without a cluster name, an owner tag of any object.
fn owner_condition(flags: &PermissionsFlags, tags: &str) -> Option<(&'static str, String, Value)> {
    flags.require_owner_tags.then(|| match &flags.cluster_name {
        Some(name) => ("StringEquals", format!("{tags}/{CLUSTER_TAG}"), json!(name)),
        None => ("Null", format!("{tags}/{OWNER_UID_TAG}"), json!("false")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{CalledAs, Command, UserCommand};
    use std::collections::BTreeSet;

    fn made(args: &[&str]) -> Value {
        let line = ["x", "permissions"].iter().chain(args).map(Into::into);
        let Command::ForUsers(UserCommand::Permissions(flags)) =
            CalledAs::Operator.parse(line).expect("a command line")
        else {
            panic!("not permissions")
        };
        flags.check().expect("flags that go together");
        serde_json::to_value(policy(&flags)).expect("plain data")
    }

    fn actions(policy: &Value, effect: &str) -> BTreeSet<String> {
        let statements = policy["Statement"].as_array().expect("statements").iter();
        let statements = statements.filter(|statement| statement["Effect"] == effect);
        statements
            .flat_map(|statement| statement["Action"].as_array().expect("a list"))
            .map(|action| action.as_str().expect("text").to_owned())
            .collect()
    }

    #[test]
    fn full_allows_exactly_the_operations_that_the_operator_calls() {
        let called = Operation::ALL.iter().map(|operation| operation.iam_action().to_owned());
        let called: BTreeSet<String> = called.filter(|action| !action.starts_with("sts:")).collect();
        assert_eq!(actions(&made(&[]), "Allow"), called);
        assert_eq!(actions(&made(&["--require-owner-tags"]), "Allow"), called);
    }

    #[test]
    fn each_level_includes_the_one_before() {
        let levels = ["observe", "observe-and-delete", "full"].map(|level| made(&["--for", level]));
        let [observe, delete, full] = levels.map(|policy| actions(&policy, "Allow"));
        assert!(observe.is_subset(&delete) && delete.is_subset(&full));
        let reads = |action: &&String| action.contains(":Get") || action.contains(":List");
        assert_eq!(observe.iter().filter(reads).count(), observe.len());
        assert_eq!((observe.len(), delete.len(), full.len()), (4, 6, 12));
    }

    #[test]
    fn read_sets_of_every_store_are_listed_only_where_that_is_asked_for() {
        let statements = |args: &[&str]| {
            let policy = made(args);
            let all = policy["Statement"].as_array().cloned().unwrap_or_default();
            let counting = all.into_iter().filter(|one| one.to_string().contains("omics:ListReadSets"));
            counting.map(|one| one["Sid"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(statements(&["--for", "observe"]), [""; 0]);
        for level in ["observe", "observe-and-delete", "full"] {
            assert_eq!(statements(&["--for", level, "--read-sets"]), ["ReadStores"], "{level}");
        }
        let own = made(&["--require-owner-tags", "--read-sets"]);
        let read =
            own["Statement"].as_array().and_then(|all| all.iter().find(|one| one["Sid"] == "ReadStores"));
        assert_eq!(read.map(|read| &read["Condition"]), Some(&Value::Null), "whoever owns the store");
        assert_eq!(statements(&["--for", "full"]), ["DeleteStores"]);
    }

    #[test]
    fn required_owner_tags_protect_other_stores_and_the_tags_themselves() {
        for (args, tag) in [
            (vec!["--require-owner-tags"], "/healthomics.dev/uid"),
            (vec!["--require-owner-tags", "--cluster-name", "production"], "/healthomics.dev/cluster"),
        ] {
            let policy = made(&args);
            for statement in policy["Statement"].as_array().expect("statements") {
                let reads =
                    ["ListStoresAndTags", "ReadStores"].contains(&statement["Sid"].as_str().expect("text"));
                let condition = statement["Condition"].to_string();
                assert!(reads || condition.contains(tag) || condition.contains("aws:TagKeys"), "{statement}");
            }
            assert_eq!(actions(&policy, "Deny"), ["omics:UntagResource".to_owned()].into());
        }
    }

    #[test]
    fn regions_and_account_limit_every_statement() {
        let args = ["--region", "us-east-1,eu-west-1", "--account", "111122223333"];
        for statement in made(&args)["Statement"].as_array().expect("statements") {
            let text = statement.to_string();
            assert!(text.contains("us-east-1") && text.contains("eu-west-1"), "{text}");
            assert!(
                text.contains("aws:RequestedRegion") || text.contains("eu-west-1:111122223333:"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_kms_key_adds_describe_key_for_that_key_only() {
        let key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd";
        let policy = made(&["--kms-key", key]);
        let last = policy["Statement"].as_array().and_then(|all| all.last()).expect("statements");
        assert_eq!((&last["Action"], &last["Resource"]), (&json!([DESCRIBE_KEY]), &json!([key])));
        let line = ["x", "permissions", "--for", "observe", "--kms-key", key];
        let Ok(Command::ForUsers(UserCommand::Permissions(flags))) =
            CalledAs::Operator.parse(line.iter().map(Into::into))
        else {
            panic!("not permissions")
        };
        assert!(flags.check().is_err());
    }
}
