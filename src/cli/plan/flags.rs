//! Flags of `plan`. No I/O.

use clap::{ArgGroup, Args, ValueEnum, ValueHint};

use crate::cli::shared_flags::{DeletionFlags, KubernetesFlags, PlaceFlags, QuotaFlags, TimingFlags};
use crate::cli::values::namespace;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  {bin} plan lab/genomes
  {bin} plan -n lab genomes
  {bin} plan -f genomes.yaml
  helm template my-stores | {bin} plan -f - -o json
  {bin} plan lab/genomes --delete
  {bin} plan -A

The plan comes from the operator's own code and from read-only AWS calls with your credentials. It assumes that
each changing call succeeds, and plans on until nothing is left to do. For a manifest, it shows what the
operator would do after `kubectl apply`; the API server checks the manifest with a server-side dry run. With
--offline, the program checks the schema and the rules of the CRD itself; only the rules for edits and the
cluster's own policies need the API server. The command changes nothing, in AWS or in Kubernetes.

-A reads the stores of all objects within 80% of the AWS quotas: 1,000 objects take about 4 minutes.

Exit code:
  0  nothing to do
  1  changes to make, or changes in progress
  2  error; no plan could be made
  3  an object needs attention; the plan says what to do";

/// The default of `--cluster-name` is another one than for `run`.
const CLUSTER_NAME_HELP: &str = "Name of this cluster in the owner tags of stores [default: the name that the operator wrote to \
                                 the stores of this cluster, or else the uid of namespace kube-system]";

#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("subjects").args(["names", "files", "all_namespaces"])))]
#[command(mut_arg("cluster_name", |argument| argument.help(CLUSTER_NAME_HELP)))]
pub struct PlanFlags {
    /// Name of a SequenceStore in the cluster, optionally NAMESPACE/NAME; repeatable; or use -f or -A
    #[arg(value_name = "[NAMESPACE/]NAME")]
    pub(super) names: Vec<String>,

    /// Every SequenceStore of the cluster, one line for each
    #[arg(short = 'A', long, conflicts_with_all = ["namespace", "delete"])]
    pub(super) all_namespaces: bool,

    /// File or directory with manifests to plan for; `-` is standard input; repeatable
    #[arg(short = 'f', long = "filename", value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(super) files: Vec<String>,

    /// Namespace of names and manifests without one [default: namespace of the kubeconfig context]
    #[arg(short, long, value_parser = namespace)]
    pub(super) namespace: Option<String>,

    /// Show what would happen if the object were deleted
    #[arg(long, conflicts_with = "files")]
    pub(super) delete: bool,

    /// Do not connect to the cluster; plan as if the objects of the files were new
    #[arg(long, conflicts_with_all = ["names", "all_namespaces"])]
    pub(super) offline: bool,

    /// Output format
    #[arg(short, long, value_enum, default_value_t = PlanOutput::Text)]
    pub(super) output: PlanOutput,

    #[command(flatten)]
    pub(super) place: PlaceFlags,

    #[command(flatten)]
    pub(super) timing: TimingFlags,

    #[command(flatten)]
    pub(super) deletion: DeletionFlags,

    #[command(flatten)]
    pub(super) quotas: QuotaFlags,

    #[command(flatten)]
    pub(super) kubernetes: KubernetesFlags,
}

impl PlanFlags {
    /// Checks that depend on more than one flag.
    pub(super) fn check(&self, program: &str) -> Result<(), String> {
        if self.names.is_empty() && self.files.is_empty() && !self.all_namespaces {
            return Err(format!(
                "nothing to plan for: write the NAME of an object ({program} plan lab/genomes), a file or directory of \
                 manifests ({program} plan -f genomes.yaml), or -A for every object of the cluster"
            ));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum PlanOutput {
    /// Text for people, in colour on a terminal
    Text,
    /// JSON for programs
    Json,
}
