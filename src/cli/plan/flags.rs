//! Flags of `plan`. No I/O.

use clap::{ArgGroup, Args, ValueEnum};

use crate::cli::shared_flags::{KubernetesFlags, PlaceFlags, TimingFlags};
use crate::cli::values::namespace;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  {bin} plan lab/genomes
  {bin} plan -n lab genomes
  {bin} plan -f genomes.yaml
  helm template my-stores | {bin} plan -f - -o json
  {bin} plan lab/genomes --delete

The plan comes from the operator's own code and from read-only AWS calls with your credentials. It assumes that
each changing call succeeds, and plans on until nothing is left to do. For a manifest, it shows what the
operator would do after `kubectl apply`; the API server checks the manifest with a server-side dry run. The
command changes nothing, in AWS or in Kubernetes.

Exit code:
  0  nothing to do
  1  changes to make, or changes in progress
  2  error; no plan could be made
  3  an object needs attention; the plan says what to do";

/// The default of `--cluster-name` is another one than for `run`.
const CLUSTER_NAME_HELP: &str = "Name of this cluster in the owner tags of stores [default: the name that the operator wrote to \
                                 the stores of this cluster, or else the uid of namespace kube-system]";

#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("subjects").required(true).args(["names", "files"])))]
#[command(mut_arg("cluster_name", |argument| argument.help(CLUSTER_NAME_HELP)))]
pub struct PlanFlags {
    /// Name of a SequenceStore in the cluster, optionally NAMESPACE/NAME; repeatable; or use -f
    #[arg(value_name = "[NAMESPACE/]NAME")]
    pub(super) names: Vec<String>,

    /// File with manifests to plan for; `-` is standard input; repeatable
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub(super) files: Vec<String>,

    /// Namespace of names and manifests without one [default: namespace of the kubeconfig context]
    #[arg(short, long, value_parser = namespace)]
    pub(super) namespace: Option<String>,

    /// Show what would happen if the object were deleted
    #[arg(long, conflicts_with = "files")]
    pub(super) delete: bool,

    /// Do not connect to the cluster; plan as if the objects of the files were new
    #[arg(long, conflicts_with = "names")]
    pub(super) offline: bool,

    /// Output format
    #[arg(short, long, value_enum, default_value_t = PlanOutput::Text)]
    pub(super) output: PlanOutput,

    #[command(flatten)]
    pub(super) place: PlaceFlags,

    #[command(flatten)]
    pub(super) timing: TimingFlags,

    #[command(flatten)]
    pub(super) kubernetes: KubernetesFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum PlanOutput {
    /// Text for people, in colour on a terminal
    Text,
    /// JSON for programs
    Json,
}
