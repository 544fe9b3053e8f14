//! Flags of `export`. No I/O.

use clap::{Args, ValueEnum};

use crate::cli::shared_flags::{KubernetesFlags, QuotaFlags};
use crate::cli::values::{cluster_name, namespace, region, status, tag};
use crate::crd::{ManagementPolicy, StoreStatus};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  {bin} export --region us-east-1 > stores.yaml
  {bin} export -n lab --name 'genomes-*' --tag team=genomics | kubectl apply -f -
  {bin} export --status FAILED -o table
  {bin} export --orphans --region us-east-1

Each manifest names its store by id and contains the fields that AWS shows. When you apply it, the operator
shows the store in status (Observe, the default) or adopts it (Manage): it then writes owner tags to the store
and owns it. S3 access policies are not exported. Stores with owner tags appear only as comments: an object
owns them, or once did. --orphans lists those whose object no longer exists.

AWS allows 5 requests per second for each operation, account and region. Each store takes two requests, so
1,000 stores take about 4 minutes. --bare without --tag takes one request for 100 stores, but cannot see
which stores have an owner. The command changes nothing, in AWS or in Kubernetes.

Exit code:
  0  success; with --orphans: no orphans found
  1  with --orphans: orphans found
  2  error; nothing is printed";

#[derive(Args, Clone, Debug)]
pub struct ExportFlags {
    /// Only stores with this name; `*` matches any characters, `?` matches one; repeatable
    #[arg(long = "name", value_name = "PATTERN")]
    pub(super) names: Vec<String>,

    /// Only stores with this tag; repeatable: a store must have all of them
    #[arg(long = "tag", value_name = "KEY[=VALUE]", value_parser = tag)]
    pub(super) tags: Vec<(String, Option<String>)>,

    /// Only stores with this status; repeatable or comma-separated: a store must have one of them
    #[arg(long = "status", value_name = "STATUS", value_parser = status, value_delimiter = ',')]
    pub(super) statuses: Vec<StoreStatus>,

    /// spec.managementPolicy in the manifests
    #[arg(long, value_enum, ignore_case = true, default_value = "Observe", value_name = "POLICY")]
    pub(super) management_policy: ManagementPolicyFlag,

    /// Write only sequenceStoreId, region and managementPolicy, so that the operator compares nothing
    #[arg(long, conflicts_with = "orphans")]
    pub(super) bare: bool,

    /// Also export stores with owner tags
    #[arg(long, conflicts_with = "orphans")]
    pub(super) include_owned: bool,

    /// Export orphans: stores whose owner tags name an object of this cluster that no longer exists
    #[arg(long)]
    pub(super) orphans: bool,

    /// Namespace to write in the manifests [default: none]
    #[arg(short, long, value_parser = namespace)]
    pub(super) namespace: Option<String>,

    /// Output format [default: yaml; with --orphans: table]
    #[arg(short, long, value_enum)]
    pub(super) output: Option<ExportOutput>,

    #[command(flatten)]
    pub(super) quotas: QuotaFlags,

    /// Region of the stores [default: region of the AWS environment]
    #[arg(long, env = "SEQSTORE_REGION", value_parser = region)]
    pub(super) region: Option<String>,

    /// Name of this cluster in the owner tags of stores, for --orphans [default: the name that the operator
    /// wrote to the stores of this cluster, or else the uid of namespace kube-system]
    #[arg(long, env = "SEQSTORE_CLUSTER_NAME", value_parser = cluster_name, value_name = "NAME")]
    pub(super) cluster_name: Option<String>,

    #[command(flatten)]
    pub(super) kubernetes: KubernetesFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ExportOutput {
    /// One YAML document per store
    Yaml,
    /// One Kubernetes List
    Json,
    /// One line per store
    Table,
}

/// [`ManagementPolicy`] as a flag value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "verbatim")]
pub(in crate::cli) enum ManagementPolicyFlag {
    /// Show the store in status and report drift; change nothing in AWS
    Observe,
    /// Adopt the store and keep it as the manifest says; deleting the object deletes the store
    Manage,
}

impl From<ManagementPolicyFlag> for ManagementPolicy {
    fn from(policy: ManagementPolicyFlag) -> Self {
        match policy {
            ManagementPolicyFlag::Observe => Self::Observe,
            ManagementPolicyFlag::Manage => Self::Manage,
        }
    }
}
