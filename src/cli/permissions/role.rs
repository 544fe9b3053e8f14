//! The policies for the role of an AccountBinding: what it may do, who may assume it, and what the operator's own role needs
//! for that. No I/O.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::flags::{PermissionLevel, PermissionsFlags};
use super::{IamPolicy, Statement, policy};
use crate::crd::{AccountBinding, CLUSTER_TAG, PREFIX};
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
        remarks
            .push(format!("--operator-role names the operator's own role: {UNKNOWN_OPERATOR} stands for it"));
    }
    if cluster.is_none() {
        remarks.push(format!("--cluster-name is the one of the operator: {UNKNOWN_CLUSTER} stands for it"));
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
            Statement::of("AssumeRoleOfBinding", &[ASSUME_ROLE, TAG_SESSION]).on(&[bound.role_arn.clone()]),
        ]),
        remarks,
    })
}

/// AWS checks the external id only where the role is assumed, and the session tags in both.
fn trust(operator: &str, binding: &str, cluster: Option<&str>, external_id: Option<&str>) -> IamPolicy {
    let tag = |key: &str, value: &str| (format!("aws:RequestTag/{key}"), json!(value));
    let tags =
        [tag(CLUSTER_TAG, cluster.unwrap_or(UNKNOWN_CLUSTER)), tag(&format!("{PREFIX}binding"), binding)];
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
