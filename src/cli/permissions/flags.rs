//! Flags of `permissions`. No I/O.

use clap::{ArgGroup, Args, ValueEnum, ValueHint};

use crate::cli::shared_flags::KubernetesFlags;
use crate::cli::values::{account, cluster_name, key_arn, object_name, region, role_arn};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  {bin} permissions --for observe --read-sets
  {bin} permissions --region us-east-1 --account 111122223333
  {bin} permissions --require-owner-tags --cluster-name production \\
    --kms-key arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
  {bin} permissions --binding lab --operator-role arn:aws:iam::444455556666:role/sequencestore-operator

With --for full, the policy allows every action that the operator calls, except sts:GetCallerIdentity, which
needs no permission. --kms-key adds kms:DescribeKey, which AWS requires to create a store with that key. The
resource of omics:ListTagsForResource, omics:ListSequenceStores and omics:CreateSequenceStore is \"*\", because
AWS accepts no narrower resource for them.

--require-owner-tags limits changes and deletions to stores with owner tags; with --cluster-name, to stores
whose owner tags name that cluster. With --for observe-and-delete, the operator may not write these tags,
so something else must.

--binding reads an AccountBinding of the cluster, or of the file after -f, and prints three policies as one JSON
document: permissionsPolicy and trustPolicy of its role, and operatorPolicy, which the operator's own role needs
to assume it. They fit an operator that gets its role by IRSA and one that gets it by EKS Pod Identity.";

#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("names_cluster").args(["require_owner_tags", "binding"]).multiple(true)))]
pub struct PermissionsFlags {
    /// What the operator may do
    #[arg(long = "for", value_enum, default_value_t = PermissionLevel::Full, value_name = "LEVEL")]
    pub(super) level: PermissionLevel,

    /// Limit the policy to this region; repeatable or comma-separated [default: every region]
    #[arg(long = "region", value_name = "REGION", value_parser = region, value_delimiter = ',')]
    pub(super) regions: Vec<String>,

    /// Limit the policy to stores of this account [default: any account]
    #[arg(long, value_parser = account, conflicts_with = "binding")]
    pub(super) account: Option<String>,

    /// AWS partition
    #[arg(long, default_value = "aws", value_parser = ["aws", "aws-cn", "aws-us-gov"], conflicts_with = "binding")]
    pub(super) partition: String,

    /// Allow to list the read sets of every store, for objects with spec.observeReadSets; without this flag, only to explain
    /// why AWS refuses to delete a store
    #[arg(long)]
    pub(super) read_sets: bool,

    /// KMS key of stores to create (spec.sseConfig.keyArn); repeatable
    #[arg(long = "kms-key", value_name = "ARN", value_parser = key_arn)]
    pub(super) kms_keys: Vec<String>,

    /// Allow changes and deletions only of stores with owner tags
    #[arg(long)]
    pub(super) require_owner_tags: bool,

    /// Name of this cluster in the owner tags of stores and in session tags, as the operator uses it; requires
    /// --require-owner-tags or --binding [default: with --binding, what the cluster shows]
    #[arg(long, value_parser = cluster_name, value_name = "NAME", requires = "names_cluster")]
    pub(super) cluster_name: Option<String>,

    /// Print the policies for the role of this AccountBinding, limited to its account, regions and keys
    #[arg(long, value_parser = object_name, value_name = "NAME")]
    pub(super) binding: Option<String>,

    /// The operator's own role, which may assume that of the binding [default: a placeholder]
    #[arg(long, value_parser = role_arn, value_name = "ARN", requires = "binding")]
    pub(super) operator_role: Option<String>,

    /// File with the AccountBinding; `-` is standard input [default: the binding is read in the cluster]
    #[arg(short = 'f', long = "filename", value_name = "FILE", value_hint = ValueHint::AnyPath, requires = "binding")]
    pub(super) file: Option<String>,

    #[command(flatten)]
    pub(super) kubernetes: KubernetesFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(in crate::cli) enum PermissionLevel {
    /// Show stores in status and report drift
    Observe,
    /// Show stores in status, report drift, and delete a store when its SequenceStore is deleted
    ObserveAndDelete,
    /// Create, adopt, change and delete stores
    Full,
}

impl PermissionsFlags {
    /// Checks that depend on more than one flag.
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.kms_keys.is_empty() && self.level != PermissionLevel::Full {
            return Err(
                "--kms-key requires --for full: only creating a store needs a permission for its key".into(),
            );
        }
        Ok(())
    }
}
