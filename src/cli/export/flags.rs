//! Flags of `export`. No I/O.

use clap::{Args, ValueEnum};

use crate::cli::flags::KubernetesFlags;
use crate::cli::values::{cluster_name, namespace, region, share, status, tag};
use crate::crd::ManagementPolicy;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  {bin} export --region us-east-1 > stores.yaml
  {bin} export -n lab --name 'genomes-*' --tag team=genomics | kubectl apply -f -
  {bin} export --status FAILED -o table
  {bin} export --orphans --region us-east-1

The manifests adopt the stores: each names its store by id and carries what AWS shows of it. With
managementPolicy Observe, the default, the operator will only watch. S3 access policies are not read.
Stores that carry the owner tags of an object are listed in comments: their object is there already.

AWS allows 5 requests of each kind per second for an account and region, and each store takes two:
1,000 stores take about 4 minutes. --bare without --tag takes one request for 100 stores, but cannot tell
owners. Nothing is changed, in AWS or in Kubernetes.

Exit code:
  0  done; with --orphans: there are none
  1  with --orphans: there are some
  2  error: nothing is printed";

/// Flags of `export`.
#[derive(Args, Clone, Debug)]
pub struct Export {
    /// Only stores of this name; `*` stands for any characters, `?` for one; can be given several times
    #[arg(long = "name", value_name = "PATTERN")]
    pub names: Vec<String>,

    /// Only stores with this tag; can be given several times: all must fit
    #[arg(long = "tag", value_name = "KEY[=VALUE]", value_parser = tag)]
    pub tags: Vec<(String, Option<String>)>,

    /// Only stores in this status; can be given several times
    #[arg(long = "status", value_name = "STATUS", value_parser = status, value_delimiter = ',')]
    pub statuses: Vec<String>,

    /// managementPolicy of the manifests
    #[arg(long, value_enum, ignore_case = true, default_value = "Observe", value_name = "POLICY")]
    pub management_policy: Policy,

    /// Name the store, and leave all its fields out: nothing of it is compared
    #[arg(long, conflicts_with = "orphans")]
    pub bare: bool,

    /// Also stores that carry the owner tags of an object
    #[arg(long, conflicts_with = "orphans")]
    pub include_owned: bool,

    /// Stores that carry owner tags of this cluster and whose object is gone
    #[arg(long)]
    pub orphans: bool,

    /// Namespace of the manifests [default: none is written]
    #[arg(short, long, value_parser = namespace)]
    pub namespace: Option<String>,

    /// Form of the list [default: yaml; with --orphans: table]
    #[arg(short, long, value_enum)]
    pub output: Option<Output>,

    /// Share of AWS's request quotas to use
    #[arg(long, env = "SEQSTORE_QUOTA_SHARE", default_value = "0.8", value_parser = share, value_name = "SHARE")]
    pub quota_share: f64,

    /// Region to look in [default: the AWS environment's]
    #[arg(long, env = "SEQSTORE_REGION", value_parser = region)]
    pub region: Option<String>,

    /// Name of this cluster in the owner tags of stores, for --orphans [default: as the operator has
    /// written it, else the uid of namespace kube-system]
    #[arg(long, env = "SEQSTORE_CLUSTER_NAME", value_parser = cluster_name, value_name = "NAME")]
    pub cluster_name: Option<String>,

    /// The way to Kubernetes; only --orphans looks there.
    #[command(flatten)]
    pub access: KubernetesFlags,
}

/// Form of an inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Manifests.
    Yaml,
    /// One Kubernetes List of manifests.
    Json,
    /// One line for each store.
    Table,
}

/// [`ManagementPolicy`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "verbatim")]
pub enum Policy {
    /// Watch only.
    Observe,
    /// Keep the store as the manifest says; deleting the object deletes the store.
    Manage,
}

impl From<Policy> for ManagementPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Observe => Self::Observe,
            Policy::Manage => Self::Manage,
        }
    }
}
