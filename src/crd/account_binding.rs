//! `AccountBinding`: which namespaces act in AWS with which role, and what their objects may name. The doc comments are the
//! schema's descriptions, which `kubectl explain` prints. No I/O.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::rules::account_binding as rules;
use super::{account_of_arn, schema};

/// Which namespaces act in AWS with a role of their own, and what their objects may name.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "healthomics.dev",
    version = "v1alpha1",
    kind = "AccountBinding",
    plural = "accountbindings",
    singular = "accountbinding",
    shortname = "acctbinding",
    status = "AccountBindingStatus",
    derive = "PartialEq",
    doc = "Makes the SequenceStores of some namespaces act in AWS with a role of their own. A namespace with no binding acts with the identity of the operator, unless the operator runs with --require-account-binding. A namespace with more than one binding, or with one whose role cannot be assumed, does not act in AWS at all."
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::namespaces_or_selector())]
pub struct AccountBindingSpec {
    /// Names of the namespaces that are bound, at most 1000. Set either this field or namespaceSelector. If absent,
    /// namespaceSelector says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000), inner(length(max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set, validation = rules::namespaces())]
    pub namespaces: Option<Vec<String>>,

    /// The bound namespaces by their labels. An empty selector binds all namespaces. Whoever may label a namespace can
    /// then bind it. Set either this field or namespaces. If absent, namespaces says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::label_selector")]
    pub namespace_selector: Option<LabelSelector>,

    /// ARN of the IAM role that the operator assumes for the bound namespaces. The account of the role is the account of
    /// their stores. It cannot be changed: delete the binding and create one with the new role.
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::role_arn(), validation = rules::immutable_role_arn())]
    pub role_arn: String,

    /// The external id that the trust policy of the role demands (`sts:ExternalId`), 2 to 1224 characters. It is not a
    /// secret. If absent, the operator sends none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1224))]
    #[x_kube(validation = rules::external_id())]
    pub external_id: Option<String>,

    /// What the objects of the bound namespaces may name in their specs. The operator refuses an object that names
    /// something else, before it calls AWS. If absent, there are no limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<Allow>,
}

/// What the objects of the bound namespaces may name in their specs. A list that is absent limits nothing; an empty one
/// allows nothing.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Allow {
    /// Regions in which the stores may be, such as `us-east-1`. An object without a region is in the default region of the
    /// operator. If absent, every region is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(max = 32)))]
    #[x_kube(merge_strategy = ListMerge::Set, validation = rules::regions())]
    pub regions: Option<Vec<String>>,

    /// KMS keys that `sseConfig.keyArn` may name. `*` stands for any characters between two colons of the ARN, and `?` for
    /// one. If absent, every key is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), inner(length(max = 2048)))]
    #[x_kube(merge_strategy = ListMerge::Set, validation = rules::kms_key_arns())]
    pub kms_key_arns: Option<Vec<String>>,

    /// S3 locations that `fallbackLocation` and `s3AccessConfig.accessLogLocation` may name: `s3://bucket/` or
    /// `s3://bucket/prefix/`, each with everything under it. If absent, every location is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), inner(length(max = 2048)))]
    #[x_kube(merge_strategy = ListMerge::Set, validation = rules::locations())]
    pub locations: Option<Vec<String>>,

    /// Principals to which `s3AccessPolicy` may allow something: ARNs in which `*` stands for any characters between two
    /// colons and `?` for one, account ids, names of services, or `*` alone for everybody. If absent, every principal is
    /// allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), inner(length(max = 2048)))]
    #[x_kube(merge_strategy = ListMerge::Set, validation = rules::policy_principals())]
    pub policy_principals: Option<Vec<String>>,

    /// Ids of existing stores that `sequenceStoreId` may name. If absent, every store of the account is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000), inner(length(max = 36)))]
    #[x_kube(merge_strategy = ListMerge::Set, validation = rules::sequence_store_ids())]
    pub sequence_store_ids: Option<Vec<String>>,
}

/// Observed state of the binding, written by the operator.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AccountBindingStatus {
    /// Generation of the binding that this status describes; -1 until the operator first looks at the binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The operator always sets `Ready`: whether the role can be assumed, and no bound namespace has another binding. It
    /// sets `Reconciling` or `Stalled`, never both, only while they are true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// AWS account of the role, as STS says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,

    /// How many namespaces are bound: with namespaceSelector those that exist and have the labels, otherwise those that
    /// spec.namespaces names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<i32>,

    /// How many SequenceStores are in the bound namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_stores: Option<i32>,
}

impl AccountBindingSpec {
    /// The account in the ARN of the role: 12 digits. None for an ARN that the API server's rules would refuse.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        account_of_arn(&self.role_arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_that_of_the_role() {
        let spec = |arn: &str| AccountBindingSpec { role_arn: arn.into(), ..Default::default() };
        assert_eq!(spec("arn:aws:iam::111122223333:role/lab").account(), Some("111122223333"));
        for not_a_role in ["", "lab", "arn:aws:iam::role/lab", "arn:aws:iam::1:role/lab"] {
            assert_eq!(spec(not_a_role).account(), None, "{not_a_role}");
        }
    }
}
