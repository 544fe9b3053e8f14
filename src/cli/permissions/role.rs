//! The policies for the role of an AccountBinding: what it may do, who may assume it, and what the operator's own role needs
//! for that. No I/O.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::flags::{PermissionLevel, PermissionsFlags};
use super::{IamPolicy, Statement, policy};
use crate::aws::BINDING_TAG;
use crate::crd::{AccountBinding, CLUSTER_TAG};
use crate::tenancy::Binding;

/// Stands for the operator's own role; IAM refuses it.
const UNKNOWN_OPERATOR: &str = "arn:aws:iam::OPERATOR_ACCOUNT:role/OPERATOR_ROLE";
/// Stands for the name of the cluster; no session has it.
const UNKNOWN_CLUSTER: &str = "CLUSTER_NAME";
const ASSUME_ROLE: &str = "sts:AssumeRole";
const TAG_SESSION: &str = "sts:TagSession";

/// Three documents, each for another place. The field names are the JSON output.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RolePolicies {
    role_arn: String,
    /// Who may assume the role, and with which session tags.
    trust_policy: IamPolicy,
    /// What the role may do.
    permissions_policy: IamPolicy,
    /// For the operator's own role, beside what it has.
    operator_policy: IamPolicy,
    /// What people should know; not part of the output.
    #[serde(skip)]
    pub(super) remarks: Vec<String>,
}

/// `cluster` is the name of the cluster in session tags.
///
/// # Errors
/// The binding cannot be used, or the flags ask for more than it allows.
pub(super) fn policies(
    binding: &AccountBinding,
    flags: &PermissionsFlags,
    cluster: Option<&str>,
) -> Result<RolePolicies, String> {
    let read = Binding::of(std::sync::Arc::new(binding.clone()));
    let bound = read.bound()?;
    let mut remarks = Vec::new();
    if flags.operator_role.is_none() {
        remarks.push(format!("{UNKNOWN_OPERATOR} stands for the operator's own role: set --operator-role"));
    }
    if cluster.is_none() {
        remarks.push(format!(
            "{UNKNOWN_CLUSTER} stands for the cluster's name: set --cluster-name to that of the operator"
        ));
    }
    let (kms_keys, aliases) = keys(binding, flags);
    if !aliases.is_empty() {
        remarks.push(format!(
            "IAM knows keys by their own ARNs: name the keys of these aliases with --kms-key: {}",
            aliases.join(", ")
        ));
    }
    let of_role = PermissionsFlags {
        regions: regions(binding, flags)?,
        account: Some(bound.account.clone()),
        partition: bound.role_arn.split(':').nth(1).unwrap_or_default().to_owned(),
        kms_keys,
        ..flags.clone()
    };
    let operator = flags.operator_role.as_deref().unwrap_or(UNKNOWN_OPERATOR);
    Ok(RolePolicies {
        role_arn: bound.role_arn.clone(),
        trust_policy: trust(operator, &bound.binding, cluster, bound.external_id.as_deref()),
        permissions_policy: policy(&of_role),
        operator_policy: IamPolicy::of(vec![
            Statement::of("AssumeRoleOfBinding", &[ASSUME_ROLE, TAG_SESSION])
                .on(std::slice::from_ref(&bound.role_arn)),
        ]),
        remarks,
    })
}

/// AWS checks the external id only where the role is assumed, and the session tags in both.
fn trust(operator: &str, binding: &str, cluster: Option<&str>, external_id: Option<&str>) -> IamPolicy {
    let tag = |key: &str, value: &str| (format!("aws:RequestTag/{key}"), json!(value));
    let tags = [tag(CLUSTER_TAG, cluster.unwrap_or(UNKNOWN_CLUSTER)), tag(BINDING_TAG, binding)];
    let external_id = external_id.map(|id| ("sts:ExternalId".to_owned(), json!(id)));
    let statement = |sid, action, conditions: BTreeMap<String, Value>| Statement {
        principal: Some(BTreeMap::from([("AWS", operator.to_owned())])),
        condition: BTreeMap::from([("StringEquals", conditions)]),
        ..Statement::of(sid, &[action])
    };
    let with_id = tags.iter().cloned().chain(external_id).collect();
    IamPolicy::of(vec![
        statement("AssumeForBinding", ASSUME_ROLE, with_id),
        statement("TagSessionOfBinding", TAG_SESSION, tags.into()),
    ])
}

/// Those of the flags, which narrow the binding; else those that it allows.
fn regions(binding: &AccountBinding, flags: &PermissionsFlags) -> Result<Vec<String>, String> {
    let name = binding.metadata.name.as_deref().unwrap_or_default();
    let Some(allowed) = binding.spec.allow.as_ref().and_then(|allow| allow.regions.clone()) else {
        return Ok(flags.regions.clone());
    };
    if allowed.is_empty() {
        return Err(format!(
            "the AccountBinding {name} allows no region, so that its role needs no permission"
        ));
    }
    match flags.regions.iter().find(|region| !allowed.contains(region)) {
        Some(region) => Err(format!(
            "the AccountBinding {name} does not allow the region {region}: its spec.allow.regions lists {}",
            allowed.join(", ")
        )),
        None if flags.regions.is_empty() => Ok(allowed),
        None => Ok(flags.regions.clone()),
    }
}

/// The keys with which the role may create stores, and the aliases among those that the binding allows.
fn keys(binding: &AccountBinding, flags: &PermissionsFlags) -> (Vec<String>, Vec<String>) {
    let allowed = binding.spec.allow.as_ref().and_then(|allow| allow.kms_key_arns.clone());
    let needs_keys = flags.level == PermissionLevel::Full;
    let allowed = allowed.filter(|_| needs_keys).unwrap_or_default();
    let is_key = |arn: &String| arn.splitn(6, ':').nth(5).is_some_and(|key| key.starts_with("key/"));
    let (mut keys, aliases): (Vec<String>, Vec<String>) = allowed.into_iter().partition(is_key);
    for key in &flags.kms_keys {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    (keys, aliases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{CalledAs, Command, UserCommand};

    const ROLE: &str = "arn:aws-cn:iam::111122223333:role/teams/lab";
    const OPERATOR: &str = "arn:aws-cn:iam::444455556666:role/operator";

    fn flags(args: &[&str]) -> PermissionsFlags {
        let line = ["x", "permissions", "--binding", "lab"].iter().chain(args).map(Into::into);
        let Ok(Command::ForUsers(UserCommand::Permissions(flags))) = CalledAs::Operator.parse(line) else {
            panic!("not permissions: {args:?}")
        };
        flags.check().expect("flags that go together");
        *flags
    }

    fn binding(mut spec: Value) -> AccountBinding {
        spec["namespaces"] = json!(["a"]);
        spec["roleArn"] = json!(ROLE);
        AccountBinding::new("lab", serde_json::from_value(spec).expect("a spec"))
    }

    fn made(spec: Value, args: &[&str]) -> Result<(Value, Vec<String>), String> {
        let policies = policies(&binding(spec), &flags(args), Some("production"))?;
        Ok((serde_json::to_value(&policies).expect("plain data"), policies.remarks))
    }

    #[test]
    fn only_the_operator_may_assume_the_role_and_only_for_this_binding_and_cluster() {
        let (printed, remarks) =
            made(json!({"externalId": "secret/1"}), &["--operator-role", OPERATOR]).expect("policies");
        assert!(remarks.is_empty(), "{remarks:?}");
        let tags = json!({
            "aws:RequestTag/healthomics.dev/cluster": "production",
            "aws:RequestTag/healthomics.dev/binding": "lab",
        });
        let mut with_id = tags.clone();
        with_id["sts:ExternalId"] = json!("secret/1");
        let statements = printed["trustPolicy"]["Statement"].as_array().expect("statements");
        for (statement, action, condition) in
            [(&statements[0], "sts:AssumeRole", with_id), (&statements[1], "sts:TagSession", tags)]
        {
            assert_eq!(statement["Principal"], json!({"AWS": OPERATOR}));
            assert_eq!((&statement["Action"], &statement["Resource"]), (&json!([action]), &Value::Null));
            assert_eq!(statement["Condition"], json!({"StringEquals": condition}));
        }
        assert_eq!(statements.len(), 2);
        let own = &printed["operatorPolicy"]["Statement"][0];
        assert_eq!(own["Action"], json!(["sts:AssumeRole", "sts:TagSession"]));
        assert_eq!((&own["Resource"], &own["Principal"]), (&json!([ROLE]), &Value::Null));
        let (printed, _) = made(json!({}), &[]).expect("policies");
        assert!(!printed["trustPolicy"].to_string().contains("ExternalId"), "the binding has none");
    }

    #[test]
    fn what_is_not_known_is_a_placeholder_that_iam_refuses() {
        let policies = policies(&binding(json!({})), &flags(&[]), None).expect("policies");
        assert_eq!(policies.remarks.len(), 2, "{:?}", policies.remarks);
        let trust = serde_json::to_string(&policies.trust_policy).expect("plain data");
        assert!(trust.contains(UNKNOWN_OPERATOR) && trust.contains(UNKNOWN_CLUSTER), "{trust}");
        assert_eq!(crate::crd::account_of_arn(UNKNOWN_OPERATOR), None);
    }

    #[test]
    fn the_role_may_act_in_its_account_and_in_the_allowed_regions_only() {
        let allow = json!({"allow": {"regions": ["cn-north-1", "cn-northwest-1"]}});
        let (printed, _) = made(allow.clone(), &[]).expect("policies");
        for statement in printed["permissionsPolicy"]["Statement"].as_array().expect("statements") {
            let text = statement.to_string();
            assert!(text.contains("cn-north-1") && text.contains("cn-northwest-1"), "{text}");
            let is_of_stores = text.contains("arn:aws-cn:omics:cn-north-1:111122223333:sequenceStore/*");
            assert!(is_of_stores || text.contains("aws:RequestedRegion"), "{text}");
        }
        let (narrow, _) = made(allow.clone(), &["--region", "cn-north-1"]).expect("policies");
        assert!(!narrow.to_string().contains("cn-northwest-1"));
        let error = made(allow, &["--region", "us-east-1"]).expect_err("outside");
        assert!(error.contains("us-east-1") && error.contains("spec.allow.regions"), "{error}");
        assert!(made(json!({"allow": {"regions": []}}), &[]).is_err(), "no region would mean every region");
    }

    #[test]
    fn the_role_may_describe_the_allowed_keys() {
        let (key, named) =
            ("arn:aws-cn:kms:cn-north-1:111122223333:key/*", "arn:aws-cn:kms:cn-north-1:111122223333:key/1");
        let allow =
            json!({"allow": {"kmsKeyArns": [key, "arn:aws-cn:kms:cn-north-1:111122223333:alias/lab"]}});
        let (printed, remarks) = made(allow.clone(), &["--kms-key", named]).expect("policies");
        let last = printed["permissionsPolicy"]["Statement"].as_array().and_then(|all| all.last());
        let last = last.expect("statements");
        assert_eq!((&last["Action"], &last["Resource"]), (&json!(["kms:DescribeKey"]), &json!([key, named])));
        assert!(remarks.iter().any(|remark| remark.contains("alias/lab")), "{remarks:?}");
        let (observing, remarks) = made(allow, &["--for", "observe"]).expect("policies");
        assert!(!observing.to_string().contains("kms:") && !remarks.concat().contains("alias"));
    }

    #[test]
    fn a_binding_that_cannot_be_used_has_no_policies() {
        let mut unclear = binding(json!({}));
        unclear.spec.namespaces = None;
        assert!(policies(&unclear, &flags(&[]), None).is_err());
    }
}
