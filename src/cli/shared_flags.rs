//! Groups of flags that several commands share, so that `plan` has the same settings as the operator. No I/O.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::defaults;
use super::values::{cluster_name, duration, quota, region, share};
use crate::aws::{Operation, Quotas};
use crate::crd::{DeletionDefaults, DeletionPolicy};
use crate::kubernetes::cluster;

/// Where the stores are, and which cluster their owner tags name.
#[derive(Args, Clone, Debug)]
pub struct PlaceFlags {
    /// Region of stores whose object does not set spec.region [default: region of the AWS environment]
    #[arg(long, env = "SEQSTORE_REGION", value_parser = region)]
    pub(super) region: Option<String>,

    /// Name of this cluster in the owner tags of stores [default: uid of namespace kube-system]
    #[arg(long, env = "SEQSTORE_CLUSTER_NAME", value_parser = cluster_name, value_name = "NAME")]
    pub(super) cluster_name: Option<String>,
}

/// How often the operator polls, and how long it waits for AWS to be consistent.
#[derive(Args, Clone, Debug)]
pub struct TimingFlags {
    /// Time between two polls of a store that is not changing, such as 30s, 5m or 1h
    #[arg(long, env = "SEQSTORE_POLL_INTERVAL", default_value = defaults::POLL_INTERVAL, value_parser = duration, value_name = "TIME")]
    pub(super) poll_interval: Duration,

    /// How long after a write AWS may still return old data. The operator waits at least this long before it
    /// repeats a create request whose outcome it does not know
    #[arg(long, env = "SEQSTORE_CREATE_GRACE", default_value = defaults::CREATE_GRACE, value_parser = duration, value_name = "TIME")]
    pub(super) create_grace: Duration,
}

/// What happens when an object is deleted whose spec is silent.
#[derive(Args, Clone, Copy, Debug)]
pub struct DeletionFlags {
    /// deletionPolicy of objects whose spec has none; with Retain, a store is deleted only if its object says Delete
    /// [default: Delete; for plan, what objects of the namespace show]
    #[arg(
        long = "default-deletion-policy",
        env = "SEQSTORE_DEFAULT_DELETION_POLICY",
        value_enum,
        value_name = "POLICY"
    )]
    policy: Option<DeletionPolicyFlag>,

    /// deletionProtection of objects whose spec has none [default: false; for plan, what objects of the namespace show]
    #[arg(
        long = "default-deletion-protection",
        env = "SEQSTORE_DEFAULT_DELETION_PROTECTION",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        hide_possible_values = true
    )]
    protection: Option<bool>,
}

/// The values of `spec.deletionPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "verbatim")]
enum DeletionPolicyFlag {
    Delete,
    Retain,
}

impl From<DeletionPolicyFlag> for DeletionPolicy {
    fn from(policy: DeletionPolicyFlag) -> Self {
        match policy {
            DeletionPolicyFlag::Delete => Self::Delete,
            DeletionPolicyFlag::Retain => Self::Retain,
        }
    }
}

impl DeletionFlags {
    /// The flags, and `otherwise` where one is not given.
    pub(super) fn defaults(self, otherwise: DeletionDefaults) -> DeletionDefaults {
        DeletionDefaults {
            policy: self.policy.map_or(otherwise.policy, DeletionPolicy::from),
            protection: self.protection.unwrap_or(otherwise.protection),
        }
    }
}

/// How many requests AWS allows, and how many of them this process sends.
#[derive(Args, Clone, Debug)]
pub struct QuotaFlags {
    /// Share of the AWS request quotas to use, above 0 and at most 1
    #[arg(long, env = "SEQSTORE_QUOTA_SHARE", default_value = defaults::QUOTA_SHARE, value_parser = share, value_name = "SHARE")]
    quota_share: f64,

    /// Request quota of your AWS account that is not AWS's default, in requests per second, such as GetSequenceStore=20;
    /// repeatable or comma-separated
    #[arg(long = "quota", env = "SEQSTORE_QUOTA", value_delimiter = ',', value_parser = quota, value_name = "OPERATION=TPS")]
    quotas: Vec<(Operation, f64)>,
}

impl QuotaFlags {
    pub(super) fn quotas(&self) -> Quotas {
        let of_account = self.quotas.iter().copied().collect();
        Quotas { share: self.quota_share, of_account, ..Quotas::default() }
    }
}

/// Which cluster to connect to, with kubectl's flags and defaults.
#[derive(Args, Clone, Debug, Default)]
pub struct KubernetesFlags {
    /// Kubeconfig file [default: KUBECONFIG, then ~/.kube/config, then the Pod's ServiceAccount]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(super) kubeconfig: Option<PathBuf>,

    /// Context in the kubeconfig [default: its current context]
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<String>,
}

impl From<&KubernetesFlags> for cluster::Access {
    fn from(flags: &KubernetesFlags) -> Self {
        Self { kubeconfig: flags.kubeconfig.clone(), context: flags.context.clone() }
    }
}
