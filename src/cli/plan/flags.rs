//! Flags of `plan`. No I/O.

use clap::{Args, ValueEnum};

use crate::cli::flags::{KubernetesFlags, PlaceFlags, TimingFlags};
use crate::cli::values::namespace;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  {bin} plan lab/genomes
  {bin} plan -n lab genomes
  {bin} plan -f genomes.yaml
  helm template my-stores | {bin} plan -f - -o json
  {bin} plan lab/genomes --delete

The plan comes from the operator's own code and from read-only AWS calls with your credentials. It assumes that
each call succeeds and continues until nothing is left to do. For a manifest, it shows what the operator would
do after `kubectl apply`; the API server checks the manifest by a dry run. The command changes nothing, in AWS
or in Kubernetes.

Exit code:
  0  nothing to do
  1  changes to make, or changes in progress
  2  error; no plan could be made
  3  an object needs attention; the plan says what to do";

#[derive(Args, Clone, Debug)]
pub struct PlanFlags {
    /// SequenceStores in the cluster
    #[arg(value_name = "[NAMESPACE/]NAME", required_unless_present = "files", conflicts_with = "files")]
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
