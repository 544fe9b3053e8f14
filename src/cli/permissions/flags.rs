//! Flags of `permissions`. No I/O.

use clap::{Args, ValueEnum};

use crate::cli::values::{account, cluster_name, key_arn, region};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  {bin} permissions --for observe
  {bin} permissions --region us-east-1 --account 111122223333
  {bin} permissions --require-owner-tags --cluster-name production \\
    --kms-key arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab

The actions are those that the operator calls, and kms:DescribeKey, which AWS asks of whoever creates a
store with a key. sts:GetCallerIdentity, which tells the account of the credentials, is always allowed and
takes no permission. omics:ListTagsForResource and omics:ListSequenceStores take no resource but \"*\".

With --require-owner-tags only stores that carry the operator's owner tags are changed or deleted: those
of this cluster where --cluster-name is given. For observe-and-delete something else must write the tags,
as this policy does not allow it.";

/// Flags of `permissions`.
#[derive(Args, Clone, Debug)]
pub struct Permissions {
    /// What the operator is to do
    #[arg(long = "for", value_enum, default_value_t = Level::Full, value_name = "LEVEL")]
    pub level: Level,

    /// Only in this region; can be given several times [default: every region]
    #[arg(long = "region", value_name = "REGION", value_parser = region, value_delimiter = ',')]
    pub regions: Vec<String>,

    /// Account of the stores [default: the one whose policy it is]
    #[arg(long, value_parser = account)]
    pub account: Option<String>,

    /// AWS partition
    #[arg(long, default_value = "aws", value_parser = ["aws", "aws-cn", "aws-us-gov"])]
    pub partition: String,

    /// Key of stores to create (spec.sseConfig); can be given several times
    #[arg(long = "kms-key", value_name = "ARN", value_parser = key_arn)]
    pub kms_keys: Vec<String>,

    /// Change and delete only stores with the operator's owner tags
    #[arg(long)]
    pub require_owner_tags: bool,

    /// Name of this cluster in the owner tags of stores, as the operator has it
    #[arg(long, value_parser = cluster_name, value_name = "NAME", requires = "require_owner_tags")]
    pub cluster_name: Option<String>,
}

/// What the operator is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// Mirror stores and report differences.
    Observe,
    /// Mirror stores, and delete them with their objects.
    ObserveAndDelete,
    /// The whole life of stores.
    Full,
}

impl Permissions {
    /// What clap cannot check on one flag alone.
    ///
    /// # Errors
    /// One line that says what to change.
    pub fn check(&self) -> Result<(), String> {
        if !self.kms_keys.is_empty() && self.level != Level::Full {
            return Err(
                "--kms-key needs --for full: only whoever creates a store needs a permission for its key"
                    .into(),
            );
        }
        Ok(())
    }
}
